"""Looks up what was judged of every ranked item: all that a metric may know."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from weft.errors import WeftError

BLOCK = 2**22  # judgements looked up at a time


@dataclass(frozen=True)
class Graded:
    """Rankings with their judgements, all that a metric may know.

    Attributes:
        grades: (Q, K) float64, grade of the item at each rank.
        relevant: (Q,) int64, number of relevant items among all judged, retrieved or not.
        ideal: (Q, K) float64, the highest judged grades in descending order, 0-padded: what could be had.
        judged: (Q, K) int8, 1 where the item at this rank was judged, 0 where it was not, -1 for an empty slot.
    """

    grades: np.ndarray
    relevant: np.ndarray
    ideal: np.ndarray
    judged: np.ndarray


def grade(
    ranking: np.ndarray,
    judged: Sequence[tuple[np.ndarray, np.ndarray]],
    minimum: float = 0.0,
    names: Sequence[str] | None = None,
) -> Graded:
    """Looks up every ranked item's judgement.

    Args:
        ranking: (Q, K) int, item rows in order, -1 for an empty slot.
        judged: per query the judged item rows (fastest where they ascend) and their grades; negative ones count as 0.
        minimum: grades below it count as 0, for instance 3 where only exact matches are relevant.
        names: Q query ids for the error message.

    Raises:
        WeftError: a query has no relevant item, or lists an item twice in its ranking or judgements.
    """
    ranking = np.asarray(ranking, dtype=np.int64)
    queries = len(ranking)
    if len(judged) != queries:
        raise ValueError(f"{queries} rankings but judgements of {len(judged)} queries")
    if not queries:
        raise WeftError("there are no queries, so there is nothing to measure")
    sizes, names = [len(items) for items, _ in judged], range(queries) if names is None else names
    if sizes != [len(values) for _, values in judged]:
        raise ValueError("the judgements of a query have more items than grades, or fewer")
    block = np.cumsum(sizes) // BLOCK
    ends = [*np.flatnonzero(np.diff(block, prepend=-1)).tolist(), queries]
    parts = [slice(*pair) for pair in itertools.pairwise(ends)]
    found = [_grade(ranking[rows], judged[rows], minimum, names[rows]) for rows in parts]
    return Graded(*(np.concatenate(arrays) for arrays in zip(*found, strict=True)))


def _grade(ranking: np.ndarray, judged: Sequence[tuple], minimum: float, names: Sequence) -> tuple[np.ndarray, ...]:
    queries, depth = ranking.shape
    query = np.repeat(np.arange(queries), [len(items) for items, _ in judged])
    items = np.concatenate([items for items, _ in judged]).astype(np.int64)
    values = np.concatenate([values for _, values in judged]).astype(np.float64)
    values = np.where(values >= minimum, np.maximum(values, 0.0), 0.0)
    relevant = np.bincount(query[values > 0], minlength=queries)
    if not relevant.all():
        name = names[int(np.argmin(relevant))]
        raise WeftError(f"query {name!r} has no relevant item, so no metric is defined for it: leave it out")

    slots = np.sort(ranking * depth + np.arange(depth), axis=1)  # by item, its rank in the last digits
    shown, ranks = np.divmod(slots, depth)
    twice = ((shown[:, 1:] == shown[:, :-1]) & (shown[:, 1:] >= 0)).any(axis=1)
    if twice.any():
        name = names[int(twice.argmax())]
        raise WeftError(f"the ranking of query {name!r} lists an item twice: remove the repetition")

    low = min(0, int(items.min()))
    span = max(int(ranking.max()), int(items.max())) + 1 - low  # query * span + item: one number for every pair
    keys = query * span + (items - low)
    if (keys[1:] < keys[:-1]).any():
        keys, values = keys[order := np.argsort(keys, kind="stable")], values[order]
    again = keys[1:] == keys[:-1]
    if again.any():
        name = names[int(query[again.argmax()])]
        raise WeftError(f"the judgements of query {name!r} list an item twice: remove the repetition")

    row, place = np.nonzero(shown >= 0)
    wanted = row * span + (shown[row, place] - low)  # ascending, which makes the search fast
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    found = keys[at] == wanted
    grades, known = np.zeros((queries, depth)), np.full((queries, depth), -1, dtype=np.int8)
    slot = row, ranks[row, place]
    grades[slot], known[slot] = np.where(found, values[at], 0.0), found
    return grades, relevant, _ideal(query[values > 0], values[values > 0], relevant, depth), known


def _ideal(query: np.ndarray, values: np.ndarray, relevant: np.ndarray, depth: int) -> np.ndarray:
    """(Q, depth) each query's best grades, descending; one sort of integers, since grades take few levels."""
    levels = np.unique(values)
    codes = np.sort(query * len(levels) + (len(levels) - 1 - np.searchsorted(levels, values)))
    row, level = np.divmod(codes, len(levels))
    rank = np.arange(len(codes)) - (np.cumsum(relevant) - relevant)[row]
    ideal, kept = np.zeros((len(relevant), depth)), rank < depth
    ideal[row[kept], rank[kept]] = levels[len(levels) - 1 - level[kept]]
    return ideal
