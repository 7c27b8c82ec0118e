"""Verbs of the main job, stage by stage, and what is asked before it: plan and demo."""

from pathlib import Path
from typing import Annotated

import typer

from weft.cli.app import RecipePath, Set, app, pipeline_of
from weft.cli.engines import engine_options


@app.command()
@engine_options()
def run(recipe: RecipePath, set_: Set = None) -> None:
    """Do the main job: from a catalogue to a better encoder, with its report.

    Prints the verdict table and where `model/` and `report.html` are. Run it again after a change or a
    crash: only what is missing or changed is done.
    """
    from weft import processes

    pipeline = pipeline_of(recipe, set_)
    pipeline.run()
    if processes.rank() > 0:  # under torchrun one process speaks
        return
    print(pipeline.table())
    print(f"\nreport  {pipeline.folder / 'report' / 'report.html'}")
    print(f"model   {pipeline.folder / 'weave' / 'model'}")


@app.command()
@engine_options()
def curate(recipe: RecipePath, set_: Set = None) -> None:
    """Read the sources; group duplicates, split, write queries and graded answers.

    Writes `curate/`. Every row that cannot be used is listed in `skipped.jsonl` with its reason, and
    every product kept out of training in `dropped.jsonl`; the counts printed add up.
    """
    pipeline_of(recipe, set_).curate()


@app.command()
def train(recipe: RecipePath, set_: Set = None) -> None:
    """Fine-tune both towers on the curated catalogue, distilling from the frozen base.

    Writes `train/model`, a plain Hugging Face folder, and `train/log.jsonl`. For several GPUs:
    `torchrun --nproc-per-node 8 -m weft train RECIPE`.
    """
    pipeline_of(recipe, set_).train()


@app.command()
@engine_options()
def weave(recipe: RecipePath, set_: Set = None) -> None:
    """Interpolate between the base and the fine-tuned weights; choose alpha on dev queries.

    Writes `weave/model` and `weave/alpha.json` with the rule and the whole curve.
    """
    pipeline_of(recipe, set_).weave()


@app.command()
def report(recipe: RecipePath, set_: Set = None) -> None:
    """Draw the evidence as one self-contained page, `report/report.html`, with `report.json` beside it."""
    pipeline = pipeline_of(recipe, set_)
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
