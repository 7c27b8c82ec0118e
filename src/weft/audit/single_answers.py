"""Queries with one right answer where other items say the same.

Detects: queries with exactly one relevant item though other items have the very same title as that item, or titles
    that hold every word of the query.
Biases: an equally good answer is counted as wrong, and recall@1 measures which of the copies a system prefers.
False alarms: titles leave out what tells items apart (a size, a colour of a coded name): equal titles need not be equal
    products.
"""

from collections.abc import Iterator

import numpy as np

from weft.audit import effect
from weft.audit.finding import SHOWN, Example, Finding, many, severity
from weft.audit.subject import Subject
from weft.audit.text import WORD
from weft.pairs.queries import normal


def check(subject: Subject) -> Iterator[Finding]:
    others = rivals(subject)
    count, single = len(others), int((subject.sizes == 1).sum())
    if not others:
        return
    worst = sorted(others, key=lambda query: (-len(others[query]), query))
    yield Finding(
        "single answers", severity(subject.lacking(others), count, 0.01, 0.1), subject.task.name, count, single,
        "queries with one answer",
        f"Of {many(single, 'query', 'queries')} with one right answer, {count:,} fit other items as well, "
        f"up to {len(others[worst[0]]):,} of them.",
        tuple(_case(subject, query, others[query]) for query in worst[:SHOWN]),
        effect.counted_right(subject, others, "whatever fits counted right"),
        {"tokenisation": f"case-folded words ({WORD}); an item fits if its title holds all of the query's"},
    )  # fmt: skip


def _case(subject: Subject, query: int, others: np.ndarray) -> Example:
    note = f"1 is listed as right, {len(others):,} more fit: {subject.title(int(others[0]))}"
    return subject.example(query, [*subject.relevant[query].tolist(), *others[:3].tolist()], note)


def rivals(subject: Subject) -> dict[int, np.ndarray]:
    """Query with one answer -> other items that fit as well."""
    same: dict[str, list[int]] = {}
    for item, title in enumerate(subject.titles):
        same.setdefault(normal(title), []).append(item)
    found = {}
    for query in np.flatnonzero(subject.sizes == 1).tolist():
        answer = int(subject.relevant[query][0])
        title = normal(subject.titles[answer])
        fits = np.union1d(subject.fitting(query), same[title] if title else []).astype(np.int64)
        if len(fits := fits[fits != answer]):
            found[query] = fits
    return found
