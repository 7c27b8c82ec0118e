"""What is measured: the catalogue's own tasks, in-domain and zero-shot, and everything that must not be forgotten."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from weft.benchmarks.collection import classification, retrieval
from weft.benchmarks.record import AnyTask
from weft.catalogue.collection import Collection, Task
from weft.errors import WeftError
from weft.recipe import Benchmark, Recipe


def tasks_of(recipe: Recipe, curated: Path, split: str, held_out_gallery: bool = False) -> list[AnyTask]:
    """Every task of the recipe on one split ("dev" or "test").

    On "dev", `weave.gallery` limits every gallery that is searched, by the same sample for all tasks of a collection.

    Args:
        curated: the finished curate folder.
        held_out_gallery: also ask the in-domain queries of a gallery of held-out products only; the
            name says so, because such a score is easier than the shop's reality.
    """
    catalogue = Collection(curated)
    size = recipe.weave.gallery if split == "dev" else 0
    found: list[AnyTask] = _asked(catalogue, catalogue.tasks(split), size)
    only = np.flatnonzero(catalogue.split == split)
    if held_out_gallery and len(only) > 10:
        for task in catalogue.tasks(split):
            if task.name.startswith("in-domain/"):
                name = f"{task.name} ({split}-only gallery)"
                found.append(retrieval(catalogue, task, domain="in-domain", name=name, gallery=only))
    for benchmark in recipe.benchmarks:
        if benchmark.collection:
            found += _borrowed(benchmark.name, Collection(benchmark.collection), split, size)
            continue
        collection = Collection(curated / "benchmarks" / benchmark.name)
        if benchmark.task == "class":
            found.append(_classification(benchmark, collection, split))
        else:
            tasks = _some(collection.tasks(split), benchmark.name, split)
            found += _asked(collection, tasks, size, "out-of-domain", [benchmark.name] * len(tasks))
    return found


def collections_of(recipe: Recipe, curated: Path) -> dict[str, Collection]:
    """The collections that the recipe's tasks ask, by what they are called: the catalogue and every benchmark."""
    return {"the catalogue's own queries": Collection(curated)} | {
        b.name: Collection(b.collection or curated / "benchmarks" / b.name) for b in recipe.benchmarks
    }


def _asked(
    collection: Collection, tasks: list[Task], size: int, domain: str = "", names: Sequence[str] = ()
) -> list[AnyTask]:
    """The tasks under their own names, or `names`; in their own domains, or one."""
    gallery = sample(collection, tasks, size)
    found = [
        retrieval(collection, task, domain or task.name.partition("/")[0], name, gallery)
        for task, name in zip(tasks, names or [task.name for task in tasks], strict=True)
    ]
    # Nobody asks the same queries in the whole gallery beside it: what is chosen by counts them.
    return [dataclasses.replace(task, limited=False) for task in found]


def sample(collection: Collection, tasks: Sequence[Task], size: int) -> np.ndarray | None:
    """(G,) rows of a gallery of `size` products, ascending: what the queries were made from, or all answers of a query
    that was made from nothing, and a random sample of the rest. None, which is all, for 0 or too large a size.

    Choosing by a sample of the gallery is choosing: scores are higher than in the whole one, and are only compared with
    each other (Krichene and Rendle, KDD 2020, on what a sampled metric may not be used for).
    """
    if not 0 < size < len(collection):
        return None
    needed = np.zeros(len(collection), dtype=bool)
    for task in tasks:
        for source, (rows, _) in zip(task.source, task.relevant, strict=True):
            needed[rows if source < 0 else source] = True
    rest = np.random.default_rng(0).permutation(np.flatnonzero(~needed))
    return np.sort(np.append(np.flatnonzero(needed), rest[: max(0, size - int(needed.sum()))]))


def _some(tasks: list[Task], name: str, split: str) -> list[Task]:
    """The tasks, if there are any: a benchmark that asks nothing would be kept by every model."""
    if not tasks:
        raise WeftError(f"benchmark {name!r} has no {split} query: has its source titles, and is it large enough?")
    return tasks


def _borrowed(name: str, collection: Collection, split: str, size: int) -> list[AnyTask]:
    """An earlier run's own queries become what the next run must not forget."""
    tasks = _some([task for task in collection.tasks(split) if task.name.startswith("in-domain/")], name, split)
    names = [name if len(tasks) == 1 else f"{name}/{task.name.partition('/')[2]}" for task in tasks]
    return _asked(collection, tasks, size, "out-of-domain", names)


def _classification(benchmark: Benchmark, collection: Collection, split: str) -> AnyTask:
    task = classification(collection, np.flatnonzero(collection.split == split), benchmark.name, (benchmark.prompt,))
    if len(task.classes) < 2 or not len(task.truth):
        counted = f"{len(task.classes)} categories and {len(task.truth)} pictures on {split}"
        raise WeftError(f"benchmark {benchmark.name!r} has {counted}; map its label to columns.category")
    names = [benchmark.names.get(name, name) for name in task.classes]
    return dataclasses.replace(task, classes=names, domain="out-of-domain")
