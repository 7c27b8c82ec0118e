"""What a score would be with a fault taken out: queries left out, more items counted right, or items merged."""

from collections.abc import Mapping, Sequence

import numpy as np

from weft import metrics
from weft.audit.finding import Effect
from weft.audit.subject import Subject
from weft.grading import grade

Judged = Sequence[tuple[np.ndarray, np.ndarray]]


def values(subject: Subject, ranking: np.ndarray, judged: Judged) -> np.ndarray:
    """(Q,) of the task's primary metric."""
    task = subject.task
    graded = task.primary.partition("@")[0] in metrics.GRADED
    return metrics.measure(task.primary, grade(ranking, judged, 0.0 if graded else task.threshold))


def left_out(subject: Subject, wrong: np.ndarray, what: str) -> tuple[Effect, ...]:
    """The score on the queries that are not `wrong`, (Q,) bool."""
    kept = ~np.asarray(wrong, dtype=bool)
    if not kept.any() or kept.all():
        return ()
    return tuple(
        _effect(subject, name, what, found, found[kept], int(kept.sum())) for name, found in _before(subject).items()
    )


def counted_right(subject: Subject, more: Mapping[int, np.ndarray], what: str) -> tuple[Effect, ...]:
    """The score with further items counted right, at the task's threshold: {query: rows of the corpus}."""
    judged = list(subject.task.relevant)
    for query, rows in more.items():
        grades = dict(zip(*(part.tolist() for part in map(np.asarray, judged[query])), strict=True))
        for row in np.asarray(rows).tolist():
            grades[row] = max(grades.get(row, 0.0), subject.task.threshold)
        items = sorted(grades)
        judged[query] = np.asarray(items, dtype=np.int64), np.asarray([grades[row] for row in items])
    return tuple(
        _effect(subject, name, what, found, values(subject, subject.rankings[name], judged), len(subject))
        for name, found in _before(subject).items()
        if more
    )


def merged(subject: Subject, group: np.ndarray, what: str) -> tuple[Effect, ...]:
    """The score with items merged, (N,) the representative of each: a group is ranked as its best item and has the
    best grade of its members."""
    judged = []
    for rows, grades in subject.task.relevant:
        owner = group[np.asarray(rows, dtype=np.int64)]
        items = np.unique(owner)
        best = np.full(len(items), -np.inf)
        np.maximum.at(best, np.searchsorted(items, owner), np.asarray(grades, dtype=np.float64))
        judged.append((items, best))
    return tuple(
        _effect(subject, name, what, found, values(subject, _once(subject.rankings[name], group), judged), len(subject))
        for name, found in _before(subject).items()
    )


def _once(ranking: np.ndarray, group: np.ndarray) -> np.ndarray:
    """The ranking of groups: each at its first item's place, what follows moved up."""
    result = np.full_like(ranking, -1)
    for row, items in enumerate(ranking):
        owner = group[items[items >= 0]]
        kept = owner[np.sort(np.unique(owner, return_index=True)[1])]
        result[row, : len(kept)] = kept
    return result


def _before(subject: Subject) -> dict[str, np.ndarray]:
    if "_scored" not in subject.__dict__:
        subject.__dict__["_scored"] = {
            name: values(subject, ranking, subject.task.relevant) for name, ranking in subject.rankings.items()
        }
    return subject.__dict__["_scored"]


def _effect(subject: Subject, name: str, what: str, before: np.ndarray, after: np.ndarray, queries: int) -> Effect:
    return Effect(what, name, subject.task.primary, float(before.mean()), float(after.mean()), queries)
