"""Hard negatives by the base's own similarity, with a guard against those that may well be relevant.

Products that look alike are what a model must learn to tell apart, and also what a catalogue most often fails to
record as equal: mining without a guard collects false negatives (Robinson et al. 2021, arXiv 2010.04592; Xiong et al.
2021, arXiv 2007.00808). The guard reads the catalogue as open: an attribute that is not recorded may hold. It keeps
doubtful pairs out of each other's batch; `weft.pairs.unrecorded` keeps those that meet by chance from full weight.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from weft.pairs.queries import randomness
from weft.pairs.unrecorded import NOT_SEEN, open_names
from weft.search import top_k

APART = 2
"""Recorded differences that make a pair a negative where either product lacks an attribute that the other has: a short
query leaves statements out, and with one difference it is often this one."""
POOL = 4  # candidates looked at for every neighbour that is wanted


@dataclass(frozen=True)
class Neighbours:
    """near: (N, k) rows of the hard negatives of each product, nearest first, -1 where there are no more; doubtful:
    per product the rows near it that may be relevant, though nothing that BatchRelevance reads says so."""

    near: np.ndarray
    doubtful: list[set[int]]


def mine(
    embeddings: np.ndarray, facts: Sequence[set[str]], group: Sequence[int], k: int = 16,
    grades: Mapping[tuple[int, int], float] | None = None, within: Sequence[str] | None = None, guard: bool = True,
) -> Neighbours:  # fmt: skip
    """The k nearest products of every product that are safe to be called different.

    Excluded are products of one duplicate group or title, pairs judged relevant (grade 2 or 3), pairs whose recorded
    attributes nowhere differ, and pairs that differ in fewer than `APART` while either leaves an attribute open.
    A pair judged 0 or 1 is a negative, whatever is recorded.

    Args:
        embeddings: (N, D) unit vectors of the products by the base's image tower, see `of_products`.
        facts: per product what holds for it. group: (N,) duplicate groups.
        grades: judged pairs of rows, either way round -> grade 0..3.
        within: labels, to search only among products of the same one: N^2 D work becomes the sum over labels.
        guard: False to exclude nothing but the product itself, for comparison.

    Raises:
        WeftError: an embedding is not finite or is all zeros.
    """
    count, wide = len(embeddings), (POOL * k if guard else k) + 1
    found = np.full((count, wide), -1, dtype=np.int64)
    labels = np.zeros(count, dtype=np.int64) if within is None else np.unique(within, return_inverse=True)[1]
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        part, _ = top_k(embeddings[rows], embeddings[rows], min(wide, len(rows)))
        found[rows, : part.shape[1]] = rows[part]  # no slot is empty: k is at most the number of rows
    found[found == np.arange(count)[:, None]] = -1
    pairs = _Pairs(facts, group)
    safe, doubtful = found >= 0, [set() for _ in range(count)]
    for start in range(0, count if guard else 0, 4096):
        rows = np.arange(start, min(start + 4096, count))
        one, two = np.repeat(rows, wide), found[rows].ravel()
        good, doubt = pairs.judged(one, two, grades or {})
        safe[rows] &= good.reshape(len(rows), wide)
        for left, right in zip(one[doubt].tolist(), two[doubt].tolist(), strict=True):
            doubtful[left].add(right)
            doubtful[right].add(left)
    order = np.argsort(~safe, axis=1, kind="stable")[:, :k]  # the safe ones first, as near as they were
    return Neighbours(np.take_along_axis(np.where(safe, found, -1), order, axis=1), doubtful)


def graded(judged: Iterable[tuple[str, str, float | None, bool]], row_of: Mapping[str, int]) -> dict:
    """Pairs of product rows -> the highest grade that one was given for a query written for the other.

    Args:
        judged: (query, product id, grade or None, whether the query is the product's own), as `grades.parquet` has
            them.
        row_of: product id -> row; others are passed over.
    """
    judged = [(query, row_of[name], grade, own) for query, name, grade, own in judged if name in row_of]
    sources: dict[str, set[int]] = {}
    for query, row, _, own in judged:
        if own:
            sources.setdefault(query, set()).add(row)
    found: dict[tuple[int, int], float] = {}
    for query, row, grade, _ in judged:
        for source in sources.get(query, set()) - {row} if grade is not None else ():
            pair = min(source, row), max(source, row)
            found[pair] = max(found.get(pair, 0.0), grade)
    return found


class _Pairs:
    """What the catalogue records of N products, as columns of numbers, to compare many pairs at once."""

    def __init__(self, facts: Sequence[set[str]], group: Sequence[int]):
        split = [[fact.partition("=")[::2] for fact in held] for held in facts]
        names = sorted({name for told in split for name, _ in told} - {*NOT_SEEN})
        column = {name: place for place, name in enumerate(names)}
        self.group = np.asarray(group)
        self.title = _codes([next((value for name, value in told if name == "title"), "") for told in split])
        self.code = np.full((len(facts), len(names)), -1, dtype=np.int64)  # -1 where nothing is recorded
        sets: dict[frozenset[str], int] = {}
        for row, told in enumerate(split):
            values: dict[str, set[str]] = {}
            for name, value in told:
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


def of_products(pictures: np.ndarray, image_rows: Sequence[np.ndarray]) -> np.ndarray:
    """(N, D) unit mean of each product's picture embeddings, from (images, D)."""
    means = np.stack([np.asarray(pictures[rows], dtype=np.float32).mean(axis=0) for rows in image_rows])
    return means / np.linalg.norm(means, axis=1, keepdims=True)


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


def _packed(runs: list[list[int]], doubtful: list[set[int]], batch: int) -> list[np.ndarray]:
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
