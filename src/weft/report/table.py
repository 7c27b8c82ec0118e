"""The verdict table for the terminal."""

import textwrap

from weft.report.html import clean
from weft.report.words import against_base, cells, metric_name, missing, percent

ARROWS = {"better": "↑", "worse": "↓", "within delta": "=", "undecided": "?"}
HEAD = 13  # characters a column's heading is wrapped to


def table(results: dict, width: int = 110) -> str:
    """Models as rows, tasks as columns, the primary metric in percent with half its 95% interval.

    Ends with every loss and the verdict. Columns that do not fit into `width` characters go on below.
    """
    models = [clean(model) for model in results["models"]]
    columns = [[*_head(task), *_column(results, task)] for task in results["tasks"]]
    tall = max((len(_head(task)) for task in results["tasks"]), default=0)
    for column, task in zip(columns, results["tasks"], strict=True):
        column[:0] = [""] * (tall - len(_head(task)))
    names = [""] * tall + models
    left = max(map(len, [*names, ""]))
    blocks: list[list[list[str]]] = [[]]
    used = left
    for column in columns:
        wide = max(map(len, column)) + 2
        if blocks[-1] and used + wide > width:
            blocks.append([])
            used = left
        blocks[-1].append(column)
        used += wide
    text = "\n\n".join(_block(names, block, left) for block in blocks)
    return "\n".join([text, "", *_legend(results), *_verdict(results["verdict"])])


def _head(task: dict) -> list[str]:
    name = clean(task["name"]).replace("/", "/ ") + ("" if task.get("counts", True) else "*")
    return [
        line
        for text in (name, metric_name(task["primary"]))
        for line in textwrap.wrap(text, HEAD, break_on_hyphens=False)
    ]


def _column(results: dict, task: dict) -> list[str]:
    scores, differences = cells(results["scores"]), against_base(results)
    calls = {model: differences.get((model, task["name"]), {}).get("call", "") for model in results["models"]}
    marks = {model: ARROWS.get(call, " ") for model, call in calls.items()}
    marked = any(mark.strip() for mark in marks.values())
    column = []
    for model in results["models"]:
        row = scores.get((model, task["name"], task["primary"]))
        mark = f" {marks[model]}" if marked else ""
        column.append(("–" if row is None or missing(row["value"]) else _cell(row)) + mark)
    return column


def _cell(row: dict) -> str:
    if missing(row.get("low")) or missing(row.get("high")):
        return percent(row["value"])
    return f"{percent(row['value'])} ±{percent((row['high'] - row['low']) / 2):>3}"


def _block(names: list[str], columns: list[list[str]], left: int) -> str:
    wide = [max(map(len, column)) for column in columns]
    lines = []
    for place, name in enumerate(names):
        row = [column[place].rjust(width) for column, width in zip(columns, wide, strict=True)]
        lines.append("  ".join([name.ljust(left), *row]).rstrip())
    return "\n".join(line for line in lines if line)


def _legend(results: dict) -> list[str]:
    star = ["* does not count in the verdict"] if any(not t.get("counts", True) for t in results["tasks"]) else []
    called = {row["call"] for row in against_base(results).values()}
    if not called:
        return ["percent, ± half the 95% interval", *star]
    delta = results.get("alpha", {}).get("delta")
    kept = "kept within delta" if missing(delta) else f"kept within {percent(delta)} points"
    words = {"better": "better", "worse": "worse", "within delta": kept, "undecided": "undecided"}
    told = ", ".join(f"{ARROWS[call]} {word}" for call, word in words.items() if call in called)
    return [f"percent, ± half the 95% interval; against {clean(results['models'][0])}: {told}", *star]


def _verdict(verdict: dict) -> list[str]:
    losses = [f"loss  {clean(loss)}" for loss in verdict.get("losses", ())]
    return [*(["", *losses] if losses else []), "", clean(verdict.get("sentence", ""))]
