"""The figures of a study: in-domain against out-of-domain, metrics along alpha, differences of the means."""

from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from weft.report.figures import COLOURS, FONT, INK, MARKERS, MUTED, PAPER, SERIES, SHADE, bare
from weft.report.html import clean
from weft.report.study.index import KINDS, Index
from weft.report.study.places import place_names
from weft.report.svg import as_svg
from weft.report.words import DOMAINS, metric_name

STYLE = {"base": (7, "s"), "tuned": (1, "o"), "woven": (0, "D"), "encoder": (3, "^")}
"""A row's kind -> its colour and marker."""
STEP = 0.25  # inches a row of figure 3 takes
WIDTH = 7.2  # inches: two columns of a paper
NAMED = 14
"""More points than that are numbered, in the table's order, and named below: names beside them would hide them."""
KEYS = 3  # columns of these names


def svg(draw, results: dict) -> str:
    """A figure that follows the page's colours; empty if there is nothing to draw."""
    name, told = FIGURES[draw]
    with rc_context(FONT):
        return as_svg(draw(Index(results)), name, told, COLOURS)


def save_all(results: dict, folder: Path) -> list[Path]:
    """Every figure as SVG, PDF and PNG, on white."""
    found = []
    for draw, (name, _) in FIGURES.items():
        with rc_context(FONT):
            figure = draw(Index(results))
            for kind in ("svg", "pdf", "png") if figure else ():
                found.append(folder / f"{name}.{kind}")
                plain = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
                figure.savefig(found[-1], dpi=220, facecolor="white", metadata=plain)
    return found


def draw_trade(index: Index) -> Figure | None:
    """Figure 1: in-domain mean (x) against out-of-domain mean (y), a point a row, and the Pareto front."""
    spots = {}
    for name in index.rows:
        both = [index.value(name, "mean", domain) for domain in ("in-domain", "out-of-domain")]
        if all(both):
            spots[name] = [100 * np.asarray([one["value"], one["low"], one["high"]]) for one in both]
    if len(spots) < 2:
        return None
    bold = {index.base, index.reference, index.results["ours"]}
    numbers = {name: str(n) for n, name in enumerate(spots, 1)} if len(spots) > NAMED else {}
    figure = Figure(figsize=(WIDTH, 5.0 + 0.19 * -(-len(numbers) // KEYS)), layout="constrained")
    axes = bare(figure.add_subplot())
    axes.margins(0.1, 0.1)
    front = [name for name in index.results["front"] if name in spots]
    at = np.asarray([[spots[name][0][0], spots[name][1][0]] for name in front])
    axes.plot(*at.T, color=SHADE, linewidth=5, alpha=0.45, solid_capstyle="round", zorder=1)
    for name, (x, y) in spots.items():
        colour, marker = STYLE[index.rows[name]["model"]]
        special = name in bold
        axes.errorbar(
            x[0], y[0], xerr=_reach(x), yerr=_reach(y), fmt="none", ecolor=SERIES[colour], elinewidth=0.7,
            alpha=1.0 if special else 0.4, zorder=2,
        )  # fmt: skip
        axes.plot(
            x[0], y[0], marker, color=SERIES[colour], markersize=9 if special else 6, zorder=4,
            markerfacecolor=PAPER if index.rows[name]["one_seed"] else SERIES[colour],
            markeredgecolor=INK if special else SERIES[colour], markeredgewidth=1.3 if special else 0.8,
        )  # fmt: skip
    axes.set_xlabel("in-domain mean, percent")
    axes.set_ylabel("out-of-domain mean, percent")
    _legend(axes, index, spots)
    if numbers:
        _key(figure, index, numbers)
    figure.draw_without_rendering()  # names need the axes' final scale
    names = {}
    for name, (x, y) in spots.items():
        told = (numbers.get(name, ""), "" if numbers and name not in bold else clean(index.label(name), 34))
        names[name] = (" ".join(filter(None, told)), (x[0], y[0]), name in bold)
    bars = [spot for x, y in spots.values() for spot in _cross(x, y)]
    place_names(axes, names, [*map(tuple, at), *bars])
    return figure


def _legend(axes: Axes, index: Index, spots: dict) -> None:
    used = {index.rows[name]["model"] for name in spots}
    handles = [
        Line2D([], [], linestyle="", marker=marker, color=SERIES[colour], label=KINDS[kind])
        for kind, (colour, marker) in STYLE.items() if kind in used
    ]  # fmt: skip
    if any(index.rows[name]["one_seed"] for name in spots):
        handles.append(Line2D([], [], linestyle="", marker="o", color=MUTED, markerfacecolor=PAPER, label="one seed"))
    handles.append(Line2D([], [], color=SHADE, linewidth=5, alpha=0.45, label="Pareto front"))
    close = {"columnspacing": 1.2, "handletextpad": 0.4}  # all six kinds fit beside each other
    axes.figure.legend(
        handles=handles, loc="outside upper left", ncols=len(handles), frameon=False, fontsize=8.5, **close
    )


def _key(figure: Figure, index: Index, numbers: dict[str, str]) -> None:
    """What the numbers stand for, column by column, below the axes."""
    handles = []
    for name, number in numbers.items():
        colour, marker = STYLE[index.rows[name]["model"]]
        face = PAPER if index.rows[name]["one_seed"] else SERIES[colour]
        label = f"{number:\u2007>2}  {clean(index.label(name), 38)}"  # a blank as wide as a digit
        look = {"marker": marker, "color": SERIES[colour], "markerfacecolor": face, "markersize": 5}
        handles.append(Line2D([], [], linestyle="", label=label, **look))
    close = {"columnspacing": 1.0, "handletextpad": 0.3, "labelspacing": 0.35}
    figure.legend(handles=handles, loc="outside lower left", ncols=KEYS, frameon=False, fontsize=7.5, **close)


def _cross(x: np.ndarray, y: np.ndarray) -> list[tuple[float, float]]:
    """Places along a point's two bars."""
    across, up = np.linspace(x[1], x[2], 40), np.linspace(y[1], y[2], 40)
    return [(one, y[0]) for one in across] + [(x[0], one) for one in up]


def _reach(values: np.ndarray) -> np.ndarray:
    """(value, low, high) -> (2, 1) lengths of an error bar."""
    return np.maximum([[values[0] - values[1]], [values[2] - values[0]]], 0)


def draw_alpha(index: Index) -> Figure | None:
    """Figure 2: for each benchmark the metric along alpha on dev queries, a line a row, and the strongest baseline."""
    panels = {task: held for task, held in index.results["curves"].items() if held["lines"]}
    if not panels:
        return None
    across = min(3, len(panels))
    down = -(-len(panels) // across)
    figure = Figure(figsize=(WIDTH, 2.15 * down + 0.75), layout="constrained")
    grid = np.ravel(figure.subplots(down, across, sharex=True, squeeze=False))
    names = list(dict.fromkeys(line["row"] for held in panels.values() for line in held["lines"]))
    for axes, (task, held) in zip(grid, panels.items(), strict=False):
        _alpha_panel(bare(axes), index, task, held, names)
    for place, axes in enumerate(grid):
        axes.set_visible(place < len(panels))
        if place + across >= len(panels):  # the lowest of its column
            axes.tick_params(labelbottom=True)
            axes.set_xlabel("α", labelpad=1)
    handles = [
        Line2D([], [], color=SERIES[n % 8], marker=MARKERS[n % 8], markersize=4, label=clean(index.label(name), 40))
        for n, name in enumerate(names)
    ]
    handles += [
        Line2D([], [], color=INK, dashes=(4, 2), linewidth=0.9, label="strongest baseline, named"),
        Line2D([], [], linestyle="", marker="|", markersize=9, color=MUTED, label="α chosen, a tick a seed"),
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=min(3, len(handles)), frameon=False, fontsize=8)
    return figure


def _alpha_panel(axes: Axes, index: Index, task: str, held: dict, names: list[str]) -> None:
    for line in held["lines"]:
        place = names.index(line["row"])
        x, y = np.asarray(line["alphas"]), 100 * np.asarray(line["scores"])
        style = {"color": SERIES[place % 8], "marker": MARKERS[place % 8], "markersize": 3.6, "linewidth": 1.2}
        axes.plot(x, y, **style, markevery=np.flatnonzero(line["measured"]).tolist())
        for alpha in line["chosen"]:
            axes.plot(alpha, 0.03 + 0.05 * (place % 4), "|", color=SERIES[place % 8], markersize=6, markeredgewidth=1.4,
                      transform=axes.get_xaxis_transform(), zorder=5)  # fmt: skip
    if rival := held["baseline"]:
        axes.axhline(100 * rival["value"], color=INK, linewidth=0.9, dashes=(4, 2), zorder=1)
        at = {"xycoords": ("axes fraction", "data"), "xytext": (0, 2), "textcoords": "offset points", "ha": "right"}
        at["bbox"] = {"facecolor": PAPER, "edgecolor": "none", "alpha": 0.7, "pad": 0.4}
        axes.annotate(clean(index.label(rival["row"]), 24), (1, 100 * rival["value"]), fontsize=7, color=INK, **at)
    metric = metric_name(index.tasks[task]["primary"]) if task in index.tasks else ""
    axes.set_title(f"{clean(task, 30)}\n{metric}, percent", fontsize=8.5, loc="left")
    axes.margins(y=0.16)
    axes.set_xlim(-0.03, 1.03)


def draw_effects(index: Index) -> Figure | None:
    """Figure 3: every row's difference of means from the reference, with intervals and each seed."""
    domains = [domain for domain in DOMAINS if domain in index.results["domains"]]
    rows = [
        name for name in index.rows if name != index.reference and index.gap(name, index.reference, "mean", domains[0])
    ]
    if not rows:
        return None
    figure = Figure(figsize=(WIDTH, STEP * len(rows) + 1.1), layout="constrained")
    colours = {"better": SERIES[2], "worse": SERIES[1], "undecided": MUTED}
    for axes, domain in zip(np.ravel(figure.subplots(1, len(domains), sharey=True)), domains, strict=True):
        bare(axes).axvline(0, color=INK, linewidth=0.8)
        for place, name in enumerate(reversed(rows)):
            gap = index.gap(name, index.reference, "mean", domain)
            colour = colours[gap["call"]]
            axes.plot([100 * gap["low"], 100 * gap["high"]], [place, place], color=colour, linewidth=1.4)
            axes.plot(
                [100 * one for one in gap["by_seed"]], [place] * len(gap["by_seed"]), "|", color=colour, markersize=7
            )
            axes.plot(100 * gap["difference"], place, "o", color=colour, markersize=5)
        axes.set_yticks(
            range(len(rows)), [clean(index.label(name), 36) for name in reversed(rows)], color=INK, fontsize=8.5
        )
        axes.set_title(f"{DOMAINS[domain]} mean", fontsize=9, loc="left")
        axes.set_xlabel(f"points against\n{clean(index.label(index.reference), 34)}", fontsize=8.5)
        axes.set_ylim(-0.7, len(rows) - 0.3)
    return figure


FIGURES = {
    draw_trade: ("trade", "Mean out-of-domain score against mean in-domain score of every row, with 95% intervals"),
    draw_alpha: ("alpha", "Development scores of each benchmark along alpha, with the strongest baseline"),
    draw_effects: ("effects", "Differences of every row's mean scores from the reference, with 95% intervals"),
}
