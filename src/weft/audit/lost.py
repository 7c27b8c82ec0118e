"""What the reader of the benchmark could not use.

Detects: right answers whose ids the corpus lacks, repeated ids, empty or unanswered queries, pictures that cannot be
    read; the counts are the reader's own.
Biases: a right answer that is not there cannot be found, and a score on what is left is not the published score.
False alarms: a local copy may be incomplete where the original is not.
"""

from collections.abc import Iterator

from weft.audit.finding import Finding, severity
from weft.audit.subject import Subject

LOSSES = {
    "corpus rows without an id": "corpus",
    "repeated corpus ids": "corpus",
    "repeated corpus ids that are different things": "corpus",
    "rows without a label": "corpus",
    "pictures that cannot be read": "corpus",
    "relevant ids not in the corpus": "relevant ids",
    "queries without an id": "queries read",
    "repeated query ids": "queries read",
    "queries without a text": "queries read",
    "queries without a relevant item in the corpus": "queries read",
    "queries whose picture cannot be read": "queries read",
    "qrels of queries that are not there": "queries read",
    "answers of queries that are not there": "queries read",
}
"""What a reader counts as lost -> the size that it is a part of. Its other counts are no losses."""


def check(subject: Subject) -> Iterator[Finding]:
    counts = subject.task.counts
    losses = {what: int(count) for what, count in counts.items() if what in LOSSES and count}
    if not losses:
        return
    whole = {what: max(losses[what], counts.get(LOSSES[what], 0)) for what in losses}
    worst = max(losses, key=lambda what: losses[what] / whole[what])
    told = "; ".join(f"{count:,} {what}" for what, count in losses.items())
    meant = subject.task.limited  # a caller who wants a small gallery leaves answers out
    grave = "note" if meant else severity(losses[worst] / whole[worst], losses[worst], 0.005, 0.1)
    yield Finding(
        "lost data", grave, subject.task.name, losses[worst], whole[worst],
        LOSSES[worst], f"Not everything could be used: {told}.", facts=losses,
    )  # fmt: skip
