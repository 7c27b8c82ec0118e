"""Verbs that let a language model add to a curated catalogue: write, grade."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from weft.cli.app import app
from weft.cli.endpoints import endpoint_options
from weft.cli.engines import engine_options

if TYPE_CHECKING:
    from weft.endpoint import Asked

Run = Annotated[Path, typer.Argument(help="The folder of a run that weft curate has done.")]


@app.command()
@engine_options()
@endpoint_options("plain rules write", temperature=0.7)
def write(
    run: Run,
    out: Annotated[Path | None, typer.Option(help="The folder that is written; RUN/write by default.")] = None,
    versions: Annotated[int, typer.Option(help="Short texts a product, each from other attributes.")] = 3,
    language: Annotated[str, typer.Option(help="Of the texts: en, de, ...; '' for the data's own, unchecked.")] = "en",
    brand: Annotated[bool, typer.Option(help="Whether texts may name the brand.")] = True,
    side: Annotated[int, typer.Option(help="Long texts see the picture, so many pixels long; 0: not.")] = 0,
    twins: Annotated[bool, typer.Option(help="Write the dev and test queries anew as well.")] = True,
    other_words: Annotated[
        Path | None, typer.Option(help='A JSON file, value to other ways of saying it: {"navy": ["dark blue"]}.')
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the attributes that short texts drop.")] = 0,
    *,
    asked: "Asked",
) -> None:
    """Have short and long queries written for every product that is trained on, and twins of the dev and test queries.

    Each text is checked: length, language, brand, nothing that the product does not have. What fails is asked again
    and in the end taken from the deterministic writer, counted by reason. Without --endpoint that writes everything.
    """
    from weft.curation import render
    from weft.curation.options import words_of
    from weft.curation.write import Options
    from weft.curation.write import write as written

    options = Options(versions, language, brand, side, twins, words_of(other_words), seed)
    out = out or run / "write"
    done = written(run, out, asked, options)
    print(render.written(done))
    if not asked.dry_run:
        print(f"\nwritten  {out / 'written.parquet'}")


@app.command()
@engine_options()
@endpoint_options("stop at the pool, or read --judgements")
def grade(
    run: Run,
    written: Annotated[Path | None, typer.Option(help="What weft write wrote; RUN/write by default.")] = None,
    out: Annotated[Path | None, typer.Option(help="The folder that is written; RUN/grade by default.")] = None,
    near: Annotated[int, typer.Option(help="Near misses a text, found by its words.")] = 2,
    pairs: Annotated[
        Path | None, typer.Option(help="A table with `query` and `product_id`, in place of near misses by words.")
    ] = None,
    judgements: Annotated[
        Path | None, typer.Option(help="Of OUT/pool, by weft judge or weft annotate, in place of an endpoint.")
    ] = None,
    rubric: Annotated[str, typer.Option(help="fashion-0-3, fashion-0-4, or a TOML file with grades 0 to 3.")] = (
        "fashion-0-3"
    ),
    side: Annotated[int, typer.Option(help="Pixels of a picture's longer side; 0 sends no pictures.")] = 512,
    seed: Annotated[int, typer.Option(help="Of the order in which pairs are graded.")] = 0,
    *,
    asked: "Asked",
) -> None:
    """Have the written texts graded with their products and with near misses: grades become the loss's weights.

    The judge is `weft judge`'s. A pair without a grade is missing, never 0, and keeps what its statements say.
    """
    from weft.curation import render
    from weft.curation.grade import grade as graded
    from weft.judging.rubric import open_rubric

    out = out or run / "grade"
    scale, written = open_rubric(rubric), written or run / "write"
    found = graded(run, written, out, asked, scale, near, pairs, judgements, side, seed)
    print(render.graded(found))
    if "status" in found:
        print(f"\ngrades  {out / 'grades.parquet'}")
