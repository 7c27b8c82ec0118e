"""The tables of a collection and how they are written; `weft.catalogue.collection` reads them."""

import itertools
import json
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from weft.catalogue.images import fingerprint
from weft.catalogue.parts import write_parts
from weft.files import disk_error, write_whole
from weft.schema import Product

LOOKS = "looks.npy"
HELD = 2**26  # bytes of pictures that are not written yet; 256 photographs may be gigabytes
AT_ONCE = 4096  # rows that are objects of Python's at one time
IMAGES = pa.schema([("image_id", pa.string()), ("sha256", pa.string()), ("bytes", pa.large_binary())])
PRODUCT = (
    ("product_id", pa.string()),
    ("image_rows", pa.list_(pa.int32())),
    ("title", pa.string()),
    ("description", pa.string()),
    ("brand", pa.string()),
    ("category", pa.string()),
    ("attributes", pa.map_(pa.string(), pa.list_(pa.string()))),
    ("variant", pa.string()),
)
"""The columns of a product that a collection's table and an index's have in common."""

PRODUCTS = pa.schema(
    [*PRODUCT, ("texts", pa.map_(pa.string(), pa.string())), ("split", pa.string()), ("group", pa.int64())]
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
    """Appends pictures to `images.arrow`, holding 256 of them or `HELD` bytes; there is no file before the first."""

    def __init__(self, folder: Path):
        self.path = folder / "images.arrow"
        self.count = 0
        self.hashes: list[str] = []
        self._rows: list[tuple[str, str, bytes]] = []
        self._held = 0
        self._file = self._writer = None

    def add(self, image_id: str, data: bytes, sha256: str = "") -> int:
        """Returns the row at which the picture will be found. sha256: its `fingerprint`, where that is known."""
        self.hashes.append(sha256 or fingerprint(data))
        self._rows.append((image_id, self.hashes[-1], data))
        self._held += len(data)
        self.count += 1
        if len(self._rows) == 256 or self._held >= HELD:
            self._flush()
        return self.count - 1

    def _open(self) -> None:
        if self._writer is None:
            self._file = pa.OSFile(str(self.path), "wb")
            self._writer = pa.ipc.new_file(self._file, IMAGES)

    def _flush(self) -> None:
        if self._rows:
            columns = [list(column) for column in zip(*self._rows, strict=True)]
            try:
                self._open()
                self._writer.write_batch(pa.record_batch(columns, schema=IMAGES))
            except OSError as error:
                raise disk_error(error, self.path) from None
            self._rows.clear()
            self._held = 0

    def close(self) -> None:
        self._flush()
        try:
            self._open()
            self._writer.close()
            self._file.close()
        except OSError as error:
            raise disk_error(error, self.path) from None


def write_table(path: Path, rows: Iterable[dict], schema: pa.Schema) -> None:
    """A Parquet table from dicts. Raises `WeftError` on a full disk and leaves nothing half-written."""
    rows, parts = iter(rows), []
    while part := list(itertools.islice(rows, AT_ONCE)):  # dicts take ten times what Arrow makes of them
        parts.append(pa.Table.from_pylist(part, schema=schema))
    write_parts(path, parts, schema)


def product_columns(product: Product, image_rows: list[int]) -> dict:
    """A product as a row of `PRODUCT`'s columns."""
    return {
        "product_id": product.id,
        "image_rows": image_rows,
        "title": product.title,
        "description": product.description,
        "brand": product.brand,
        "category": product.category,
        "attributes": [(name, list(values)) for name, values in product.attributes.items()],
        "variant": product.variant,
    }


def write_lines(path: Path, rows: list[dict]) -> None:
    """JSON lines, whole or not at all."""
    write_whole(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def product_row(product: Product, image_rows: list[int], split: str, group: int) -> dict:
    """A product as a row of `PRODUCTS`."""
    more = {"texts": list(product.texts.items()), "split": split, "group": group}
    return product_columns(product, image_rows) | more
