"""Queries that are asked more than once.

Detects: texts that are equal but for case, spacing and punctuation, with the same words in the same order.
Biases: what is asked twice counts twice; intervals that take the copies for independent are too short.
False alarms: a query log repeats popular queries on purpose; then the weight is meant, but the intervals still lie.
"""

from collections.abc import Iterator

import numpy as np

from weft.audit import effect
from weft.audit.finding import SHOWN, Finding, severity
from weft.audit.subject import Subject
from weft.audit.text import WORD


def check(subject: Subject) -> Iterator[Finding]:
    members = sorted(groups(subject), key=len, reverse=True)
    again = np.zeros(len(subject), dtype=bool)
    again[[query for group in members for query in group[1:]]] = True
    if not members:
        return
    count, total = sum(map(len, members)), len(subject)
    left = total - int(again.sum())
    asked = {
        group[0]: f"asked {len(group)} times: {', '.join(subject.ids[query] for query in group[:SHOWN])}"
        for group in members
    }
    yield Finding(
        "duplicate queries", severity(count / total, count, 0.01, 0.2), subject.task.name, count, total, "queries",
        f"{count:,} queries are asked more than once: of {total:,} queries {left:,} are different.",
        subject.examples(list(asked), asked.get),
        effect.left_out(subject, again, "each asked once"),
        {"tokenisation": f"the sequence of case-folded words ({WORD})", "groups": len(members)},
    )  # fmt: skip


def groups(subject: Subject) -> list[list[int]]:
    """Queries with the same words in the same order, two or more each."""
    found: dict[tuple[str, ...], list[int]] = {}
    for query, said in enumerate(subject.words):
        if said:
            found.setdefault(tuple(said), []).append(query)
    return [group for group in found.values() if len(group) > 1]
