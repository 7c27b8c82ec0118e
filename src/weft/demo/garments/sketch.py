"""A list of strokes in a garment's own coordinates: what an outline function draws and the camera places.

The garment fills the square from (-1, -1), top left, to (1, 1). A point given twice in a row is a sharp
corner; all others are rounded off by corner cutting (Chaikin 1974).
"""

from dataclasses import dataclass, field
from functools import cache

import numpy as np

Points = list[tuple[float, float]]

SEAM = (20, 14, 12, 120)
STITCH = (226, 178, 96, 255)
METAL = (198, 196, 190, 255)
SOLE = (238, 234, 226, 255)


@dataclass
class Sketch:
    """Strokes from back to front; `paint` lies above all cloth.

    Attributes:
        cloth: (closed polygon or open line (n, 2), cloth share: 1 patterned fabric, 0 trim; shade, 1 as lit;
            line width, 0 a filled polygon).
        paint: (points, RGBA, line width or 0) of everything that is not cloth: buttons, seams, soles.
        emblem: centre x, y and half side of the brand's label.
    """

    cloth: list[tuple[np.ndarray, float, float, float]] = field(default_factory=list)
    paint: list[tuple[np.ndarray, tuple[int, ...], float]] = field(default_factory=list)
    emblem: tuple[float, float, float] = (0.0, 0.0, 0.12)

    def fill(self, points, shade: float = 1.0, trim: bool = False) -> None:
        """A panel of cloth."""
        self.cloth.append((smooth(points), 0.0 if trim else 1.0, shade, 0.0))

    def pair(self, points, shade: float = 1.0, trim: bool = False) -> None:
        """A panel and its mirror image."""
        self.fill(points, shade, trim)
        self.fill([(-x, y) for x, y in points], shade, trim)

    def band(self, points, width: float, shade: float = 0.9, trim: bool = True) -> None:
        """A ribbon of cloth along an open line: collars, straps, hems."""
        self.cloth.append((smooth(points, closed=False), 0.0 if trim else 1.0, shade, width))

    def seam(self, points, colour=SEAM, width: float = 0.014, both: bool = False) -> None:
        """A thin line; `both` adds its mirror image."""
        self.paint.append((smooth(points, closed=False), colour, width))
        if both:
            self.seam([(-x, y) for x, y in points], colour, width)

    def shape(self, points, colour) -> None:
        """A solid that is not cloth."""
        self.paint.append((smooth(points), colour, 0.0))

    def dots(self, centres, radius: float, colour=(246, 242, 232, 255)) -> None:
        """Buttons with a dark rim, which show on any cloth."""
        for x, y in centres:
            self.shape(ring(x, y, radius * 1.35), (40, 34, 32, 255))
            self.shape(ring(x, y, radius), colour)


def mirrored(half: Points) -> Points:
    """The closed outline of a symmetrical panel from its right half, listed from the top to the bottom."""
    return [*half, *((-x, y) for x, y in reversed(half))]


def box(x0: float, y0: float, x1: float, y1: float, sharp: bool = True) -> Points:
    corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    return [p for p in corners for _ in range(2)] if sharp else corners


def ring(x: float, y: float, radius: float, height: float | None = None, count: int = 10) -> Points:
    """Points of an ellipse."""
    angles = np.arange(count) * (2 * np.pi / count)
    return list(zip(x + radius * np.cos(angles), y + (height or radius) * np.sin(angles), strict=True))


def smooth(points, closed: bool = True) -> np.ndarray:
    """Cuts the corners twice; each cut puts points at an edge's quarters. (n, 2) -> (4n, 2) if closed."""
    return _cutting(len(points), closed) @ np.asarray(points, dtype=np.float64)


@cache
def _cutting(count: int, closed: bool) -> np.ndarray:
    """Corner cutting is linear: the matrix that does it to `count` points. Open lines keep their ends."""
    matrix = np.eye(count)
    for _ in range(2):
        following = np.concatenate([matrix[1:], matrix[:1]])
        cut = np.stack([0.75 * matrix + 0.25 * following, 0.25 * matrix + 0.75 * following], axis=1)
        cut = cut.reshape(-1, count)
        matrix = cut if closed else np.concatenate([matrix[:1], cut[1:-3], matrix[-1:]])
    return matrix
