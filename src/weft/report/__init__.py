"""The last stage: draws the evidence as one self-contained page, and computes nothing."""

from collections.abc import Callable
from pathlib import Path

from weft.files import write_json, write_whole
from weft.report.page import page
from weft.report.record import record
from weft.report.table import table

__all__ = ["record", "table", "write"]


def write(results: dict, curate: dict, image: Callable[[str], bytes], out: Path) -> Path:
    """Writes `report.html` and `report.json` into `out`; returns the page's path.

    Args:
        results: `results.json` of the evaluate stage.
        curate: `summary.json` of the curate stage; may be empty.
        image: picture id -> encoded bytes. A picture that cannot be had becomes a tile that says so.
        out: a folder; made if missing.

    Raises:
        WeftError: the disk is full or `out` cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "report.json", record(results, curate))
    write_whole(out / "report.html", page(results, curate, image))
    return out / "report.html"
