"""A collection on disk: products, their pictures, and the queries asked of them with graded answers.

Both a curated catalogue and a benchmark have this one layout, so that evaluation, audit and search
need to know nothing else:

    images.arrow      image_id, sha256, bytes      Arrow IPC, memory-mapped: any picture in constant time
    products.parquet  product_id, image_rows, title, ..., split, group
    queries.parquet   query_id, task, split, text, source, stated
    qrels.parquet     query_id, product_id, grade
    looks.npy         (images, 32) perceptual hashes, where curation looked for near-duplicates
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from weft.artefact import key_of
from weft.catalogue.layout import AT_ONCE, LOOKS
from weft.catalogue.parts import GROUP, read_parts
from weft.catalogue.words import Words
from weft.errors import WeftError
from weft.schema import Product


def image_reader(folder: Path) -> Callable[[int], bytes]:
    """Reads pictures by row from a finished `images.arrow`, before there is a whole collection."""
    table = pa.ipc.open_file(pa.memory_map(str(folder / "images.arrow"))).read_all()
    return lambda row: table["bytes"][int(row)].as_py()


@dataclass(frozen=True)
class Task:
    """The queries of one name and split, aligned with the collection's products.

    Attributes:
        name: "in-domain/short", "zero-shot/long", "title" ...
        texts: Q query texts; ids: their ids; source: (Q,) row of the product each was written from, -1 if none.
        relevant: per query the judged product rows and their grades 0..3.
        stated: per query its statements, "name=value"; empty where it came from a query log.
    """

    name: str
    split: str
    ids: list[str]
    texts: list[str]
    source: np.ndarray
    relevant: list[tuple[np.ndarray, np.ndarray]]
    stated: list[tuple[str, ...]]


class Collection:
    """A collection opened for reading; pictures stay on disk until asked for.

    Args:
        folder: a finished `curate` folder, or one of its benchmarks.

    Raises:
        WeftError: the folder is no collection, or one of its files is missing or damaged.
    """

    def __init__(self, folder: Path | str):
        self.folder = Path(folder)
        if not (self.folder / "products.parquet").exists():
            raise WeftError(f"{self.folder} holds no products.parquet: it is not a curated collection")
        self.products: list[Product] = []
        self.image_rows: list[np.ndarray] = []
        split, group, words = [], [], Words()
        for table in self._parts("products.parquet", AT_ONCE):
            columns = table.to_pydict()
            self.products += _products(columns, words)
            self.image_rows += [np.asarray(rows, dtype=np.int64) for rows in columns["image_rows"]]
            split.append(np.asarray(columns["split"], dtype=str))
            group.append(np.asarray(columns["group"], dtype=np.int64))
        self.split = np.concatenate(split) if split else np.asarray([])
        self.group = np.concatenate(group) if group else np.asarray([], dtype=np.int64)
        self._images = self._read(lambda path: pa.ipc.open_file(pa.memory_map(str(path))).read_all(), "images.arrow")

    def __reduce__(self) -> tuple:
        """A worker of the engine opens it anew: the folder is one that all of them see."""
        return Collection, (self.folder.resolve(),)

    def _read(self, read: Callable[[Path], pa.Table], name: str) -> pa.Table:
        try:
            return read(self.folder / name)
        except (OSError, pa.ArrowException) as error:
            raise self._damaged(name, error) from None

    def _parts(self, name: str, rows: int) -> Iterator[pa.RecordBatch]:
        """A table's rows, at most so many at a time."""
        try:
            yield from read_parts(self.folder / name, rows)
        except (OSError, pa.ArrowException) as error:
            raise self._damaged(name, error) from None

    def _damaged(self, name: str, error: object) -> WeftError:
        return WeftError(f"{self.folder / name} is missing or damaged ({error}); curate it again")

    def __len__(self) -> int:
        return len(self.products)

    @property
    def image_count(self) -> int:
        return self._images.num_rows

    @cached_property
    def row_of(self) -> dict[str, int]:
        return {product.id: row for row, product in enumerate(self.products)}

    @cached_property
    def product_of_image(self) -> np.ndarray:
        """(images,) the product row of every picture."""
        owner = np.full(self.image_count, -1, dtype=np.int64)
        for row, images in enumerate(self.image_rows):
            owner[images] = row
        return owner

    def image(self, row: int) -> bytes:
        return self._images["bytes"][int(row)].as_py()

    def image_id(self, row: int) -> str:
        return self._images["image_id"][int(row)].as_py()

    @cached_property
    def image_hashes(self) -> list[str]:
        """SHA-256 of every picture's bytes."""
        return self._images["sha256"].to_pylist()

    @cached_property
    def looks(self) -> np.ndarray | None:
        """(images, 32) perceptual hashes (`weft.catalogue.duplicates`); None where nobody looked."""
        path = self.folder / LOOKS
        return np.load(path) if path.exists() else None

    @cached_property
    def identity(self) -> str:
        """Equal for collections of the same pictures in the same order."""
        return key_of(self.image_hashes)

    @cached_property
    def image_row(self) -> dict[str, int]:
        """A picture's id or the SHA-256 of its bytes -> its row."""
        rows = {name: row for row, name in enumerate(self.image_hashes)}
        return rows | {name: row for row, name in enumerate(self._images["image_id"].to_pylist())}

    def tasks(self, split: str) -> list[Task]:
        """The tasks whose queries belong to `split` ("dev" or "test"), in alphabetical order."""
        queries = self._read(pq.read_table, "queries.parquet").to_pylist()
        wanted = {query["query_id"]: query for query in queries if query["split"] == split}
        judged: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {query_id: [] for query_id in wanted}
        names, products = list(wanted), pa.array([product.id for product in self.products], pa.string())
        for part in self._parts("qrels.parquet", GROUP):  # a large catalogue's are tens of millions
            query = pc.index_in(part["query_id"], pa.array(names, pa.string())).fill_null(-1).to_numpy()
            kept = np.flatnonzero(query >= 0)
            rows = pc.index_in(part["product_id"].take(pa.array(kept)), products)
            if rows.null_count:
                raise self._damaged("qrels.parquet", "it names a product that is not there")
            found = rows.to_numpy().astype(np.int64), part["grade"].to_numpy()[kept].astype(np.float64)
            order = np.argsort(query[kept], kind="stable")
            starts = np.flatnonzero(np.diff(query[kept][order])) + 1
            for own in np.split(order, starts) if len(order) else ():
                judged[names[query[kept[own[0]]]]].append((found[0][own], found[1][own]))
        tasks = []
        for name in sorted({query["task"] for query in wanted.values()}):
            own = [query for query in wanted.values() if query["task"] == name]
            tasks.append(
                Task(
                    name=name,
                    split=split,
                    ids=[query["query_id"] for query in own],
                    texts=[query["text"] for query in own],
                    source=np.asarray([self.row_of.get(query["source"], -1) for query in own]),
                    relevant=[_judgements(judged[query["query_id"]]) for query in own],
                    stated=[tuple(query["stated"] or ()) for query in own],
                )
            )
        return tasks


def _judgements(parts: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Rows, ascending, and their grades."""
    rows = np.concatenate([np.empty(0, dtype=np.int64), *(rows for rows, _ in parts)])
    grades = np.concatenate([np.empty(0), *(grades for _, grades in parts)])
    order = np.lexsort((grades, rows))
    return rows[order], grades[order]


def _products(columns: dict[str, list], words: Words) -> Iterator[Product]:
    """Products from columns of Python's."""
    for i, name in enumerate(columns["product_id"]):
        product = Product(
            id=name,
            images=(),
            title=columns["title"][i],
            description=columns["description"][i],
            brand=columns["brand"][i],
            category=columns["category"][i],
            attributes={name: tuple(values) for name, values in columns["attributes"][i]},
            variant=columns["variant"][i],
            texts=dict(columns["texts"][i]),
        )
        yield words.bare(product)
