"""The source preference of rankings, its exact null, and how two systems differ in it: pure functions of arrays.

Of all items that fit a query, one is its source. The preference is the chance that a system ranks the source above
another one of them, ties counting half. Symbols: P fitting items over all queries, T tested queries, M systems.
Definition, null and proofs: docs/source-bias.md.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from weft import stats
from weft.errors import WeftError
from weft.stats import Interval

BLOCK = 2**22  # drawn sources held at a time


class Fits(NamedTuple):
    """Flat lists of what fits each query, its source among it; queries in which nothing else fits are not there.

    Attributes:
        query: (P,) ascending query rows; item: (P,) items; source: (P,) bool, true once per query.
    """

    query: np.ndarray
    item: np.ndarray
    source: np.ndarray

    @property
    def starts(self) -> np.ndarray:
        """(T,) where each of the T tested queries begins."""
        return np.flatnonzero(np.diff(self.query, prepend=-1))

    @property
    def tested(self) -> np.ndarray:
        """(T,) their rows."""
        return self.query[self.starts]


def fits(fitting: Sequence[np.ndarray], source: np.ndarray, pooled: Sequence[np.ndarray] | None = None) -> Fits:
    """Whom each source competes with: everything that fits as well, whether the benchmark counts it right or not.

    Args:
        fitting: per query the items that fit by a criterion which knows nothing of sources: the truth, a judge's
            grade, shared attributes. A query whose own source is not among them is left out.
        source: (Q,) the item each query was written from, -1 where unknown.
        pooled: per query the items that a pool holds *by its own rule*, because some system returned them, without
            those added because they are listed answers. Only a pool's items are judged, so rivals were chosen for
            scoring high; the comparison stays exact if the same is asked of the source: see docs/source-bias.md.
    """
    query, item, is_source = [], [], []
    for row, (found, own) in enumerate(zip(fitting, source, strict=True)):
        found = np.unique(found)
        if pooled is not None:
            found = found[np.isin(found, pooled[row])]
        if len(found) > 1 and own in found:
            query.append(np.full(len(found), row))
            item.append(found)
            is_source.append(found == own)
    if not query:
        return Fits(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, bool))
    return Fits(*(np.concatenate(parts) for parts in (query, item, is_source)))


def standing(ranking: np.ndarray, found: Fits) -> np.ndarray:
    """(P,) the higher the better: minus the rank of each item in a (Q, K) ranking; what it does not list is tied last.

    Raises:
        WeftError: the ranking has fewer queries than `found` speaks of.
    """
    if len(found.query) and found.query[-1] >= len(ranking):
        raise WeftError(f"a ranking of {len(ranking)} queries, but the fitting items of query {found.query[-1]}")
    out = np.full(len(found.query), -float(ranking.shape[1]))
    for start in range(0, len(out), 4096):
        rows = slice(start, start + 4096)
        hit = ranking[found.query[rows]] == found.item[rows, None]
        out[rows] = np.where(hit.any(axis=1), -hit.argmax(axis=1), out[rows])
    return out


def preferences(scores: np.ndarray, found: Fits) -> np.ndarray:
    """(P, M) the source preference that each item would give its query, were it the source.

    Args:
        scores: (P, M) of every fitting item by M systems, from `standing` or the systems' own.

    An item's value is (rivals below it + half of those level with it) / rivals. Its mean over a query's items is 1/2.
    """
    scores = np.asarray(scores, dtype=np.float64)
    starts = found.starts
    sizes = np.diff(starts, append=len(found.query))
    start, rivals = np.repeat(starts, sizes), np.repeat(sizes - 1, sizes)
    out = np.empty_like(scores)
    for column in range(scores.shape[1]):
        order = np.lexsort((scores[:, column], found.query))
        value, query = scores[order, column], found.query[order]
        new = np.ones(len(order), dtype=bool)
        new[1:] = (value[1:] != value[:-1]) | (query[1:] != query[:-1])
        first = np.flatnonzero(new)
        level = np.diff(first, append=len(order))
        middle = np.repeat(first + 0.5 * (level - 1), level)  # mean place of the items level with each other
        out[order, column] = (middle - start) / rivals
    return out


class Preference(NamedTuple):
    """Of one system. mean: with its 95% interval over queries; p: two-sided against 1/2, exact up to the draws;
    expected_sd: standard deviation of the mean under the null; tolerates: the smallest share of unfit rivals that
    could explain the lower end of the interval, 0 where the interval reaches 1/2."""

    mean: Interval
    p: float
    expected_sd: float
    tolerates: float


def source_preference(
    scores: np.ndarray, found: Fits, groups: np.ndarray | None = None, draws: int = 10_000, seed: int = 0
) -> list[Preference]:
    """M systems' source preferences, all tested on the same drawn sources; see `exact_test` for the arguments."""
    seen, p, spread = exact_test(scores, found, groups, draws, seed)
    means = stats.bootstrap_means(seen, seed=seed)
    return [
        Preference(mean, float(value), float(sd), max(0.0, 2 * mean.low - 1))
        for mean, value, sd in zip(means, p, spread, strict=True)
    ]


def exact_test(
    scores: np.ndarray, found: Fits, groups: np.ndarray | None = None, draws: int = 10_000, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draws other sources, each query's uniformly among its fitting items, for all systems at once.

    Args:
        scores: (P, M), see `preferences`.
        groups: (Q,) labels: queries of one label have one source, or sources that were chosen together. Only the
            first tested one of each is used: their sources are one draw, not several.

    Returns:
        (T, M) the preferences of the tested queries; (M,) two-sided p-values of their means, (1 + as far from 1/2)
        / (1 + draws); (M,) the exact standard deviation of the mean under the null.

    Raises:
        WeftError: no query has a rival to its source, so there is nothing to test.
    """
    found, scores = _one_per_group(found, np.asarray(scores, dtype=np.float64), groups)
    if not len(found.query):
        raise WeftError("no query's source has a rival: nothing else that fits is known, so there is nothing to test")
    value, starts = preferences(scores, found), found.starts
    seen, sizes = value[found.source], np.diff(starts, append=len(found.query))
    spread = np.add.reduceat((value - 0.5) ** 2, starts, axis=0) / sizes[:, None]
    as_large = np.zeros(scores.shape[1], dtype=np.int64)
    apart = np.abs(seen.mean(axis=0) - 0.5) - 1e-12
    random, step = np.random.default_rng(seed), max(1, BLOCK // max(seen.size, 1))
    for start in range(0, draws, step):
        many = min(step, draws - start)
        rows = starts + (random.random((many, len(sizes)), dtype=np.float32) * sizes).astype(np.int64)
        as_large += (np.abs(value[rows].mean(axis=1) - 0.5) >= apart).sum(axis=0)
    return seen, (1 + as_large) / (1 + draws), np.sqrt(spread.sum(axis=0)) / len(sizes)


def preference_gaps(
    scores: np.ndarray, found: Fits, groups: np.ndarray | None = None, seed: int = 0
) -> dict[tuple[int, int], tuple[Interval, float]]:
    """For every pair of systems: how much more the first prefers sources, with its interval, and the p-value of the
    paired randomisation test (which of the two gave which preference is chance)."""
    found, scores = _one_per_group(found, np.asarray(scores, dtype=np.float64), groups)
    seen = preferences(scores, found)[found.source]
    pairs = list(combinations(range(seen.shape[1]), 2))
    if not pairs or not len(seen):
        return {}
    apart = np.stack([stats.difference(seen[:, a], seen[:, b]) for a, b in pairs], axis=1)
    p = stats.sign_flips(apart, seed=seed)
    means = stats.bootstrap_means(apart, seed=seed)
    return {pair: (mean, float(value)) for pair, mean, value in zip(pairs, means, p, strict=True)}


def _one_per_group(found: Fits, scores: np.ndarray, groups: np.ndarray | None) -> tuple[Fits, np.ndarray]:
    if groups is None or not len(found.query):
        return found, scores
    tested = found.tested
    first = np.unique(np.asarray(groups)[tested], return_index=True)[1]
    keep = np.isin(found.query, tested[first])
    return Fits(*(part[keep] for part in found)), scores[keep]
