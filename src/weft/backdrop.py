"""Puts studio pictures before random backdrops, so that a base learns the garment and not the white paper."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

PAPER = 232
"""Every channel of a studio's background is at least this bright (of 255)."""


def on_backdrop(picture: Tensor, random: np.random.Generator) -> Tensor:
    """(3, H, W) uint8 with its near-white pixels replaced by a smooth field of random colours.

    White parts of the garment go with the paper: a price worth paying for half of the views, not for all.
    """
    cells = int(random.integers(2, 9))
    colours = random.integers(0, 256, (1, 3, cells, cells)).astype(np.float32)
    calm = random.uniform(0, 1)  # from one flat colour to full clutter
    colours = calm * colours.mean((2, 3), keepdims=True) + (1 - calm) * colours
    field = F.interpolate(torch.from_numpy(colours), picture.shape[1:], mode="bicubic", align_corners=False)[0]
    paper = (picture >= PAPER).all(0)
    return torch.where(paper, field.clamp(0, 255).round().to(torch.uint8), picture)
