"""Where vectors are searched: in process and exactly, or in a database behind the same three arguments."""

from typing import Protocol

import numpy as np

from weft.bm25 import fuse
from weft.index.facets import Filters
from weft.index.folder import Index
from weft.search import top_k

DEPTH = 1000
"""How far down both rankings are read before they are fused, whatever part of the fusion is asked for: deeper ranks
change the order above them, so pages that were cut from fusions of different depths would repeat and skip products."""


class Store(Protocol):
    """Finds products by a vector."""

    def search(self, vector: np.ndarray, k: int, filters: Filters) -> tuple[np.ndarray, np.ndarray]:
        """Up to k product rows and their cosines (float32), best first, ties by the smallest row; fewer where no
        more satisfy the filters. A product scores as its best picture.

        Args:
            vector: (D,) float32 unit vector by the index's own model.

        Raises:
            WeftError: a filter's name is unknown, or the store cannot be reached.
        """


UNIT = 1.01
"""More than the length of any vector of an index, which were checked when it was built: half precision included."""


class Local:
    """The index's own memory-mapped vectors, searched exactly."""

    def __init__(self, index: Index):
        self.index = index

    def search(self, vector: np.ndarray, k: int, filters: Filters) -> tuple[np.ndarray, np.ndarray]:
        kept = self.index.facets.mask(filters)
        vectors, owner = self.index.vectors, self.index.owner
        if kept is not None:
            rows = np.flatnonzero(kept[owner])
            vectors, owner = Rows(vectors, rows), owner[rows]
        if len(self.index) == len(self.index.vectors):  # a picture each: groups would only take time
            found, scores = top_k(vector[None], vectors, k, longest=UNIT)
            found = np.where(found >= 0, owner[found], -1) if len(owner) else found
        else:
            found, scores = top_k(vector[None], vectors, k, owner, longest=UNIT)
        there = found[0] >= 0
        return found[0][there], scores[0][there]


class Rows:
    """Some rows of a matrix as a matrix, read when they are asked for: a filter may leave gigabytes."""

    ndim = 2

    def __init__(self, whole: np.ndarray, rows: np.ndarray):
        self.whole, self.rows = whole, rows
        self.shape = (len(rows), whole.shape[1])

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: slice | np.ndarray) -> np.ndarray:
        return self.whole[self.rows[place]]


def hybrid(
    index: Index, store: Store, vector: np.ndarray, text: str, k: int, filters: Filters
) -> tuple[np.ndarray, np.ndarray]:
    """As `Store.search`, by reciprocal rank fusion of its ranking with BM25 over titles; scores are the fusion's. There
    are at most `DEPTH` products to be had."""
    near, _ = store.search(vector, DEPTH, filters)
    words = index.bm25.scores([text])[0]
    kept = index.facets.mask(filters)
    if kept is not None:
        words[~kept] = 0
    said = np.flatnonzero(words)
    said = said[np.argsort(-words[said], kind="stable")][:DEPTH]
    rankings = [np.pad(found, (0, DEPTH - len(found)), constant_values=-1)[None] for found in (near, said)]
    rows, scores = fuse(*rankings)
    rows, scores = rows[0][:k], scores[0][:k]
    return rows[rows >= 0], scores[rows >= 0]
