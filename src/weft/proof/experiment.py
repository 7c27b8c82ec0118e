"""One benchmark of the proof: five systems scored by its answers, by the truth, and by what a judge says of a pool."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from weft import grading, metrics, stats
from weft.audit.judged import Judged
from weft.benchmarks.record import Retrieval, Side
from weft.demo.faults import Planted, Shelf
from weft.embed import Embedder
from weft.judging.attribute import Blurred
from weft.judging.pool import Pair
from weft.judging.systems import System
from weft.judging.union import Part, Ranked
from weft.proof.judges import RUBRIC, query_id
from weft.proof.systems import Eyes, five, pictures_of
from weft.search import top_k

PRIMARY = "ndcg@10"
METRICS = ("ndcg@10", "mrr@10", "recall@10")
RANKS, DEPTH, SAMPLE = 100, 20, 5
"""How many items a system returns; how many of these are pooled; how many more are drawn at random for each query."""

Answers = Sequence[tuple[np.ndarray, np.ndarray]]
"""Per query ascending items and 1.0 or 0.0: relevant or not."""


@dataclass(frozen=True)
class Asked:
    """A benchmark with what five systems answered.

    Attributes:
        task: the benchmark as anyone sees it, with the answers that it gives.
        embedders: system -> its encoder; rankings: system -> (Q, RANKS) rows; honest: the same of systems that were not
            trained on its answers, the rankings by which the truth is told.
    """

    planted: Planted
    task: Retrieval
    embedders: Mapping[str, Embedder]
    rankings: Mapping[str, np.ndarray]
    honest: Mapping[str, np.ndarray]

    @property
    def systems(self) -> list[str]:
        return list(self.rankings)

    @property
    def truth(self) -> Answers:
        return right(self.planted.truth)

    def score(self, answers: Answers, keep: np.ndarray, metric: str = PRIMARY, honest: bool = False) -> np.ndarray:
        """(S, len(keep)) values by other answers, on the queries at `keep`."""
        part = [answers[row] for row in keep.tolist()]
        rankings = (self.honest if honest else self.rankings).values()
        return np.stack([metrics.measure(metric, grading.grade(one[keep], part)) for one in rankings])


def right(rows: Sequence[np.ndarray]) -> Answers:
    return [(items, np.ones(len(items))) for items in rows]


def ask(planted: Planted, eyes: Eyes, school: Shelf, name: str, cache: Path | None = None) -> Asked:
    """Embeds and ranks; what was embedded before is read back from `cache`."""
    pictures, titles = pictures_of(planted.shelf), [one.title for one in planted.shelf.garments]
    side = Side(planted.shelf.ids, pictures=pictures, rows=np.arange(len(planted.shelf)), titles=titles)
    queries, groups = [query_id(row) for row in range(len(planted))], np.unique(planted.texts, return_inverse=True)[1]
    task = Retrieval(
        name, Side(queries, planted.texts), side, right(planted.given), primary=PRIMARY, metrics=METRICS,
        source=planted.source, groups=groups,
    )  # fmt: skip

    def ranked(embedders: Mapping[str, Embedder]) -> dict[str, np.ndarray]:
        return {
            name: top_k(one.texts(planted.texts), one.images(pictures, side.rows), RANKS)[0]
            for name, one in embedders.items()
        }

    def opened(trained: tuple = ()) -> dict[str, Embedder]:
        return {name: Embedder(encoder, cache) for name, encoder in five(eyes, school, trained).items()}

    plain, own = opened(), opened(trained_pairs(planted)) if planted.trained.any() else None
    honest = ranked(plain)
    return Asked(planted, task, own or plain, ranked(own) if own else honest, honest)


def trained_pairs(planted: Planted) -> tuple[tuple[str, bytes], ...]:
    """What the leaking system was trained on: the leaked queries' texts with the pictures of their given answers."""
    return tuple(
        (planted.texts[row], planted.shelf.pictures[item])
        for row in np.flatnonzero(planted.trained)
        for item in planted.given[row]
    )


def pool(asked: Asked) -> Part:
    """The union of the systems' first results, the benchmark's own answers, and a random sample of the rest."""
    systems = [System(name, {}, {asked.task.name: ranking}) for name, ranking in asked.rankings.items()]
    return Ranked(asked.task, systems).pooled(DEPTH, SAMPLE, True, 0)


def judged(part: Part, judge: Blurred) -> Answers:
    """The judge's answers, which replace the benchmark's: relevant by the rubric, or not."""
    task = part.task
    ids, items, texts, titles = task.query_ids, task.corpus.ids, task.queries.texts, task.corpus.titles
    grades = [
        judge.grade(Pair(ids[query], texts[query], "", items[item], titles[item], "", task.name, "proof"))
        for query, item in zip(part.query.tolist(), part.document.tolist(), strict=True)
    ]
    fits = np.asarray([grade is not None and grade >= RUBRIC.relevant for grade in grades], dtype=np.float64)
    order = np.argsort(part.document, kind="stable")
    query, document, fits = part.query[order], part.document[order], fits[order]
    return [(document[rows], fits[rows]) for rows in _by_query(query, len(task.queries))]


def as_judged(part: Part, answers: Answers, unfit: float = 0.0) -> Judged:
    """The same for the audit, with what the pool holds because a system returned it: the rule that sources must meet,
    too. Answers are pooled in any case, and random items are drawn from what is neither."""
    system, query, document, _ = part.entries
    own = system >= 0
    pooled = [np.unique(document[own][rows]) for rows in _by_query(query[own], len(answers))]
    return Judged([items[fits > 0] for items, fits in answers], pooled, unfit)


def tellable(truth: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of systems, the truly better one first, whose gap exceeds the minimum detectable effect of these queries.

    Args:
        truth: (S, Q) per-query scores by truth.
    """
    gaps = {(a, b): float((truth[a] - truth[b]).mean()) for a, b in combinations(range(len(truth)), 2)}
    told = [pair for pair, gap in gaps.items() if abs(gap) > stats.minimum_detectable(*truth[list(pair)])]
    return [(a, b) if gaps[a, b] > 0 else (b, a) for a, b in told]


def tau(pairs: Sequence[tuple[int, int]], means: np.ndarray) -> float | None:
    """Kendall's tau over these pairs: (right way round - wrong way round) / all; a tie is neither. None of no pair."""
    return float(np.mean([np.sign(means[a] - means[b]) for a, b in pairs])) if pairs else None


def compared(asked: Asked, answers: Answers, keep: np.ndarray) -> dict:
    """Scores by other answers beside those by truth: error in points, and tau over the pairs that can be told.

    Queries for which nothing fits by these answers are left out, as any evaluation does. `error` is the mean over
    systems of |score - score by truth|, the truth taken over the kept queries; `error_all` takes it over all queries.
    """
    whole = np.arange(len(asked.planted))
    kept = np.asarray([row for row in keep.tolist() if answers[row][1].any()], dtype=np.int64)
    told: dict = {"queries": len(kept)}
    for metric in METRICS:
        truth, found = asked.score(asked.truth, whole, metric, honest=True), asked.score(answers, kept, metric)
        means, every, near = found.mean(axis=1), truth.mean(axis=1), truth[:, kept].mean(axis=1)
        pairs = tellable(truth)
        told[metric] = {
            "truth": every.tolist(), "truth_kept": near.tolist(), "found": means.tolist(),
            "error": 100 * float(np.abs(means - near).mean()), "error_all": 100 * float(np.abs(means - every).mean()),
            "pairs": len(pairs), "tau": tau(pairs, means),
            "wrong": [[asked.systems[a], asked.systems[b]] for a, b in pairs if means[a] <= means[b]],
        }  # fmt: skip
    return told


def _by_query(query: np.ndarray, count: int) -> list[np.ndarray]:
    """Per query the places at which it stands."""
    order = np.argsort(query, kind="stable")
    return np.split(order, np.searchsorted(query[order], np.arange(1, count)))
