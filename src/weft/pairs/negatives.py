"""Hard negatives by the base's own similarity, with a guard against those that may well be relevant.

Products that look alike are what a model must learn to tell apart, and also what a catalogue most often fails to
record as equal: mining without a guard collects false negatives (Robinson et al. 2021, arXiv 2010.04592; Xiong et al.
2021, arXiv 2007.00808). The guard reads the catalogue as open: an attribute that is not recorded may hold. It keeps
doubtful pairs out of each other's batch; `weft.pairs.unrecorded` keeps those that meet by chance from full weight.
"""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np

from weft.pairs.queries import randomness
from weft.pairs.unrecorded import NOT_SEEN, open_names
from weft.search import top_k

APART = 2
"""Recorded differences that make a pair a negative where either product lacks an attribute that the other has: a short
query leaves statements out, and with one difference it is often this one."""
POOL = 4  # candidates looked at for every neighbour that is wanted
WHOLE = 2**16  # products up to which each is compared with every other
CELL = 2**14  # beyond that: with those of its own cell of its category, so that work grows with N and not with N^2


@dataclass(frozen=True)
class Neighbours:
    """near: (N, k) rows of the hard negatives of each product, nearest first, -1 where there are no more; doubtful:
    per product the rows near it that may be relevant, though nothing that BatchRelevance reads says so."""

    near: np.ndarray
    doubtful: Sequence[AbstractSet[int]]


class _Linked(Sequence):
    """Per row the set of those that are linked to it, from (P,) rows of both ends; kept as numbers, since a million
    sets of Python's would take gigabytes."""

    def __init__(self, count: int, one: np.ndarray, two: np.ndarray):
        keys = np.unique(np.concatenate([one * count + two, two * count + one]))
        self._others = (keys % max(count, 1)).astype(np.int32)
        self._starts = np.searchsorted(keys, np.arange(count + 1) * count)

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __getitem__(self, row: int) -> set[int]:
        return set(self._others[self._starts[row] : self._starts[row + 1]].tolist())


def mine(
    embeddings: "np.ndarray | Means", facts: Sequence[set[str]], group: Sequence[int], k: int = 16,
    grades: Mapping[tuple[int, int], float] | None = None, within: Sequence[str] | None = None, guard: bool = True,
) -> Neighbours:  # fmt: skip
    """The k nearest products of every product that are safe to be called different.

    Excluded are products of one duplicate group or title, pairs judged relevant (grade 2 or 3), pairs whose recorded
    attributes nowhere differ, and pairs that differ in fewer than `APART` while either leaves an attribute open.
    A pair judged 0 or 1 is a negative, whatever is recorded.

    Args:
        embeddings: (N, D) unit vectors of the products by the base's image tower, see `Means`.
        facts: per product what holds for it. group: (N,) duplicate groups.
        grades: judged pairs of rows, either way round -> grade 0..3.
        within: labels, to search only among products of the same one. Of more than `WHOLE` products it is the category
            unless something else is said, and a label's products are divided into cells of at most `CELL`: neighbours
            beyond the border of a cell are not found then.
        guard: False to exclude nothing but the product itself, for comparison.

    Raises:
        WeftError: an embedding is not finite or is all zeros.
    """
    count, wide = len(embeddings), (POOL * k if guard else k) + 1
    near = np.full((count, k), -1, dtype=np.int64)
    pairs = _Pairs(facts, group) if guard else None
    doubtful = [np.empty((2, 0), dtype=np.int64)]
    for rows in _blocks(embeddings, facts, within):
        vectors = embeddings[rows]
        part = top_k(vectors, vectors, min(wide, len(rows)))[0]
        for start in range(0, len(rows), 4096):
            own = rows[start : start + 4096]
            found = rows[part[start : start + 4096]]  # no slot is empty: k is at most the number of rows
            safe = found != own[:, None]
            if guard:
                one, two = np.repeat(own, found.shape[1]), np.where(safe, found, -1).ravel()
                good, doubt = pairs.judged(one, two, grades or {})
                safe &= good.reshape(safe.shape)
                doubtful.append(np.stack([one[doubt], two[doubt]]))
            order = np.argsort(~safe, axis=1, kind="stable")[:, :k]  # the safe ones first, as near as they were
            near[own, : order.shape[1]] = np.take_along_axis(np.where(safe, found, -1), order, axis=1)
    return Neighbours(near, _Linked(count, *np.concatenate(doubtful, axis=1)))


def _blocks(
    embeddings: "np.ndarray | Means", facts: Sequence[set[str]], within: Sequence[str] | None
) -> Iterator[np.ndarray]:
    """Rows that are compared with each other, ascending; every row is in one block."""
    count = len(embeddings)
    if within is None and count > WHOLE:
        within = [next((fact for fact in held if fact.startswith("category=")), "") for held in facts]
    labels = np.zeros(count, dtype=np.int64) if within is None else np.unique(within, return_inverse=True)[1]
    order = np.argsort(labels, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(labels[order])) + 1) if count else ():
        yield from _halved(embeddings, rows) if count > WHOLE else (rows,)


def _halved(embeddings: "np.ndarray | Means", rows: np.ndarray) -> Iterator[np.ndarray]:
    """Cells of at most `CELL` rows that lie together: halves along the line between two members far apart (the pivots
    of FastMap, Faloutsos and Lin 1995), and again halves of those."""
    if len(rows) <= CELL:
        yield rows
        return
    vectors = np.asarray(embeddings[rows], dtype=np.float32)
    far = int(np.argmin(vectors @ vectors.mean(axis=0)))
    along = vectors @ (vectors[far] - vectors[int(np.argmin(vectors @ vectors[far]))])
    order = np.argsort(along, kind="stable")
    del vectors, along  # of a large category, while its halves are halved
    for half in (order[: len(order) // 2], order[len(order) // 2 :]):
        yield from _halved(embeddings, rows[np.sort(half)])


class _Pairs:
    """What the catalogue records of N products, as columns of numbers, to compare many pairs at once."""

    def __init__(self, facts: Sequence[set[str]], group: Sequence[int]):
        names = sorted({fact.partition("=")[0] for held in facts for fact in held} - {*NOT_SEEN})
        column = {name: place for place, name in enumerate(names)}
        self.group = np.asarray(group)
        self.title = _codes([next((one[6:] for one in held if one.startswith("title=")), "") for held in facts])
        self.code = np.full((len(facts), len(names)), -1, dtype=np.int64)  # -1 where nothing is recorded
        sets: dict[frozenset[str], int] = {}
        for row, held in enumerate(facts):
            values: dict[str, set[str]] = {}
            for name, _, value in (fact.partition("=") for fact in held):
                values.setdefault(name, set()).add(value)
            for name in values.keys() & column.keys():
                self.code[row, column[name]] = sets.setdefault(frozenset(values[name]), len(sets))
        self.sets = {number: own for own, number in sets.items()}
        self.several = np.isin(self.code, [number for number, own in self.sets.items() if len(own) > 1])
        self.open = np.zeros(self.code.shape, dtype=bool)
        for row, own in enumerate(open_names(facts)):
            self.open[row, [column[name] for name in own]] = True

    def judged(self, one: np.ndarray, two: np.ndarray, grades: Mapping) -> tuple[np.ndarray, np.ndarray]:
        """(P,) whether a pair is a safe negative, and whether it is doubtful; `two` is -1 where there is no pair."""
        codes = self.code[one], self.code[two]
        known = (codes[0] >= 0) & (codes[1] >= 0)
        differ = known & (codes[0] != codes[1])
        for place, name in np.argwhere(differ & (self.several[one] | self.several[two])).tolist():
            if self.sets[int(codes[0][place, name])] & self.sets[int(codes[1][place, name])]:
                differ[place, name] = False
        apart = differ.sum(axis=1)
        unsure = ((self.open[one] & (codes[1] >= 0)) | (self.open[two] & (codes[0] >= 0))).any(axis=1)
        same = (self.group[one] == self.group[two]) | ((self.title[one] == self.title[two]) & (self.title[one] >= 0))
        doubt = unsure & (apart < APART)
        safe = ~doubt & (apart > 0)
        for place in range(len(one)) if grades else ():
            pair = int(one[place]), int(two[place])
            grade = grades.get(pair, grades.get(pair[::-1]))  # whichever way round it was judged
            if grade is not None:
                safe[place], doubt[place] = grade < 2, grade >= 2
        return safe & ~same & (two >= 0), doubt & ~same & (two >= 0)


def _codes(names: Sequence[str]) -> np.ndarray:
    known: dict[str, int] = {"": -1}
    return np.asarray([known.setdefault(name, len(known)) for name in names], dtype=np.int64)


class Means:
    """(N, D) unit means of each product's picture embeddings, worked out for the rows that are asked for (the largest
    category's at most): those of all may be more than there is memory.

    Args:
        pictures: (images, D), which may be memory-mapped. image_rows: per product its pictures' rows.
    """

    def __init__(self, pictures: np.ndarray, image_rows: Sequence[np.ndarray]):
        self._pictures, self._rows = pictures, np.concatenate(image_rows)
        self._counts = np.asarray([len(rows) for rows in image_rows])
        self._starts = np.cumsum(self._counts) - self._counts

    def __len__(self) -> int:
        return len(self._counts)

    def __getitem__(self, products: np.ndarray) -> np.ndarray:
        counts = self._counts[products]
        starts = np.cumsum(counts) - counts
        within = np.arange(counts.sum()) - np.repeat(starts, counts)
        own = self._pictures[self._rows[np.repeat(self._starts[products], counts) + within]]
        means = np.add.reduceat(own.astype(np.float32, copy=False), starts)
        means /= counts[:, None]
        means /= np.linalg.norm(means, axis=1, keepdims=True)
        return means


def batches(mined: Neighbours, batch: int, neighbours: int, seed: int, epoch: int) -> list[np.ndarray]:
    """As `weft.pairs.batches.batches`, with neighbours by look: about so many products that are each other's hard
    negatives share a batch, and doubtful pairs do not while there is a choice.

    A greedy walk: from products in random order, each run steps to the nearest product that is still free, from the
    latest member that has one. Depends on (seed, epoch) and what was mined.
    """
    random = randomness(seed, "order", epoch)
    free = np.ones(len(mined.near), dtype=bool)
    runs = []
    for first in random.permutation(len(free)).tolist():
        if free[first]:
            free[first] = False
            runs.append(_walk(mined, first, neighbours, free))
    runs = [runs[place] for place in random.permutation(len(runs))]
    if len(free) < batch:
        return [np.asarray([row for run in runs for row in run])]
    return _packed(runs, mined.doubtful, batch)


def _walk(mined: Neighbours, first: int, most: int, free: np.ndarray) -> list[int]:
    """The run that starts with `first`; what it takes is free no longer."""
    run, avoid = [first], set(mined.doubtful[first])
    while len(run) < most:
        steps = (row for last in reversed(run) for row in mined.near[last].tolist())
        found = next((row for row in steps if row >= 0 and free[row] and row not in avoid), None)
        if found is None:
            break
        free[found] = False
        run.append(found)
        avoid |= mined.doubtful[found]
    return run


AHEAD = 64
"""Runs among which one without a doubtful pair is looked for before the next is taken as it is."""


def _packed(runs: list[list[int]], doubtful: Sequence[AbstractSet[int]], batch: int) -> list[np.ndarray]:
    """Full batches from runs; the last run of a batch is cut, and its rest opens the next."""
    runs, packed = runs[::-1], []  # the next one last
    while sum(map(len, runs[-batch:])) >= batch:
        members: list[int] = []
        avoid: set[int] = set()
        while len(members) < batch:
            ahead = range(len(runs) - 1, max(-1, len(runs) - 1 - AHEAD), -1)
            run = runs.pop(next((place for place in ahead if avoid.isdisjoint(runs[place])), len(runs) - 1))
            run, rest = run[: batch - len(members)], run[batch - len(members) :]
            if rest:
                runs.append(rest)
            members += run
            avoid.update(*(doubtful[row] for row in run))
        packed.append(np.asarray(members))
    return packed
