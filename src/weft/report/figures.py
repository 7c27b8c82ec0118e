"""The two figures: what was gained against what was kept, and how alpha was chosen."""

from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from weft.report.html import clean
from weft.report.labels import name_ends, name_points
from weft.report.svg import as_svg
from weft.report.words import DOMAINS, along, cells, missing, pair

# Okabe and Ito's colour-blind-safe palette (2008); style.css gives each a lighter twin for dark pages. Every
# series has its own marker too. Colours must differ from each other: `svg.py` finds them by value.
INK, MUTED, GRID, SHADE, PAPER = "#1c2024", "#667077", "#dfe3e6", "#7aa98f", "#fdfdfc"
SERIES = ("#0072b2", "#d55e00", "#009e73", "#b3548f", "#8a6d00", "#3a87ad", "#7a5cc0", "#5e6469")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")
COLOURS = {"ink": INK, "muted": MUTED, "grid": GRID, "shade": SHADE, "paper": PAPER}
COLOURS |= {f"series-{place}": colour for place, colour in enumerate(SERIES)}
AXES = ("in-domain", "out-of-domain")
"""What the scatter plots: x and y."""

DEV = "dev queries, α 0 to 1"
OWN = {"woven": 0, "tuned": 1, "base": 7, "bm25": 3, "bm25+woven": 2}

FONT = {
    "font.size": 10,
    "font.family": "sans-serif",
    "text.parse_math": False,  # names are others': "$5 to $10" is no formula
    "svg.fonttype": "none",
    "svg.hashsalt": "weft",
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "text.color": INK,
    "axes.labelcolor": INK,
}


def scatter(results: dict) -> str:
    """`draw_scatter` as an SVG that follows the page's colours; empty if there is nothing to draw."""
    told = "Mean out-of-domain score against mean in-domain score of each model, with 95% intervals"
    with rc_context(FONT):
        return as_svg(draw_scatter(results), "scatter", told, COLOURS)


def alpha_curve(results: dict) -> str:
    """`draw_alpha_curve` as an SVG that follows the page's colours; empty if there is nothing to draw."""
    told = "Development scores of each task along alpha, with the chosen alpha"
    with rc_context(FONT):
        return as_svg(draw_alpha_curve(results), "alpha", told, COLOURS)


def save(draw, results: dict, path: Path) -> Path | None:
    """Saves `draw_scatter` or `draw_alpha_curve` as PNG, PDF or SVG on white; None if there is nothing to draw."""
    with rc_context(FONT):
        figure = draw(results)
        if figure is None:
            return None
        figure.savefig(path, dpi=200, facecolor="white", metadata=None)
        return path


def means(results: dict) -> dict[str, dict[str, tuple[float, float, float]]]:
    """Model -> domain -> (value, low, high): the mean over the domain's tasks that count, on their primary metric.

    `results["means"]` is taken if the evaluation gives it. Otherwise values and ends of the intervals are
    averaged. That interval is never too narrow, however the tasks depend on each other: the standard error of
    a mean is at most the mean of the standard errors. A model without a score on one of the tasks gets no mean.
    """
    found: dict[str, dict[str, tuple[float, float, float]]] = {model: {} for model in results["models"]}
    if "means" in results:
        for row in results["means"]:
            found[row["model"]][row["domain"]] = (row["value"], row["low"], row["high"])
        return found
    scores = cells(results["scores"])
    for domain in DOMAINS:
        tasks = headline(results, domain)
        for model in results["models"] if tasks else ():
            rows = [scores.get((model, task["name"], task["primary"])) for task in tasks]
            if all(row is not None and not missing(row["value"]) for row in rows):
                found[model][domain] = tuple(float(np.mean([r[k] for r in rows])) for k in ("value", "low", "high"))
    return found


def headline(results: dict, domain: str) -> list[dict]:
    """The domain's tasks that count, without second rows on another gallery."""
    return [
        task
        for task in results["tasks"]
        if task["domain"] == domain and task.get("counts", True) and not task["name"].endswith("gallery)")
    ]


def draw_scatter(results: dict) -> Figure | None:
    """In-domain mean (x) against out-of-domain mean (y), one point a model, and the dev path from base to tuned."""
    found = means(results)
    placed = {model: m for model, m in found.items() if set(AXES) <= set(m)}
    if not placed:
        return None
    figure = Figure(figsize=(5.4, 4.3), layout="constrained")
    axes = bare(figure.add_subplot())
    axes.margins(0.18, 0.14)
    base = placed.get(results["models"][0])
    if base:
        for line, domain in ((axes.axvline, "in-domain"), (axes.axhline, "out-of-domain")):
            line(100 * base[domain][0], color=MUTED, linewidth=0.6, dashes=(1, 3), zorder=1)
    avoid = _path(axes, results)
    spots = {DEV: avoid[len(avoid) // 3]} if avoid else {}
    for place, (model, m) in enumerate(placed.items()):
        x, y = (100 * np.asarray(m[domain]) for domain in AXES)
        series = _series(model, place)
        spread = {"xerr": _reach(x), "yerr": _reach(y)}
        axes.errorbar(
            x[0], y[0], **spread, fmt=MARKERS[series], color=SERIES[series], markersize=8 if model == "woven" else 6.5,
            elinewidth=0.9, capsize=0, markeredgecolor=PAPER, markeredgewidth=0.8, zorder=3,
        )  # fmt: skip
        spots[model] = (x[0], y[0])
        avoid += [(at, y[0]) for at in np.linspace(x[1], x[2], 30)] + [(x[0], at) for at in np.linspace(y[1], y[2], 30)]
    low, right = axes.get_ylim()[0], axes.get_xlim()[1]
    for place, (model, m) in enumerate(found.items()):
        # BM25 may be far ahead: what lies beyond the others is told, not drawn, or they would all be one spot.
        if model not in placed and 100 * m.get("in-domain", (np.inf,))[0] <= right:
            spots[model] = (100 * m["in-domain"][0], low)
            series = _series(model, place)
            axes.plot(*spots[model], MARKERS[series], color=SERIES[series], markersize=6, clip_on=False, zorder=3)
    axes.set_ylim(bottom=low)
    axes.set_xlim(right=right)
    axes.set_xlabel("in-domain mean, percent")
    axes.set_ylabel("out-of-domain mean, percent")
    figure.draw_without_rendering()  # labels need the axes' final scale
    styles = {"woven": {"fontweight": "bold"}, DEV: {"color": MUTED, "fontsize": 8.5}}
    name_points(axes, spots, styles, avoid)
    return figure


def _series(model: str, place: int) -> int:
    return OWN.get(model, (place + 3) % 7)


def _reach(values: np.ndarray) -> np.ndarray:
    """(value, low, high) -> (2, 1) lengths of an error bar."""
    return np.maximum([[values[0] - values[1]], [values[2] - values[0]]], 0)


def _path(axes: Axes, results: dict) -> list[tuple[float, float]]:
    """Draws the way from base to tuned on development queries, if it is known; returns its points."""
    outside = {task["name"] for task in headline(results, "out-of-domain")}
    points = []
    for _, step, chosen in along(results.get("alpha", {})):
        told = [_true(task) for name, task in step["tasks"].items() if name in outside]
        if told and not missing(step["in_domain"]):
            points.append((100 * step["in_domain"], 100 * float(np.mean(told)), chosen))
    if len(points) < 2:
        return []
    x, y, chosen = zip(*points, strict=True)
    on = slice(len(x) - bool(pair(results["alpha"])))
    axes.plot(x[on], y[on], color=MUTED, linewidth=0.9, dashes=(4, 2), marker="o", markersize=2.2, zorder=2)
    for place in np.flatnonzero(chosen):
        axes.plot(x[place], y[place], "o", markersize=7, markerfacecolor="none", markeredgecolor=INK, zorder=2)
    return list(zip(x, y, strict=True))


def _true(task: dict) -> float:
    return task["estimate"] if missing(task.get("score")) else task["score"]


def draw_alpha_curve(results: dict) -> Figure | None:
    """Dev scores along alpha: above, in percent, what is to be gained; below, as change from the base, what is kept.

    Lines are estimates from the endpoints' embeddings, markers are true evaluations of the interpolated weights.
    """
    curve = results.get("alpha", {}).get("curve") or []
    domains = {task["name"]: task["domain"] for task in results["tasks"]}
    names = list(curve[0]["tasks"]) if curve else []
    outside = [name for name in names if domains.get(name, "out-of-domain") == "out-of-domain"]
    own = [name for name in names if name not in outside]
    if len(curve) < 2 or not names:
        return None
    panels = [panel for panel in (own, outside) if panel]
    figure = Figure(figsize=(5.4, 4.3 if len(panels) > 1 else 2.8), layout="constrained")
    place = 0
    for axes, panel in zip(np.ravel(figure.subplots(len(panels), 1, sharex=True)), panels, strict=True):
        _alpha_panel(bare(axes), results["alpha"], panel, place, change=panel is outside)
        place += len(panel)
    axes.set_xlabel("α (0 = base, 1 = fine-tuned)")
    return figure


def _alpha_panel(axes: Axes, alpha: dict, names: list[str], first: int, change: bool) -> None:
    curve, apart = alpha["curve"], pair(alpha)
    steps = np.asarray([step["alpha"] for step in curve])
    _shade(axes, steps, [step.get("feasible", True) for step in curve])
    ends = []
    for place, name in enumerate(names, start=first):
        base = _true(curve[0]["tasks"][name]) if change else 0.0
        guess = [100 * (step["tasks"][name]["estimate"] - base) for step in curve]
        true = [(step["alpha"], step["tasks"][name].get("score")) for step in curve]
        true = [(at, 100 * (score - base)) for at, score in true if not missing(score)]
        colour = SERIES[place % len(SERIES)]
        axes.plot(steps, guess, color=colour, linewidth=1.1)
        axes.plot(*zip(*true, strict=True), MARKERS[place % len(MARKERS)], color=colour, markersize=5) if true else None
        if apart:
            ring = 100 * (_true(apart["tasks"][name]) - base)
            axes.plot(alpha["chosen"], ring, "o", markersize=9, markerfacecolor="none", markeredgecolor=colour)
        ends.append((guess[-1], clean(name, 26), colour))
    if change:
        axes.axhline(-100 * alpha["delta"], color=INK, linewidth=0.8, dashes=(4, 2)) if alpha.get("delta") else None
    if not missing(alpha.get("chosen")):
        if not apart:
            axes.axvline(alpha["chosen"], color=INK, linewidth=0.9)
        if first == 0:
            at = {"xytext": (0, 3), "textcoords": "offset points", "ha": "center", "fontweight": "bold"}
            told = along(alpha)[-1][0] if apart else f"{alpha['chosen']:g}"
            axes.annotate(f"α = {told}", (alpha["chosen"], 1), xycoords=("data", "axes fraction"), **at)
    axes.set_ylabel("points against base" if change else "percent")
    axes.set_xlim(-0.03, 1.03)
    axes.margins(y=0.12)
    name_ends(axes, ends)


def _shade(axes: Axes, steps: np.ndarray, feasible: list[bool]) -> None:
    """A band around every alpha that keeps the rule, half-way to its neighbours."""
    edges = np.concatenate([[steps[0] - 0.03], (steps[1:] + steps[:-1]) / 2, [steps[-1] + 0.03]])
    for left, right, fine in zip(edges[:-1], edges[1:], feasible, strict=True):
        if fine:
            axes.axvspan(left, right, color=SHADE, alpha=0.16, linewidth=0, zorder=0)


def bare(axes: Axes) -> Axes:
    """Two thin axes, a light grid, no frame."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=GRID, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=8.5)
    axes.patch.set_visible(False)
    return axes
