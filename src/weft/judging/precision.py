"""How deep to pool and how many more to draw, from a stated precision: arithmetic before anything is judged.

Symbols: Q queries of a corpus of N, M systems, metrics cut at c, pool depth k >= c, p the stated precision.

- A pooled system's first c results are all judged: hit rate, precision and MRR at c have no hole in them.
- A system like these that is not pooled has holes. Leaving each system out in turn shows what share u(k) of its first
  c results the others' first k do not contain. ASSUMED: such a result, which every other system ranks below k, is
  relevant no more often than results at depth k are on average. Of a query with R relevant things, precision@k is at
  most R / k, so c * u holes hide at most c * u * R / k of them, and recall@c is off by at most e(k) = u(k) * c / k,
  whatever R is. The depth is the smallest k with e(k) <= p. `tests/judging/test_precision.py` holds the assumption
  against simulated systems of many kinds: e(k) was never too small. (Zobel, SIGIR 1998, extrapolates the same quantity
  from judgements; here there are none yet. `weft rejudge` measures it afterwards.)
- What no system finds is sampled: n pairs a query from what is not pooled. The share s of relevant ones among the
  unjudged is then known within h = z * sqrt(s * (1 - s) / (n * Q)); at the worst, s = 1/2, h = z / (2 * sqrt(n * Q)).
  n is the smallest with h <= p, z = 1.96. (A sample drawn query by query varies less than this binomial.)
- A share s means s * (N - pooled) relevant things a query that no recall counts: `overstated`.
"""

from math import ceil, sqrt
from statistics import NormalDist

import numpy as np

Z = NormalDist().inv_cdf(0.975)
DEPTHS = (10, 15, 20, 30, 50, 75, 100)
NEVER = np.iinfo(np.int32).max


def ranks_of_others(system: np.ndarray, key: np.ndarray, rank: np.ndarray) -> tuple[np.ndarray, ...]:
    """Of each pair (query and document, one number) the best rank, whose it is, and the best of another system.

    Args:
        system, key, rank: (T,) one entry per result of a system; ranks count from 1.

    Returns:
        (P,) ascending keys, their best ranks, whose these are, and the next system's ranks, `NEVER` if there is none.
    """
    order = np.lexsort((system, rank, key))
    key, system, rank = key[order], system[order], rank[order]
    first = np.flatnonzero(np.r_[True, key[1:] != key[:-1]]) if len(key) else np.empty(0, dtype=np.int64)
    size = np.diff(np.r_[first, len(key)])
    second = np.where(size > 1, rank[np.minimum(first + 1, max(len(key) - 1, 0))], NEVER)
    return key[first], rank[first], system[first], second


def unjudged(system: np.ndarray, key: np.ndarray, rank: np.ndarray, depths, cut: int, systems: int) -> np.ndarray:
    """(systems, depths) share of each system's first `cut` results that no other system has among its first k; nan for
    a system without results."""
    keys, best, owner, second = ranks_of_others(system, key, rank)
    shares = np.zeros((systems, len(depths)))
    for one in range(systems):
        own = key[(system == one) & (rank <= cut)]
        place = np.searchsorted(keys, own)
        others = np.where(owner[place] == one, second[place], best[place])
        for column, depth in enumerate(depths):
            shares[one, column] = (others > depth).mean() if len(own) else np.nan
    return shares


def depth_error(share: float, depth: int, cut: int) -> float:
    """e(k): what recall@c of a system that is not pooled may be off by, see above."""
    return min(1.0, share * cut / depth)


def sample_size(precision: float, queries: int) -> int:
    """n: pairs to draw for each query."""
    return ceil((Z / (2 * precision)) ** 2 / queries)


def half_width(sample: int, queries: int, share: float = 0.5) -> float:
    """h: of the share of relevant among the unjudged; at the worst by default. 1 if nothing is drawn."""
    return min(1.0, Z * sqrt(share * (1 - share) / (sample * queries))) if sample else 1.0


def wilson(found: int, drawn: int) -> tuple[float, float]:
    """95% interval of a share (Wilson 1927): unlike +-h it is right where next to nothing was found."""
    if not drawn:
        return 0.0, 1.0
    share, spread = found / drawn, Z * Z / drawn
    middle, half = share + spread / 2, Z * sqrt(share * (1 - share) / drawn + spread / (4 * drawn))
    low, high = (middle - half) / (1 + spread), (middle + half) / (1 + spread)
    return low if found else 0.0, high if found < drawn else 1.0


def overstated(share: float, rest: float, relevant: float) -> float:
    """By what part of itself recall is too high: `share` of the `rest` unjudged things of a query are relevant beside
    the `relevant` known ones."""
    missed = share * rest
    return missed / (missed + relevant) if missed + relevant else 0.0
