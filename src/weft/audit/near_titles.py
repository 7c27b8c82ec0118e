"""Items whose titles nearly repeat the title of another item.

Detects: titles whose sets of words have a Jaccard similarity of at least 0.8, and the queries whose answer has such a
    neighbour that is not listed as right. 200,000 titles take seconds: see `weft.audit.text`.
Biases: a corpus of near-copies is smaller than it looks, and a query for one of them counts the others as wrong.
False alarms: titles that differ in the one word that matters (a colour, a size) are near-copies by this measure.
"""

from collections.abc import Iterator

import numpy as np

from weft.audit import effect
from weft.audit.finding import SHOWN, Example, Finding, severity
from weft.audit.subject import Subject
from weft.audit.text import THRESHOLD, TOKENISATION, Near


def check(subject: Subject) -> Iterator[Finding]:
    near = subject.stock.near
    count, total = int(near.paired.sum()), len(subject.items)
    if not count:
        return
    more = unlisted(subject, near)
    lacking = subject.lacking(more)
    yield Finding(
        "near-duplicate titles", severity(lacking, len(more), 0.02, 0.3), subject.task.name, count, total, "items",
        f"{count:,} of {total:,} items nearly share their title with another one, which {len(more):,} of "
        f"{len(subject):,} queries count as wrong beside their answer.",
        tuple(_case(subject, query, int(rows[0])) for query, rows in list(more.items())[:SHOWN]),
        effect.counted_right(subject, more, "near-duplicates of an answer counted right"),
        {
            "tokenisation": TOKENISATION, "threshold (Jaccard)": THRESHOLD, "pairs": near.count(),
            "different sets of words": len(np.unique(near.twin)), "queries with an unlisted near-duplicate": len(more),
            "share of what would be right that is not listed": round(lacking, 4),
        },
    )  # fmt: skip


def _case(subject: Subject, query: int, other: int) -> Example:
    return subject.example(query, [int(subject.relevant[query][0]), other], f"not listed: {subject.title(other)}")


def unlisted(subject: Subject, near: Near) -> dict[int, np.ndarray]:
    """Query -> items near-duplicate to one of its answers and not listed themselves."""
    order = np.argsort(near.twin, kind="stable")
    edges = np.searchsorted(near.twin[order], np.arange(len(near.twin) + 1))
    neighbours: dict[int, list[int]] = {}
    for one, other in near.pairs.tolist():
        neighbours.setdefault(one, []).append(other)
        neighbours.setdefault(other, []).append(one)
    found = {}
    for query, answers in enumerate(subject.relevant):
        firsts = set(near.twin[answers].tolist())
        firsts |= {other for first in firsts for other in neighbours.get(first, ())}
        close = np.concatenate([order[edges[first] : edges[first + 1]] for first in sorted(firsts)])
        if len(close := np.setdiff1d(close, answers)):
            found[query] = close
    return found
