"""Names beside many points: each as near as it can be without covering another name or point, with a thin leader."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.textpath import TextPath

from weft.report.figures import MUTED

SIZE = 8.5
HEIGHT = 10
AROUND = np.linspace(0, 2 * np.pi, 24, endpoint=False)
FAR = (9, 14, 20, 28, 38, 50, 64)  # typographic points from the point to the name's nearest edge

Spot = tuple[float, float]


def place_names(axes: Axes, names: dict[str, tuple[str, Spot, bool]], avoid: list[Spot]) -> dict[str, np.ndarray]:
    """Writes every name; returns their boxes (x0, y0, x1, y1) in typographic points.

    The names in the most crowded places choose first; each takes the nearest free place, or else the one that covers
    least.

    Args:
        names: key -> text, place in data coordinates, whether it is set in bold.
        avoid: further places, covered if need be.
    """
    scale = 72 / axes.figure.dpi
    at = {key: axes.transData.transform(spot) * scale for key, (_, spot, _) in names.items()}
    frame = axes.get_window_extent()
    inside = np.asarray([[frame.x0, frame.y0, frame.x1, frame.y1]]) * scale
    taken = _around(np.asarray(list(at.values())), 5.5)
    if avoid:
        taken = np.concatenate([taken, _around(axes.transData.transform(avoid) * scale, 1)])
    crowd = {key: sum(np.hypot(*(spot - other)) < 60 for other in at.values()) for key, spot in at.items()}
    boxes: dict[str, np.ndarray] = {}
    for key in sorted(names, key=lambda key: (-crowd[key], key)):
        text, spot, bold = names[key]
        wide = TextPath((0, 0), text or " ", size=SIZE).get_extents().width * (1.08 if bold else 1.0) + 3
        found = _candidates(at[key], wide)
        covered = _overlaps(found, taken).sum(axis=1) + wide * HEIGHT - _overlaps(found, inside)[:, 0]
        away = np.hypot(*(_nearest(found, at[key]) - at[key]).T)
        box = found[np.lexsort([away, covered.round()])[0]]
        taken = np.concatenate([taken, box[None]])
        boxes[key] = box
        _write(axes, text, spot, at[key], box, bold)
    return boxes


def _candidates(spot: np.ndarray, wide: float) -> np.ndarray:
    """(N, 4) boxes around a spot."""
    far, angle = (grid.ravel() for grid in np.meshgrid(FAR, AROUND, indexing="ij"))
    x = spot[0] + np.cos(angle) * (far + wide / 2)
    y = spot[1] + np.sin(angle) * (far + HEIGHT / 2)
    return np.stack([x - wide / 2, y - HEIGHT / 2, x + wide / 2, y + HEIGHT / 2], axis=1)


def _nearest(boxes: np.ndarray, spot: np.ndarray) -> np.ndarray:
    """(N, 2) the place of each box that is nearest to the spot."""
    return np.clip(spot, boxes[:, :2], boxes[:, 2:])


def _write(axes: Axes, text: str, spot: Spot, at: np.ndarray, box: tuple, bold: bool) -> None:
    middle = np.asarray([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2]) - at
    style = {"ha": "center", "va": "center", "fontsize": SIZE, "fontweight": "bold" if bold else "normal"}
    axes.annotate(text, spot, xytext=middle, textcoords="offset points", zorder=6, **style)
    end = _nearest(box[None], at)[0] - at
    if np.hypot(*end) > 11:
        arrow = {"arrowstyle": "-", "color": MUTED, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 4}
        axes.annotate("", spot, xytext=end, textcoords="offset points", arrowprops=arrow, zorder=3)


def _around(spots: np.ndarray, reach: float) -> np.ndarray:
    return np.concatenate([spots - reach, spots + reach], axis=1)


def _overlaps(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(N, M) areas that N boxes share with M others."""
    sides = np.minimum(boxes[:, None, 2:], others[None, :, 2:]) - np.maximum(boxes[:, None, :2], others[None, :, :2])
    return sides.clip(0).prod(axis=2)
