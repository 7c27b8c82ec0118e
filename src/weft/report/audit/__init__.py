"""The page of `weft audit`: every fault of a benchmark, gravest first, as HTML, Markdown, JSON and for the terminal."""

import json
from collections.abc import Callable
from pathlib import Path

from weft.files import write_together
from weft.report.audit.page import page
from weft.report.audit.text import markdown, terminal
from weft.report.record import strict

__all__ = ["SCHEMA", "markdown", "page", "terminal", "write"]

SCHEMA = "weft-audit/1"
"""The version of `audit.json`; `docs/audit.md` is its documentation."""


def write(results: dict, image: Callable[[str], bytes], out: Path) -> Path:
    """Writes `audit.html`, `.md` and `.json` into `out`, all three or none; returns the page's path.

    Args:
        results: what docs/audit.md describes. NaN and infinity are written as null.
        image: SHA-256 of a picture -> its bytes. A picture that cannot be had becomes a tile that says so.
        out: a folder; made if missing.

    Raises:
        WeftError: the disk is full or `out` cannot be written.
    """
    results = strict({"schema": SCHEMA} | results)
    texts = {
        "audit.json": json.dumps(results, indent=1, ensure_ascii=False, allow_nan=False) + "\n",
        "audit.md": markdown(results),
        "audit.html": page(results, image),
    }
    write_together(out, texts)
    return out / "audit.html"
