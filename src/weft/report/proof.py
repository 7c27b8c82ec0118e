"""The proof's tables in Markdown and its picture, from the record that `weft.proof` wrote."""

from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from weft.report.figures import FONT, GRID, INK, MUTED, SERIES

TRUTH, GIVEN, AFTER = INK, SERIES[1], SERIES[0]
QUERIES = {100: SERIES[3], 400: SERIES[0], 1600: SERIES[2]}


def benchmarks(record: dict) -> str:
    """What was planted, whether it was found, and what scores and orders were before and after the repair."""
    metric = record["metric"]
    head = f"| benchmark | found by the audit | error of {metric} before | after | pairs | tau before | after |"
    lines = [head + " turned round |", "|---|---|---:|---:|---:|---:|---:|---|"]
    for row in record["benchmarks"]:
        before, after = row["before"][metric], row["after"][metric]
        missed = [check for check in row["wanted"] if check not in row["found"]]
        found = ", ".join(row["found"]) + (f" (missed: {', '.join(missed)})" if missed else "")
        also = f"; also: {', '.join(row['also'])}" if row["also"] else ""
        wrong = "; ".join(f"{b} above {a}" for a, b in before["wrong"])
        lines.append(
            f"| {row['benchmark']} | {found or 'nothing planted'}{also} | {before['error']:.1f} | {after['error']:.1f} "
            f"| {before['pairs']} | {_tau(before)} | {_tau(after)} | {wrong or '-'} |"
        )
    return "\n".join(lines)


def judges(record: dict) -> str:
    """Each judge's grades held against the truth, and what becomes of scores and orders by its word."""
    metric = record["metric"]
    head = f"| benchmark | judge | precision | recall | error of {metric} | tau | source bias | knowing its errors |"
    lines = [head, "|---|---|---:|---:|---:|---:|---|---|"]
    for row in record["judges"]:
        told, fires = row[metric], ["found" if row[key] else "-" for key in ("bias", "bias_knowing")]
        lines.append(
            f"| {row['benchmark']} | {row['judge']} | {row['precision']:.2f} | {row['recall']:.2f} | "
            f"{told['error']:.1f} | {_tau(told)} | {fires[0]} | {fires[1]} |"
        )
    return "\n".join(lines)


def alarms(record: dict) -> str:
    """How often the source-bias test fires where nothing is biased: drawn scores, then drawn pictures."""
    lines = ["| nothing is biased | fires | 95% interval | benchmarks |", "|---|---:|---:|---:|"]
    pictures = {f"drawn pictures, {row['system']}": row for row in record["drawn"] if row["told"] == 0.0}
    for name, row in (record["false alarms"] | pictures).items():
        interval = f"[{100 * row['low']:.1f}, {100 * row['high']:.1f}]"
        lines.append(f"| {name} | {100 * row['rate']:.1f}% | {interval} | {row['trials']} |")
    return "\n".join(lines)


def power(record: dict) -> str:
    """The same with captions that tell an accident of their source with growing probability."""
    rows = {(row["queries"], row["told"]): row for row in record["power"]}
    sizes = sorted({queries for queries, _ in rows})
    head = "".join(f" {queries:,} queries | expected |" for queries in sizes)
    lines = [f"| told | preference |{head} gap of two, 400 |", "|---:|---:|" + "---:|---:|" * len(sizes) + "---:|"]
    for told in sorted({told for _, told in rows}):
        cells = [f" {rows[q, told]['rate']:.2f} | {rows[q, told]['expected']:.2f} |" for q in sizes]
        gap = next((f"{rows[q, told]['gap']['rate']:.2f}" for q in sizes if "gap" in rows[q, told]), "")
        lines.append(f"| {told:g} | {rows[sizes[0], told]['preference']:.3f} |{''.join(cells)} {gap} |")
    return "\n".join(lines)


TABLES = {"benchmarks": benchmarks, "judges": judges, "alarms": alarms, "power": power}


def draw(record: dict) -> Figure:
    """Scores by the given answers, by the truth and re-judged; what judges make of them; when the test fires."""
    figure = Figure(figsize=(10.4, 8.0), layout="constrained")
    (one, two), (three, four) = figure.subplots(2, 2)
    rows = {row["benchmark"]: row for row in record["benchmarks"]}
    _scores(one, rows["caption source"], record["metric"], legend=True)
    _scores(two, rows["all together"], record["metric"])
    _judges(three, record, "caption source")
    _power(four, record)
    return figure


def save(record: dict, path: Path) -> Path:
    with rc_context(FONT):
        draw(record).savefig(path, dpi=150, facecolor="white", metadata=None)
    return path


def _scores(axes: Axes, row: dict, metric: str, legend: bool = False) -> None:
    """A line a system: where the benchmark puts it, and where it stands by truth and after the repair."""
    before, after, places = row["before"][metric], row["after"][metric], np.arange(len(row["systems"]))[::-1]
    truth, given, found = (100 * np.asarray(part) for part in (after["truth_kept"], before["found"], after["found"]))
    axes.hlines(places, np.minimum(truth, given), np.maximum(truth, given), color=GRID, linewidth=2, zorder=1)
    axes.plot(truth, places, "o", color=TRUTH, markerfacecolor="none", markersize=11, label="by truth", zorder=2)
    axes.plot(found, places, "o", color=AFTER, markersize=6, label="re-judged", zorder=3)
    axes.plot(given, places, "s", color=GIVEN, markersize=6, label="by the benchmark's answers", zorder=3)
    axes.set_yticks(places, row["systems"])
    axes.set_ylim(-0.6, len(places) - 0.4)
    axes.set_xlabel(f"{metric}, percent")
    axes.set_title(
        f"{row['benchmark']}: tau {_tau(before)} before, {_tau(after)} after", fontsize=10, loc="left", color=INK
    )
    if legend:
        axes.legend(frameon=False, fontsize=8.5, loc="lower right")
    _plain(axes, "x")


def _judges(axes: Axes, record: dict, benchmark: str) -> None:
    """A bar a judge: how far scores by its word are from the truth, and what order they give."""
    rows = [row for row in record["judges"] if row["benchmark"] == benchmark]
    places, errors = np.arange(len(rows))[::-1], [row[record["metric"]]["error"] for row in rows]
    wrong = [row[record["metric"]]["tau"] != 1.0 for row in rows]
    axes.barh(places, errors, color=[GIVEN if bad else AFTER for bad in wrong], height=0.62)
    for place, row, error in zip(places, rows, errors, strict=True):
        axes.annotate(
            f"tau {_tau(row[record['metric']])}", (error, place), xytext=(4, 0), textcoords="offset points",
            va="center", fontsize=8.5, color=INK,
        )  # fmt: skip
    axes.set_yticks(places, [row["judge"] for row in rows], fontsize=8.5)
    axes.set_xlim(0, 1.18 * max(errors))
    axes.set_xlabel("mean error of the score, points")
    axes.set_title(f"{benchmark}, by other judges", fontsize=10, loc="left", color=INK)
    _plain(axes, "x")


def _power(axes: Axes, record: dict) -> None:
    """Rate of alarms along the strength of the bias: closed form, drawn scores, drawn pictures."""
    for queries, colour in QUERIES.items():
        rows = [row for row in record["power"] if row["queries"] == queries]
        told, rate = [row["told"] for row in rows], np.asarray([row["rate"] for row in rows])
        reach = [[row["rate"] - row["low"] for row in rows], [row["high"] - row["rate"] for row in rows]]
        axes.plot(*zip(*record["curves"][str(queries)], strict=True), color=colour, linewidth=1.1)
        axes.errorbar(
            told, rate, yerr=reach, fmt="o", color=colour, markersize=4, elinewidth=0.8, label=f"{queries:,} queries"
        )
    rows = [row for row in record["drawn"] if row["system"] == "photographer"]
    label = f"drawn pictures, photographer, {record['settings']['queries'] // 2} queries"
    told, rate = [row["told"] for row in rows], [row["rate"] for row in rows]
    axes.plot(told, rate, "D--", color=GIVEN, markersize=5, linewidth=0.8, label=label)
    axes.axhline(0.05, color=MUTED, linewidth=0.8, dashes=(2, 2))
    axes.annotate("5%", (1.0, 0.05), xytext=(0, 3), textcoords="offset points", ha="right", fontsize=8, color=MUTED)
    axes.set_xlabel("chance that a caption tells an accident of its picture")
    axes.set_ylabel("source-bias test fires")
    axes.set_ylim(-0.02, 1.04)
    axes.set_title("power of the test (lines: closed form)", fontsize=10, loc="left", color=INK)
    axes.legend(frameon=False, fontsize=8.5, loc="lower right", bbox_to_anchor=(1.0, 0.1))
    _plain(axes, "both")


def _plain(axes: Axes, which: str) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=GRID, linewidth=0.5, axis=which)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)


def _tau(told: dict) -> str:
    """ "0.80 of 10 pairs" without the pairs: what the figure and the tables have room for."""
    return "-" if told["tau"] is None else f"{told['tau']:.2f}"
