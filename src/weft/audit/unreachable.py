"""Items that no query can reach.

Detects: items that answer no query; right answers without a picture that can be read, which an encoder of pictures
    never returns; and, where systems were run, items that none of them returned to any query among the first hundred.
Biases: what no query asks for only stands in the way: a fault there is never noticed. A right answer that cannot be
    returned lowers everybody's ceiling.
False alarms: a gallery of distractors is what makes retrieval hard; it is a note. Two thousand queries cannot return
    more than 200,000 different items.
"""

from collections.abc import Iterator

import numpy as np

from weft.audit.finding import SHOWN, Effect, Finding, many, severity
from weft.audit.subject import Subject


def check(subject: Subject) -> Iterator[Finding]:
    queries, items = subject.answers
    size = len(subject.items)
    idle = np.setdiff1d(np.arange(size), items)
    gone = ~np.isin(items, subject.stock.looks.item) if _shown(subject) else np.zeros(len(items), dtype=bool)
    if not len(idle) and not gone.any():
        return
    facts = {"items that answer no query": len(idle), "right answers that cannot be returned": int(gone.sum())}
    for name, ranking in subject.rankings.items():
        facts[f"items that {name} never returned"] = size - len(np.unique(ranking[ranking >= 0]))
    if not gone.any():
        yield Finding(
            "unreachable items", "note", subject.task.name, len(idle), size, "items",
            f"{len(idle):,} of {size:,} items answer no query.",
            tuple(subject.item_example([item], "never right") for item in idle[:SHOWN].tolist()), facts=facts,
        )  # fmt: skip
        return
    count = int(gone.sum())
    left = np.bincount(queries[~gone], minlength=len(subject)) / subject.sizes
    yield Finding(
        "unreachable items", severity(gone.mean(), count, 0.0, 0.05), subject.task.name, count, len(items), "answers",
        f"Without a picture that can be read: {count:,} of {many(len(items), 'right answer')}; "
        f"{len(idle):,} of {size:,} items answer no query.",
        tuple(subject.item_example([item], "no picture") for item in np.unique(items[gone])[:SHOWN].tolist()),
        (Effect("answers without a picture are never found", "perfect", "recall", 1.0, float(left.mean()), len(left)),),
        facts,
    )  # fmt: skip


def _shown(subject: Subject) -> bool:
    """Whether the corpus is embedded by its pictures alone."""
    return subject.task.corpus.pictures is not None and subject.task.corpus.texts is None
