"""Significance for per-query scores: bootstrap intervals, paired randomisation, Holm, smallest visible difference.

Queries written from one product (or one group of duplicates) are not independent; pass `groups` and whole
groups are resampled or flipped, which gives the wider, honest interval. Everything is seeded and vectorised in
blocks, so memory does not grow with the number of resamples.
"""

from collections.abc import Iterator
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from weft.errors import WeftError

BLOCK = 2**21  # random numbers held at a time


class Interval(NamedTuple):
    """An estimate with the ends of its 95% interval."""

    value: float
    low: float
    high: float


def bootstrap_mean(values: np.ndarray, resamples: int = 10_000, seed: int = 0, groups=None) -> Interval:
    """The mean of (Q,) per-query scores with its percentile interval (Efron & Tibshirani 1993, chapter 13).

    Args:
        groups: (Q,) labels of any kind; queries of one group are resampled together (cluster bootstrap).

    Raises:
        WeftError: there is no query, or a score is not finite.
    """
    sums, sizes = _totals(values, groups)
    means = np.empty(resamples)
    rng = np.random.default_rng(seed)
    for rows in _blocks(resamples, len(sums)):
        drawn = rng.integers(0, len(sums), size=(rows.stop - rows.start, len(sums)), dtype=np.int32)
        means[rows] = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return Interval(float(sums.sum() / sizes.sum()), float(low), float(high))


def paired_bootstrap(a: np.ndarray, b: np.ndarray, resamples=10_000, seed: int = 0, groups=None) -> Interval:
    """The mean difference a - b of two systems on the same queries, with its interval (same query draws for both)."""
    return bootstrap_mean(_difference(a, b), resamples, seed, groups)


def paired_randomisation(a: np.ndarray, b: np.ndarray, permutations=10_000, seed: int = 0, groups=None) -> float:
    """Two-sided p-value of "which system gave which score is chance": signs of the differences are flipped.

    Fisher's randomisation test as recommended by Smucker, Allan & Carterette (CIKM 2007); p = (1 + b) / (1 + R)
    with b of R flips at least as large as what was seen, so p is never 0 (Phipson & Smyth 2010).
    """
    sums, _ = _totals(_difference(a, b), groups)
    seen = abs(sums.sum()) * (1 - 1e-12)  # equal sums in another order may differ in the last bit
    rng = np.random.default_rng(seed)
    as_large = 0
    for rows in _blocks(permutations, len(sums)):
        flips = rng.integers(0, 2, size=(rows.stop - rows.start, len(sums)), dtype=np.int8)
        totals = (flips @ sums) * 2 - sums.sum()  # sum of (2 flip - 1) * difference
        as_large += int((np.abs(totals) >= seen - 1e-12).sum())
    return (1 + as_large) / (1 + permutations)


def holm(p_values) -> np.ndarray:
    """P-values adjusted for a family of comparisons (Holm 1979): below .05 each, or the claim is not made.

    Args:
        p_values: (M,), in any order; the result has the same order.
    """
    p_values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p_values, kind="stable")
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.maximum.accumulate(p_values[order] * np.arange(len(order), 0, -1)).clip(max=1.0)
    return adjusted


def minimum_detectable(a: np.ndarray, b: np.ndarray, power: float = 0.8, groups=None) -> float:
    """The smallest true mean difference that a 5% two-sided paired test on these queries would see with `power`.

    (z_.975 + z_power) * standard error of the mean difference, from its spread over queries (or groups).
    A claim of "no loss" says nothing about losses below this.
    """
    sums, sizes = _totals(_difference(a, b), groups)
    if len(sums) < 2:
        raise WeftError("one query (or group of queries) shows no spread: at least two are needed")
    residuals = sums - sizes * sums.sum() / sizes.sum()
    error = np.sqrt((residuals**2).sum() * len(sums) / (len(sums) - 1)) / sizes.sum()
    normal = NormalDist()
    return float((normal.inv_cdf(0.975) + normal.inv_cdf(power)) * error)


def _difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if a.shape != b.shape:
        raise WeftError(f"paired scores must cover the same queries: {a.shape} against {b.shape}")
    return a - b


def _totals(values: np.ndarray, groups) -> tuple[np.ndarray, np.ndarray]:
    """(G,) sum of the scores and (G,) number of queries of each group; every query its own group by default."""
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or len(values) == 0:
        raise WeftError("there are no scores to compare: the task has no queries")
    if not np.isfinite(values).all():
        raise WeftError(f"the score of query {int(np.argmin(np.isfinite(values)))} is not a number")
    if groups is None:
        return values, np.ones(len(values), dtype=np.int64)
    if len(groups) != len(values):
        raise ValueError(f"{len(groups)} group labels for {len(values)} queries")
    _, first, label = np.unique(np.asarray(groups), return_index=True, return_inverse=True)
    label = np.argsort(np.argsort(first))[label]  # in order of appearance: the labels' names decide nothing
    return np.bincount(label, weights=values), np.bincount(label)


def _blocks(count: int, width: int) -> Iterator[slice]:
    step = max(1, BLOCK // width)
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))
