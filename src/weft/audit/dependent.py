"""How many queries there are in effect, once those that stand or fall together are counted as one.

Detects: groups of queries joined by equal or near-equal texts and by what the benchmark itself groups (one product,
    one brand). Q_eff = (sum of sizes)^2 / sum of squared sizes (Kish, Survey Sampling, 1965, section 8.2). Where a
    system can be run, the design effect too: the variance of its mean with groups drawn whole over that with queries
    drawn alone; Q over it is how many independent queries would be as precise.
Biases: intervals and tests that treat copies as independent are too narrow, and small gaps become "significant".
False alarms: queries of one group may well behave independently; then the design effect is near 1, whatever the
    groups say.
"""

from collections.abc import Iterator

import numpy as np

from weft import stats
from weft.audit import effect
from weft.audit.finding import SHOWN, Example, Finding, severity
from weft.audit.subject import Subject
from weft.catalogue.splits import connected


def check(subject: Subject) -> Iterator[Finding]:
    group = groups(subject)
    sizes = np.bincount(group)
    count, total = int(sizes[sizes > 1].sum()), len(subject)
    if not count:
        return
    effective = total**2 / float((sizes.astype(np.float64) ** 2).sum())
    design = design_effects(subject, group)
    told = (
        f" (design effect {', '.join(f'{found:.2f} with {name}' for name, found in design.items())})" if design else ""
    )
    grave = severity(1 - effective / total, count, 0.05, 0.5)
    yield Finding(
        "dependent queries", grave, subject.task.name, count, total, "queries",
        f"{count:,} of {total:,} queries stand in groups of up to {sizes.max():,}: if a group stands or falls "
        f"together, all are worth {effective:,.0f} independent queries{told}.",
        tuple(_largest(subject, group)),
        facts={
            "groups": len(sizes), "largest group": int(sizes.max()), "effective number of queries": round(effective, 1),
        }
        | {f"design effect, {name}": round(found, 3) for name, found in design.items()},
    )  # fmt: skip


def groups(subject: Subject) -> np.ndarray:
    """(Q,) group of each query, numbered from 0."""
    links = [] if subject.lacks(("texts",)) else list(subject.near.links)
    if subject.task.groups is not None:
        first: dict[object, int] = {}
        links += [(first.setdefault(label, query), query) for query, label in enumerate(subject.task.groups.tolist())]
    return np.unique(connected(len(subject), links), return_inverse=True)[1]


def design_effects(subject: Subject, group: np.ndarray) -> dict[str, float]:
    """Ranking -> variance of the mean score with groups drawn whole, over that with single queries drawn."""
    found = {}
    for name, ranking in subject.rankings.items():
        scores = effect.values(subject, ranking, subject.task.relevant)
        none = np.zeros(len(scores))
        if scores.std() and group.max():
            found[name] = (stats.standard_error(scores, none, group) / stats.standard_error(scores, none)) ** 2
    return found


def _largest(subject: Subject, group: np.ndarray) -> Iterator[Example]:
    sizes = np.bincount(group)
    for label in np.argsort(-sizes, kind="stable")[:SHOWN].tolist():
        if sizes[label] > 1:
            first, *others = np.flatnonzero(group == label).tolist()
            told = " · ".join(subject.text(query) or subject.ids[query] for query in others[:2])
            yield subject.example(first, note=f"{sizes[label]:,} in one group: {told}")
