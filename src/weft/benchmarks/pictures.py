"""Encoded pictures wherever they lie: in Parquet columns, in a folder, or kept from a stream, read row by row."""

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from weft.artefact import key_of
from weft.catalogue.images import ImageError, fingerprint, verify
from weft.catalogue.sources.rows import folder_loader
from weft.errors import WeftError
from weft.files import disk_error, write_json
from weft.progress import progress, say

KEPT_BYTES = 1 << 28
"""Row groups held in memory at once; one is always held, however large it is."""

EMPTY = "no picture"


class Encoded:
    """The `Pictures` of a benchmark. Picture i belongs to row i of its table, readable or not: nothing shifts.

    Args:
        count: number of pictures.
        read: row -> bytes; raises `ImageError` where there is none.
        key: changes when the files do; what was found out about them is kept under it.
        cache: folder for that, or None to find it out once per process.
        scanned: hashes and broken pictures, where they are known already.
    """

    def __init__(
        self,
        count: int,
        read: Callable[[int], bytes],
        key: str,
        cache: Path | None = None,
        scanned: tuple[list[str], dict[int, str]] | None = None,
    ):
        self.image_count, self.image, self._key, self._cache = count, read, key, cache
        if scanned:
            self.__dict__["_scanned"] = scanned

    @property
    def image_hashes(self) -> list[str]:
        """SHA-256 of every picture's bytes; "" where none could be had."""
        return self._scanned[0]

    def any(self) -> bool:
        """Whether there is any picture at all: some tables have the column and leave it empty."""
        for row in range(self.image_count):
            try:
                return bool(self.image(row))
            except ImageError as error:
                if str(error) != EMPTY:
                    return True
        return False

    @property
    def broken(self) -> dict[int, str]:
        """Row -> why its picture cannot be decoded. Every picture is read to its end to know, once per cache."""
        return self._scanned[1]

    @cached_property
    def identity(self) -> str:
        return key_of(self.image_hashes)

    @cached_property
    def _scanned(self) -> tuple[list[str], dict[int, str]]:
        path = self._cache / f"pictures-{self._key}.json" if self._cache else None
        if path and path.exists():
            try:
                kept = json.loads(path.read_text(encoding="utf-8"))
                if len(kept["hashes"]) == self.image_count:
                    return kept["hashes"], {int(row): reason for row, reason in kept["broken"].items()}
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                say(f"  {path} is damaged; reading the pictures again")
        hashes, broken = [], {}
        for row in progress(range(self.image_count), "checking pictures", unit="picture"):
            digest, reason = examine(self.image, row)
            hashes.append(digest)
            if reason:
                broken[row] = reason
        if path:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise disk_error(error, path) from None
            write_json(path, {"hashes": hashes, "broken": broken})
        return hashes, broken


class Joined(Encoded):
    """Two sets of pictures as one, the second after the first; what is known of each stays known."""

    def __init__(self, first: Encoded, second: Encoded):
        start = first.image_count
        super().__init__(
            start + second.image_count,
            lambda row: first.image(row) if row < start else second.image(row - start),
            "",
        )
        self._parts = first, second

    @cached_property
    def _scanned(self) -> tuple[list[str], dict[int, str]]:
        first, second = self._parts
        shifted = {row + first.image_count: reason for row, reason in second.broken.items()}
        return [*first.image_hashes, *second.image_hashes], first.broken | shifted


def examine(read: Callable[[int], bytes], row: int) -> tuple[str, str]:
    """SHA-256 of a picture ("" if there is none) and why it cannot be decoded ("" if it can)."""
    digest = ""
    try:
        data = read(row)
        digest = fingerprint(data)
        verify(data, min_side=1)
        return digest, ""
    except ImageError as error:
        return digest, str(error)


def encoded(cell: object, load: Callable[[str], bytes]) -> bytes:
    """A cell of an image column as bytes: Hugging Face's {bytes, path}, bytes, or a path for `load`.

    Raises:
        ImageError: it holds no picture, or its path cannot be read or leads out of the folder.
    """
    if isinstance(cell, dict):
        cell = cell["bytes"] if cell.get("bytes") is not None else cell.get("path")
    if cell is None or cell == "" or cell == b"":
        raise ImageError(EMPTY)
    if isinstance(cell, str):
        return load(cell)
    if not isinstance(cell, bytes):
        raise ImageError(f"neither bytes nor a path but {type(cell).__name__}")
    return cell


def from_parquet(files: Sequence[Path], column: str, folder: Path, cache: Path | None = None) -> Encoded:
    """The pictures of a column, read one row group at a time.

    Args:
        files: Parquet files, read one after the other; column: {bytes, path} structs, bytes or paths.
        folder: what paths are relative to; those that lead out of it are refused.

    Raises:
        WeftError: a file is missing or damaged, or has no such column.
    """
    cells = _Cells(files, column)
    load = folder_loader(folder)
    key = key_of([column, [(str(f.resolve()), f.stat().st_size, f.stat().st_mtime_ns) for f in files]])
    return Encoded(cells.count, lambda row: encoded(cells[row], load), key, cache)


def from_folder(folder: Path, names: Sequence[str], cache: Path | None = None) -> Encoded:
    """Picture files below a folder, by their relative names; "" is no picture, and paths that lead out are refused."""
    load = folder_loader(folder)
    key = key_of([str(folder.resolve()), [(name, *_state(folder / name)) for name in names]])
    return Encoded(len(names), lambda row: encoded(names[row], load), key, cache)


def _state(file: Path) -> tuple[int, int]:
    try:
        state = file.stat()
    except (OSError, ValueError):
        return 0, 0
    return state.st_size, state.st_mtime_ns


def from_arrow(folder: Path) -> Encoded:
    """The pictures that `ImageWriter` wrote to `images.arrow`, memory-mapped, with `broken.json` beside them."""
    try:
        table = pa.ipc.open_file(pa.memory_map(str(folder / "images.arrow"))).read_all()
        broken = json.loads((folder / "broken.json").read_text(encoding="utf-8"))
    except (OSError, pa.ArrowException, ValueError) as error:
        raise WeftError(f"{folder} is damaged ({error}); delete it, and it is fetched again") from None
    data = table["bytes"]
    return Encoded(
        table.num_rows,
        lambda row: encoded(data[int(row)].as_py(), folder_loader(folder)),
        folder.name,
        scanned=(table["sha256"].to_pylist(), {int(row): reason for row, reason in broken.items()}),
    )


class _Cells:
    """One column of several Parquet files by row number; the row groups read last stay in memory."""

    def __init__(self, files: Sequence[Path], column: str):
        self.column = column
        self.groups: list[tuple[Path, pq.ParquetFile, int]] = []
        sizes = []
        for file in files:
            try:
                table = pq.ParquetFile(file, memory_map=True)
            except (OSError, pa.ArrowException) as error:
                raise WeftError(f"{file} cannot be read as Parquet: {error}") from None
            if column not in table.schema_arrow.names:
                there = ", ".join(table.schema_arrow.names)
                raise WeftError(f"{file} has no column {column!r}. Its columns are {there}")
            for group in range(table.num_row_groups):
                self.groups.append((file, table, group))
                sizes.append(table.metadata.row_group(group).num_rows)
        self.ends = np.cumsum(sizes, dtype=np.int64)
        self.count = int(self.ends[-1]) if sizes else 0
        self._kept: OrderedDict[int, tuple[pa.ChunkedArray, int]] = OrderedDict()
        self._lock = threading.Lock()

    def __getitem__(self, row: int) -> object:
        group = int(np.searchsorted(self.ends, row, side="right"))
        if not 0 <= row < self.count:
            raise IndexError(f"picture {row} of {self.count}")
        values, start = self._group(group)
        return values[int(row) - start].as_py()

    def _group(self, group: int) -> tuple[pa.ChunkedArray, int]:
        with self._lock:
            if group in self._kept:
                self._kept.move_to_end(group)
                return self._kept[group]
            file, table, number = self.groups[group]
            try:
                values = table.read_row_group(number, columns=[self.column]).column(self.column)
            except (OSError, pa.ArrowException) as error:
                raise WeftError(f"{file} is damaged in row group {number}: {error}") from None
            while self._kept and sum(held.nbytes for held, _ in self._kept.values()) + values.nbytes > KEPT_BYTES:
                self._kept.popitem(last=False)
            self._kept[group] = values, int(self.ends[group] - len(values))
            return self._kept[group]
