"""The leaderboard as Markdown for a repository and as a table for the terminal."""

import re

from weft.report.html import clean
from weft.report.leaderboard.index import Index, fidelity_words, interval
from weft.report.table import table
from weft.report.words import MARKS, definition, metric_name, number, percent, points

SHOWN = 40
"""Exceptions that the terminal lists."""


def markdown(results: dict) -> str:
    """Verdict, exceptions, a table per benchmark, what is off or was seen, losses of data, definitions."""
    index = Index(results)
    verdict = results.get("verdict") or {}
    lines = [
        "# Leaderboard",
        "",
        f"**{_safe(verdict.get('sentence') or 'There is no candidate, so no verdict.')}**",
        "",
    ]
    exceptions = [f"- {_safe(exception)}" for exception in verdict.get("exceptions") or ()]
    lines += [f"Exceptions ({len(exceptions)}):", "", *exceptions, ""] if exceptions else []
    for benchmark in index.benchmarks():
        told = [benchmark.get(key) for key in ("source", "revision", "licence", "citation")]
        lines += [f"## {_safe(benchmark['name'])}", ""]
        lines += [". ".join(_safe(text) for text in told if text) + ".", ""] if any(told) else []
        lines += [f"- {_safe(note)}" for note in benchmark.get("notes") or ()]
        lines += ["", *_rows(index, benchmark["name"]), ""]
    lines += [_legend(index), ""]
    lines += _section("Off the published score", _off(index))
    lines += _section("Seen in training", _seen(index))
    lines += _section("What could not be used", _counts(index))
    used = dict.fromkeys(metric for task in index.tasks for metric in index.metrics(task))
    lines += _section("Definitions", [text for metric in used if (text := _defined(results, metric))])
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def _rows(index: Index, benchmark: str) -> list[str]:
    tasks = index.of(benchmark)
    names = [
        f"{_safe(task['name'])}<br>{_safe(metric_name(task['primary']))}"
        + "<br>limited gallery" * bool(task.get("limited"))
        for task in tasks
    ]
    lines = ["| Model | " + " | ".join(names) + " |", "|---|" + "---:|" * len(tasks)]
    for model in index.names:
        shown = f"**{_safe(model)}**" if model in index.candidates else _safe(model)
        lines.append(f"| {shown} | " + " | ".join(_cell(index, model, task) for task in tasks) + " |")
    return lines


def _cell(index: Index, model: str, task: dict) -> str:
    row = index.score(model, task)
    if row is None:
        return "–"
    parts = [percent(row["value"])]
    if found := index.standing(model, task):
        parts.append(f"{MARKS.get(found[0], '')} {points(found[1])}")
    parts.append(f"<br>{interval(row)}" if interval(row) else "")
    if checked := index.checked(model, task):
        parts.append("<br>" + fidelity_words(checked, task["primary"], lambda metric: _safe(metric_name(metric))))
    return " ".join(part for part in parts if part).replace(" <br>", "<br>")


def _legend(index: Index) -> str:
    told = "Primary metric of each task in percent, with its 95% interval."
    if index.candidate:
        told += f" ▲ above, ▼ below {_safe(index.candidate)} by so many points, ? undecided."
    return told + " A baseline without ✓ or ✗ is not verified."


def _off(index: Index) -> list[str]:
    return [
        f"{_where(row)}, {_safe(metric_name(row['metric']))}: measured {percent(row.get('measured'))}, published "
        f"{percent(row.get('published'))} (tolerance {percent(row.get('tolerance'))}; {_safe(row.get('source') or '')})"
        for rows in index.fidelity.values()
        for row in rows
        if row["status"] == "off"
    ]


def _seen(index: Index) -> list[str]:
    rows = [row for rows in index.seen.values() for row in rows]
    return [f"{_where(row)}: {number(row['count'])} (by {_safe(row['by'])})" for row in rows]


def _where(row: dict) -> str:
    return f"{_safe(row['model'])} on {_safe(row['benchmark'])}, {_safe(row['task'])}"


def _counts(index: Index) -> list[str]:
    return [
        f"{_safe(task['benchmark'])}, {_safe(task['name'])}: "
        + ", ".join(f"{_safe(kind)} {number(count)}" for kind, count in task["counts"].items())
        for task in index.tasks
        if task.get("counts")
    ]


def _defined(results: dict, metric: str) -> str:
    found = (results.get("metrics") or {}).get(metric) or {}
    text, source = found.get("definition") or definition(metric), found.get("citation")
    return f"{_safe(metric_name(metric))}: {_safe(text)}" + (f" ({_safe(source)})" if source else "") if text else ""


def _section(heading: str, lines: list[str]) -> list[str]:
    return [f"## {heading}", "", *(f"- {line}" for line in lines), ""] if lines else []


def _safe(text: object) -> str:
    """A stranger's text on one line, in which no character means anything to Markdown or HTML."""
    line = " ".join(clean(text, 1000).split())
    return re.sub(r"^[#+=-]|[\\`*_{}\[\]|~$<>&]", r"\\\g<0>", line)


def terminal(results: dict, width: int = 110) -> str:
    """A table a benchmark, the candidate first, then what is off and every exception; ends with the verdict."""
    index = Index(results)
    models = sorted(index.names, key=lambda name: name != index.candidate)
    parts = []
    for benchmark in index.benchmarks():
        view = {
            "models": models,
            "tasks": [task | {"name": _wrapped(task)} for task in index.of(benchmark["name"])],
            "scores": [],
            "differences": [],
        }
        for task in index.of(benchmark["name"]):
            about = {"task": _wrapped(task)}
            view["scores"] += [row | about for model in models if (row := index.score(model, task))]
            found = [(model, index.standing(model, task)) for model in models]
            view["differences"] += [
                about | {"model": model, "against": models[0], "call": standing[0]}
                for model, standing in found
                if standing
            ]
        parts.append(f"{clean(benchmark['name'])}\n{table(view | {'verdict': {}}, width).rstrip()}")
    verdict = results.get("verdict") or {}
    exceptions = [clean(exception) for exception in verdict.get("exceptions") or ()]
    left = [f"... and {len(exceptions) - SHOWN} more, in leaderboard.md"] if len(exceptions) > SHOWN else []
    off = [
        f"off  {clean(row['model'])} on {clean(name)}, {clean(task)}, {clean(metric_name(row['metric']))}: "
        f"measured {percent(row.get('measured'))}, published {percent(row.get('published'))}"
        for (_, name, task), rows in index.fidelity.items()
        for row in rows
        if row["status"] == "off"
    ]
    told = [*(f"except  {exception}" for exception in exceptions[:SHOWN]), *left, *off]
    parts += ["\n".join(told)] if told else []
    return "\n\n".join([*parts, clean(verdict.get("sentence") or "No verdict: there is no candidate.")])


def _wrapped(task: dict) -> str:
    """The task's name with places where a narrow column may break it."""
    return task["name"].replace("-to-", "-to- ") + " (limited gallery)" * bool(task.get("limited"))
