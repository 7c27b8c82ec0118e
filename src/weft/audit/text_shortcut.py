"""Answers that words alone find, without any look at a picture.

Detects: BM25 over the corpus's titles, which sees no picture, reaches more than half of the queries at rank 10; and
    queries that are the title of their answer word for word.
Biases: a task whose answers are written beside the pictures measures reading; encoders of documents "image + text"
    are given the answer, those of pictures alone are not.
False alarms: where the corpus is embedded by pictures alone, titles are not in play and this is a note on where the
    queries come from.
"""

from collections.abc import Iterator

import numpy as np

from weft import metrics
from weft.audit import effect
from weft.audit.finding import SHOWN, Finding
from weft.audit.subject import Subject
from weft.audit.text import words
from weft.grading import grade

HALF = 0.5


def check(subject: Subject) -> Iterator[Finding]:
    graded = grade(subject.rankings["bm25"], subject.task.relevant, subject.task.threshold)
    found = metrics.hit_rate(graded.grades, 10) > 0
    if found.mean() < HALF:
        return
    verbatim = int(sum(_verbatim(subject, query) for query in range(len(subject))))
    read = subject.task.corpus.texts is not None
    told = "; documents are embedded with their texts" if read else "; the corpus is embedded by its pictures alone"
    yield Finding(
        "text shortcut", "warning" if read else "note", subject.task.name, int(found.sum()), len(subject), "queries",
        f"Words alone, without a look at any picture, find an answer of {found.mean():.0%} of the queries among the "
        f"first ten (BM25 over titles); {verbatim:,} queries are their answer's title word for word{told}.",
        subject.examples(np.flatnonzero(found), lambda query: subject.title(int(subject.relevant[query][0]))),
        effect.left_out(subject, found, "queries that words alone answer left out") if read else (),
        {"hit rate@10 of BM25": round(float(found.mean()), 4), "queries that are a title": verbatim},
    )  # fmt: skip


def _verbatim(subject: Subject, query: int) -> bool:
    return any(words(subject.title(item)) == subject.words[query] for item in subject.relevant[query][:SHOWN].tolist())
