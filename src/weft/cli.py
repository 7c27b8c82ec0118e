"""The command line: verbs only, which import lazily and hold no logic."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from weft.errors import WeftError

app = typer.Typer(
    name="weft",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help=(
        "Specialise a vision-language encoder for one catalogue without losing what the base model knew.\n\n"
        "`weft run RECIPE.toml` does everything: curate, train, weave, evaluate, report. Each stage is also a "
        "verb of its own, reads the folders before it and writes one. What is done and has not changed is kept; "
        "what was killed goes on."
    ),
)

RecipePath = Annotated[Path, typer.Argument(metavar="RECIPE", help="The TOML file that says how the encoder is made.")]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        "-s",
        metavar="KEY=VALUE",
        help="Change one entry: `--set train.epochs=3`, `--set sources.0.local=my.parquet`.",
    ),
]


def _pipeline(recipe: Path, changes: list[str] | None):
    from weft.recipe import load

    loaded = load(recipe, changes or ())  # first: a typo is answered before torch is there
    from weft.pipeline import Pipeline

    return Pipeline(loaded)


@app.command()
def run(recipe: RecipePath, set_: Set = None) -> None:
    """Do the main job: from a catalogue to a better encoder, with its report.

    Prints the verdict table and where `model/` and `report.html` are. Run it again after a change or a
    crash: only what is missing or changed is done.
    """
    from weft import processes

    pipeline = _pipeline(recipe, set_)
    pipeline.run()
    if processes.rank() > 0:  # under torchrun one process speaks
        return
    print(pipeline.table())
    print(f"\nreport  {pipeline.folder / 'report' / 'report.html'}")
    print(f"model   {pipeline.folder / 'weave' / 'model'}")


@app.command()
def curate(recipe: RecipePath, set_: Set = None) -> None:
    """Read the sources; group duplicates, split, write queries and graded answers.

    Writes `curate/`. Every row that cannot be used is listed in `skipped.jsonl` with its reason, and
    every product kept out of training in `dropped.jsonl`; the counts printed add up.
    """
    _pipeline(recipe, set_).curate()


@app.command()
def train(recipe: RecipePath, set_: Set = None) -> None:
    """Fine-tune both towers on the curated catalogue, distilling from the frozen base.

    Writes `train/model`, a plain Hugging Face folder, and `train/log.jsonl`. For several GPUs:
    `torchrun --nproc-per-node 8 -m weft train RECIPE`.
    """
    _pipeline(recipe, set_).train()


@app.command()
def weave(recipe: RecipePath, set_: Set = None) -> None:
    """Interpolate between the base and the fine-tuned weights; choose alpha on dev queries.

    Writes `weave/model` and `weave/alpha.json` with the rule and the whole curve.
    """
    _pipeline(recipe, set_).weave()


@app.command()
def evaluate(recipe: RecipePath, set_: Set = None) -> None:
    """Score base, fine-tuned and woven model, BM25 and their fusion on the test queries.

    Writes `evaluate/results.json`, `per_query.parquet` and TREC runs, and prints the verdict table.
    """
    pipeline = _pipeline(recipe, set_)
    pipeline.evaluate()
    print(pipeline.table())


@app.command()
def report(recipe: RecipePath, set_: Set = None) -> None:
    """Draw the evidence as one self-contained page, `report/report.html`, with `report.json` beside it."""
    pipeline = _pipeline(recipe, set_)
    pipeline.report()
    print(pipeline.folder / "report" / "report.html")


@app.command()
def plan(recipe: RecipePath, set_: Set = None) -> None:
    """Estimate parameters, memory, disk and hours of a recipe on common cards, before anything is run."""
    from weft.plan import plan_recipe
    from weft.recipe import load

    print(plan_recipe(load(recipe, set_ or ())))


@app.command()
def demo(
    out: Annotated[Path, typer.Argument(help="Folder to write pictures to.")] = Path("runs/demo-catalogue"),
    source: Annotated[str, typer.Option(help="Which world, how many, which words.")] = "demo:studio?products=24",
) -> None:
    """Draw products of the procedural catalogue that the demo trains on, to look at them."""
    from weft.demo.source import write_folder

    print(write_folder(source, out))


def main() -> None:
    """Runs the command line; what a user can cause ends in one clear line and exit code 2."""
    try:
        app(standalone_mode=True)
    except WeftError as error:
        print(f"weft: {error}", file=sys.stderr)
        sys.exit(2)
    except SystemExit as end:
        if end.code == 130:  # what typer makes of Ctrl-C
            print("weft: stopped; run the same command again to go on", file=sys.stderr)
        raise


if __name__ == "__main__":
    main()
