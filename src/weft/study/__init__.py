"""The study: a grid of recipes and seeds over shared artefacts, with the paper's table, figures and claims."""

from collections.abc import Iterable, Sequence
from pathlib import Path


def conduct(
    path: Path | str,
    changes: Iterable[str] = (),
    rows: Sequence[str] = (),
    seeds: Sequence[int] = (),
    last: str = "report",
    out: str = "",
) -> dict | None:
    """Runs a study file, or goes on with it; returns its results, None where `last` ends it before.

    Args:
        changes: of the recipe, as `--set`; they reach every row.
        rows, seeds: those that are run now, all by default. Whatever else is finished is in the results, too.
        last: "dev" (trials and alphas are chosen), "test" (and scored) or "report".
        out: the folder, instead of the file's own.

    Raises:
        WeftError: the file or a recipe has a typo, rows do not fit together, a stage fails.
    """
    from weft.report import study as report
    from weft.study.plan import load
    from weft.study.run import Session

    session = Session(load(path, changes, out), rows, seeds)
    results = session.run(last)
    if results is not None:
        report.write(results, session.study.folder / "report")
    return results


def preview(
    path: Path | str, changes: Iterable[str] = (), rows: Sequence[str] = (), seeds: Sequence[int] = (), out: str = ""
) -> str:
    """Rows, trainings, hours and disk of a study, before anything is run."""
    from weft.study.plan import load
    from weft.study.run import Session

    return Session(load(path, changes, out), rows, seeds).plan()


def folder(path: Path | str, changes: Iterable[str] = (), out: str = "") -> Path:
    """Where a study is kept."""
    from weft.study.plan import load

    return load(path, changes, out).folder
