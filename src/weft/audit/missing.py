"""Items that fit, and that the benchmark counts as wrong.

Detects: pairs that a judge calls relevant and the benchmark does not list as right, among all that were judged.
Biases: a system that finds a better answer than the listed one is punished for it; scores are too low, and the more so
    the better the system.
False alarms: a judge that is too generous finds such pairs everywhere; the share of wrong grades among its relevant
    ones, where known, is held against the count.
"""

from collections.abc import Iterator

import numpy as np

from weft.audit import effect
from weft.audit.finding import SHOWN, Finding, severity
from weft.audit.subject import Subject


def check(subject: Subject) -> Iterator[Finding]:
    judged = subject.judged
    pairs = enumerate(zip(judged.fitting, subject.relevant, strict=True))
    more = {query: new for query, (found, right) in pairs if len(new := np.setdiff1d(found, right))}
    count, total = sum(map(len, more.values())), sum(map(len, judged.fitting))
    if not total or count / total <= judged.unfit:
        return
    most = sorted(more, key=lambda query: -len(more[query]))[:SHOWN]
    grave = severity(count / total, count, 0.02, 0.2)
    yield Finding(
        "missing answers", grave, subject.task.name, count, total, "pairs judged relevant",
        f"{count} of {total} pairs that were judged relevant count as wrong, in {len(more)} of {len(subject)} queries.",
        tuple(
            subject.example(query, more[query][:4].tolist(), f"{len(more[query])} fit and count as wrong")
            for query in most
        ),
        effect.counted_right(subject, more, "whatever was judged relevant counted right"),
        {"queries": len(more), "share of wrong grades among the relevant ones": judged.unfit},
    )  # fmt: skip
