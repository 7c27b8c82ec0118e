"""Other ways in which the answers could have been put right, so that a verdict can be held against each of them.

Every function is pure: runs and qrels in, runs and qrels out. A document without a judgement counts as wrong, as in
trec_eval, unless a correction says otherwise.
"""

from collections import Counter
from collections.abc import Mapping

import numpy as np

from weft.judging.evaluated import Qrels, Runs


def condensed(runs: Runs, qrels: Qrels) -> Runs:
    """Lists without what nobody judged (Sakai, Alternatives to bpref, SIGIR 2007)."""
    return {
        system: {query: [doc for doc in docs if doc in qrels.get(query, ())] for query, docs in ranked.items()}
        for system, ranked in runs.items()
    }


def generous(runs: Runs, qrels: Qrels, grade: float, depth: int, only: str = "", but: str = "") -> Qrels:
    """Qrels in which unjudged documents among the first `depth` have a grade: with 0, the two ends of what is possible.

    Args:
        only: just those that this system returned; but: not those that this one returned too.
    """
    found = {query: dict(of) for query, of in qrels.items()}
    for system, ranked in runs.items():
        if only in ("", system):
            for query, of in found.items():
                spared = set(runs[but].get(query, ())[:depth]) if but else set()
                for doc in ranked.get(query, ())[:depth]:
                    if doc not in spared:
                        of.setdefault(doc, grade)
    return found


def merged(qrels: Qrels, original: Qrels, relevant: float, grade: float) -> Qrels:
    """Where nobody judged a pair, the benchmark's own label stands: from `relevant` it counts as `grade`, else 0."""
    return {
        query: {doc: grade if old >= relevant else 0.0 for doc, old in original.get(query, {}).items()} | dict(of)
        for query, of in qrels.items()
    }


def without(runs: Runs, qrels: Qrels, system: str, depth: int) -> Qrels:
    """Qrels without the pairs that only one system brought into the pool (Zobel, SIGIR 1998)."""
    found = {}
    for query, of in qrels.items():
        others = {doc for name, ranked in runs.items() if name != system for doc in ranked.get(query, ())[:depth]}
        own = set(runs[system].get(query, ())[:depth]) - others
        found[query] = {doc: grade for doc, grade in of.items() if doc not in own}
    return found


def deduplicated(runs: Runs, qrels: Qrels, image: Mapping[str, str]) -> tuple[Runs, Qrels]:
    """Documents that show the same picture are one, with the highest of their grades and the best of their ranks.

    Args:
        image: document -> SHA-256 of its picture; one that is not there, or has "", stands for itself.
    """

    def one(doc: str) -> str:
        return image.get(doc) or doc

    grades: dict[str, dict[str, float]] = {}
    for query, of in qrels.items():
        grades[query] = {}
        for doc, grade in of.items():
            grades[query][one(doc)] = max(grade, grades[query].get(one(doc), grade))
    ranked = {
        system: {query: list(dict.fromkeys(map(one, docs))) for query, docs in of.items()}
        for system, of in runs.items()
    }
    return ranked, grades


def duplicates(image: Mapping[str, str]) -> int:
    """Documents that are not the first with their picture."""
    return sum(count - 1 for picture, count in Counter(image.values()).items() if picture)


def holes(runs: Runs, qrels: Qrels, depth: int) -> dict[str, float]:
    """System -> mean share of what it returned among the first `depth` that nobody judged; 0 where that is nothing."""
    return {
        system: float(np.mean([_unjudged(ranked.get(query, ())[:depth], of) for query, of in qrels.items()]))
        for system, ranked in runs.items()
    }


def _unjudged(docs, judged) -> float:
    return sum(doc not in judged for doc in docs) / max(len(docs), 1)
