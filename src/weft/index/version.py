"""One version of an index being written: products come in, files grow, nothing is held but a few thousand rows."""

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.lib import format as npy

from weft.artefact import key_of
from weft.catalogue.images import decode, jpeg
from weft.catalogue.layout import product_columns
from weft.files import disk_error
from weft.index.folder import IMAGES, PRODUCTS
from weft.schema import Product

ROWS_AT_ONCE = 4096


class Version:
    """Writes `products.parquet`, `images.arrow` and `vectors.npy` of the same pictures in the same order.

    Args:
        folder: exists and is empty; it counts for nothing until its name is in `current.json`.
        dim, dtype: of the vectors.
    """

    def __init__(self, folder: Path, dim: int, dtype: np.dtype):
        self.folder, self.dim, self.dtype = folder, dim, np.dtype(dtype)
        self.products = self.images = 0
        self._rows: list[dict] = []
        try:
            self._table = pq.ParquetWriter(folder / "products.parquet", PRODUCTS)
            self._arrow_file = pa.OSFile(str(folder / "images.arrow"), "wb")
            self._arrow = pa.ipc.new_file(self._arrow_file, IMAGES)
            self._vectors = (folder / "vectors.npy").open("wb")
            self._header()
        except OSError as error:
            raise disk_error(error, folder) from None

    def _header(self) -> None:
        """numpy leaves room for the number of rows to grow, so that the header can be written again at the end."""
        told = {"descr": npy.dtype_to_descr(self.dtype), "fortran_order": False, "shape": (self.images, self.dim)}
        self._vectors.seek(0)
        npy.write_array_header_1_0(self._vectors, told)

    def add(self, products: list[Product], hashes: list[list[str]], vectors: np.ndarray, small: list[bytes]) -> None:
        """Products, their pictures' SHA-256, and those pictures' vectors (pictures, D) and thumbnails, in order."""
        try:
            for product, own in zip(products, hashes, strict=True):
                rows = list(range(self.images, self.images + len(own)))
                self._rows.append(product_columns(product, rows) | {"hash": content(product, own)})
                self.images += len(own)
            flat = [bytes.fromhex(sha) for own in hashes for sha in own]
            self._arrow.write_batch(pa.record_batch([flat, small], schema=IMAGES))
            self._vectors.write(np.ascontiguousarray(vectors, dtype=self.dtype).tobytes())
            self.products += len(products)
            if len(self._rows) >= ROWS_AT_ONCE:
                self._flush()
        except OSError as error:
            raise disk_error(error, self.folder) from None

    def _flush(self) -> None:
        if self._rows:
            self._table.write_table(pa.Table.from_pylist(self._rows, schema=PRODUCTS))
            self._rows.clear()

    def close(self) -> None:
        """Raises `WeftError` if the disk is full."""
        try:
            self._flush()
            self._table.close()
            self._arrow.close()
            self._arrow_file.close()
            self._header()
            self._vectors.close()
            for path in self.folder.iterdir():  # on the disk before `current.json` says that they are
                with path.open("rb") as handle:
                    os.fsync(handle.fileno())
        except OSError as error:
            raise disk_error(error, self.folder) from None


def content(product: Product, hashes: list[str]) -> str:
    """A key of all that an index holds of a product: another key means that it was changed."""
    return key_of([product.id, product.title, product.description, product.brand, product.category,
                   product.attributes, product.variant, hashes])  # fmt: skip


def thumbnail(data: bytes, side: int) -> bytes:
    """A picture as a JPEG of at most `side` pixels, coded anew: no page shows a stranger's file."""
    return jpeg(decode(data, verified=True), side)
