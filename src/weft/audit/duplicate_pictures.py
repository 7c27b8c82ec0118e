"""The very same picture under several ids.

Detects: items of the corpus whose pictures have equal bytes (SHA-256), and queries that list one of them as right and
    another as wrong.
Biases: no encoder can tell the copies apart, so which of them comes first is chance, and the others take up ranks.
False alarms: a placeholder ("no photo yet") is one picture of many products; colour variants may share a studio photo
    by mistake.
"""

from collections.abc import Iterator

import numpy as np

from weft.audit import effect
from weft.audit.finding import SHOWN, Example, Finding, severity
from weft.audit.stock import groups
from weft.audit.subject import Subject


def check(subject: Subject) -> Iterator[Finding]:
    sets = sorted(groups(subject.stock.copies), key=len, reverse=True)
    if not sets:
        return
    count, total = sum(map(len, sets)), len(subject.items)
    more = subject.unlisted(subject.stock.copies)
    lacking = subject.lacking(more)
    yield Finding(
        "duplicate pictures", severity(lacking, len(more), 0.002, 0.05), subject.task.name, count, total, "items",
        f"{count:,} of {total:,} items show a picture that another id shows, too: {count - len(sets):,} are copies of "
        f"an earlier one. {len(more):,} of {len(subject):,} queries list one as right and its copy as wrong.",
        tuple(_case(subject, query, rows) for query, rows in list(more.items())[: SHOWN // 2])
        + tuple(subject.item_example(items, f"{len(items):,} ids, one picture") for items in sets[: SHOWN // 2]),
        (
            *effect.merged(subject, subject.stock.copies, "duplicate pictures merged"),
            *effect.counted_right(subject, more, "copies of an answer counted right"),
        ),
        {
            "compared by": "SHA-256 of the encoded bytes", "sets of copies": len(sets),
            "copies of an earlier item's picture": count - len(sets),
            "queries that count a copy of their answer as wrong": len(more),
            "share of what would be right that is not listed": round(lacking, 4),
        },
    )  # fmt: skip


def _case(subject: Subject, query: int, rows: np.ndarray) -> Example:
    """An answer and its unlisted copies."""
    copies = subject.stock.copies
    copied = subject.relevant[query][copies[subject.relevant[query]] == copies[rows[0]]]
    others = rows[copies[rows] == copies[rows[0]]]
    shown = [int(copied[0]), *others[:3].tolist()]
    return subject.example(query, shown, "the first is listed as right, its copies are not")
