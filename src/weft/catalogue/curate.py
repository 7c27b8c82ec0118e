"""The first stage: sources become one collection with families, splits, queries and graded answers."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from weft.catalogue.builder import Builder, KeepOut
from weft.catalogue.quality import Fit
from weft.catalogue.sources import Source, open_source
from weft.catalogue.sources.querylog import read_log
from weft.errors import WeftError
from weft.options import OWN
from weft.progress import say
from weft.recipe import Benchmark, Curate, Recipe


def curate(recipe: Recipe, folder: Path, keep_out: KeepOut | None = None, fit: Fit | None = None) -> None:
    """Writes the catalogue's collection to `folder`, and each benchmark's to `folder/benchmarks/<name>`.

    Args:
        keep_out: finds the products that must not be trained on.
        fit: says how well texts fit pictures, for the quality rule "misfit".

    Raises:
        WeftError: a source or benchmark cannot be opened (before any is read), or nothing is left to train on.
    """
    opened = _opened(recipe)
    catalogue = Builder(recipe.name, folder, recipe.curate, recipe.seed)
    for source in recipe.sources:
        catalogue.read(source, next(opened))
    catalogue.divide()
    if keep_out:
        catalogue.guard(keep_out)
    catalogue.judge(fit)
    if not (catalogue.splits.split == "train").any():
        raise WeftError(f"no product is left to train on in {', '.join(s.place for s in recipe.sources)}")
    if recipe.curate.zero_shot_share and not any(name.startswith("zero-") for name in catalogue.splits.split):
        say("  no brand is small enough to be held out: there will be no zero-shot task")
    questions = catalogue.questions()
    questions.ask(recipe.pairs)
    if recipe.query_log.place:
        questions.ask_log(recipe.query_log)
    catalogue.write(questions)
    for benchmark in recipe.benchmarks:
        if not benchmark.collection:
            _benchmark(benchmark, next(opened), recipe, folder / "benchmarks" / benchmark.name)


def curate_reference(recipe: Recipe, folder: Path, keep_out: KeepOut) -> None:
    """Writes the recipe's `[[reference]]` to `folder`: a collection of which nothing is asked and all is trained on but
    what the guard finds.

    Args:
        keep_out: finds what a query asks for.

    Raises:
        WeftError: a source cannot be opened, or nothing is left.
    """
    nothing = {"zero_shot_share": 0.0, "dev_share": 0.0, "test_share": 0.0}
    # Near-duplicates are looked for in any case: that is how the guard knows a copy. No rule of quality is applied.
    whole = dataclasses.replace(recipe.curate, **nothing, near_duplicates=True, quality=())
    builder = Builder("reference", folder, whole, recipe.seed)
    for source in recipe.reference:
        builder.read(source, open_source(source, recipe.curate.strict, recipe.curate.min_side))
    builder.divide()
    builder.guard(keep_out)
    if not (builder.splits.split == "train").any():
        places = ", ".join(source.place for source in recipe.reference)
        row, why = builder.splits.dropped[0]
        raise WeftError(
            f"[[reference]]: of {builder.rows} rows of {places} {builder.lost} were skipped and "
            f"{len(builder.splits.dropped)} are asked for, {builder.products[row].id} for instance {why}: none is left"
        )
    builder.write(builder.questions())


def _opened(recipe: Recipe) -> Iterator[Source]:
    """All sources, then benchmarks', the beginning of each tried: what is wrong with the last is told before the first
    is read, and so is a reference that cannot be opened."""
    benchmarks = (one.source for one in recipe.benchmarks if not one.collection)
    sources = (*recipe.sources, *benchmarks, *(recipe.reference if recipe.train.reference == OWN else ()))
    opened = [open_source(source, recipe.curate.strict, recipe.curate.min_side) for source in sources]
    if recipe.query_log.place:
        read_log(recipe.query_log)
    for source, items in zip(sources, opened, strict=True):
        items.peek(source.place)
    return iter(opened)


def _benchmark(benchmark: Benchmark, items: Source, recipe: Recipe, folder: Path) -> None:
    """A benchmark is a catalogue of which nothing is trained on: all of it is dev or test."""
    shares = Curate(
        zero_shot_share=0.0,
        dev_share=benchmark.dev_share,
        test_share=1 - benchmark.dev_share,
        dev_queries=benchmark.dev_queries,
        test_queries=benchmark.test_queries,
        near_duplicates=recipe.curate.near_duplicates,
        min_side=recipe.curate.min_side,
        strict=recipe.curate.strict,
        quality=(),  # a benchmark is taken as it is
    )
    folder.mkdir(parents=True, exist_ok=True)
    builder = Builder(benchmark.name, folder, shares, recipe.seed)
    builder.read(benchmark.source, items, needs_category=benchmark.task == "class")
    builder.divide(by_title=benchmark.task != "class")
    questions = builder.questions()
    if benchmark.task == "title":
        questions.ask_titles()
    builder.write(questions)
