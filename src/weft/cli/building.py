"""Verbs that make a benchmark: build."""

from pathlib import Path
from typing import Annotated

import typer

from weft.cli.app import Set, app, pipeline_of


@app.command()
def build(
    what: Annotated[
        Path, typer.Argument(metavar="RECIPE | CURATE", help="A recipe, which is curated first, or a curate folder.")
    ],
    out: Annotated[Path, typer.Option(help="The folder that is written.")] = Path("runs/benchmark"),
    name: Annotated[str, typer.Option(help="What it is called; the folder's name by default.")] = "",
    licence: Annotated[str, typer.Option(help="Of queries, pictures and titles, an identifier of the hub.")] = "",
    queries: Annotated[int, typer.Option(help="Test queries, at most.")] = 2000,
    dev_queries: Annotated[int, typer.Option(help="Queries to choose by, at most; 0 for none.")] = 500,
    zero_shot: Annotated[float, typer.Option(help="Share of the queries that ask for unseen brands.")] = 0.3,
    floor: Annotated[int, typer.Option(help="Queries of every category that has as many products.")] = 3,
    brand_share: Annotated[float, typer.Option(help="Of a part's queries of one type, for one brand at most.")] = 0.1,
    most: Annotated[int, typer.Option(help="Products that may answer a query.")] = 10,
    size: Annotated[int, typer.Option(help="Products of the gallery; 0 for the whole catalogue.")] = 0,
    seen: Annotated[bool, typer.Option("--seen", help="Let products that were trained on be answers.")] = False,
    judgements: Annotated[
        list[Path] | None, typer.Option(help="Of a pool of this benchmark; they override grades by attributes; repeat.")
    ] = None,
    allow: Annotated[
        list[str] | None, typer.Option(metavar="CHECK", help="A check of the audit whose errors stand on the card.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of what is drawn.")] = 0,
    set_: Set = None,
) -> None:
    """Make a benchmark of your own catalogue: queries with short and long twins, graded answers, distractors, a card.

    Asks for products that training never saw, category by category, and writes the layout of ZooClaw-Fashion's
    release (`weft evaluate MODEL --on built=OUT` reads it), TREC files and a Hugging Face data set. The result is
    put through `weft audit` first: an error stops it.
    """
    from weft.build import Settings, render
    from weft.build import build as built

    settings = Settings(queries, dev_queries, zero_shot, floor, brand_share, most, size, not seen, seed)
    pairs = None
    if what.is_dir():
        curated = what
    else:
        pipeline = pipeline_of(what, set_)
        pipeline.curate()
        curated, pairs = pipeline.folder / "curate", pipeline.recipe.pairs
    facts = built(curated, out, settings, name, licence, judgements or (), allow or (), pairs)
    print(render(facts))
    print(f"\nbenchmark  {out}")
