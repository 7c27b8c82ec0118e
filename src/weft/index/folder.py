"""An index on disk, opened for reading: products, their vectors and thumbnails, all memory-mapped.

DIR/current.json       which version is whole
DIR/v000001/
  manifest.json        model, fingerprint, counts, versions
  products.parquet     product_id, image_rows, title, ..., attributes, hash
  vectors.npy          (pictures, D) float32 or float16
  images.arrow         sha256 of the source's picture, a JPEG thumbnail; row by row as in vectors.npy
  examples.parquet     queries to try, in a short and a long form
  skipped.jsonl        what could not be used, and why
DIR/pending/           vectors of a run that was killed: the next one takes them
DIR/collection         by what name a Qdrant server knows the folder, if one ever did
"""

from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from weft.bm25 import BM25
from weft.catalogue.layout import PRODUCT
from weft.errors import WeftError
from weft.files import read_json
from weft.index.facets import Facets

CURRENT = "current.json"
PRODUCTS = pa.schema([*PRODUCT, ("hash", pa.string())])
IMAGES = pa.schema([("sha256", pa.binary(32)), ("bytes", pa.large_binary())])
EXAMPLES = pa.schema([("product_id", pa.string()), ("short", pa.string()), ("long", pa.string())])


def open_index(folder: Path | str) -> "Index":
    """The current version of an index. Raises `WeftError` if there is none, or a file is missing or damaged."""
    folder = Path(folder)
    if not (folder / CURRENT).exists():
        raise WeftError(f"{folder} is no index: make one with weft index MODEL SOURCE --out {folder}")
    try:
        return Index(folder / read_json(folder / CURRENT)["version"])
    except WeftError:  # a newer version may have taken its place between the two readings
        return Index(folder / read_json(folder / CURRENT)["version"])


class Index:
    """One version of an index; of the pictures and vectors only what is asked for is read.

    Attributes:
        manifest: what it was made of.
        products: N rows; picture row i belongs to product `owner[i]`, a product's rows stand together.
        vectors: (P, D) unit vectors, one a picture; memory-mapped.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.manifest = read_json(folder / "manifest.json")
        try:
            self.products = pq.read_table(folder / "products.parquet", schema=PRODUCTS)
            self.vectors = np.load(folder / "vectors.npy", mmap_mode="r")
            self._images = pa.ipc.open_file(pa.memory_map(str(folder / "images.arrow"))).read_all()
        except (OSError, ValueError, pa.ArrowException) as error:
            raise WeftError(f"{folder} is damaged ({error}); delete {folder.parent} and index again") from None
        counts = np.asarray(self.products["image_rows"].combine_chunks().value_lengths(), dtype=np.int64)
        self.owner = np.repeat(np.arange(len(counts)), counts)
        self.first = np.concatenate([[0], np.cumsum(counts)])
        if not len(self.owner) == len(self.vectors) == self._images.num_rows:
            raise WeftError(f"{folder} is damaged (its files disagree); delete {folder.parent} and index again")

    def __len__(self) -> int:
        return self.products.num_rows

    @property
    def label(self) -> str:
        """What pages call the model."""
        return self.manifest["label"]

    @property
    def fingerprint(self) -> str:
        """Of the model whose vectors these are."""
        return self.manifest["fingerprint"]

    @property
    def dim(self) -> int:
        return self.vectors.shape[1]

    @cached_property
    def facets(self) -> Facets:
        return Facets(self.products)

    @cached_property
    def row_of(self) -> dict[str, int]:
        """A product's id -> its row."""
        return {name: row for row, name in enumerate(self.products["product_id"].to_pylist())}

    @cached_property
    def bm25(self) -> BM25:
        """Over the titles; takes about 15 s for a million of them."""
        return BM25(self.products["title"].to_pylist())

    @cached_property
    def examples(self) -> list[dict]:
        path = self.folder / "examples.parquet"
        return pq.read_table(path).to_pylist() if path.exists() else []

    def warm(self) -> None:
        """Makes now what a first request would wait for."""
        for made in ("facets", "row_of", "bm25", "examples", "_by_hash"):
            getattr(self, made)

    def product(self, row: int) -> dict:
        """A product's columns; `attributes` as a dict, `pictures` as hex digits of their SHA-256."""
        (found,) = self.products.slice(row, 1).to_pylist()
        attributes = {name: list(values) for name, values in found["attributes"]}
        return found | {"attributes": attributes, "pictures": [self.sha(image) for image in self.images_of(row)]}

    def images_of(self, row: int) -> range:
        """The picture rows of a product."""
        return range(int(self.first[row]), int(self.first[row + 1]))

    def sha(self, image: int) -> str:
        return self._images["sha256"][image].as_py().hex()

    def picture(self, sha: str) -> bytes | None:
        """The thumbnail, a JPEG, of the picture with this SHA-256 in hex."""
        try:
            key = np.frombuffer(bytes.fromhex(sha), dtype="S32")
        except ValueError:
            return None
        keys, order = self._by_hash
        place = int(np.searchsorted(keys, key[0], sorter=order)) if len(key) == 1 else len(keys)
        if place == len(keys) or keys[order[place]] != key[0]:
            return None
        return self._images["bytes"][int(order[place])].as_py()

    @cached_property
    def _by_hash(self) -> tuple[np.ndarray, np.ndarray]:
        keys = self.hashes()
        return keys, np.argsort(keys, kind="stable")

    def hashes(self) -> np.ndarray:
        """(P,) SHA-256 of every picture as 32 bytes (numpy drops zeros at the end, from all of them alike)."""
        chunks = [np.frombuffer(c.buffers()[1], "S32")[c.offset :][: len(c)] for c in self._images["sha256"].chunks]
        return np.concatenate(chunks) if chunks else np.empty(0, dtype="S32")

    def thumbnail(self, image: int) -> bytes:
        return self._images["bytes"][image].as_py()

    def vector(self, row: int) -> np.ndarray:
        """(D,) float32 unit vector of a product: the mean of its pictures'."""
        mean = np.asarray(self.vectors[self.first[row] : self.first[row + 1]], dtype=np.float32).mean(axis=0)
        length = float(np.linalg.norm(mean))
        return mean / length if length > 1e-6 else np.asarray(self.vectors[self.first[row]], dtype=np.float32)
