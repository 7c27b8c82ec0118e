"""What was embedded before and need not be again: the last version's vectors and those of a run that was killed."""

import functools
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from weft.files import whole
from weft.index.folder import Index

PENDING = "pending"
OPEN = 16  # files of pending vectors that are in memory at one time


class Kept:
    """Vectors by the SHA-256 of the picture, of one model and one precision.

    Args:
        folder: the index's own; `pending/` in it holds what was embedded since the last whole version.
        key: of the model and the precision; what was left under another key is deleted.
        index: the last version if its vectors may be used, or None.
    """

    def __init__(self, folder: Path, key: str, index: Index | None):
        self.folder, self.index = folder / PENDING / key, index
        self.rows: dict[bytes, tuple[int, int]] = {}
        self.shards: list[np.ndarray | Path] = []  # the last version's, memory-mapped, and files, read when asked for
        self._read = functools.lru_cache(OPEN)(lambda file: _pending(file)[1])
        for other in (folder / PENDING).glob("*"):
            if other.name != key:
                shutil.rmtree(other, ignore_errors=True)
        self.old: dict[bytes, int] = {}
        if index is not None:
            self.old = {sha: row for row, sha in enumerate(index.hashes().tolist())}
            self._take(list(self.old), index.vectors, list(self.old.values()))
        self.resumed = 0
        self.files = sorted(self.folder.glob("*.npz"))
        for file in self.files:
            try:
                hashes = _pending(file)[0].tolist()
            except (OSError, ValueError, KeyError, EOFError):
                continue  # embedded again
            self._take(hashes, file, range(len(hashes)))
            self.resumed += len(hashes)

    def _take(self, hashes: Sequence[bytes], shard: np.ndarray | Path, rows: Sequence[int]) -> None:
        self.shards.append(shard)
        self.rows |= {sha: (len(self.shards) - 1, row) for sha, row in zip(hashes, rows, strict=True)}

    def __contains__(self, sha: str) -> bool:
        return _bytes(sha) in self.rows

    def vectors(self, hashes: Sequence[str]) -> np.ndarray:
        """(len(hashes), D) of pictures that are kept."""
        places = [self.rows[_bytes(sha)] for sha in hashes]
        return np.stack([self._shard(shard)[row] for shard, row in places])

    def _shard(self, number: int) -> np.ndarray:
        shard = self.shards[number]
        return self._read(shard) if isinstance(shard, Path) else shard

    def thumbnail(self, sha: str, side: int) -> bytes | None:
        """The last version's, if it has that picture and its thumbnails are of this size."""
        row = self.old.get(_bytes(sha))
        return None if row is None or self.index.manifest["side"] != side else self.index.thumbnail(row)

    def add(self, hashes: Sequence[str], vectors: np.ndarray) -> None:
        """Keeps new vectors on disk, whole or not at all. Raises `WeftError` if it is full."""
        keys = np.asarray([_bytes(sha) for sha in hashes], dtype="S32")
        file = self.folder / f"{len(self.files):06d}.npz"
        with whole(file) as temporary, temporary.open("wb") as handle:
            np.savez(handle, hashes=keys, vectors=vectors)
        self.files.append(file)
        self._take(keys.tolist(), file, range(len(vectors)))

    def forget(self) -> None:
        """Deletes what was pending: a whole version has it now."""
        shutil.rmtree(self.folder.parent, ignore_errors=True)


def _pending(file: Path) -> tuple[np.ndarray, np.ndarray]:
    with np.load(file) as found:
        return found["hashes"], found["vectors"]


def _bytes(sha: str) -> bytes:
    """As numpy gives 32 bytes back: without zeros at the end."""
    return bytes.fromhex(sha).rstrip(b"\0")
