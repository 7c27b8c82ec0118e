"""Tasks with so few queries that a score says little.

Detects: fewer than 100 queries, and what a perfect score on so few would prove: the lower end of its exact 95%
    interval (Clopper & Pearson, Biometrika 1934), which for n hits of n is .025 to the power of 1/n.
Biases: category tasks have 4 to 45 queries; "P@1 = 1.000" can rest on five, and the next model's .8 is one query.
False alarms: queries that are all there are (every colour of a catalogue) are a population, not a sample: then the
    score describes them exactly and says nothing of others.
"""

from collections.abc import Iterator

from weft.audit.finding import Finding, many
from weft.audit.subject import Subject

ENOUGH, TINY = 100, 20


def check(subject: Subject) -> Iterator[Finding]:
    count = len(subject)
    if count >= ENOUGH:
        return
    lowest = 0.025 ** (1 / count)
    yield Finding(
        "few queries", "error" if count <= TINY else "warning", subject.task.name, count, count, "queries",
        f"With {many(count, 'query', 'queries')}, right on all of them is compatible with a true rate of {lowest:.2f}, "
        f"and a single one moves the score by {100 / count:.1f} points.",
        subject.examples(range(count)),
        facts={"lower end of the 95% interval of a perfect hit rate": round(lowest, 4)},
    )  # fmt: skip
