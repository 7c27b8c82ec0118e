"""Equal queries whose answers differ.

Detects: queries with the same set of words, word order and repetitions aside, whose sets of relevant items differ.
Biases: each counts the other's answers as wrong, so no ranking can be right on both.
False alarms: word order can matter ("white on black", "black on white").
"""

from collections.abc import Iterator

import numpy as np

from weft.audit import effect
from weft.audit.finding import SHOWN, Finding, severity
from weft.audit.subject import Subject
from weft.audit.text import TOKENISATION


def check(subject: Subject) -> Iterator[Finding]:
    more: dict[int, np.ndarray] = {}
    members: dict[int, list[int]] = {}
    for query, first in enumerate(subject.near.twin.tolist()):
        members.setdefault(first, []).append(query)
    differ = []
    for group in members.values():
        every = np.unique(np.concatenate([subject.relevant[query] for query in group]))
        lacking = [query for query in group if len(subject.relevant[query]) < len(every)]
        more |= dict.fromkeys(lacking, every)
        differ += [group] * bool(lacking)
    if not more:
        return
    count, total = len(more), len(subject)
    yield Finding(
        "differing duplicates", severity(count / total, count, 0.001, 0.02), subject.task.name, count, total, "queries",
        f"A duplicate's answers count as wrong for {count:,} of {total:,} queries.",
        tuple(
            subject.example(one, [*subject.relevant[one][:2].tolist(), *subject.relevant[other][:2].tolist()],
                            f"also asked as: {subject.text(other)}")
            for one, other, *_ in differ[:SHOWN]
        ),
        effect.counted_right(subject, more, "the answers of all copies counted right"),
        {"tokenisation": TOKENISATION, "groups": len(differ)},
    )  # fmt: skip
