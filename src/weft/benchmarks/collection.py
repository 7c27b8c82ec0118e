"""A curated catalogue's own queries as benchmark tasks: products with all their pictures, grades 0 to 3.

Its evaluation and its publication speak of the same things: relevant to a query is what has at least grade
`weft.schema.RELEVANT`; nDCG reads the grades. Labels are ours: recall@10 is the share of relevant products found.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from weft.benchmarks.assemble import Corpus
from weft.benchmarks.assemble import retrieval as assembled
from weft.benchmarks.record import Benchmark, Classification, Retrieval, Side
from weft.catalogue.collection import Collection, Task
from weft.errors import WeftError
from weft.pairs.queries import house, normal
from weft.schema import RELEVANT

BRANDS = 10
"""Unseen brands below which their queries are not resampled by brand: percentile intervals of so few are too short."""
METRICS = ("hit_rate@1", "hit_rate@10", "recall@10", "mrr@10", "ndcg@10")


def read(place: str, known, *, cache: Path | None = None, limit: int = 0, split: str = "test") -> Benchmark:
    """A finished `curate` folder: its text queries of one split over all its products.

    Args:
        split: "dev" or "test". limit: a gallery of the first so many products, named in the tasks.

    Raises:
        WeftError: the folder is no collection, or has no queries of the split.
    """
    if place.startswith("hf:"):
        raise WeftError("a catalogue's own collection is a folder: own=RUN/curate")
    collection = Collection(place)
    gallery = np.arange(min(limit, len(collection))) if limit else None
    tasks = tuple(
        retrieval(collection, task, domain=task.name.partition("/")[0], gallery=gallery)
        for task in collection.tasks(split)
    )
    if not tasks:
        raise WeftError(f"{place} has no {split} queries; split is dev or test")
    return Benchmark("own", tasks, source=place, citation="this catalogue")


def retrieval(
    collection: Collection, task: Task, domain: str = "", name: str = "", gallery: np.ndarray | None = None
) -> Retrieval:
    """A collection's task.

    Args:
        domain: see `Retrieval`. name: instead of the task's own.
        gallery: (G,) product rows that compete, all if None; a part is a limited gallery, and `name` must say so
            (without a name it is appended).

    Resampled together are the queries of one duplicate group and those of one text; of zero-shot tasks, those of one
    brand, because a brand that a model never saw stands or falls as one. With fewer than `BRANDS` of them an interval
    over brands would be none: then it is over products, and speaks of these brands alone.
    """
    whole = gallery is None or len(gallery) == len(collection)
    gallery = np.arange(len(collection)) if gallery is None else np.asarray(gallery, dtype=np.int64)
    place = np.full(len(collection) + 1, -1, dtype=np.int64)  # product row -> place in the gallery; the last for -1
    place[gallery] = np.arange(len(gallery))
    corpus = Corpus(products(collection, gallery), gallery, {}, False, {"corpus": len(gallery)})
    judged = [_inside(place[rows], grades) for rows, grades in task.relevant]
    sources = [collection.products[row] if row >= 0 else None for row in task.source]
    same = [f"group {collection.group[row]}" if row >= 0 else "" for row in task.source]
    brands = {house(product.brand) for product in sources if product and product.brand}
    if task.name.startswith("zero-shot") and len(brands) >= BRANDS:
        same = [f"brand {house(p.brand)}" if p and p.brand else own for p, own in zip(sources, same, strict=True)]
    found = assembled(
        name or task.name, Side(task.ids, task.texts), corpus, judged, threshold=RELEVANT, metrics=METRICS,
        source=place[task.source], alike=[same], domain=domain,
        strata={
            "domain": [task.name.partition("/")[0]] * len(task.ids),
            "category": [normal(p.category) if p else "" for p in sources],
        }
        | _stating(task.stated),
    )  # fmt: skip
    if whole:
        return found
    title = name or f"{task.name} (gallery of {len(gallery):,})"
    return Retrieval(**(found.__dict__ | {"name": title, "limited": True}))


def products(collection: Collection, rows: Sequence[int] | np.ndarray) -> Side:
    """Products as a corpus: every picture of each, titles for BM25."""
    pictures = [collection.image_rows[row] for row in rows]
    return Side(
        ids=[collection.products[row].id for row in rows],
        pictures=collection,
        rows=np.concatenate(pictures) if pictures else np.empty(0, dtype=np.int64),
        owner=np.repeat(np.arange(len(pictures)), list(map(len, pictures))),
        titles=[collection.products[row].title for row in rows],
    )


def classification(
    collection: Collection, rows: np.ndarray, name: str, prompts: tuple[str, ...] = ("a photo of a {}.",)
) -> Classification:
    """Name the category of the products at `rows` by their first picture, among the categories of all products."""
    classes, truth = np.unique([normal(product.category) for product in collection.products], return_inverse=True)
    items = Side(
        ids=[collection.products[row].id for row in rows],
        pictures=collection,
        rows=np.asarray([collection.image_rows[row][0] for row in rows], dtype=np.int64),
        titles=[collection.products[row].title for row in rows],
    )
    return Classification(name, items, classes.tolist(), truth[rows], prompts, counts={"pictures": len(items)})


def _stating(stated: Sequence[tuple[str, ...]]) -> dict[str, list[str]]:
    """A stratum for every attribute that some queries state and others do not."""
    names = [{statement.partition("=")[0] for statement in one} for one in stated]
    every = sorted(set().union(*names))
    return {
        f"states {name}": ["yes" if name in own else "no" if own else "" for own in names]
        for name in every
        if any(name not in own for own in names if own)
    }


def _inside(places: np.ndarray, grades: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The judgements of what competes, in the gallery's order."""
    keep = np.flatnonzero(places >= 0)
    keep = keep[np.argsort(places[keep], kind="stable")]
    return places[keep], np.asarray(grades)[keep]
