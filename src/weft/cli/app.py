"""The command line's one application and what its verbs share: a recipe's path, `--set`, the pipeline."""

from pathlib import Path
from typing import Annotated

import typer

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


def pipeline_of(recipe: Path, changes: list[str] | None):
    from weft.recipe import load

    loaded = load(recipe, changes or ())  # first: a typo is answered before torch is there
    from weft.pipeline import Pipeline

    return Pipeline(loaded)
