"""Training pictures: decoded to the model's size, cropped and mirrored on the device, normalised there."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from weft.catalogue.images import decode, decode_fast
from weft.encoders.base import Encoder


def view(random: np.random.Generator, crop: float, flip: bool) -> np.ndarray:
    """(2, 3) affine map of a random crop whose sides are at least `crop` of the picture's, mirrored half the time."""
    width, height = random.uniform(crop, 1.0, 2)
    x, y = random.uniform(-1, 1, 2) * (1 - width, 1 - height)
    mirror = -1.0 if flip and random.random() < 0.5 else 1.0
    return np.asarray([[mirror * width, 0, x], [0, height, y]], dtype=np.float32)


def student_view(pixels: Tensor, views: Tensor | None) -> Tensor:
    """(b, 3, H, W) pictures seen through (b, 2, 3) affine maps, bilinear."""
    if views is None:
        return pixels
    grid = F.affine_grid(views, list(pixels.shape), align_corners=False)
    return F.grid_sample(pixels, grid, mode="bilinear", padding_mode="border", align_corners=False)


def decoders() -> ThreadPoolExecutor:
    """Threads that decode pictures: this machine's cores but one, shared among its processes."""
    cores = (os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    return ThreadPoolExecutor(max(1, cores - 1))


def fixed_size(encoder: Encoder) -> bool:
    """Whether a picture is simply resized to the model's one size; else it goes through the model's own processor."""
    return encoder.preprocess is not None and encoder.preprocess.crop == "none"


def training_pixels(encoder: Encoder, pictures: list[bytes], each: Callable = map) -> tuple[dict[str, Tensor], bool]:
    """The fast path: uint8 (b, 3, H, W) at the model's size, normalised later on the device; and True.
    Models that crop by themselves (CLIP) or have no fixed size (NaFlex) go through their own processor,
    and are shown no further crops: False.

    Args:
        each: `map`, or that of an executor.
    """
    preprocess = encoder.preprocess
    if not fixed_size(encoder):
        return encoder.pixels(list(each(decode, pictures))), False

    def fast(data: bytes) -> Tensor:
        return decode_fast(data, preprocess.height, preprocess.width, preprocess.resample)

    return {"pixel_values": torch.stack(list(each(fast, pictures)))}, True


def model_pixels(encoder: Encoder, pixels: dict[str, Tensor], views: Tensor | None) -> dict[str, Tensor]:
    """Model inputs from what `training_pixels` gave: scaled, seen through the view, normalised."""
    values = pixels["pixel_values"]
    if values.dtype != torch.uint8:
        return pixels
    mean, std = (
        torch.tensor(v, device=values.device).view(1, 3, 1, 1)
        for v in (encoder.preprocess.mean, encoder.preprocess.std)
    )
    return {"pixel_values": (student_view(values.float() / 255, views) - mean) / std}
