"""Retrieval metrics as pure array functions of graded rankings: hit rate, recall, precision, MRR, AP, nDCG.

Symbols: Q queries, K ranks, `grades` (Q, K) the judged grade of the item at each rank, 0 where it is not relevant,
not judged, or the slot is empty. An item is relevant when its grade is above 0; raise that bar in `grade`.
Every metric gives (Q,) float64, one value per query: a query without results scores 0 and stays in the mean,
a query without any relevant item has no value and is an error.
"""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from weft.errors import WeftError


@dataclass(frozen=True)
class Graded:
    """Rankings with their judgements, all that a metric may know.

    Attributes:
        grades: (Q, K) float64, grade of the item at each rank.
        relevant: (Q,) int64, number of relevant items among all judged, retrieved or not.
        ideal: (Q, K) float64, the highest judged grades in descending order, 0-padded: what could be had.
    """

    grades: np.ndarray
    relevant: np.ndarray
    ideal: np.ndarray


def grade(
    ranking: np.ndarray,
    judged: Sequence[tuple[np.ndarray, np.ndarray]],
    minimum: float = 0.0,
    names: Sequence[str] | None = None,
) -> Graded:
    """Looks up every ranked item's judgement.

    Args:
        ranking: (Q, K) int, item rows in order, -1 for an empty slot.
        judged: per query the judged item rows and their grades; negative grades count as 0.
        minimum: grades below it count as 0, for instance 3 where only exact matches are relevant.
        names: Q query ids for the error message.

    Raises:
        WeftError: a query has no relevant item, or lists an item twice in its ranking or judgements.
    """
    ranking = np.asarray(ranking, dtype=np.int64)
    queries, depth = ranking.shape
    if len(judged) != queries:
        raise ValueError(f"{queries} rankings but judgements of {len(judged)} queries")
    grades, ideal = np.zeros((2, queries, depth))
    relevant = np.zeros(queries, dtype=np.int64)
    for query, (items, values) in enumerate(judged):
        name = query if names is None else names[query]
        values = np.where(np.asarray(values, float) >= minimum, np.maximum(values, 0.0), 0.0)
        order = np.argsort(items, kind="stable")
        items, values = np.asarray(items, dtype=np.int64)[order], values[order]
        relevant[query] = np.count_nonzero(values)
        best = np.sort(values)[::-1][:depth]
        ideal[query, : len(best)] = best
        if relevant[query] == 0:
            raise WeftError(f"query {name!r} has no relevant item, so no metric is defined for it: leave it out")
        slots = np.flatnonzero(ranking[query] >= 0)
        shown = ranking[query, slots]
        if len(np.unique(shown)) < len(shown):
            raise WeftError(f"the ranking of query {name!r} lists an item twice: remove the repetition")
        if (items[1:] == items[:-1]).any():
            raise WeftError(f"the judgements of query {name!r} list an item twice: remove the repetition")
        place = np.minimum(np.searchsorted(items, shown), len(items) - 1)
        grades[query, slots] = np.where(items[place] == shown, values[place], 0.0)
    return Graded(grades, relevant, ideal)


def hit_rate(grades: np.ndarray, k: int) -> np.ndarray:
    """1 if any of the first k items is relevant, else 0 (success@k). Much public code calls this "recall"."""
    return (_top(grades, k) > 0).any(axis=1).astype(np.float64)


def precision(grades: np.ndarray, k: int) -> np.ndarray:
    """Relevant items among the first k, over k, also where fewer than k were returned."""
    return (_top(grades, k) > 0).sum(axis=1) / k


def recall(grades: np.ndarray, relevant: np.ndarray, k: int) -> np.ndarray:
    """Relevant items among the first k, over all relevant items. See `ceiling_recall` for what can be reached."""
    return (_top(grades, k) > 0).sum(axis=1) / _some(relevant)


def ceiling_recall(relevant: np.ndarray, k: int) -> np.ndarray:
    """The recall@k of a perfect ranking, min(k, relevant) / relevant."""
    return np.minimum(_some(relevant), k) / relevant


def mrr(grades: np.ndarray, k: int) -> np.ndarray:
    """1 / rank of the first relevant item, 0 if it is not among the first k (Voorhees, TREC-8 QA track, 1999)."""
    hits = _top(grades, k) > 0
    return np.where(hits.any(axis=1), 1.0 / (hits.argmax(axis=1) + 1), 0.0)


def average_precision(grades: np.ndarray, relevant: np.ndarray, k: int, denominator: str = "min") -> np.ndarray:
    """Sum of the precisions at the ranks of the relevant items among the first k, over a denominator.

    Args:
        denominator: "min" divides by min(k, relevant), so that 1 can be reached; "all" by all relevant
            items, as trec_eval's map_cut does (Buckley & Voorhees, "Retrieval system evaluation", 2005).
    """
    hits = _top(grades, k) > 0
    total = (hits * hits.cumsum(axis=1) / np.arange(1, k + 1)).sum(axis=1)
    if denominator not in ("min", "all"):
        raise ValueError(f'denominator is "min" or "all", not {denominator!r}')
    return total / (np.minimum(_some(relevant), k) if denominator == "min" else _some(relevant))


def ndcg(grades: np.ndarray, ideal: np.ndarray, k: int) -> np.ndarray:
    """Discounted cumulative gain over that of the ideal ranking of *all* judged items, not of those retrieved.

    Gain is the grade itself, discount log2(rank + 1): Järvelin & Kekäläinen, "Cumulated gain-based evaluation
    of IR techniques", ACM TOIS 2002, in the form of trec_eval's ndcg_cut.
    """
    discount = 1.0 / np.log2(np.arange(2, k + 2))
    best = _top(ideal, k) @ discount
    _some(best)
    return _top(grades, k) @ discount / best


def _top(grades: np.ndarray, k: int) -> np.ndarray:
    if not 1 <= k <= grades.shape[1]:
        raise ValueError(f"rank {k} asked of rankings that are {grades.shape[1]} deep")
    return grades[:, :k]


def _some(relevant: np.ndarray) -> np.ndarray:
    if (relevant <= 0).any():
        row = int(np.argmax(relevant <= 0))
        raise WeftError(f"query {row} has no relevant item, so no metric is defined for it: leave it out")
    return relevant


@dataclass(frozen=True)
class Metric:
    """A metric as tables name it: its function over `Graded`, how to read it, and its name in ir_measures."""

    compute: Callable[[Graded, int], np.ndarray]
    reads: str
    ir_measures: str | None


METRICS: dict[str, Metric] = {
    "hit_rate": Metric(lambda g, k: hit_rate(g.grades, k), "a relevant item is in the top k", "Success@{k}"),
    "recall": Metric(lambda g, k: recall(g.grades, g.relevant, k), "share of relevant items found", "R@{k}"),
    "precision": Metric(lambda g, k: precision(g.grades, k), "share of the top k that is relevant", "P@{k}"),
    "mrr": Metric(lambda g, k: mrr(g.grades, k), "1 / rank of the first relevant item", "RR@{k}"),
    "ndcg": Metric(lambda g, k: ndcg(g.grades, g.ideal, k), "graded gain over the best possible", "nDCG@{k}"),
    "map": Metric(lambda g, k: average_precision(g.grades, g.relevant, k), "AP over min(k, relevant)", None),
    "map_all": Metric(lambda g, k: average_precision(g.grades, g.relevant, k, "all"), "AP over all relevant", "AP@{k}"),
    "ceiling_recall": Metric(lambda g, k: ceiling_recall(g.relevant, k), "the highest recall that is possible", None),
}


def measure(name: str, graded: Graded) -> np.ndarray:
    """(Q,) values of a metric by its full name, "recall@10". Raises `WeftError` for a name that does not exist."""
    base, _, cut = name.partition("@")
    if base not in METRICS or not cut.isdecimal() or int(cut) < 1:
        near = difflib.get_close_matches(base, METRICS, n=1)
        hint = f"did you mean {near[0]}@10?" if near else "known: " + ", ".join(METRICS)
        raise WeftError(f"there is no metric {name!r}; a name is metric@k, for instance recall@10; {hint}")
    return METRICS[base].compute(graded, int(cut))
