"""The leaderboard of `weft evaluate`: many models on many benchmarks, as a page, as Markdown and for the terminal."""

import json
from collections.abc import Callable
from pathlib import Path

from weft.files import write_together
from weft.report.leaderboard.page import page
from weft.report.leaderboard.text import markdown, terminal
from weft.report.record import strict

__all__ = ["SCHEMA", "markdown", "page", "terminal", "write"]

SCHEMA = "weft-leaderboard/1"
"""The version of `leaderboard.json`; `docs/leaderboard-schema.md` is its documentation."""


def write(results: dict, image: Callable[[str], bytes], out: Path) -> Path:
    """Writes `leaderboard.html`, `.md` and `.json` into `out`, all three or none; returns the page's path.

    Args:
        results: what `docs/leaderboard-schema.md` describes. NaN and infinity are written as null.
        image: picture id -> encoded bytes. A picture that cannot be had becomes a tile that says so.
        out: a folder; made if missing.

    Raises:
        WeftError: the disk is full or `out` cannot be written.
        ValueError: two rows of the results are about the same thing.
    """
    results = strict({"schema": SCHEMA} | results)
    texts = {
        "leaderboard.json": json.dumps(results, indent=1, ensure_ascii=False, allow_nan=False) + "\n",
        "leaderboard.md": markdown(results),
        "leaderboard.html": page(results, image),
    }
    write_together(out, texts)
    return out / "leaderboard.html"
