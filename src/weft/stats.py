"""Significance for per-query scores: bootstrap intervals, paired randomisation, Holm, smallest visible difference.

Queries written from one product (or one group of duplicates, or one brand) are not independent; pass `groups` and
whole groups are resampled or flipped, which gives the wider, honest interval. Everything is seeded and runs in
blocks, so memory does not grow with the number of resamples. Symbols: Q queries, G groups, M comparisons on the same
queries, which share their random draws: a matrix product then does for M what one costs, near enough.
"""

from collections.abc import Iterator
from math import ceil
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from weft.errors import WeftError

BLOCK = 2**18  # random numbers held at a time: what stays in the cache
SAME = 1e-12  # scores closer than this differ by the order of their sums, not by the systems


class Interval(NamedTuple):
    """An estimate with the ends of its 95% interval."""

    value: float
    low: float
    high: float


def bootstrap_mean(values: np.ndarray, resamples: int = 10_000, seed=0, groups=None, within=None) -> Interval:
    """The mean of (Q,) per-query scores with its percentile interval (Efron & Tibshirani 1993, chapter 13).

    Args:
        groups: (Q,) labels of any kind; queries of one group are resampled together (cluster bootstrap).
        within: the least and the most that a mean can be, (0, 1) for scores: these are the ends where one query, or
            one group, is all there is. It shows no spread, and an interval of one point would claim certainty.

    Raises:
        WeftError: there is no query, or a score is not finite.
    """
    return bootstrap_means(np.asarray(values, dtype=np.float64)[:, None], resamples, seed, groups, within)[0]


def bootstrap_means(values: np.ndarray, resamples: int = 10_000, seed=0, groups=None, within=None) -> list[Interval]:
    """`bootstrap_mean` of every column of (Q, M) `values`, each from the same draws of queries."""
    sums, sizes = _totals(values, groups)
    found = sums.sum(axis=0) / sizes.sum()
    if within and len(sums) < 2:
        return [Interval(float(mean), *map(float, within)) for mean in found]
    means = np.empty((resamples, sums.shape[1]))
    rng = np.random.default_rng(seed)
    for rows in _blocks(resamples, len(sums)):
        count = rows.stop - rows.start
        drawn = rng.integers(0, len(sums), size=(count, len(sums)), dtype=np.int32)
        drawn += np.arange(count, dtype=np.int32)[:, None] * len(sums)
        times = np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape).astype(np.float64)
        means[rows] = (times @ sums) / (times @ sizes)[:, None]
    low, high = np.quantile(means, [0.025, 0.975], axis=0)
    return [Interval(*map(float, ends)) for ends in zip(found, low, high, strict=True)]


def centred(values: np.ndarray, classes: np.ndarray | None) -> np.ndarray:
    """(Q,) or (Q, M) scores whose mean is one over classes, made ready for `bootstrap_means`.

    Balanced accuracy divides by the number of pictures of a class, which a resample changes. To first order (the
    linearised ratio estimator, Cochran 1977, chapter 6) that is what a resample of values does whose class means are
    one: each loses its class's mean and gets that of all. Without it an interval is too wide where classes differ in
    their scores, and may end above 1. None for classes: nothing is changed.
    """
    values = np.asarray(values, dtype=np.float64)
    if classes is None:
        return values
    _, label = np.unique(np.asarray(classes), return_inverse=True)
    sums = np.zeros((label.max() + 1, *values.shape[1:]))
    np.add.at(sums, label, values)
    means = (sums.T / np.bincount(label)).T
    return values - means[label] + values.mean(axis=0)


def paired_bootstrap(a: np.ndarray, b: np.ndarray, resamples=10_000, seed=0, groups=None, within=None) -> Interval:
    """The mean difference a - b of two systems on the same queries, with its interval (same query draws for both)."""
    return bootstrap_mean(difference(a, b), resamples, seed, groups, within)


def paired_randomisation(a: np.ndarray, b: np.ndarray, permutations=10_000, seed=0, groups=None) -> float:
    """Two-sided p-value of "which system gave which score is chance": signs of the differences are flipped.

    Fisher's randomisation test as recommended by Smucker, Allan & Carterette (CIKM 2007); p = (1 + b) / (1 + R)
    with b of R flips at least as large as what was seen, so p is never 0 (Phipson & Smyth 2010).
    """
    return float(sign_flips(difference(a, b)[:, None], permutations, seed, groups)[0])


def sign_flips(differences: np.ndarray, permutations: int = 10_000, seed=0, groups=None) -> np.ndarray:
    """(M,) p-values of `paired_randomisation` for every column of (Q, M) differences, all from the same flips."""
    sums, _ = _totals(differences, groups)
    sums = sums[np.abs(sums).max(axis=1) > SAME]  # what is 0 stays 0 whatever its sign
    total = sums.sum(axis=0)
    seen = np.abs(total) - 1e-10 * np.abs(sums).sum(axis=0)  # equal sums in another order differ in the last bits
    words = -(-len(sums) // 32)
    rng, as_large = np.random.default_rng(seed), np.zeros(sums.shape[1], dtype=np.int64)
    for rows in _blocks(permutations, 32 * words):
        count = rows.stop - rows.start
        bits = np.frombuffer(rng.bytes(4 * words * count), dtype=np.uint8).reshape(count, 4 * words)
        flips = np.unpackbits(bits, axis=1, count=len(sums)).astype(np.float64)  # 0 or 1, (count, G)
        as_large += (np.abs(2.0 * (flips @ sums) - total) >= seen).sum(axis=0)
    return (1 + as_large) / (1 + permutations)


def permutations_for(comparisons: int, alpha: float = 0.05, least: int = 10_000) -> int:
    """How many flips a family needs: the smallest p they can give, times the family, is a twentieth of alpha.

    Holm multiplies the smallest p-value by the number of comparisons, so R flips can never mark any of more than
    alpha * (R + 1): with 10,000 at 5%, 500.
    """
    return max(least, ceil(20 * comparisons / alpha))


def holm(p_values) -> np.ndarray:
    """P-values adjusted for a family of comparisons (Holm 1979): at most .05 each, or the claim is not made.

    Args:
        p_values: (M,), in any order; the result has the same order.
    """
    p_values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p_values, kind="stable")
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.maximum.accumulate(p_values[order] * np.arange(len(order), 0, -1)).clip(max=1.0)
    return adjusted


def standard_error(a: np.ndarray, b: np.ndarray, groups=None) -> float:
    """Of the mean difference a - b, from its spread over queries (or groups: the ratio estimator of cluster samples,
    Cochran, Sampling Techniques, 3rd ed., 1977, chapter 6)."""
    sums, sizes = _totals(difference(a, b)[:, None], groups)
    if len(sums) < 2:
        raise WeftError("one query (or group of queries) shows no spread: at least two are needed")
    residuals = sums[:, 0] - sizes * sums.sum() / sizes.sum()
    return float(np.sqrt((residuals**2).sum() * len(sums) / (len(sums) - 1)) / sizes.sum())


def minimum_detectable(a: np.ndarray, b: np.ndarray, power: float = 0.8, groups=None) -> float:
    """The smallest true mean difference that a 5% two-sided paired test on these queries would see with `power`.

    (z_.975 + z_power) * standard error of the mean difference. A claim of "no loss" says nothing about losses below.
    """
    normal = NormalDist()
    return (normal.inv_cdf(0.975) + normal.inv_cdf(power)) * standard_error(a, b, groups)


def smallest_p(groups: int) -> float:
    """The smallest two-sided p-value that flipping the signs of so many groups (or queries) can ever give."""
    return min(1.0, 2.0 ** (1 - groups))


def difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a - b of paired scores; 0 where they differ in the last bits only. Raises `WeftError` if the shapes differ."""
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if a.shape != b.shape:
        raise WeftError(f"paired scores must cover the same queries: {a.shape} against {b.shape}")
    apart = a - b
    return np.where(np.abs(apart) < SAME, 0.0, apart)


def _totals(values: np.ndarray, groups) -> tuple[np.ndarray, np.ndarray]:
    """(G, M) sum of the scores and (G,) number of queries of each group; every query its own group by default."""
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 2 or len(values) == 0:
        raise WeftError("there are no scores to compare: the task has no queries")
    finite = np.isfinite(values).all(axis=1)
    if not finite.all():
        raise WeftError(f"the score of query {int(np.argmin(finite))} is not a number")
    if groups is None:
        return values, np.ones(len(values))
    if len(groups) != len(values):
        raise ValueError(f"{len(groups)} group labels for {len(values)} queries")
    _, first, label = np.unique(np.asarray(groups), return_index=True, return_inverse=True)
    label = np.argsort(np.argsort(first))[label]  # in order of appearance: the labels' names decide nothing
    sizes = np.bincount(label)
    starts = np.cumsum(sizes) - sizes
    return np.add.reduceat(values[np.argsort(label, kind="stable")], starts, axis=0), sizes.astype(np.float64)


def _blocks(count: int, width: int) -> Iterator[slice]:
    step = max(1, BLOCK // max(width, 1))
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))
