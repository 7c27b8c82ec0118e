"""The union of what several systems returned, and a random sample of the rest, as flat arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from weft.benchmarks.record import Retrieval
from weft.errors import WeftError
from weft.judging import precision
from weft.judging.pool import RANDOM
from weft.judging.systems import System
from weft.pairs.queries import randomness

ANSWERED = 50
"""Of a query with more right answers than this, so many are drawn: a category's thousands need no judge each."""


@dataclass(frozen=True)
class Part:
    """One task's share of a pool: (P,) query and corpus rows, `drawn` by chance or not; `entries` (T,) of results:
    system (its place, -1 for answers, -2 for the sample), query, document, rank."""

    task: Retrieval
    query: np.ndarray
    document: np.ndarray
    drawn: np.ndarray
    entries: tuple[np.ndarray, ...]

    def facts(self) -> dict:
        task, answers = self.task, self.entries[0] == -1
        return {
            "name": task.name, "queries": len(task.queries), "gallery": len(task.corpus), "pairs": len(self.query),
            "random": int(self.drawn.sum()), "answers": int(answers.sum()), "threshold": task.threshold,
        }  # fmt: skip


class Ranked:
    """One task, and all results of all systems as flat arrays."""

    def __init__(self, task: Retrieval, systems: Sequence[System]):
        self.task, self.size = task, len(task.corpus)
        found = [
            (place, *np.nonzero(ranking >= 0), ranking)
            for place, system in enumerate(systems)
            if (ranking := system.rankings.get(task.name)) is not None
        ]
        if not found:
            raise WeftError(f"no system ranks anything of task {task.name}: leave it out by ?tasks=")
        self.system = np.concatenate([np.full(len(row), place) for place, row, _, _ in found])
        self.query = np.concatenate([row for _, row, _, _ in found])
        self.document = np.concatenate([ranking[row, slot] for _, row, slot, ranking in found])
        self.rank = np.concatenate([_place(row, slot) for _, row, slot, _ in found])

    @property
    def key(self) -> np.ndarray:
        return self.query * self.size + self.document

    def pooled(self, depth: int, sample: int, answers: bool, seed: int) -> Part:
        """What is judged: every system's first `depth`, the benchmark's own answers, and `sample` others a query."""
        first = self.rank <= depth
        entries = [(self.system[first], self.query[first], self.document[first], self.rank[first])]
        if answers:
            entries.append(self._answers(seed))
        keys = np.unique(np.concatenate([query * self.size + document for _, query, document, _ in entries]))
        entries.append(self._sample(keys, sample, seed))
        drawn = entries[-1][1] * self.size + entries[-1][2]
        every = np.concatenate([keys, drawn])
        chance = np.r_[np.zeros(len(keys), dtype=bool), np.ones(len(drawn), dtype=bool)]
        columns = tuple(np.concatenate(column) for column in zip(*entries, strict=True))
        return Part(self.task, every // self.size, every % self.size, chance, columns)

    def _answers(self, seed: int) -> tuple[np.ndarray, ...]:
        query, document = [], []
        for row, (rows, grades) in enumerate(self.task.relevant):
            right = np.asarray(rows)[np.asarray(grades) >= self.task.threshold]
            if len(right) > ANSWERED:
                right = randomness(seed, "answers", self.task.name, row).choice(right, ANSWERED, replace=False)
            query.append(np.full(len(right), row))
            document.append(right)
        return _entries(-1, np.concatenate(query), np.concatenate(document))

    def _sample(self, keys: np.ndarray, sample: int, seed: int) -> tuple[np.ndarray, ...]:
        """Of every query `sample` documents of those not pooled, each as likely as the other."""
        edges = np.searchsorted(keys, np.arange(len(self.task.queries) + 1) * self.size)
        query, document = [], []
        for row, name in enumerate(self.task.query_ids):
            own = keys[edges[row] : edges[row + 1]] - row * self.size
            count = min(sample, self.size - len(own))
            # So many in random order that enough are left when all pooled ones are taken out of them.
            drawn = randomness(seed, RANDOM, self.task.name, name).choice(self.size, count + len(own), replace=False)
            document.append(drawn[~np.isin(drawn, own)][:count])
            query.append(np.full(count, row))
        return _entries(-2, np.concatenate(query), np.concatenate(document))


def _entries(system: int, query: np.ndarray, document: np.ndarray) -> tuple[np.ndarray, ...]:
    return np.full(len(query), system), query, document.astype(np.int64), np.zeros(len(query), dtype=np.int64)


def _place(row: np.ndarray, slot: np.ndarray) -> np.ndarray:
    """Rank from 1 within each row, empty slots not counted."""
    return slot - slot[np.searchsorted(row, row)] + 1 if len(row) else slot


def deep(system: System) -> int:
    """How many results it has for a query, at most."""
    return min((ranking.shape[1] for ranking in system.rankings.values()), default=0)


def depth_table(ranked: Sequence[Ranked], systems: Sequence[System], cut: int) -> list[dict]:
    """What each depth would mean: pairs (without answers and sample), holes of a system left out, planned error."""
    most = max(map(deep, systems))
    depths = sorted({min(max(depth, cut), most) for depth in precision.DEPTHS} | {min(cut, most)})
    each = np.stack([precision.unjudged(one.system, one.key, one.rank, depths, cut, len(systems)) for one in ranked])
    weights = np.asarray([len(one.task.queries) for one in ranked])[:, None, None] * np.isfinite(each)
    shares = np.nansum(weights * each, axis=0) / np.maximum(weights.sum(axis=0), 1)  # (systems, depths)
    best = [precision.ranks_of_others(one.system, one.key, one.rank)[1] for one in ranked]
    return [
        {
            "depth": depth,
            "pairs": int(sum((ranks <= depth).sum() for ranks in best)),
            "unjudged": float(shares[:, column].mean()),
            "unjudged by system": {s.name: float(share) for s, share in zip(systems, shares[:, column], strict=True)},
            "error": precision.depth_error(float(shares[:, column].mean()), depth, cut),
        }
        for column, depth in enumerate(depths)
    ]
