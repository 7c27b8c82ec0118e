"""What checks need to know of a corpus, each computed once for all tasks that ask it."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from weft.audit.looks import Looks, signatures
from weft.audit.text import Near, Texts, near_duplicates, words
from weft.benchmarks.assemble import titles
from weft.benchmarks.record import Side
from weft.catalogue import duplicates
from weft.catalogue.splits import connected


class Stock:
    """A corpus of N items.

    Args:
        cache: folder where looks of pictures are kept.
    """

    def __init__(self, side: Side, cache: Path | None = None):
        self.side, self.cache = side, cache
        self.titles: Sequence[str] = titles(side)

    def __len__(self) -> int:
        return len(self.side)

    def asks(self, side: Side) -> bool:
        """Whether another task's corpus is this one: same items, titles and pictures, however they are embedded."""
        own = self.side
        same = side.pictures is own.pictures and side.ids == own.ids and titles(side) == self.titles
        return same and np.array_equal(side.rows, own.rows) and np.array_equal(side.owner, own.owner)

    @cached_property
    def texts(self) -> Texts:
        """The titles as numbered words."""
        return Texts([words(title) for title in self.titles])

    @cached_property
    def near(self) -> Near:
        """Near-duplicate titles."""
        return near_duplicates(self.texts)

    @cached_property
    def looks(self) -> Looks:
        """Signatures of the pictures in play; see `weft.audit.looks`."""
        return signatures(self.side, self.cache)

    @cached_property
    def copies(self) -> np.ndarray:
        """(N,) the first of the items that show the very same picture."""
        owner = np.arange(len(self)) if self.side.owner is None else np.asarray(self.side.owner)
        digests = np.asarray([self.side.pictures.image_hashes[row] for row in self.side.rows.tolist()])
        there = digests != ""
        return self._joined(owner[there], np.unique(digests[there], return_inverse=True)[1])

    @cached_property
    def alike(self) -> np.ndarray:
        """(N,) the first of the items whose pictures look nearly the same."""
        looks = self.looks
        return self._joined(looks.item, duplicates.group(looks.hash, looks.thumb, looks.exact).group)

    def _joined(self, item: np.ndarray, label: np.ndarray) -> np.ndarray:
        """(N,) the smallest row among items that share a label, directly or through others; (P,) a label a picture."""
        order = np.lexsort((item, label))
        item, label = item[order], label[order]
        same = np.flatnonzero(label[1:] == label[:-1])
        group = connected(len(self), list(zip(item[same].tolist(), item[same + 1].tolist(), strict=True)))
        first, place = np.unique(group, return_index=True)
        return place[np.searchsorted(first, group)]


def groups(representative: np.ndarray) -> list[list[int]]:
    """Groups of two or more, as lists of items, from (N,) the first item of each one's group."""
    sizes = np.bincount(representative, minlength=len(representative))
    found: dict[int, list[int]] = {}
    for item in np.flatnonzero(sizes[representative] > 1).tolist():
        found.setdefault(int(representative[item]), []).append(item)
    return list(found.values())
