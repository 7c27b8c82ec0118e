"""Queries that nearly repeat another one.

Detects: pairs whose sets of words have a Jaccard similarity of at least 0.8, all of them, without comparing all pairs.
Biases: near-duplicates stand or fall together, so there are fewer queries than counted; with one relevant item
    each, every such query counts its neighbour's equally good answer as wrong.
False alarms: one word may be all that matters ("red" against "blue"); a text of templates is full of pairs. The
    count depends on what a word is: splitting at blanks leaves "dress." and "dress" two words and finds fewer.
"""

from collections.abc import Iterator

import numpy as np

from weft.audit.finding import SHOWN, Example, Finding, severity
from weft.audit.subject import Subject
from weft.audit.text import THRESHOLD, TOKENISATION, Near, Texts, near_duplicates


def check(subject: Subject) -> Iterator[Finding]:
    near = subject.near
    count, total = int(near.paired.sum()), len(subject)
    if not count:
        return
    blank = near_duplicates(Texts([text.casefold().split() for text in subject.texts]))
    yield Finding(
        "near-duplicate queries", severity(count / total, count, 0.02, 0.2), subject.task.name, count, total, "queries",
        f"{count:,} of {total:,} queries share at least {THRESHOLD:.0%} of their words with another one.",
        tuple(_example(subject, near, row) for row in np.argsort(-near.similarity, kind="stable")[:SHOWN].tolist()),
        facts={
            "tokenisation": TOKENISATION, "threshold (Jaccard)": THRESHOLD, "pairs": near.count(),
            "queries, words split at blanks": int(blank.paired.sum()), "pairs, words split at blanks": blank.count(),
            "queries with an earlier near-duplicate": len({later for _, later in near.links}),
        },
    )  # fmt: skip


def _example(subject: Subject, near: Near, row: int) -> Example:
    one, other = near.pairs[row].tolist()
    items = [*subject.relevant[one][:1].tolist(), *subject.relevant[other][:1].tolist()]
    return subject.example(one, items, f"Jaccard {near.similarity[row]:.2f} with: {subject.text(other)}")
