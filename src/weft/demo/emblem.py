"""The emblem of each brand: a shape in a colour on a woven white label, which no other brand has."""

import numpy as np

from weft.demo.world import worlds

SHAPES = ("disc", "square", "triangle", "diamond", "star", "cross", "ring", "bars")
INKS = ((206, 34, 48), (24, 92, 206), (22, 140, 70), (26, 26, 30), (236, 136, 16), (128, 52, 160))


def emblem_of(brand: str) -> tuple[str, tuple[int, int, int]]:
    """Shape and ink of a brand's emblem; the 48 brands of both worlds have the 48 combinations."""
    number = _NUMBERS[brand]
    return SHAPES[number % len(SHAPES)], INKS[(number // len(SHAPES) + number % len(SHAPES)) % len(INKS)]


_NUMBERS = {brand: number for number, brand in enumerate(b for world in worlds.values() for b in world.brands)}


def _star(points: int, inner: float) -> np.ndarray:
    angles = np.arange(2 * points) * (np.pi / points) - np.pi / 2
    radius = np.where(np.arange(2 * points) % 2 == 0, 1.0, inner)
    return np.stack([radius * np.cos(angles), radius * np.sin(angles)], axis=1)


_ROUND = np.stack([np.cos(np.arange(20) * np.pi / 10), np.sin(np.arange(20) * np.pi / 10)], axis=1)
_CROSS = [(1, 3), (1, 1), (3, 1), (3, -1), (1, -1), (1, -3), (-1, -3), (-1, -1), (-3, -1), (-3, 1), (-1, 1), (-1, 3)]
_SQUARE = np.array([(-0.8, -0.8), (0.8, -0.8), (0.8, 0.8), (-0.8, 0.8)])
_OUTLINES = {
    "disc": [(_ROUND * 0.9, True)],
    "square": [(_SQUARE, True)],
    "triangle": [(np.array([(0, -0.95), (0.95, 0.75), (-0.95, 0.75)]), True)],
    "diamond": [(np.array([(0, -1.05), (0.75, 0), (0, 1.05), (-0.75, 0)]), True)],
    "star": [(_star(5, 0.42) * 1.08, True)],
    "cross": [(np.array(_CROSS) * 0.31, True)],
    "ring": [(_ROUND * 0.98, True), (_ROUND * 0.48, False)],
    "bars": [(_SQUARE * (1, 0.4) + (0, -0.5), True), (_SQUARE * (1, 0.4) + (0, 0.5), True)],
}
"""Shape -> polygons in [-1, 1], each inked or, to cut a hole, left white."""


def strokes(brand: str, x: float, y: float, half: float) -> list[tuple[np.ndarray, tuple[int, ...]]]:
    """The label as filled polygons from back to front, in garment coordinates: (points (n, 2), RGBA)."""
    shape, ink = emblem_of(brand)
    centre, white = np.array([x, y]), (250, 249, 246, 255)
    label = [(_SQUARE * 1.36 * half + centre, (52, 50, 54, 255)), (_SQUARE * 1.24 * half + centre, white)]
    inside = [(p * 0.74 * half + centre, (*ink, 255) if inked else white) for p, inked in _OUTLINES[shape]]
    return label + inside
