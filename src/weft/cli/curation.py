"""Verbs that let a language model add to a curated catalogue: write, grade."""

from pathlib import Path
from typing import Annotated

import typer

from weft.cli.app import app
from weft.cli.endpoints import (
    Body,
    Budget,
    Concurrency,
    Dry,
    KeyVariable,
    PriceIn,
    PriceOut,
    Requests,
    Timeout,
    Tokens,
)
from weft.cli.engines import engine_options

Run = Annotated[Path, typer.Argument(help="The folder of a run that weft curate has done.")]
Url = Annotated[str, typer.Option(metavar="URL", help="OpenAI-compatible, without /chat/completions.")]
Model = Annotated[str, typer.Option(help="The model to ask there.")]
Answers = Annotated[Path | None, typer.Option(help="The file of paid answers; OUT/answers.jsonl by default.")]


@app.command()
@engine_options()
def write(
    run: Run,
    out: Annotated[Path | None, typer.Option(help="The folder that is written; RUN/write by default.")] = None,
    endpoint: Url = "",
    model: Model = "",
    versions: Annotated[int, typer.Option(help="Short texts a product, each from other attributes.")] = 3,
    language: Annotated[str, typer.Option(help="Of the texts: en, de, ...; '' for the data's own, unchecked.")] = "en",
    brand: Annotated[bool, typer.Option(help="Whether texts may name the brand.")] = True,
    side: Annotated[int, typer.Option(help="Long texts see the picture, so many pixels long; 0: not.")] = 0,
    twins: Annotated[bool, typer.Option(help="Write the dev and test queries anew as well.")] = True,
    other_words: Annotated[
        Path | None, typer.Option(help='A JSON file, value to other ways of saying it: {"navy": ["dark blue"]}.')
    ] = None,
    temperature: Annotated[float, typer.Option(help="0 for the likeliest wording; more for other ones.")] = 0.7,
    seed: Annotated[int, typer.Option(help="Of the attributes that short texts drop.")] = 0,
    concurrency: Concurrency = 8,
    requests: Requests = 0,
    tokens: Tokens = 0,
    timeout: Timeout = 120,
    price_in: PriceIn = 0.0,
    price_out: PriceOut = 0.0,
    budget: Budget = 0.0,
    dry_run: Dry = False,
    key_variable: KeyVariable = "WEFT_API_KEY",
    body: Body = "",
    answers: Answers = None,
) -> None:
    """Have short and long queries written for every product that is trained on, and twins of the dev and test queries.

    Each text is checked: length, language, brand, nothing that the product does not have. What fails is asked again
    and in the end taken from the deterministic writer, counted by reason. Without --endpoint that writes everything.
    """
    from weft.curation import render
    from weft.curation.options import endpoint_of, fields_of, words_of
    from weft.curation.write import Options
    from weft.curation.write import write as written
    from weft.endpoint import Ledger

    where = endpoint_of(endpoint, model, key_variable, timeout, concurrency, requests, tokens)
    options = Options(versions, language, brand, side, twins, words_of(other_words), seed)
    fields, ledger = {"temperature": temperature} | fields_of(body), Ledger(price_in, price_out, budget)
    out = out or run / "write"
    print(render.written(written(run, out, where, options, fields, ledger, dry_run, answers)))
    if not dry_run:
        print(f"\nwritten  {out / 'written.parquet'}")


@app.command()
@engine_options()
def grade(
    run: Run,
    written: Annotated[Path | None, typer.Option(help="What weft write wrote; RUN/write by default.")] = None,
    out: Annotated[Path | None, typer.Option(help="The folder that is written; RUN/grade by default.")] = None,
    endpoint: Url = "",
    model: Model = "",
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
    temperature: Annotated[float, typer.Option(help="0 for the likeliest answer.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Of the order in which pairs are graded.")] = 0,
    concurrency: Concurrency = 8,
    requests: Requests = 0,
    tokens: Tokens = 0,
    timeout: Timeout = 120,
    price_in: PriceIn = 0.0,
    price_out: PriceOut = 0.0,
    budget: Budget = 0.0,
    dry_run: Dry = False,
    key_variable: KeyVariable = "WEFT_API_KEY",
    body: Body = "",
    answers: Answers = None,
) -> None:
    """Have the written texts graded with their products and with near misses: grades become the loss's weights.

    The judge is `weft judge`'s. A pair without a grade is missing, never 0, and keeps what its statements say.
    """
    from weft.curation import render
    from weft.curation.grade import grade as graded
    from weft.curation.options import endpoint_of, fields_of
    from weft.endpoint import Ledger
    from weft.judging.rubric import open_rubric

    where = endpoint_of(endpoint, model, key_variable, timeout, concurrency, requests, tokens)
    fields, ledger = {"temperature": temperature} | fields_of(body), Ledger(price_in, price_out, budget)
    out = out or run / "grade"
    found = graded(
        run, written or run / "write", out, where, open_rubric(rubric), near, pairs, judgements, side, fields, ledger,
        dry_run, answers, seed,
    )  # fmt: skip
    print(render.graded(found))
    if "status" in found:
        print(f"\ngrades  {out / 'grades.parquet'}")
