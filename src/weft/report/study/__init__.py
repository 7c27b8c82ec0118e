"""The report of `weft study`: one page, Markdown, JSON, and each figure as SVG, PDF and PNG; it computes nothing."""

import json
import shutil
from pathlib import Path

from weft.files import disk_error, write_together
from weft.report.record import strict
from weft.report.study import figures
from weft.report.study.page import page
from weft.report.study.text import markdown, terminal

__all__ = ["markdown", "page", "terminal", "write"]


def write(results: dict, out: Path) -> Path:
    """Writes `figures/`, then `study.html`, `.md` and `.json` together, into `out`; returns the page's path.

    Args:
        results: of `weft.study.run`; docs/study.md describes them. NaN and infinity are written as null.

    Raises:
        WeftError: the disk is full or `out` cannot be written.
    """
    results = strict(results)
    texts = {
        "study.json": json.dumps(results, indent=1, ensure_ascii=False, allow_nan=False) + "\n",
        "study.md": markdown(results),
        "study.html": page(results),
    }
    partial = out / "figures.partial"
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        figures.save_all(results, partial)
        shutil.rmtree(out / "figures", ignore_errors=True)
        partial.rename(out / "figures")
    except OSError as error:
        raise disk_error(error, out) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    write_together(out, texts)
    return out / "study.html"
