"""Writes a pool: pairs in an order that tells nothing, each picture once, and apart from them who returned what."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from weft.benchmarks.record import Side
from weft.catalogue.images import ImageError, fingerprint, verify
from weft.catalogue.layout import ImageWriter
from weft.files import disk_error, write_json
from weft.judging.pool import ANSWERS, FACTS, PAIRS, RANDOM, SYSTEMS, write_tables
from weft.judging.union import Part
from weft.pairs.queries import randomness
from weft.progress import progress


def write(pooled: Iterable[Part], benchmark: str, systems: Sequence[str], out: Path, facts: dict, seed: int) -> None:
    """Writes the folder; `pool.json` last, which makes it a pool."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        pictures = Pictures(out)
        tables, returned = [], []
        names = pa.array([*systems, RANDOM, ANSWERS])  # -2 and -1 are the last two
        for part in pooled:
            task = part.task
            tables.append(_pairs(part, benchmark, pictures))
            system, query, document, rank = part.entries
            columns = [
                pa.array([task.name]).take(pa.array(np.zeros(len(query), dtype=np.int64))),
                pa.array(list(task.query_ids)).take(pa.array(query)),
                pa.array(list(task.corpus.ids)).take(pa.array(document)),
                names.take(pa.array(system % len(names))),
                pa.array(rank, pa.int32()),
            ]
            returned.append(pa.Table.from_arrays(columns, schema=SYSTEMS))
        pictures.close()
        facts["counts"] = {"pictures": len(pictures.known), "pictures that cannot be read": pictures.lost}
        table = pa.concat_tables(tables)
        order = randomness(seed, "order").permutation(len(table))
        write_tables(out, table.take(pa.array(order)), pa.concat_tables(returned))
    except OSError as error:
        raise disk_error(error, out) from None
    write_json(out / FACTS, facts)


def _pairs(part: Part, benchmark: str, pictures: "Pictures") -> pa.Table:
    task, query, document = part.task, part.query, part.document

    def column(values: Sequence[str], rows: np.ndarray) -> pa.Array:
        return pa.array(list(values), pa.string()).take(pa.array(rows))

    def shown(side: Side, rows: np.ndarray, what: str) -> pa.Array:
        names, first = [""] * len(side), first_pictures(side)
        for row in progress(np.unique(rows).tolist(), f"copying pictures of {what}", unit="picture"):
            names[row] = pictures.add(side, int(first[row]))
        return column(names, rows)

    texts, titles = task.queries.texts, task.corpus.titles or task.corpus.texts
    same = np.zeros(len(query), dtype=np.int64)
    return pa.Table.from_arrays(
        [
            column(task.query_ids, query),
            column(texts, query) if texts is not None else column([""], same),
            shown(task.queries, query, "queries"),
            column(task.corpus.ids, document),
            column(titles, document) if titles is not None else column([""], same),
            shown(task.corpus, document, "documents"),
            column([task.name], same),
            column([benchmark], same),
        ],
        schema=PAIRS,
    )


class Pictures:
    """Copies pictures into the pool, each once whatever shows it."""

    def __init__(self, folder: Path):
        self.writer, self.known, self.lost = ImageWriter(folder), set(), 0

    def add(self, side: Side, row: int) -> str:
        """SHA-256 of the picture at a row; "" if there is none, or it cannot be read."""
        if row < 0:
            return ""
        try:
            data = side.pictures.image(row)
            verify(data)
        except ImageError:
            self.lost += 1
            return ""
        name = fingerprint(data)
        if name not in self.known:
            self.known.add(name)
            self.writer.add(name, data)
        return name

    def close(self) -> None:
        self.writer.close()


def first_pictures(side: Side) -> np.ndarray:
    """(N,) row of the first picture of each thing, -1 where it has none."""
    first = np.full(len(side), -1, dtype=np.int64)
    if side.pictures is not None:
        owner = np.arange(len(side)) if side.owner is None else side.owner
        first[owner[::-1]] = side.rows[::-1]
    return first
