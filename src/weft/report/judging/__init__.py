"""Pages of `weft agree` and `weft rejudge`: HTML, Markdown and the terminal, from one list of sheets each."""

import json
from pathlib import Path

from weft.files import write_together
from weft.report.judging import agreed, rejudged
from weft.report.judging.frame import frame
from weft.report.judging.sheet import Sheet, as_html, as_markdown, as_text, safe
from weft.report.record import strict

KINDS = {"weft-agreement/1": agreed, "weft-rejudge/1": rejudged}
"""Schema of a record -> the module that knows its title, sentences, sheets and drawing."""


def terminal(record: dict) -> str:
    """The sheets that matter most, and the sentences."""
    kind = KINDS[record["schema"]]
    sheets = [as_text(sheet) for sheet in kind.sheets(record) if sheet.first]
    return "\n\n".join([*sheets, *kind.sentences(record)])


def write(record: dict, out: Path, name: str = "results") -> Path:
    """Writes NAME.json, .md and .html into `out`, all or none; returns the page's path. Raises `WeftError`: no room."""
    record = strict(record)
    kind = KINDS[record["schema"]]
    sheets: list[Sheet] = kind.sheets(record)
    said = kind.sentences(record)
    drawn = kind.drawing(record)
    lines = [f"# {kind.TITLE}", *map(safe, said), *(as_markdown(sheet) for sheet in sheets)]
    texts = {
        f"{name}.json": json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n",
        f"{name}.md": "\n\n".join(lines) + "\n",
        f"{name}.html": frame(kind.TITLE, said, drawn, [as_html(sheet) for sheet in sheets], f"{name}.json"),
    }
    write_together(out, texts)
    return out / f"{name}.html"
