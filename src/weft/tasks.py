"""What is measured: the catalogue's own tasks, in-domain and zero-shot, and everything that must not be forgotten."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from weft.catalogue.collection import Collection, Task
from weft.errors import WeftError
from weft.pairs.queries import normal
from weft.recipe import Benchmark, Recipe

DEPTH = 100
"""How many products are ranked for a query; every metric reported looks at fewer."""


@dataclass(frozen=True)
class Retrieval:
    """Find products by text. `gallery` (G,) product rows that compete; `task` the queries and graded answers."""

    name: str
    domain: str
    collection: Collection
    task: Task
    gallery: np.ndarray
    primary: str = "recall@10"
    kind: str = "retrieval"

    @property
    def whole(self) -> bool:
        """Whether all of the collection competes, as it does in a shop."""
        return len(self.gallery) == len(self.collection)

    @property
    def images(self) -> np.ndarray:
        """Rows of the pictures in play."""
        return np.concatenate([self.collection.image_rows[row] for row in self.gallery])

    @property
    def query_ids(self) -> list[str]:
        return self.task.ids


@dataclass(frozen=True)
class Classification:
    """Name a picture's category among `classes` by zero-shot prompts; `truth` (P,) class of each product row.

    The primary metric is balanced accuracy: a constant answer scores 1 / classes, however uneven they are.
    """

    name: str
    domain: str
    collection: Collection
    products: np.ndarray
    classes: list[str]
    truth: np.ndarray
    prompt: str
    primary: str = "balanced_accuracy"
    kind: str = "classification"

    @property
    def images(self) -> np.ndarray:
        return np.asarray([self.collection.image_rows[row][0] for row in self.products])

    @property
    def query_ids(self) -> list[str]:
        return [self.collection.products[row].id for row in self.products]


AnyTask = Retrieval | Classification


def tasks_of(recipe: Recipe, curated: Path, split: str, held_out_gallery: bool = False) -> list[AnyTask]:
    """Every task of the recipe on one split ("dev" or "test").

    Args:
        curated: the finished curate folder.
        held_out_gallery: also ask the in-domain queries of a gallery of held-out products only; the
            name says so, because such a score is easier than the shop's reality.
    """
    catalogue = Collection(curated)
    found: list[AnyTask] = []
    everything = np.arange(len(catalogue))
    for task in catalogue.tasks(split):
        domain = task.name.partition("/")[0]
        found.append(Retrieval(task.name, domain, catalogue, task, everything))
    if held_out_gallery:
        for task in [t for t in found if t.domain == "in-domain"]:
            only = np.flatnonzero(catalogue.split == split)
            if len(only) > 10:
                found.append(Retrieval(f"{task.name} ({split}-only gallery)", "in-domain", catalogue, task.task, only))
    for benchmark in recipe.benchmarks:
        if benchmark.collection:
            found += _borrowed(benchmark.name, Collection(benchmark.collection), split)
            continue
        collection = Collection(curated / "benchmarks" / benchmark.name)
        if benchmark.task == "class":
            found.append(_classification(benchmark, collection, split))
        else:
            for task in _some(collection.tasks(split), benchmark.name, split):
                found.append(Retrieval(benchmark.name, "out-of-domain", collection, task, np.arange(len(collection))))
    return found


def _some(tasks: list[Task], name: str, split: str) -> list[Task]:
    """The tasks, if there are any: a benchmark that asks nothing would be kept by every model."""
    if not tasks:
        raise WeftError(f"benchmark {name!r} has no {split} query: has its source titles, and is it large enough?")
    return tasks


def _borrowed(name: str, collection: Collection, split: str) -> list[AnyTask]:
    """An earlier run's own queries become what the next run must not forget."""
    tasks = _some([task for task in collection.tasks(split) if task.name.startswith("in-domain/")], name, split)
    single = len(tasks) == 1
    return [
        Retrieval(
            name if single else f"{name}/{task.name.partition('/')[2]}", "out-of-domain", collection, task,
            np.arange(len(collection)),
        )
        for task in tasks
    ]  # fmt: skip


def _classification(benchmark: Benchmark, collection: Collection, split: str) -> Classification:
    labels = np.asarray([normal(product.category) for product in collection.products])
    rows = np.flatnonzero(collection.split == split)
    classes, truth = np.unique(labels, return_inverse=True)
    if len(classes) < 2 or not len(rows):
        raise WeftError(
            f"benchmark {benchmark.name!r} has {len(classes)} categories and {len(rows)} pictures on {split}; "
            "map its label to columns.category"
        )
    names = [benchmark.names.get(name, name) for name in classes.tolist()]
    return Classification(benchmark.name, "out-of-domain", collection, rows, names, truth[rows], benchmark.prompt)
