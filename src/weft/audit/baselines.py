"""What scores without looking at the query.

Detects: a random order (its expected value, exact), items in the order of how many *other* queries they answer
    (popularity), and items by the length of their titles, the shortest first. It fires where one of them scores at
    least .05 on the task's primary metric.
Biases: what a constant ranking gets is no skill: a score has to be read above it. A popular answer says that queries
    are not independent.
False alarms: in category tasks a tenth of the gallery may be right; chance is then high by nature.
"""

from collections.abc import Iterator

import numpy as np

from weft.audit.effect import values
from weft.audit.finding import Effect, Finding, severity
from weft.audit.subject import Subject
from weft.evaluate import DEPTH, describe

LEAST = 0.05


def check(subject: Subject) -> Iterator[Finding]:
    scores = {"random": chance(subject), "most popular": popularity(subject)}
    if subject.titles:
        length = [len(title.split()) for title in subject.titles]
        scores["shortest title"] = _constant(subject, np.argsort(length, kind="stable"))
    scores = {name: value for name, value in scores.items() if value is not None}
    best = max(scores, key=scores.get)
    if scores[best] < LEAST:
        return
    task = subject.task
    ceiling = describe(task)["ceiling"]
    grave = severity(scores[best], len(subject), 0.2, 0.5)
    yield Finding(
        "trivial baselines", grave, task.name, len(subject), len(subject), "queries",
        f"Without a look at the query, “{best}” scores {scores[best]:.3f} in {task.primary}.",
        effect=tuple(
            Effect("no look at the query, for a perfect ranking", name, task.primary, ceiling, value, len(subject))
            for name, value in scores.items()
        ),
        facts={f"{task.primary}, {name}": round(value, 5) for name, value in scores.items()},
    )  # fmt: skip


def chance(subject: Subject) -> float | None:
    """The expected primary metric of a random order; None for a metric without a closed form here."""
    name, _, cut = subject.task.primary.partition("@")
    size, k, sizes = len(subject.items), int(cut), subject.sizes
    k = min(k, size)
    if name == "recall":
        return k / size
    if name == "precision":
        return float((sizes * k / size / int(cut)).mean())
    # The first relevant item is at rank r with the chance that r - 1 draws miss and the next does not.
    missed, total = np.ones(len(sizes)), np.zeros(len(sizes))
    for rank in range(1, k + 1):
        hits = missed * sizes / (size - rank + 1)
        hits = np.minimum(hits, missed)
        total += hits / rank if name == "mrr" else hits
        missed = missed - hits
    return float(total.mean()) if name in ("mrr", "hit_rate") else None


def popularity(subject: Subject) -> float:
    """Items that answer many other queries first; a query's own answers do not count for it."""
    items = subject.answers[1]
    counts = np.bincount(items, minlength=len(subject.items))
    top = np.argsort(-counts, kind="stable")[: 2 * DEPTH]
    ranking = np.empty((len(subject), min(DEPTH, len(top))), dtype=np.int64)
    for query, answers in enumerate(subject.relevant):
        own = counts[top] - np.isin(top, answers)
        ranking[query] = top[np.lexsort((top, -own))][: ranking.shape[1]]
    return float(values(subject, _deep(ranking), subject.task.relevant).mean())


def _constant(subject: Subject, order: np.ndarray) -> float:
    ranking = np.tile(order[:DEPTH], (len(subject), 1))
    return float(values(subject, _deep(ranking), subject.task.relevant).mean())


def _deep(ranking: np.ndarray) -> np.ndarray:
    """At least `DEPTH` slots, as the metrics want them."""
    return np.pad(ranking, ((0, 0), (0, max(0, DEPTH - ranking.shape[1]))), constant_values=-1)
