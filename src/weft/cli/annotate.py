"""Verbs for judges and what their grades change: annotate, agree, rejudge."""

from pathlib import Path
from typing import Annotated

import typer

from weft.cli.app import app


@app.command()
def annotate(
    pool: Annotated[Path, typer.Argument(help="A folder that weft pool wrote.")],
    name: Annotated[
        str, typer.Option(help="Who grades; several may work on one pool, each under a name of their own.")
    ],
    out: Annotated[Path, typer.Option(help="Everybody's grades; logs and TREC qrels lie beside it.")] = Path(
        "human.parquet"
    ),
    rubric: Annotated[str, typer.Option(help="fashion-0-3, fashion-0-4 or a TOML file.")] = "fashion-0-3",
    port: Annotated[int, typer.Option(help="On this machine only; 0 for any that is free.")] = 8765,
) -> None:
    """Open a local page on which a person grades a pool's pairs: keys 0 to 3, u to undo, s to skip.

    Blind: nobody sees which system returned what. Every answer is kept at once; run it again to go on. Writes the
    grades as judgements of "human:NAME", for `weft agree` and `weft rejudge`.
    """
    from weft.annotate.server import annotate as serve
    from weft.judging.rubric import open_rubric

    serve(pool, out, name, open_rubric(rubric), port)


@app.command()
def agree(
    judgements: Annotated[Path, typer.Argument(help="A file of judgements, or a folder that holds one.")],
    against: Annotated[
        Path | None, typer.Argument(help="People's judgements; none: the judges among themselves.")
    ] = None,
    pool: Annotated[Path | None, typer.Option(help="Tells who returned what: does the judge favour someone?")] = None,
    products: Annotated[Path | None, typer.Option(help="A table of products, to split agreement by a column.")] = None,
    column: Annotated[str, typer.Option(help="That column.")] = "category",
    out: Annotated[Path | None, typer.Option(help="A folder for agreement.html, .md and .json.")] = None,
) -> None:
    """Put a judge to the test: agreement with people, with itself, and whether it favours a system's results.

    Weighted kappas with intervals over queries, confusion by grade, Krippendorff's alpha of several annotators,
    consistency over repeats and image orders; and of several judges, the median of all as one more.
    """
    from weft.judging import verbs
    from weft.report import judging as page

    record = verbs.agree(judgements, against, pool, products, column)
    print(page.terminal(record))
    if out:
        print(f"\nagreement  {page.write(record, out, 'agreement')}")


@app.command()
def rejudge(
    evaluation: Annotated[Path, typer.Argument(help="A folder that weft evaluate wrote.")],
    judgements: Annotated[list[Path], typer.Option(help="Judgements of its pairs; several times for several judges.")],
    out: Annotated[Path, typer.Option(help="The folder that is written.")] = Path("runs/rejudged"),
    pool: Annotated[Path | None, typer.Option(help="Tells pictures, so that equal ones can be merged.")] = None,
    task: Annotated[list[str] | None, typer.Option(help="Only these tasks.")] = None,
    relevant: Annotated[float | None, typer.Option(help="Lowest relevant grade; the rubric's own by default.")] = None,
    licence: Annotated[str, typer.Option(help="Of the new grades, as the hub names it.")] = "unknown",
) -> None:
    """Score an evaluation again by new judgements: who moves, which orders survive, what nobody judged.

    Writes `results.html`, `.md`, `.json`, and `release/`: the new answers as TREC qrels and as a Hugging Face folder
    with a card that says how they were made.
    """
    from weft.judging import verbs
    from weft.report import judging as page

    record = verbs.judge_again(evaluation, judgements, out, pool, task or (), relevant, licence)
    print(page.terminal(record))
    print(f"\nrejudged  {page.write(record, out)}\nrelease   {out / 'release'}")
