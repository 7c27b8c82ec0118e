"""Verbs that put a benchmark's own answers to the test: pool what systems return, judge it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from weft.cli.app import app
from weft.cli.endpoints import endpoint_options
from weft.cli.engines import engine_options
from weft.errors import WeftError

if TYPE_CHECKING:
    from weft.endpoint import Asked


@app.command()
@engine_options()
def pool(
    benchmark: Annotated[
        str, typer.Argument(help="As weft evaluate --on: NAME, NAME=PATH, then perhaps ?OPTION=VALUE.")
    ],
    systems: Annotated[
        list[str],
        typer.Argument(
            metavar="SYSTEM...",
            help="A model, bm25, a TREC run's file, or an evaluation's folder; NAME=SYSTEM names it.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="The folder that is written.")] = Path("runs/pool"),
    precision: Annotated[float, typer.Option(help="Chooses depth and sample: see docs/judging.md.")] = 0.01,
    depth: Annotated[int | None, typer.Option(help="Results of each system, instead.")] = None,
    sample: Annotated[
        int | None, typer.Option(help="Random pairs a query of what no system returned, instead.")
    ] = None,
    cut: Annotated[int, typer.Option(help="The k of the metrics: the first k of every system are judged.")] = 10,
    answers: Annotated[bool, typer.Option(help="Judge the benchmark's own answers, too.")] = True,
    price_in: Annotated[float, typer.Option(help="For a million tokens that the judge reads.")] = 0.0,
    price_out: Annotated[float, typer.Option(help="For a million tokens that it writes.")] = 0.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what there would be; write no pool.")] = False,
    cache: Annotated[Path | None, typer.Option(help="Where embeddings are kept; OUT/cache by default.")] = None,
    remote_code: Annotated[
        list[str] | None, typer.Option(metavar="MODEL", help="A model that may run code from its own repository.")
    ] = None,
    batch: Annotated[int, typer.Option(help="Pictures embedded at once; changes speed and memory only.")] = 64,
    seed: Annotated[int, typer.Option(help="Of the random sample and the order.")] = 0,
) -> None:
    """Gather the pairs that a judge should grade: what several systems return first, and a random sample of the rest.

    Blinded and shuffled: nothing in `pool.parquet` tells who returned a pair. Prints what each depth would cost and how
    much a system that was not pooled could then be off; sends nothing to anyone.
    """
    from weft.judging.gather import Wanted, make, render

    chosen = {"depth": -1 if depth is None else depth, "sample": -1 if sample is None else sample}
    wanted = Wanted(precision, cut=cut, answers=answers, seed=seed, **chosen)
    prices = (price_in, price_out)
    print(render(make(benchmark, systems, out, wanted, prices, dry_run, cache, remote_code or (), batch)))
    if not dry_run:
        print(f"\npool  {out}")


@app.command()
@engine_options()
@endpoint_options("judge by attributes")
def judge(
    pool: Annotated[Path, typer.Argument(help="A folder that weft pool wrote.")],
    out: Annotated[Path | None, typer.Option(help="The folder of judgements; POOL/judged-NAME by default.")] = None,
    rubric: Annotated[str, typer.Option(help="fashion-0-3, fashion-0-4, or a TOML file.")] = "fashion-0-3",
    name: Annotated[str, typer.Option(help="What the judge is called; the model by default.")] = "",
    side: Annotated[int, typer.Option(help="Pixels of a picture's longer side; 0 sends no pictures.")] = 512,
    repeats: Annotated[int, typer.Option(help="How often each pair is judged, to see whether answers agree.")] = 1,
    swap: Annotated[bool, typer.Option("--swap", help="Judge once more with the product before the query.")] = False,
    against: Annotated[
        Path | None, typer.Option(help="People's judgements: then say how far the judge agrees, as weft agree does.")
    ] = None,
    attributes: Annotated[
        str, typer.Option(help="For judging by attributes: a curate folder, or a table, PATH?id=COLUMN.")
    ] = "",
    know: Annotated[float, typer.Option(help="Share of the attributes that the attribute judge knows.")] = 1.0,
    wrong: Annotated[float, typer.Option(help="Share of its grades that are wrong on purpose.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Of what it knows and where it errs.")] = 0,
    *,
    asked: "Asked",
) -> None:
    """Grade a pool's pairs by a language model that sees pictures, or offline by attributes.

    Requests, tokens and price are printed first. Every answer is kept as it comes: a killed run goes on and pays
    nothing twice. What is refused or cannot be read is missing, never 0, and counted.
    """
    from weft.benchmarks.trec import file_name
    from weft.judging import verbs
    from weft.judging.attribute import open_rule
    from weft.judging.judge import by_attributes, by_endpoint, render
    from weft.judging.pool import Pool
    from weft.judging.prompt import SIDE
    from weft.judging.rubric import open_rubric
    from weft.report import judging as page

    with_endpoint = {"swap": swap, "side": side != SIDE}
    without = {"attributes": attributes, "know": know < 1, "wrong": wrong, "seed": seed}
    for option in (name for name, given in (without if asked.where else with_endpoint).items() if given):
        why = "is for judging by attributes; with --endpoint" if asked.where else "needs --endpoint URL; without one"
        raise WeftError(f"--{option} {why} it does nothing")
    opened, scale, name = Pool(pool), open_rubric(rubric), name or (asked.where.model if asked.where else "attributes")
    out = out or pool / file_name(f"judged-{name}")
    if against:
        verbs.people(against)  # a file that cannot be read must not show after the judge was paid
    if asked.where:
        found = by_endpoint(opened, out, asked, scale, name, side, repeats, (0, 1) if swap else (0,))
    else:
        rule = open_rule(opened, attributes, scale.top, know, wrong, seed)
        found = by_attributes(opened, out, rule, scale, name, repeats, asked.dry_run)
    print(render(found))
    if not asked.dry_run:
        print(f"\njudgements  {out / 'judgements.parquet'}")
    if against and not asked.dry_run:
        record = verbs.agree(out, against, pool)
        print(f"\n{page.terminal(record)}\n\nagreement  {page.write(record, out, 'agreement')}")
