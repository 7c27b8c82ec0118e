"""The verb of the study: a paper's table, figures and claims from one file."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from weft.cli.app import Set, app


@app.command()
def study(
    file: Annotated[Path, typer.Argument(metavar="STUDY", help="The TOML file that names rows, seeds and claims.")],
    rows: Annotated[str, typer.Option(help="Only these rows, by name or part, with commas; the base always is.")] = "",
    seeds: Annotated[str, typer.Option(help="Only these seeds, with commas.")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print rows, trainings, hours and disk, and stop.")
    ] = False,
    until: Annotated[
        Literal["dev", "test", "report"], typer.Option(help="dev: choose, and touch no test query.")
    ] = "report",
    out: Annotated[str, typer.Option(help="The folder that is written, instead of the file's own.")] = "",
    set_: Set = None,
) -> None:
    """Compare ways of training on shared artefacts: table, figures, costs and the claims, as they came out.

    Prints the cost first. Trials and alphas are chosen on dev queries; then test queries are scored once and that is
    written down. Stop it and run it again: what is done is kept. Writes `report/study.html`, `.md`, `.json` and the
    figures as SVG, PDF and PNG into the study's folder.
    """
    import weft.study
    from weft.errors import WeftError

    names = [name.strip() for name in rows.split(",") if name.strip()]
    try:
        numbers = [int(seed) for seed in seeds.split(",") if seed.strip()]
    except ValueError:
        raise WeftError(f"--seeds {seeds!r}: give whole numbers, as in 0,1,2") from None
    if dry_run:
        print(weft.study.preview(file, set_ or (), names, numbers, out))
        return
    results = weft.study.conduct(file, set_ or (), names, numbers, until, out)
    if results is not None:
        from weft.report.study import terminal

        print(terminal(results))
        folder = weft.study.folder(file, set_ or (), out)
        print(f"\nstudy  {folder / 'report' / 'study.html'}")
