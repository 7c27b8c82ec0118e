"""How far two graders agree, and whether one favours somebody's results: pure array functions of ordinal grades.

Symbols: N pairs of a query and a document, Q queries, L levels of the scale in ascending order, S systems, U things
that several people graded. Pairs of one query are not independent, so every interval resamples whole queries.
"""

from collections.abc import Callable, Iterator

import numpy as np

from weft.errors import WeftError
from weft.stats import Interval

RESAMPLES = 5_000
PERMUTATIONS, FEWEST = 10_000, 1_000
MOST = 2**28  # random numbers drawn at all, where that leaves at least FEWEST permutations
BLOCK = 2**20  # random numbers held at a time
UNDEFINED = 0.05  # share of resamples without a value from which on no interval is given

DISTANCES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "none": lambda a, b: (a != b).astype(np.float64),
    "linear": lambda a, b: np.abs(a - b),
    "quadratic": lambda a, b: (a - b) ** 2,
}
"""How bad it is to say a where the other says b: Cohen's weights of disagreement."""


def confusion(a: np.ndarray, b: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """(L, L) counts of pairs that `a` gave the row's level and `b` the column's. Raises `WeftError` off the scale."""
    return tables(a, b, levels, np.zeros(len(a), dtype=np.int64))[0]


def tables(a: np.ndarray, b: np.ndarray, levels: np.ndarray, query: np.ndarray) -> np.ndarray:
    """(Q, L, L) confusion of every query; `query` (N,) holds labels of any kind, Q of them different."""
    _, where = np.unique(query, return_inverse=True)
    size = len(levels)
    found = np.zeros((where.max(initial=-1) + 1, size, size))
    np.add.at(found, (where, _codes(a, levels), _codes(b, levels)), 1.0)
    return found


def _codes(grades: np.ndarray, levels: np.ndarray) -> np.ndarray:
    grades, levels = np.asarray(grades, dtype=np.float64), np.asarray(levels, dtype=np.float64)
    codes = np.minimum(np.searchsorted(levels, grades), len(levels) - 1)
    if (strange := levels[codes] != grades).any():
        told = ", ".join(f"{level:g}" for level in levels)
        raise WeftError(f"grade {grades[strange][0]:g} is not on the scale {told}: were two rubrics mixed?")
    return codes


def kappa(table: np.ndarray, levels: np.ndarray, weights: str = "quadratic") -> np.ndarray:
    """Cohen's kappa of (..., L, L) confusions: 1 - disagreement seen / disagreement of independent graders.

    Cohen, Educational and Psychological Measurement 1960; weighted: Psychological Bulletin 1968. The weights are
    distances of the grades themselves, so levels that nobody used change nothing. NaN where both graders gave one
    and the same grade to everything: there is nothing to agree about.
    """
    table = np.asarray(table, dtype=np.float64)
    levels = np.asarray(levels, dtype=np.float64)
    distance = DISTANCES[weights](levels[:, None], levels[None, :])
    count = table.sum(axis=(-2, -1))
    seen = (table * distance).sum(axis=(-2, -1))
    chance = np.einsum("...i,...j,ij->...", table.sum(axis=-1), table.sum(axis=-2), distance)
    return 1.0 - _ratio(count * seen, chance)


def coincidences(grades: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """(U, L, L) coincidences of (U, A) `grades` by A annotators, NaN where one did not grade; see `alpha`.

    A thing that fewer than two graded has no coincidences: it says nothing about agreement.
    """
    grades = np.asarray(grades, dtype=np.float64)
    unit, annotator = np.nonzero(~np.isnan(grades))
    counts = np.zeros((len(grades), len(levels)))
    np.add.at(counts, (unit, _codes(grades[unit, annotator], levels)), 1.0)
    pairs = counts[:, :, None] * counts[:, None, :] - counts[:, :, None] * np.eye(len(levels))
    return _ratio(pairs, (counts.sum(axis=1) - 1)[:, None, None], nothing=0.0).clip(min=0.0)


def alpha(table: np.ndarray, levels: np.ndarray, metric: str = "ordinal") -> np.ndarray:
    """Krippendorff's alpha of (..., L, L) summed coincidences, for any number of annotators and missing grades.

    Krippendorff, Computing Krippendorff's alpha-reliability, 2011. `metric`: "none", "linear" and "quadratic" are
    fixed distances ("none" is his nominal, "quadratic" his interval metric); "ordinal" counts how many grades lie
    between two levels. NaN where all grades are equal.
    """
    table = np.asarray(table, dtype=np.float64)
    margin = table.sum(axis=-1)
    if metric == "ordinal":
        middle = margin.cumsum(axis=-1) - margin / 2
        distance = (middle[..., :, None] - middle[..., None, :]) ** 2
    else:
        levels = np.asarray(levels, dtype=np.float64)
        distance = np.broadcast_to(DISTANCES[metric](levels[:, None], levels[None, :]), table.shape)
    seen = (table * distance).sum(axis=(-2, -1))
    chance = (margin[..., :, None] * margin[..., None, :] * distance).sum(axis=(-2, -1))
    return 1.0 - _ratio((margin.sum(axis=-1) - 1) * seen, chance)


def interval(
    totals: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray], resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """A statistic of summed tables with its 95% percentile interval over queries.

    Args:
        totals: (Q, ...) what each query adds; statistic: (R, ...) sums -> (R,) values.

    Returns:
        NaN ends where more than one resample in twenty has no value, or where there is only one query.
    """
    value = float(statistic(totals.sum(axis=0)[None])[0]) if len(totals) else np.nan
    if np.isnan(value) or len(totals) < 2:
        return Interval(value, np.nan, np.nan)
    flat = totals.reshape(len(totals), -1)
    values = [statistic(sums.reshape(-1, *totals.shape[1:])) for sums in _resampled(flat, resamples, seed)]
    values = np.concatenate(values)
    if np.isnan(values).mean() > UNDEFINED:
        return Interval(value, np.nan, np.nan)
    low, high = np.nanquantile(values, [0.025, 0.975])
    return Interval(value, float(low), float(high))


def _resampled(totals: np.ndarray, resamples: int, seed: int) -> Iterator[np.ndarray]:
    rng, queries = np.random.default_rng(seed), len(totals)
    step = max(1, BLOCK // queries)
    for start in range(0, resamples, step):
        times = rng.multinomial(queries, np.full(queries, 1 / queries), size=min(step, resamples - start))
        yield times @ totals


def favour(
    error: np.ndarray, member: np.ndarray, stratum: np.ndarray, permutations: int = PERMUTATIONS, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Whether a judge grades some system's results higher than equally good results of others.

    The error of a pair is compared with the mean error of its stratum, the pairs of the same query to which people
    gave the same grade: a system with better results meets other errors (a 3 can only be graded too low), and that
    is not favour. Under the null hypothesis it does not matter who returned which pair of a stratum, so errors are
    shuffled within strata; which system returned how many pairs, and which pairs they share, stays as it is.

    Args:
        error: (N,) judge - people. member: (N, S) whether a system returned the pair.
        stratum: (N,) labels; pairs alone in theirs can show nothing.

    Returns:
        (S,) mean excess error of each system's pairs, and (S,) two-sided p-values, never 0 (Phipson & Smyth 2010).
    """
    member = np.asarray(member, dtype=np.float64)
    _, where = np.unique(stratum, return_inverse=True)
    sizes = np.bincount(where)
    excess = error - (np.bincount(where, weights=error) / sizes)[where]
    seen = excess @ member
    moves = (np.bincount(where, weights=excess**2) > 1e-12)[where]  # a stratum of equal errors stays as it is
    order = np.argsort(where[moves], kind="stable")
    within, values, members = where[moves][order], excess[moves][order], member[moves][order]
    as_large, slack = np.zeros(member.shape[1]), 1e-9 * np.abs(excess).sum()
    permutations = min(permutations, max(FEWEST, MOST // max(len(values), 1)))
    rng, step = np.random.default_rng(seed), max(1, BLOCK // max(len(values), 1))
    for start in range(0, permutations, step):
        keys = within + rng.random((min(step, permutations - start), len(values)))
        shuffled = values[np.argsort(keys, axis=1)]
        as_large += (np.abs(shuffled @ members) >= np.abs(seen) - slack).sum(axis=0)
    return _ratio(seen, member.sum(axis=0)), (1 + as_large) / (1 + permutations)


def _ratio(above: np.ndarray, below: np.ndarray, nothing: float = np.nan) -> np.ndarray:
    """above / below, `nothing` where `below` is not positive."""
    above, below = np.broadcast_arrays(np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64))
    return np.divide(above, below, out=np.full(above.shape, nothing), where=below > 0)
