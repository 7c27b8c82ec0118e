"""Cloth: the colours, the patterns printed on it and the look of its material, as arrays over a picture."""

from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from weft.demo.noise import SIDE, sample, tile

COLOURS: dict[str, tuple[int, int, int]] = {
    "black": (30, 30, 34),
    "white": (243, 241, 236),
    "grey": (134, 137, 142),
    "red": (196, 28, 44),
    "orange": (240, 118, 26),
    "yellow": (250, 208, 48),
    "green": (32, 126, 60),
    "teal": (20, 146, 150),
    "blue": (40, 96, 212),
    "navy": (26, 36, 84),
    "purple": (116, 54, 152),
    "pink": (248, 150, 184),
    "brown": (112, 68, 40),
    "beige": (218, 194, 154),
}
"""Canonical colour -> sRGB of plain cotton in neutral light."""

_LIGHT = ((244, 238, 224), (250, 226, 150), (186, 214, 240))
_DARK = ((38, 36, 52), (92, 30, 48), (24, 62, 70))


def luma(colour: np.ndarray) -> float:
    return float(colour @ np.array([0.299, 0.587, 0.114]))


def tones(colour: str, pattern: str, numbers: np.random.Generator) -> np.ndarray:
    """(4, 3) float32 sRGB in [0, 255]: the cloth, the pattern's second and third colour, the trim."""
    main = np.array(COLOURS[colour], dtype=np.float32) * numbers.uniform(0.94, 1.04)
    main = np.clip(main + numbers.uniform(-7, 7, 3), 8, 250)
    dark = luma(main) < 140
    choice = int(numbers.integers(3))
    second = np.array((_LIGHT if dark else _DARK)[choice], dtype=np.float32)
    third = np.array((_LIGHT if dark else _DARK)[(choice + 1) % 3], dtype=np.float32)
    if pattern == "camouflage":
        second, third = main * 0.5, main * 0.62 + (92 if dark else 0)
    elif pattern == "floral":
        third = np.array((222, 164, 40) if colour not in ("yellow", "orange") else (176, 40, 60), dtype=np.float32)
    elif pattern == "leopard":
        third = 0.55 * main + 0.45 * second
    trim = main * 0.84 if luma(main) > 60 else main * 0.8 + 22
    return np.stack([main, second, third, trim]).astype(np.float32)


def cloth(
    u: np.ndarray, v: np.ndarray, pixels: float, pattern: str, material: str, palette: np.ndarray, wobble: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The fabric at every pixel.

    Args:
        u, v: (H, W) garment coordinates, x to the right and y down, about [-1, 1].
        pixels: per unit of u, for edges that are sharp but not jagged.
        palette: (4, 3) from `tones`.
        wobble: (6,) in [0, 1): where the pattern starts and how large it is.

    Returns:
        colour (3, H, W) before light, relief (H, W) to multiply with, shine (H, W) in [0, 1] to add as white.
    """
    second, third = _PATTERNS[pattern](u + wobble[0], v + wobble[1], pixels, 0.88 + 0.24 * wobble[2])
    main, other, accent = palette[:3, :, None, None]
    colour = main + second * (other - main)
    if third is not None:
        colour += third * (accent - colour)
    folds = sample(tile(56), u + wobble[3], 0.6 * v + wobble[4], 4.0)
    relief, shine = _MATERIALS[material](u, v, folds)
    return colour, relief * (0.92 + 0.22 * folds), shine


def _soft(distance: np.ndarray, pixels: float) -> np.ndarray:
    """1 inside, 0 outside, one pixel of ramp between."""
    return np.clip(distance * pixels + 0.5, 0.0, 1.0)


def _wave(x: np.ndarray) -> np.ndarray:
    """A triangle wave of period 1 in [0, 0.5]: the distance to the nearest whole number."""
    return np.abs(x - np.rint(x))


def _plain(u, v, pixels, size):
    return np.zeros_like(u), None


def _striped(u, v, pixels, size):
    period = 0.27 * size
    return _soft((0.23 - _wave(v / period)) * period, pixels), None


def _pinstriped(u, v, pixels, size):
    period = 0.19 * size
    return 0.92 * _soft((0.13 - _wave(u / period)) * period, pixels), None


def _checked(u, v, pixels, size):
    period = 0.36 * size
    across, along = _wave(u / period), _wave(v / period)
    bands = _soft((0.17 - across) * period, pixels) + _soft((0.17 - along) * period, pixels)
    line = _soft((np.maximum(across, along) - 0.465) * period, pixels)
    return 0.46 * bands, 0.8 * line


def _dotted(u, v, pixels, size):
    period = 0.3 * size
    x, y = u / period, v / period
    near = np.minimum(_wave(x) ** 2 + _wave(y) ** 2, _wave(x + 0.5) ** 2 + _wave(y + 0.5) ** 2)
    return _soft((0.21 - np.sqrt(near)) * period, pixels), None


def _zigzag(u, v, pixels, size):
    period = 0.3 * size
    return _soft((0.2 - _wave(v / period + 0.9 * _wave(u / period))) * period, 0.7 * pixels), None


def _camouflage(u, v, pixels, size):
    second = _soft(sample(tile(30, 1), u, v, 1.7 * size) - 0.62, 9)
    return second, _soft(sample(tile(30, 2), u, v, 1.7 * size) - 0.68, 9)


def _floral(u, v, pixels, size):
    return sample(_flowers(0), u, v, 1.25 * size), sample(_flowers(1), u, v, 1.25 * size)


def _leopard(u, v, pixels, size):
    return sample(_rosettes(0), u, v, 1.15 * size), sample(_rosettes(1), u, v, 1.15 * size)


_PATTERNS = {
    "plain": _plain,
    "striped": _striped,
    "pinstriped": _pinstriped,
    "checked": _checked,
    "dotted": _dotted,
    "floral": _floral,
    "camouflage": _camouflage,
    "zigzag": _zigzag,
    "leopard": _leopard,
}


def _stamped(stamp, count: int, layer: int, seed: int) -> np.ndarray:
    """A texture that wraps round, with `stamp` drawn at `count` places that keep their distance."""
    numbers, places = np.random.default_rng(seed), []
    while len(places) < count:
        here = numbers.random(2)
        if all(np.hypot(*_wave(here - other)) > 0.78 / np.sqrt(count) for other in places):
            places.append(here)
    image = Image.new("L", (2 * SIDE, 2 * SIDE))
    pen = ImageDraw.Draw(image)
    for x, y in places:
        turn, size = numbers.random(), numbers.uniform(0.85, 1.15)
        for dx in (-2 * SIDE, 0, 2 * SIDE):
            for dy in (-2 * SIDE, 0, 2 * SIDE):
                stamp(pen, 2 * SIDE * x + dx, 2 * SIDE * y + dy, turn, size, layer)
    return np.asarray(image.reduce(2).filter(ImageFilter.GaussianBlur(1.2)), dtype=np.float32) / 255


@cache
def _flowers(layer: int) -> np.ndarray:
    def flower(pen, x, y, turn, size, layer):
        def disc(cx, cy, r):
            pen.ellipse((cx - r, cy - r, cx + r, cy + r), fill=255)

        if layer == 1:
            disc(x, y, 17 * size)
            return
        for petal in range(5):
            angle = 2 * np.pi * (turn + petal / 5)
            disc(x + 34 * size * np.cos(angle), y + 34 * size * np.sin(angle), 24 * size)
        disc(x, y, 26 * size)

    return _stamped(flower, 11, layer, 5)


@cache
def _rosettes(layer: int) -> np.ndarray:
    def rosette(pen, x, y, turn, size, layer):
        wide, high, start = (15 + 11 * turn) * size, (22 - 9 * turn) * size, 360 * turn
        if layer == 1:
            pen.ellipse((x - wide * 0.6, y - high * 0.6, x + wide * 0.6, y + high * 0.6), fill=255)
            return
        bounds = (x - wide, y - high, x + wide, y + high)
        for begin, span in ((0, 165), (200, 115)):
            pen.arc(bounds, start + begin, start + begin + span, fill=255, width=int(12 * size))

    return _stamped(rosette, 46, layer, 6)


def _cotton(u, v, folds):
    return 0.985 + 0.03 * sample(tile(2), u, v, 2.0), np.float32(0)


def _knit(u, v, folds):
    stitch = np.sin((v + 0.7 * _wave(u / 0.125) * 0.125) * (2 * np.pi / 0.085))
    return 0.97 + 0.15 * stitch - 0.16 * _soft(0.09 - _wave(u / 0.125), 12), np.float32(0)


def _denim(u, v, folds):
    twill = np.sin((u + v) * (2 * np.pi / 0.06))
    return 0.96 + 0.09 * twill + 0.16 * (sample(tile(3), u, 0.25 * v, 2.2) - 0.5), 0.1 * folds


def _leather(u, v, folds):
    crease = sample(tile(16, 3), u, v, 1.6)
    return 0.8 + 0.16 * crease, 0.55 * np.clip((folds - 0.55) * 2.2, 0, 1) * (0.55 + 0.45 * crease)


def _satin(u, v, folds):
    gleam = np.sin((1.1 * u + 0.3 * v + 0.9 * folds) * (2 * np.pi / 0.62))
    return 0.98 + 0.14 * gleam, 0.42 * np.clip(gleam - 0.45, 0, 1)


def _corduroy(u, v, folds):
    return 0.95 + 0.2 * np.sin(u * (2 * np.pi / 0.088)), np.float32(0)


def _fleece(u, v, folds):
    return 0.8 + 0.2 * sample(tile(5), u, v, 1.3) + 0.22 * sample(tile(9), u, v, 1.3), np.float32(0)


_MATERIALS = {
    "cotton": _cotton,
    "knit": _knit,
    "denim": _denim,
    "leather": _leather,
    "satin": _satin,
    "corduroy": _corduroy,
    "fleece": _fleece,
}
