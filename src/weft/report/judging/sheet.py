"""A table that the terminal, Markdown and the page show alike: words to the left, numbers to the right."""

import re
from dataclasses import dataclass, field

from weft.report.html import Html, clean, join, quoted, tag
from weft.report.tables import heads, scrolled


@dataclass(frozen=True)
class Sheet:
    """Attributes:
    words: how many columns on the left hold words. note: what a reader must know of the columns.
    first: whether the terminal shows it. marks: row number -> "good" or "bad", the row's colour on the page.
    """

    title: str
    head: list[str]
    rows: list[list[str]]
    words: int = 1
    note: str = ""
    first: bool = False
    marks: dict[int, str] = field(default_factory=dict)


def as_text(sheet: Sheet) -> str:
    rows = [[clean(cell, 60) for cell in row] for row in (sheet.head, *sheet.rows)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            c.ljust(w) if n < sheet.words else c.rjust(w) for n, (c, w) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join([clean(sheet.title), *lines])


def as_markdown(sheet: Sheet) -> str:
    rule = ["---" if place < sheet.words else "---:" for place in range(len(sheet.head))]
    rows = [f"| {' | '.join(map(safe, row))} |" for row in (sheet.head, *sheet.rows)]
    rows.insert(1, f"|{'|'.join(rule)}|")
    return "\n".join([f"## {safe(sheet.title)}", "", *([safe(sheet.note), ""] if sheet.note else []), *rows])


def as_html(sheet: Sheet) -> Html:
    body = []
    for number, row in enumerate(sheet.rows):
        cells = [tag("th", quoted(row[0], 120), scope="row")]
        for place, cell in enumerate(row[1:], start=1):
            cells.append(tag("td", quoted(cell, 300), class_="text" if place < sheet.words else None))
        body.append(tag("tr", cells, class_=sheet.marks.get(number)))
    table = tag("table", heads(*sheet.head, text=sheet.words), tag("tbody", body))
    note = tag("p", quoted(sheet.note, 2000), class_="plain") if sheet.note else None
    return join(tag("h2", quoted(sheet.title, 200)), note, scrolled(sheet.title, table))


def safe(text: object) -> str:
    """Text that Markdown shows letter by letter, on one line."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", " ".join(clean(text, 2000).split()))
