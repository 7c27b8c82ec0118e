"""Retrieval metrics as pure array functions of graded rankings, and what each of them means.

Symbols: Q queries, K ranks, `grades` (Q, K) the judged grade of the item at each rank, 0 where it is not relevant,
not judged, or the slot is empty. An item is relevant when its grade is above 0; raise that bar in `grade`.
Every metric gives (Q,) float64, one value per query: a query without results scores 0 and stays in the mean,
a query without any relevant item has no value and is an error.
"""

import difflib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from weft.errors import WeftError
from weft.grading import Graded

DEPTH = 100  # how many things are ranked for a query; a metric looks at as many at most
HIGHEST = 4  # of the grades that ERR knows, as in the TREC Web tracks' gdeval
PERSISTENCE = 0.8  # of RBP's reader, who goes on to the next rank with this probability
UNRANKED = ("judged", "ceiling_recall")  # say nothing of how good a ranking is
GRADED = ("ndcg", "err")  # metrics that read grades; the others know only yes and no, at a task's threshold


def hit_rate(grades: np.ndarray, k: int) -> np.ndarray:
    """1 if any of the first k items is relevant, else 0 (success@k). Much public code calls this "recall"."""
    return (_top(grades, k) > 0).any(axis=1).astype(np.float64)


def precision(grades: np.ndarray, k: int) -> np.ndarray:
    """Relevant items among the first k, over k, also where fewer than k were returned."""
    return (_top(grades, k) > 0).sum(axis=1) / k


def recall(grades: np.ndarray, relevant: np.ndarray, k: int) -> np.ndarray:
    """Relevant items among the first k, over all relevant items. See `ceiling_recall` for what can be reached."""
    return (_top(grades, k) > 0).sum(axis=1) / _some(relevant)


def hit_rate_by_chance(relevant: np.ndarray, size: int, k: int) -> float:
    """The mean hit rate@k of random orders of `size` things: 1 - C(size - relevant, k) / C(size, k), averaged."""
    missed = np.ones(len(relevant))
    for drawn in range(min(k, size)):
        missed *= np.maximum(size - relevant - drawn, 0) / (size - drawn)
    return float((1 - missed).mean())


def ceiling_recall(relevant: np.ndarray, k: int) -> np.ndarray:
    """The recall@k of a perfect ranking, min(k, relevant) / relevant."""
    return np.minimum(_some(relevant), k) / relevant


def mrr(grades: np.ndarray, k: int) -> np.ndarray:
    """1 / rank of the first relevant item, 0 if it is not among the first k (Voorhees, TREC-8 QA track, 1999)."""
    hits = _top(grades, k) > 0
    return np.where(hits.any(axis=1), 1.0 / (hits.argmax(axis=1) + 1), 0.0)


def average_precision(grades: np.ndarray, relevant: np.ndarray, k: int, denominator: str = "min") -> np.ndarray:
    """Sum of the precisions at the ranks of the relevant items among the first k, over a denominator.

    "min" divides by min(k, relevant), so that 1 can be reached; "all" by all relevant items (trec_eval's map_cut).
    """
    hits = _top(grades, k) > 0
    if denominator not in ("min", "all"):
        raise ValueError(f'denominator is "min" or "all", not {denominator!r}')
    total = (hits * hits.cumsum(axis=1) / np.arange(1, k + 1)).sum(axis=1)
    return total / (np.minimum(_some(relevant), k) if denominator == "min" else _some(relevant))


def ndcg(grades: np.ndarray, ideal: np.ndarray, k: int) -> np.ndarray:
    """Discounted cumulative gain over that of the ideal ranking of *all* judged items, not of those retrieved.

    Gain is the grade, discount log2(rank + 1): Järvelin & Kekäläinen, TOIS 2002, in the form of trec_eval's ndcg_cut.
    """
    discount = 1.0 / np.log2(np.arange(2, k + 2))
    return _top(grades, k) @ discount / _some(_top(ideal, k) @ discount)


def err(grades: np.ndarray, k: int, highest: float = HIGHEST) -> np.ndarray:
    """Expected 1 / rank at which a reader stops who is content with grade g with chance (2^g - 1) / 2^highest.

    Chapelle et al., CIKM 2009, equation 5. A grade above `highest`, a chance larger than 1, is a `WeftError`.
    """
    if ((top := _top(grades, k)) > highest).any():
        raise WeftError(f"ERR knows grades up to {highest:g}, but an item has {top.max():g}: rescale the grades")
    content = (2.0**top - 1) / 2.0**highest
    unmet = np.cumprod(1 - content, axis=1)
    arrives = np.concatenate([np.ones((len(top), 1)), unmet[:, :-1]], axis=1)
    return (arrives * content) @ (1.0 / np.arange(1, k + 1))


def rbp(grades: np.ndarray, k: int, persistence: float = PERSISTENCE) -> np.ndarray:
    """(1 - p) * sum of p^(rank - 1) over the relevant items among the first k, p the reader's persistence.

    Moffat & Zobel, TOIS 2008. It is a lower bound: what lies below rank k could add up to p^k.
    """
    return (_top(grades, k) > 0) @ ((1 - persistence) * persistence ** np.arange(k))


def judged_share(judged: np.ndarray, k: int) -> np.ndarray:
    """Judged items among the first k, over those that were returned there; the rest are holes in the judgements."""
    top = _top(judged, k)
    return (top == 1).sum(axis=1) / np.maximum((top >= 0).sum(axis=1), 1)


def _top(grades: np.ndarray, k: int) -> np.ndarray:
    if not 1 <= k <= grades.shape[1]:
        raise ValueError(f"rank {k} asked of rankings that are {grades.shape[1]} deep")
    return grades[:, :k]


def _some(relevant: np.ndarray) -> np.ndarray:
    if (relevant <= 0).any():
        raise WeftError(f"query {np.argmax(relevant <= 0)} has no relevant item, so no metric is defined: leave it out")
    return relevant


@dataclass(frozen=True)
class Metric:
    """A metric as tables name it: its function over `Graded`, and what a page says about it ({k} is the cut).

    Attributes:
        reads: the value in words. definition: its formula; parameters: its symbols and what is fixed besides k.
        ir_measures, trec_eval: its name there, None where it has none. citation: who defined it.
    """

    compute: Callable[[Graded, int], np.ndarray]
    reads: str
    ir_measures: str | None = None
    trec_eval: str | None = None
    definition: str = ""
    citation: str = ""
    parameters: dict[str, str | float] = field(default_factory=dict)


_BINARY = {"r(i)": "1 where the grade at rank i is above 0, else 0"}
_GRADE = {"g(i)": "the grade at rank i, 0 where none or below 0"}
_COUNT = {"n": "all relevant items of the query"}
_BOOK = "van Rijsbergen, Information Retrieval, 2nd ed., 1979, chapter 7"

METRICS: dict[str, Metric] = {
    "hit_rate": Metric(
        lambda g, k: hit_rate(g.grades, k), "a relevant item is in the top k", "Success@{k}", "success_{k}",
        "max of r(i) over i <= {k}", "trec_eval, success", _BINARY,
    ),
    "recall": Metric(
        lambda g, k: recall(g.grades, g.relevant, k), "share of relevant items found", "R@{k}", "recall_{k}",
        "sum of r(i) over i <= {k}, / n", _BOOK, _BINARY | _COUNT,
    ),
    "precision": Metric(
        lambda g, k: precision(g.grades, k), "share of the top k that is relevant", "P@{k}", "P_{k}",
        "sum of r(i) over i <= {k}, / {k}", _BOOK, _BINARY,
    ),
    "mrr": Metric(
        lambda g, k: mrr(g.grades, k), "1 / rank of the first relevant item", "RR@{k}", None,
        "max of r(i) / i over i <= {k}", "Voorhees, The TREC-8 question answering track report, 1999", _BINARY,
    ),
    "ndcg": Metric(
        lambda g, k: ndcg(g.grades, g.ideal, k), "graded gain over the best possible", "nDCG@{k}", "ndcg_cut_{k}",
        "sum of g(i) / log2(i + 1) over i <= {k}, / the same sum of the ideal order of all judged items",
        "Järvelin & Kekäläinen, Cumulated gain-based evaluation of IR techniques, ACM TOIS 2002", _GRADE,
    ),
    "map": Metric(
        lambda g, k: average_precision(g.grades, g.relevant, k), "AP over min(k, relevant)", None, None,
        "sum of r(i) precision@i over i <= {k}, / min({k}, n)",
        "the rule of Kaggle's H&M Personalized Fashion Recommendations, 2022", _BINARY | _COUNT,
    ),
    "map_all": Metric(
        lambda g, k: average_precision(g.grades, g.relevant, k, "all"), "AP over all relevant", "AP@{k}", "map_cut_{k}",
        "sum of r(i) precision@i over i <= {k}, / n", "Buckley & Voorhees, Retrieval system evaluation, 2005",
        _BINARY | _COUNT,
    ),
    "err": Metric(
        lambda g, k: err(g.grades, k), "expected 1 / rank at which a reader is content", "ERR@{k}", None,
        "sum of R(i) / i * product of 1 - R(j) over j < i, over i <= {k}, with R(i) = (2^g(i) - 1) / 2^h",
        "Chapelle et al., Expected reciprocal rank for graded relevance, CIKM 2009", _GRADE | {"h": HIGHEST},
    ),
    "rbp": Metric(
        lambda g, k: rbp(g.grades, k), "relevance met by a reader who goes on with chance p",
        f"RBP(p={PERSISTENCE},rel=1)@{{k}}", None, "(1 - p) * sum of r(i) p^(i - 1) over i <= {k}",
        "Moffat & Zobel, Rank-biased precision, ACM TOIS 2008", _BINARY | {"p": PERSISTENCE},
    ),
    "judged": Metric(
        lambda g, k: judged_share(g.judged, k), "share of the returned top k that was judged", "Judged@{k}", None,
        "judged items at ranks i <= {k}, / items returned there",
        "Buckley & Voorhees, Retrieval evaluation with incomplete information, SIGIR 2004",
    ),
    "ceiling_recall": Metric(
        lambda g, k: ceiling_recall(g.relevant, k), "the highest recall that is possible", None, None,
        "min({k}, n) / n", "recall@k of the ideal order", _COUNT,
    ),
}  # fmt: skip


def measure(name: str, graded: Graded) -> np.ndarray:
    """(Q,) values of a metric by its full name, "recall@10". Raises `WeftError` for a name that does not exist."""
    base, cut = parsed(name)
    return METRICS[base].compute(graded, cut)


def parsed(name: str) -> tuple[str, int]:
    """A metric's name and cut. Raises `WeftError` for one that does not exist or looks deeper than `DEPTH`."""
    base, _, cut = name.partition("@")
    if base not in METRICS or not cut.isdecimal() or int(cut) < 1:
        near = difflib.get_close_matches(base, METRICS, n=1)
        hint = f"did you mean {near[0]}@10?" if near else "known: " + ", ".join(METRICS)
        raise WeftError(f"there is no metric {name!r}; a name is metric@k, for instance recall@10; {hint}")
    if int(cut) > DEPTH:
        raise WeftError(f"{name} looks at {cut} ranks, and {DEPTH} things are ranked for a query: take {base}@{DEPTH}")
    return base, int(cut)


def explain(name: str) -> dict[str, str]:
    """What a page says of a metric by its full name: its definition with all parameters, and its citation."""
    base, _, cut = name.partition("@")
    fixed = "".join(f"; {what}: {value}" for what, value in METRICS[base].parameters.items())
    told = f"{METRICS[base].reads}: {METRICS[base].definition.format(k=cut)}{fixed}"
    return {"definition": told.removesuffix(": "), "citation": METRICS[base].citation}
