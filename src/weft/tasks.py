"""What is measured: the catalogue's own tasks, in-domain and zero-shot, and everything that must not be forgotten."""

import dataclasses
from pathlib import Path

import numpy as np

from weft.benchmarks.collection import classification, retrieval
from weft.benchmarks.record import AnyTask, Retrieval
from weft.catalogue.collection import Collection, Task
from weft.errors import WeftError
from weft.recipe import Benchmark, Recipe


def tasks_of(recipe: Recipe, curated: Path, split: str, held_out_gallery: bool = False) -> list[AnyTask]:
    """Every task of the recipe on one split ("dev" or "test").

    Args:
        curated: the finished curate folder.
        held_out_gallery: also ask the in-domain queries of a gallery of held-out products only; the
            name says so, because such a score is easier than the shop's reality.
    """
    catalogue = Collection(curated)
    found: list[AnyTask] = [
        retrieval(catalogue, task, domain=task.name.partition("/")[0]) for task in catalogue.tasks(split)
    ]
    only = np.flatnonzero(catalogue.split == split)
    if held_out_gallery and len(only) > 10:
        for task in catalogue.tasks(split):
            if task.name.startswith("in-domain/"):
                name = f"{task.name} ({split}-only gallery)"
                found.append(retrieval(catalogue, task, domain="in-domain", name=name, gallery=only))
    for benchmark in recipe.benchmarks:
        if benchmark.collection:
            found += _borrowed(benchmark.name, Collection(benchmark.collection), split)
            continue
        collection = Collection(curated / "benchmarks" / benchmark.name)
        if benchmark.task == "class":
            found.append(_classification(benchmark, collection, split))
        else:
            tasks = _some(collection.tasks(split), benchmark.name, split)
            found += [retrieval(collection, task, domain="out-of-domain", name=benchmark.name) for task in tasks]
    return found


def _some(tasks: list[Task], name: str, split: str) -> list[Task]:
    """The tasks, if there are any: a benchmark that asks nothing would be kept by every model."""
    if not tasks:
        raise WeftError(f"benchmark {name!r} has no {split} query: has its source titles, and is it large enough?")
    return tasks


def _borrowed(name: str, collection: Collection, split: str) -> list[Retrieval]:
    """An earlier run's own queries become what the next run must not forget."""
    tasks = _some([task for task in collection.tasks(split) if task.name.startswith("in-domain/")], name, split)
    names = [name if len(tasks) == 1 else f"{name}/{task.name.partition('/')[2]}" for task in tasks]
    return [
        retrieval(collection, task, domain="out-of-domain", name=own) for own, task in zip(names, tasks, strict=True)
    ]


def _classification(benchmark: Benchmark, collection: Collection, split: str) -> AnyTask:
    task = classification(collection, np.flatnonzero(collection.split == split), benchmark.name, (benchmark.prompt,))
    if len(task.classes) < 2 or not len(task.truth):
        counted = f"{len(task.classes)} categories and {len(task.truth)} pictures on {split}"
        raise WeftError(f"benchmark {benchmark.name!r} has {counted}; map its label to columns.category")
    names = [benchmark.names.get(name, name) for name in task.classes]
    return dataclasses.replace(task, classes=names, domain="out-of-domain")
