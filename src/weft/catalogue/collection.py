"""A collection on disk: products, their pictures, and the queries asked of them with graded answers.

Both a curated catalogue and a benchmark have this one layout, so that evaluation, audit and search
need to know nothing else:

    images.arrow      image_id, sha256, bytes      Arrow IPC, memory-mapped: any picture in constant time
    products.parquet  product_id, image_rows, title, ..., split, group
    queries.parquet   query_id, task, split, text, source, stated
    qrels.parquet     query_id, product_id, grade
    looks.npy         (images, 32) perceptual hashes, where curation looked for near-duplicates
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from weft.artefact import disk_error, key_of
from weft.catalogue.images import fingerprint
from weft.errors import WeftError
from weft.schema import Product

LOOKS = "looks.npy"
IMAGES = pa.schema([("image_id", pa.string()), ("sha256", pa.string()), ("bytes", pa.large_binary())])
PRODUCTS = pa.schema(
    [
        ("product_id", pa.string()),
        ("image_rows", pa.list_(pa.int32())),
        ("title", pa.string()),
        ("description", pa.string()),
        ("brand", pa.string()),
        ("category", pa.string()),
        ("attributes", pa.map_(pa.string(), pa.list_(pa.string()))),
        ("variant", pa.string()),
        ("texts", pa.map_(pa.string(), pa.string())),
        ("split", pa.string()),
        ("group", pa.int64()),
    ]
)
QUERIES = pa.schema(
    [
        ("query_id", pa.string()),
        ("task", pa.string()),
        ("split", pa.string()),
        ("text", pa.string()),
        ("source", pa.string()),  # the product it was written from; "" where it came from a query log
        ("stated", pa.list_(pa.string())),  # "name=value" statements; a product satisfying all is relevant
    ]
)
QRELS = pa.schema([("query_id", pa.string()), ("product_id", pa.string()), ("grade", pa.float32())])


class ImageWriter:
    """Appends pictures to `images.arrow` as they come, holding 256 at a time."""

    def __init__(self, folder: Path):
        self.path = folder / "images.arrow"
        self.count = 0
        self.hashes: list[str] = []
        self._rows: list[tuple[str, str, bytes]] = []
        self._file = pa.OSFile(str(self.path), "wb")
        self._writer = pa.ipc.new_file(self._file, IMAGES)

    def add(self, image_id: str, data: bytes) -> int:
        """Returns the row at which the picture will be found."""
        self.hashes.append(fingerprint(data))
        self._rows.append((image_id, self.hashes[-1], data))
        self.count += 1
        if len(self._rows) == 256:
            self._flush()
        return self.count - 1

    def _flush(self) -> None:
        if self._rows:
            columns = [list(column) for column in zip(*self._rows, strict=True)]
            try:
                self._writer.write_batch(pa.record_batch(columns, schema=IMAGES))
            except OSError as error:
                raise disk_error(error, self.path) from None
            self._rows.clear()

    def close(self) -> None:
        self._flush()
        try:
            self._writer.close()
            self._file.close()
        except OSError as error:
            raise disk_error(error, self.path) from None


def image_reader(folder: Path) -> Callable[[int], bytes]:
    """Reads pictures by row from a finished `images.arrow`, before there is a whole collection."""
    table = pa.ipc.open_file(pa.memory_map(str(folder / "images.arrow"))).read_all()
    return lambda row: table["bytes"][int(row)].as_py()


def write_table(path: Path, rows: list[dict], schema: pa.Schema) -> None:
    """A Parquet table from dicts. Raises `WeftError` on a full disk and leaves nothing half-written."""
    temporary = path.with_name(path.name + ".partial")
    try:
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), temporary)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise disk_error(error, path) from None


def product_row(product: Product, image_rows: list[int], split: str, group: int) -> dict:
    return {
        "product_id": product.id,
        "image_rows": image_rows,
        "title": product.title,
        "description": product.description,
        "brand": product.brand,
        "category": product.category,
        "attributes": [(name, list(values)) for name, values in product.attributes.items()],
        "variant": product.variant,
        "texts": list(product.texts.items()),
        "split": split,
        "group": group,
    }


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
        table = self._read(pq.read_table, "products.parquet").to_pydict()
        self.products = [
            Product(
                id=table["product_id"][i],
                images=(),
                title=table["title"][i],
                description=table["description"][i],
                brand=table["brand"][i],
                category=table["category"][i],
                attributes={name: tuple(values) for name, values in table["attributes"][i]},
                variant=table["variant"][i],
                texts=dict(table["texts"][i]),
            )
            for i in range(len(table["product_id"]))
        ]
        self.image_rows = [np.asarray(rows, dtype=np.int64) for rows in table["image_rows"]]
        self.split = np.asarray(table["split"])
        self.group = np.asarray(table["group"], dtype=np.int64)
        self._images = self._read(lambda path: pa.ipc.open_file(pa.memory_map(str(path))).read_all(), "images.arrow")

    def _read(self, read: Callable[[Path], pa.Table], name: str) -> pa.Table:
        try:
            return read(self.folder / name)
        except (OSError, pa.ArrowException) as error:
            raise WeftError(f"{self.folder / name} is missing or damaged ({error}); curate it again") from None

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
        judged: dict[str, list[tuple[int, float]]] = {query_id: [] for query_id in wanted}
        qrels = self._read(pq.read_table, "qrels.parquet").to_pydict()
        for query_id, product_id, grade in zip(qrels["query_id"], qrels["product_id"], qrels["grade"], strict=True):
            if query_id in judged:
                judged[query_id].append((self.row_of[product_id], grade))
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


def _judgements(pairs: list[tuple[int, float]]) -> tuple[np.ndarray, np.ndarray]:
    pairs.sort()
    return np.asarray([row for row, _ in pairs], dtype=np.int64), np.asarray([grade for _, grade in pairs])
