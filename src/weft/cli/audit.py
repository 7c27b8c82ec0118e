"""Verbs that question a benchmark: audit."""

from pathlib import Path
from typing import Annotated

import typer

from weft.cli.app import app
from weft.errors import WeftError


@app.command()
def audit(
    benchmark: Annotated[
        list[str],
        typer.Argument(metavar="BENCHMARK...", help="As for `weft evaluate --on`; `truth=PATH.json` is answers alone."),
    ],
    model: Annotated[
        list[str] | None,
        typer.Option("--model", metavar="NAME=MODEL", help="For effects on its scores, its tokenizer, leaks; repeat."),
    ] = None,
    out: Annotated[Path, typer.Option(help="The folder that is written.")] = Path("runs/audit"),
    fail_on: Annotated[
        str, typer.Option(help="Exit code 1 from this severity on: error, warning, note, never.")
    ] = "error",
    remote_code: Annotated[
        list[str] | None, typer.Option(metavar="MODEL", help="A model that may run code from its own repository.")
    ] = None,
    batch: Annotated[int, typer.Option(help="Pictures embedded at once; changes speed and memory only.")] = 64,
    pool: Annotated[Path | None, typer.Option(help="A folder of `weft pool`, for --judgements.")] = None,
    judgements: Annotated[
        list[Path] | None, typer.Option(help="Of `weft judge`: looks for missing answers and source bias; repeat.")
    ] = None,
    unfit: Annotated[float, typer.Option(help="Share of wrong ones among what was judged relevant, if known.")] = 0.0,
) -> None:
    """Say what is wrong with a benchmark: ceilings, duplicates, generic queries, captions, shortcuts, leaks.

    Writes `audit.html`, `.md` and `.json` with every fault counted, exemplified and, where it can be computed, the
    score without it. What was looked at before is not looked at again.
    """
    from weft.audit import run as audits
    from weft.audit.judged import reader
    from weft.report.audit import terminal

    audits.fails({"findings": []}, fail_on)  # a typo is answered before anything is read
    if bool(pool) != bool(judgements):
        raise WeftError("judgements are of a pool: give --pool and --judgements together")
    judged = reader(pool, judgements, unfit) if pool else None
    results = audits.run(benchmark, model or (), out, remote_code or (), batch=batch, judged=judged)
    print(terminal(results))
    print(f"\naudit  {out / 'audit.html'}")
    if audits.fails(results, fail_on):
        raise typer.Exit(1)
