"""A pool on disk: the pairs to be judged, blinded, their pictures, and apart from them who returned what.

    pool.parquet      query_id, query_text, query_image, doc_id, title, image, task, benchmark; shuffled
    images.arrow      image_id, sha256, bytes
    systems.parquet   task, query_id, doc_id, system, rank: not for judges
    pool.json         how it was made, its precision and what judging it will cost; written last

A pair is known by its task, query and document: benchmarks ask the same query id in several tasks.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from weft.artefact import file_key, key_of
from weft.errors import WeftError
from weft.files import read_json, whole

FACTS = "pool.json"
RANDOM = "random"
"""The system that the sample of what nobody returned goes by."""
ANSWERS = "answers"
"""The system that the benchmark's own answers go by."""

COLUMNS = ("query_id", "query_text", "query_image", "doc_id", "title", "image", "task", "benchmark")
PAIRS = pa.schema([(name, pa.string()) for name in COLUMNS])
SYSTEMS = pa.schema(
    [
        ("task", pa.string()),
        ("query_id", pa.string()),
        ("doc_id", pa.string()),
        ("system", pa.string()),
        ("rank", pa.int32()),  # from 1; 0 for the random sample and the benchmark's own answers
    ]
)


def write_tables(folder: Path, pairs: pa.Table, systems: pa.Table) -> None:
    """A pool's two tables; what makes it a pool is written after them. Raises `WeftError` if the disk is full."""
    for name, table in (("pool.parquet", pairs), ("systems.parquet", systems)):
        with whole(folder / name) as partial:
            pq.write_table(table, partial, compression="zstd")


@dataclass(frozen=True, slots=True)
class Pair:
    """A query and a document to be graded, and nothing that tells who brought them together.

    Attributes:
        query_text: "" for a query by picture. query_image, image: SHA-256 of a picture in the pool, "" if none.
    """

    query_id: str
    query_text: str
    query_image: str
    doc_id: str
    title: str
    image: str
    task: str
    benchmark: str

    @property
    def key(self) -> tuple[str, str, str]:
        return self.task, self.query_id, self.doc_id


class Pool:
    """A finished pool, opened for judging.

    Raises:
        WeftError: the folder holds none, or one of its files is missing or damaged.
    """

    def __init__(self, folder: Path | str):
        self.folder = Path(folder)
        if not (self.folder / FACTS).exists():
            raise WeftError(f"{self.folder} holds no {FACTS}: it is no finished pool; make one with weft pool")
        self.facts = read_json(self.folder / FACTS)

    def __reduce__(self) -> tuple:
        """A worker of the engine opens it anew: the folder is one that all of them see."""
        return Pool, (self.folder.resolve(),)

    def __len__(self) -> int:
        return self.facts["pairs"]

    @property
    def key(self) -> str:
        """Equal for pools that were asked for in the same words and came to the same pairs."""
        return key_of([self.facts["asked"], self.facts["benchmark"], file_key(self.folder / "pool.parquet")])

    def pairs(self) -> Iterator[Pair]:
        """In the pool's own, shuffled order."""
        with self._open("pool.parquet") as file:
            for batch in file.iter_batches(batch_size=4096, columns=list(COLUMNS)):
                columns = [batch[name].to_pylist() for name in COLUMNS]
                yield from (Pair(*row) for row in zip(*columns, strict=True))

    def systems(self) -> pa.Table:
        """`SYSTEMS`: who returned what."""
        with self._open("systems.parquet") as file:
            return file.read()

    def image(self, sha256: str) -> bytes:
        """Raises `WeftError` if the pool has no such picture."""
        if sha256 not in self._rows:
            raise WeftError(f"{self.folder} has no picture {sha256}: the pool is damaged, make it again")
        return self._images["bytes"][self._rows[sha256]].as_py()

    @cached_property
    def _images(self) -> pa.Table:
        path = self.folder / "images.arrow"
        try:
            return pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        except (OSError, pa.ArrowException) as error:
            raise WeftError(f"{path} is missing or damaged ({error}); make the pool again") from None

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self._images["sha256"].to_pylist())}

    def _open(self, name: str) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(self.folder / name)
        except (OSError, pa.ArrowException) as error:
            raise WeftError(f"{self.folder / name} is missing or damaged ({error}); make the pool again") from None
