"""A benchmark is put through the audit that any other is put through, before anybody sees it."""

import shutil
from collections.abc import Collection, Sequence
from pathlib import Path

from weft import __version__
from weft.audit import CHECKS
from weft.audit import run as audits
from weft.build.write import place
from weft.errors import WeftError
from weft.report import audit as page

HINTS = {
    "dependent queries": "Few unseen brands stand or fall as one: --zero-shot 0 does not ask for them",
    "few queries": "More of the catalogue must be held out: curate.test_share, curate.zero_shot_share",
}
"""Check -> what helps, where that is not plain."""


def known(allowed: Collection[str]) -> None:
    """Raises `WeftError` if one of these is no check."""
    names = [one.name for one in CHECKS]
    if strange := sorted(set(allowed) - set(names)):
        raise WeftError(f"there is no check {strange[0]!r} to allow; there are {', '.join(names)}")


def prove(folder: Path, parts: Sequence[str], name: str, licence: str, cache: Path) -> dict:
    """Audits every part as its users will read it, and writes `audit/` into the folder.

    What tells of this machine, this run or its hour is left out: two builds of one benchmark are to be the same bytes.
    So is what the reader knows of the benchmark whose layout this is.

    Returns:
        What `audit/audit.json` holds; see docs/audit.md.
    """
    names = {part: name if part == "test" else f"{name} {part}" for part in parts}
    specs = [f"zooclaw={place(folder, part)}?name={names[part]}" for part in parts]
    results = audits.run(specs, out=cache / "page", cache=cache)
    shutil.rmtree(cache / "page", ignore_errors=True)
    for part, benchmark in zip(parts, results["benchmarks"], strict=True):
        benchmark |= {"source": "." if part == "test" else part, "licence": licence, "citation": "", "notes": []}
    for outcome in results["outcomes"]:
        outcome["seconds"] = 0.0
    results |= {"environment": {"weft": __version__}, "created": ""}
    tasks = [task for spec in specs for task in audits.opened(spec, cache / "benchmarks").tasks]
    page.write(results, audits.pictures(tasks), folder / "audit")
    return results


def refuse(results: dict, allowed: Collection[str], where: Path) -> None:
    """Raises `WeftError` if the audit found an error of a check that is not allowed."""
    errors = [row for row in results["findings"] if row["severity"] == "error" and row["check"] not in allowed]
    if errors:
        told = "\n".join(f"  {row['benchmark']}, {row['task']}: {row['check']}: {row['sentence']}" for row in errors)
        hints = "".join(f" {HINTS[check]}." for check in sorted({row["check"] for row in errors} & HINTS.keys()))
        checks = " ".join(f'--allow "{check}"' for check in dict.fromkeys(row["check"] for row in errors))
        shown = where / "audit" / "audit.html"
        raise WeftError(
            f"the benchmark does not pass its own audit, so it is not written:\n{told}\n"
            f"See {shown}.{hints} Build it otherwise, or publish it with the fault on its card: {checks}"
        )
