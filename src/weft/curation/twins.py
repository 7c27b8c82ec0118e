"""The dev and test queries said anew: a collection of its own with the same products, pictures, grades and ids."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow.parquet as pq

from weft.catalogue.collection import Collection
from weft.catalogue.layout import LOOKS, QUERIES, write_table
from weft.catalogue.parts import link_or_copy
from weft.pairs.queries import Query
from weft.pairs.writing import Wanted

SHARED = ("images.arrow", "products.parquet", "qrels.parquet", LOOKS)


def wanted(collection: Collection) -> Iterator[Wanted]:
    """A twin of every query whose statements can be checked: not of logged ones, nor of titles."""
    for split in ("dev", "test"):
        for task in collection.tasks(split):
            form = "long" if task.name.rpartition("/")[2] == "long" else "short"
            for name, text, source, stated in zip(task.ids, task.texts, task.source, task.stated, strict=True):
                if source >= 0 and stated and not any(one.startswith("title=") for one in stated):
                    row = int(source)
                    yield Wanted(row, collection.products[row], form, Query(text, stated), 0, 0, name, task.name)


def write(collection: Collection, rows: Sequence[dict], folder: Path) -> dict:
    """Writes the folder from rows of `WRITTEN`: the queries that have a twin, under their own ids and tasks.

    Grades hold because a twin states what its query does, no less and no more. Where none could be had the query
    stands for itself, so that both folders ask as many of the same.

    Returns:
        queries, rewritten, left out (queries without a twin: nothing that they state can be checked).
    """
    twin = {row["query_id"]: row for row in rows if row["query_id"]}
    queries = pq.read_table(collection.folder / "queries.parquet").to_pylist()
    asked = [query | {"text": twin[query["query_id"]]["text"]} for query in queries if query["query_id"] in twin]
    folder.mkdir(parents=True, exist_ok=True)
    for name in SHARED:
        if (collection.folder / name).exists():
            link_or_copy(collection.folder / name, folder / name)
    write_table(folder / "queries.parquet", asked, QUERIES)
    rewritten = sum(row["origin"] == "written" for row in twin.values())
    return {"queries": len(asked), "rewritten": rewritten, "left out": len(queries) - len(asked)}
