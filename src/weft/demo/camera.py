"""The photograph: where the garment lies in the frame, what is behind it, and the light on both."""

from dataclasses import dataclass

import numpy as np

from weft.demo.noise import patch, tile


@dataclass(frozen=True)
class Pose:
    """How garment coordinates become pixels: pixel = matrix @ point + shift.

    Attributes:
        matrix: (2, 2) pixels per unit, with turn, lean and mirror.
        shift: (2,) pixel of the garment's origin.
        bend: sideways sway, in units at the height of 1.
    """

    matrix: np.ndarray
    shift: np.ndarray
    bend: float

    def place(self, points: np.ndarray, scale: int) -> np.ndarray:
        """(n, 2) garment coordinates -> (n, 2) pixels of a picture `scale` times enlarged."""
        swayed = points.copy()
        swayed[:, 0] += self.bend * points[:, 1] ** 2
        return (swayed @ self.matrix.T + self.shift) * scale

    def coordinates(self, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Garment coordinates (u, v) of every pixel, each (size, size) float32."""
        inverse = np.linalg.inv(self.matrix).astype(np.float32)
        x = np.arange(size, dtype=np.float32)[None, :] + np.float32(0.5 - self.shift[0])
        y = np.arange(size, dtype=np.float32)[:, None] + np.float32(0.5 - self.shift[1])
        return inverse[0, 0] * x + inverse[0, 1] * y, inverse[1, 0] * x + inverse[1, 1] * y


def pose(low: np.ndarray, high: np.ndarray, world: str, view: int, size: int, numbers: np.random.Generator) -> Pose:
    """Frames a garment whose strokes span `low` to `high` (x, y).

    The first view is the catalogue's: nearly upright and whole. Later ones turn and lean more, may be
    mirrored, and now and then come close enough to cut the edges off.
    """
    street, turn, lean, close, mirror, bend = world == "street", *numbers.uniform(-1, 1, 5)
    off = numbers.uniform(-1, 1, 2)
    angle = turn * (0.16 if street else 0.07) * (1 if view == 0 else 1.8)
    extent = float(max(high - low))
    fill = (0.84 if street else 0.9) + (0.1 if street else 0.06) * close + (0.22 if view and close > 0 else 0.0)
    zoom = size * fill / (0.65 * extent + 0.35 * 2.1)  # mostly framed to fit, but small things stay smaller
    drift = size * (0.07 if street else 0.025)
    if view == 0:
        zoom = min(zoom, 0.95 * size / extent)
        drift = min(drift, 0.5 * (size - zoom * extent))
    cos, sin = zoom * np.cos(angle), zoom * np.sin(angle)
    flip = -1.0 if mirror > 0.6 and view else 1.0
    squeeze = 1 - 0.08 * abs(lean) * (1 if view == 0 else 2)
    matrix = np.array([[flip * squeeze * cos, -sin + 0.06 * zoom * lean], [flip * squeeze * sin, cos]])
    return Pose(matrix, size / 2 + drift * off - matrix @ (0.5 * (low + high)), 0.03 * float(bend))


def grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    """x (1, size) and y (size, 1) in [0, 1]."""
    line = (np.arange(size, dtype=np.float32) + 0.5) / size
    return line[None, :], line[:, None]


@dataclass(frozen=True)
class Light:
    """One photograph's light.

    Attributes:
        field: (size, size) brightness, about 1.
        white: (3,) the white balance's error.
        shadow: offset in pixels (x, y) and strength of the garment's shadow.
        grain: (size, size) noise in levels.
    """

    field: np.ndarray
    white: np.ndarray
    shadow: tuple[int, int, float]
    grain: np.ndarray


def light(world: str, size: int, numbers: np.random.Generator) -> Light:
    x, y = grid(size)
    street = world == "street"
    slope = numbers.uniform(-1, 1, 2).astype(np.float32) * (0.32 if street else 0.1)
    exposure = 2.0 ** numbers.uniform(-0.3, 0.34) if street else 2.0 ** numbers.uniform(-0.14, 0.1)
    field = exposure * (1 + slope[0] * (x - 0.5) + slope[1] * (y - 0.5))
    if street and numbers.random() < 0.3:  # the shade of a house, with a soft edge
        angle, edge = numbers.uniform(0, 2 * np.pi), numbers.uniform(-0.3, 0.3)
        side = float(np.cos(angle)) * (x - 0.5) + float(np.sin(angle)) * (y - 0.5) - edge
        field = field * (1 - 0.32 * np.clip(side * 14 + 0.5, 0, 1))
    warmth = numbers.uniform(-1, 1, 2) * (0.09 if street else 0.03)
    white = np.array([1 + warmth[0], 1 + 0.4 * warmth[1], 1 - warmth[0]], dtype=np.float32)
    offset = numbers.uniform(-1, 1, 2) * size * 0.02 + size * 0.02
    strength = numbers.uniform(0.3, 0.6) if street else numbers.uniform(0.22, 0.4)
    grain = (patch(tile(2, 4), size, *numbers.random(2)) - 0.5) * numbers.uniform(2, 16 if street else 5)
    return Light(field, white, (int(offset[0]), int(offset[1]), strength), grain)


def quality(world: str, numbers: np.random.Generator) -> int:
    """JPEG quality."""
    return int(numbers.integers(48, 86)) if world == "street" else int(numbers.integers(74, 94))
