"""The audit as Markdown for a repository and as lines for the terminal."""

import re

from weft.report.audit.faults import share
from weft.report.audit.index import GRAVITY, Index
from weft.report.html import clean
from weft.report.words import metric_name, number, percent

SHOWN = 2
"""Cases of a finding that Markdown shows."""


def markdown(results: dict) -> str:
    """Verdict, all checks on all tasks, then every finding with its effect and some cases."""
    index = Index(results)
    verdict = results.get("verdict") or {}
    counts = verdict.get("counts") or {}
    told = ", ".join(f"{number(counts.get(name, 0))} {name}{'s' * (counts.get(name) != 1)}" for name in GRAVITY)
    lines = ["# Audit", "", f"**{safe(verdict.get('sentence') or '')}**", "", f"{told}.", ""]
    names = [safe(" · ".join(place) if len(index.benchmarks) > 1 else place[1]) for place in index.tasks]
    lines += ["| Check | " + " | ".join(names) + " |", "|---|" + "---:|" * len(names)]
    for check in filter(index.ran, index.ordered()):
        lines.append(f"| {safe(check)} | " + " | ".join(_cell(index, check, place) for place in index.tasks) + " |")
    lines += ["", "✗ error, ! warning, · note, – silent; empty: did not run.", ""]
    for _, check, rows in index.by_check():
        lines += [f"## {safe(check).capitalize()}", "", safe(index.about[check].get("what") or ""), ""]
        for row in rows:
            place = f" ({safe(row['benchmark'])}, {safe(row['task'])})" if len(index.tasks) > 1 else ""
            lines.append(f"- **{row['severity']}**{place}: {safe(row['sentence'])}")
            lines += [f"  - {_effect(one)}" for one in row["effect"]]
            lines += [f"  - case: {_example(one)}" for one in row["examples"][:SHOWN]]
        lines.append("")
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def _cell(index: Index, check: str, place: tuple[str, str]) -> str:
    rows = index.found.get((check, *place))
    if rows:
        return f"{GRAVITY[rows[0]['severity']]} {share(rows[0])}".replace("<", "&lt;")
    return "–" if index.status.get((check, *place)) == "silent" else ""


def _effect(one: dict) -> str:
    change = f"{metric_name(one['metric'])} {percent(one['before'])} → {percent(one['after'])}"
    return f"{safe(one['what'])}, {safe(one['ranking'])}: {safe(change)} on {number(one['queries'])} queries"


def _example(one: dict) -> str:
    parts = [f"“{safe(one['text'], 200)}”" if one["text"] else safe(", ".join(one["ids"][:3])), safe(one["note"], 200)]
    return "; ".join(part for part in parts if part)


def safe(text: object, most: int = 1000) -> str:
    """A stranger's text on one line, in which no character means anything to Markdown or HTML."""
    line = " ".join(clean(text, most).split())
    return re.sub(r"^[#+=-]|[\\`*_{}\[\]|~$<>&]", r"\\\g<0>", line)


def terminal(results: dict) -> str:
    """A line a finding, the gravest first; ends with the verdict."""
    index = Index(results)
    rows = results.get("findings") or []
    wide = max((len(row["check"]) for row in rows), default=0)
    lines = []
    for row in rows:
        place = f"{row['benchmark']}, {row['task']}" if len(index.benchmarks) > 1 else row["task"]
        where = f"{clean(place, 60)}: " if len(index.tasks) > 1 else ""
        told = f"{GRAVITY[row['severity']]} {row['severity']:<8}{row['check']:<{wide}}  {where}"
        lines.append(told + clean(" ".join(row["sentence"].split()), 240))
    return "\n".join([*lines, "", clean((results.get("verdict") or {}).get("sentence") or "")])
