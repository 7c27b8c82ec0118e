"""Markdown in which a stranger's text stays text: everything that could be markup is escaped."""

import re
from collections.abc import Iterable, Sequence

from weft.report.html import clean

_MARKS = re.compile(r"([\\`*_\[\]|~$])")
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_LINKS = {  # what GitHub's Markdown, which the hub's follows, makes a link of without being asked
    re.compile("://"): "&#58;//",
    re.compile(r"(?i)(?<=www)\."): "&#46;",
    re.compile(r"@(?=[\w-]+\.\w)"): "&#64;",
}
_START = re.compile(r"^(?:#{1,6}|[-+]|\d{1,9}[.)])(?=\s|$)|^[-=](?=[-=\s]*$)")
"""What makes a heading, a list or an underline at the start of a line."""


def text(value: object, most: int = 160) -> str:
    """One line of plain text that no Markdown renderer reads as markup, a link, a table's edge or HTML."""
    shown = " ".join(clean(value, most).split())
    for mark, entity in _HTML.items():  # & comes first
        shown = shown.replace(mark, entity)
    for pattern, entity in _LINKS.items():
        shown = pattern.sub(entity, shown)
    shown = _MARKS.sub(r"\\\1", shown)
    return _START.sub(lambda found: found[0][:-1] + "\\" + found[0][-1], shown)


def code(value: object, most: int = 200) -> str:
    """The same within a sentence, in a code span: longer ticks than any inside."""
    shown = " ".join(clean(value, most).split()).replace("|", "\u2223")
    ticks = "`" * (max(map(len, re.findall("`+", shown)), default=0) + 1)
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{ticks}{pad}{shown}{pad}{ticks}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], words: int = 1) -> str:
    """A table of ready cells; the first `words` columns hold words and stand left, the others numbers.

    "" where there are no rows.
    """
    lines = [f"| {' | '.join(cells)} |" for cells in rows]
    if not lines:
        return ""
    rule = "|" + "|".join("---" if place < words else "---:" for place in range(len(head))) + "|"
    return "\n".join([f"| {' | '.join(head)} |", rule, *lines])


def bullets(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def fenced(source: str, language: str = "") -> str:
    """A block of code of our own."""
    return f"```{language}\n{source.strip()}\n```"
