"""Names beside points and lines, placed so that they cover nothing; sizes are in typographic points."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.textpath import TextPath

from weft.report.html import clean

SIZE = 10
HEIGHT = 12

Point = tuple[float, float]
Box = tuple[float, float, float, float]


def name_points(axes: Axes, points: dict[str, Point], styles: dict[str, dict], avoid: list[Point]) -> None:
    """Names each point on its least crowded side.

    Args:
        points: name -> place in data coordinates; the axes' limits must be final.
        styles: name -> further text properties.
        avoid: other places that names should not cover.
    """
    to_points = 72 / axes.figure.dpi
    spots = {name: axes.transData.transform(place) * to_points for name, place in points.items()}
    taken = [_around(spot, 6) for spot in spots.values()]
    taken += [_around(axes.transData.transform(place) * to_points, 3) for place in avoid]
    inside = axes.get_window_extent()
    frame = tuple(np.asarray([inside.x0, inside.y0, inside.x1, inside.y1]) * to_points)
    for name, (x, y) in spots.items():
        text = clean(name, 28)
        wide = TextPath((0, 0), text or " ", size=SIZE).get_extents().width + 4
        sides = [(9, 7), (9, -7 - HEIGHT), (-9 - wide, 7), (-9 - wide, -7 - HEIGHT), (-wide / 2, 13)]
        sides += [
            (11, -HEIGHT / 2),
            (-11 - wide, -HEIGHT / 2),
            (-wide / 2, -13 - HEIGHT),
            (-wide / 2, 26),
            (-wide / 2, -26 - HEIGHT),
        ]
        boxes = [(x + dx, y + dy, x + dx + wide, y + dy + HEIGHT) for dx, dy in sides]
        costs = [3 * sum(_overlap(b, t) for t in taken) + (wide * HEIGHT - _overlap(b, frame)) / 2 for b in boxes]
        best = int(np.argmin(np.round(costs, 3)))
        taken.append(boxes[best])
        dx, dy = sides[best]
        axes.annotate(
            text, points[name], xytext=(dx + wide / 2, dy + HEIGHT / 2), textcoords="offset points", ha="center",
            va="center", zorder=4, **styles.get(name, {}),
        )  # fmt: skip


def name_ends(axes: Axes, ends: list[tuple[float, str, str]]) -> None:
    """Names lines (value, name, colour) at their right ends, pushed apart where they end close together."""
    low, high = axes.get_ylim()
    gap = (high - low) * 0.105
    ends = sorted(ends)
    places = [value for value, _, _ in ends]
    for place in range(1, len(places)):
        places[place] = max(places[place], places[place - 1] + gap)
    places[-1] = min(places[-1], max(high, ends[-1][0]))
    for place in range(len(places) - 2, -1, -1):
        places[place] = min(places[place], places[place + 1] - gap)
    for at, (_, name, colour) in zip(places, ends, strict=True):
        axes.annotate(
            name, (1.03, at), xytext=(4, 0), textcoords="offset points", va="center", fontsize=8.5, color=colour,
            annotation_clip=False,
        )  # fmt: skip


def _around(spot: Point, reach: float) -> Box:
    return (spot[0] - reach, spot[1] - reach, spot[0] + reach, spot[1] + reach)


def _overlap(a: Box, b: Box) -> float:
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return max(wide, 0.0) * max(high, 0.0)
