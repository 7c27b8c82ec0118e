"""Blank pictures: a failed upload, an empty studio, a tile of one colour.

Detects: nothing is left once the light is taken out, that is, a smooth surface (quadratic across the picture), in
any colour. Noise and compression disappear by averaging. Why: every such picture is alike, so that any query may be
paired with it, and all products that show one become each other's duplicates. False alarms: a garment that fills the
frame without a fold; none among 44,072 KAGL photos (docs/curation.md).
"""

import numpy as np
from PIL import Image

SIDE = 24  # cells per direction; each averages the noise of what it covers
DETAIL = 4.0  # grey levels of 255 by which the strongest hundredth of the cells departs from the surface

_X, _Y = np.meshgrid(np.linspace(-1, 1, SIDE), np.linspace(-1, 1, SIDE))
_SURFACES = np.stack([np.ones_like(_X), _X, _Y, _X * _X, _X * _Y, _Y * _Y], axis=-1).reshape(-1, 6)
_FLAT = _SURFACES @ np.linalg.pinv(_SURFACES)  # (cells, cells): projects on the smooth surfaces


def fault(image: Image.Image) -> str:
    """The reason to leave the picture out, "" if it shows something."""
    return "blank: there is nothing to see" if detail(image) < DETAIL else ""


def detail(image: Image.Image) -> float:
    """How far the picture departs from smooth light, in grey levels: its 99th percentile over cells and colours."""
    cells = np.asarray(
        image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX, reducing_gap=4.0), dtype=np.float64
    )
    cells = cells.reshape(-1, 3)
    return float(np.quantile(np.abs(cells - _FLAT @ cells), 0.99))
