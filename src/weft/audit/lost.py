"""What the reader of the benchmark could not use.

Detects: right answers whose ids the corpus lacks, repeated ids, empty or unanswered queries, pictures that cannot be
    read; the counts are the reader's own.
Biases: a right answer that is not there cannot be found, and a score on what is left is not the published score.
False alarms: a local copy may be incomplete where the original is not.
"""

from collections.abc import Iterator

from weft.audit.finding import Finding, severity
from weft.audit.subject import Subject

USUAL = {"corpus", "queries", "queries read", "relevant ids"}
"""Counts that are sizes, not losses."""


def check(subject: Subject) -> Iterator[Finding]:
    counts = subject.task.counts
    losses = {what: int(count) for what, count in counts.items() if what not in USUAL and count}
    if not losses:
        return
    whole = {what: max(losses[what], counts.get(_of(what), 0)) for what in losses}
    worst = max(losses, key=lambda what: losses[what] / whole[what])
    told = "; ".join(f"{count:,} {what}" for what, count in losses.items())
    meant = subject.task.limited  # a caller who wants a small gallery leaves answers out
    grave = "note" if meant else severity(losses[worst] / whole[worst], 0.005, 0.1)
    yield Finding(
        "lost data", grave, subject.task.name, losses[worst], whole[worst],
        _of(worst), f"Not everything could be used: {told}.", facts=losses,
    )  # fmt: skip


def _of(what: str) -> str:
    """The size that a loss is a part of."""
    return "relevant ids" if what.startswith("relevant") else "queries read" if "quer" in what else "corpus"
