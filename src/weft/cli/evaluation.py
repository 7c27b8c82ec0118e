"""Verbs that measure: evaluate, compare, and what they can be asked of."""

from pathlib import Path
from typing import Annotated

import typer

from weft.cli.app import Set, app, pipeline_of
from weft.cli.engines import engine_options
from weft.errors import WeftError


@app.command()
@engine_options()
def evaluate(
    what: Annotated[
        list[str],
        typer.Argument(metavar="RECIPE | MODEL...", help="A recipe, or with --on the models to compare, ours first."),
    ],
    on: Annotated[
        list[str] | None,
        typer.Option(
            "--on",
            metavar="BENCHMARK",
            help="NAME for the hub's copy, NAME=PATH for a local one, then perhaps ?OPTION=VALUE; several times.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="With --on: the folder that is written.")] = Path("runs/leaderboard"),
    published: Annotated[
        Path | None, typer.Option(help="Published scores to hold baselines against; expected/baselines.toml if there.")
    ] = None,
    remote_code: Annotated[
        list[str] | None, typer.Option(metavar="MODEL", help="A model that may run code from its own repository.")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Pictures embedded at once; changes speed and memory only.")] = 64,
    set_: Set = None,
) -> None:
    """Score models on test queries, with intervals, declared tests and every loss.

    `weft evaluate RECIPE`: base, fine-tuned and woven model, BM25 and their fusion. Writes
    `evaluate/results.json`, `per_query.parquet`, TREC runs and qrels, and prints the verdict table.

    `weft evaluate MODEL... --on BENCHMARK... --out DIR`: any encoders on any benchmarks, by one harness and each
    model's own preprocessing. A model is a short name (`weft encoders`), a hub id, a folder, `python:module:NAME`;
    `LABEL=MODEL` says what tables call it. Writes `leaderboard.html`, `.md`, `.json` and the same evidence. The first
    model is the candidate that is compared with every other. What was embedded before is not embedded again.
    """
    if on:
        from weft import leaderboard
        from weft.report.leaderboard import terminal

        results = leaderboard.evaluate(what, on, out, published, remote_code or (), batch=batch)
        print(terminal(results))
        print(f"\nleaderboard  {out / 'leaderboard.html'}")
        return
    if len(what) != 1:
        raise WeftError("several models need a benchmark to be compared on: add --on BENCHMARK; see weft benchmarks")
    pipeline = pipeline_of(Path(what[0]), set_)
    pipeline.evaluate()
    print(pipeline.table())


@app.command()
def compare(
    a: Annotated[Path, typer.Argument(help="An evaluation's folder, or its per_query.parquet.")],
    b: Annotated[Path, typer.Argument(help="Another one, or the same for two of its models.")],
    model_a: Annotated[str, typer.Option("--model-a", help="Which model of A; needed where there are several.")] = "",
    model_b: Annotated[str, typer.Option("--model-b", help="Which model of B.")] = "",
    metric: Annotated[str, typer.Option(help="For all tasks; by default each task's primary metric.")] = "",
) -> None:
    """Say which of two evaluated models is better, where, and where that cannot be told.

    Paired by query: bootstrap intervals, randomisation tests, Holm's correction over the tasks, the smallest
    difference that so many queries can show, and an intersection-union test for "better everywhere".
    """
    from weft.compare import compare as compared
    from weft.compare import render

    print(render(compared(a, b, model_a, model_b, metric)))


@app.command()
def benchmarks() -> None:
    """List the benchmarks that `weft evaluate --on` knows: hub ids, revisions, licences, sources."""
    from weft.benchmarks import BENCHMARKS

    for name, known in BENCHMARKS.items():
        where = f"{known.hub}@{known.revision or 'not pinned'}" if known.hub else f"{name}=PATH"
        print(f"{name:<24}{where:<64}{known.licence or 'licence not stated'}; {known.citation}".rstrip("; "))


@app.command()
def encoders(
    what: Annotated[
        str, typer.Argument(metavar="[list|pin]", help="list, or pin revisions (needs a network).")
    ] = "list",
    names: Annotated[list[str] | None, typer.Argument(help="Short names to pin; all of them by default.")] = None,
) -> None:
    """List the encoders that have a short name, or write down the revisions that the hub has of them today.

    `weft encoders pin` writes a file of revisions that every later evaluation reads; scores name the revision.
    """
    from weft.encoders.registry import KNOWN, PINS, pin, pins

    if what == "pin":
        found = pin(names or list(KNOWN), PINS)
        print(f"{len(found)} revisions in {PINS}")
    elif what == "list":
        pinned = pins(PINS)
        for name, known in KNOWN.items():
            revision = pinned.get(known.hub) or known.revision or "not pinned"
            print(
                f"{name:<26}{known.hub or 'not on the hub':<52}{known.millions:>6} M  {revision:<12.12}  {known.note}"
            )
    else:
        raise WeftError(f"weft encoders knows list and pin, not {what!r}")
