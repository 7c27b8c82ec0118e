"""Queries that stand inside other queries or titles.

Detects: a query whose words stand in a row in another query, or in the title of an item that is not its answer.
Biases: whatever answers the longer text answers the shorter one, too, but the ground truth counts it as wrong.
    "t-shirt" inside 87 other captions has 87 unlisted answers, and a system is punished for finding them.
False alarms: the word in a row may be another thing there ("print" in "blueprint paper" is not counted, in
    "print skirt" it is).
"""

from collections.abc import Iterator

import numpy as np

from weft.audit import effect
from weft.audit.finding import Finding, many, severity
from weft.audit.subject import Subject
from weft.audit.text import WORD
from weft.pairs.queries import first_words

MANY = 10
"""Holders from which on, unless as many are listed as right, a query is answered at rank 10 by luck."""


def check(subject: Subject) -> Iterator[Finding]:
    queries, titles = holders(subject)
    inside = np.maximum(queries, titles)
    often = inside >= np.maximum(MANY, subject.sizes)
    count, bad, total = int((inside > 0).sum()), int(often.sum()), len(subject)
    if not count:
        return
    worst = np.argsort(-inside, kind="stable")[:count]

    def where(query: int) -> str:
        told = [f"in {many(int(queries[query]), 'other query', 'other queries')}"]
        told += [f"in the titles of {many(int(titles[query]), 'other item')}"] * bool(subject.titles)
        return " and ".join(told)

    facts = {
        "tokenisation": f"case-folded words in a row ({WORD})",
        "queries inside a query": int((queries > 0).sum()),
        "most queries that hold one": int(queries.max()), "queries inside too many texts": bad,
    }  # fmt: skip
    if subject.titles:
        facts |= {"queries inside a title": int((titles > 0).sum()), "most titles that hold one": int(titles.max())}
    yield Finding(
        "contained queries", severity(bad / total, bad, 0.005, 0.1), subject.task.name, count, total, "queries",
        f"Word for word inside another text: {count:,} of {total:,} queries, {bad:,} of them inside {MANY} or "
        f"more. “{first_words(subject.text(int(worst[0])), 12)}” stands {where(int(worst[0]))}.",
        subject.examples(worst, where),
        effect.left_out(subject, often, f"queries inside {MANY} or more texts left out"),
        facts,
    )  # fmt: skip


def holders(subject: Subject) -> tuple[np.ndarray, np.ndarray]:
    """(Q,) other queries, and (Q,) titles of items that are not its answers, that hold each query word for word."""
    queries, titles = np.zeros((2, len(subject)), dtype=np.int64)
    for query, said in enumerate(subject.words):
        queries[query] = sum(subject.words[other] != said for other in subject.asked.with_phrase(said).tolist())
        if subject.titles:
            titles[query] = np.setdiff1d(subject.stock.texts.with_phrase(said), subject.relevant[query]).size
    return queries, titles
