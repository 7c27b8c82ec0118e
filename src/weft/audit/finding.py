"""What a check reports: a counted fault with examples, and what the score would be without it."""

from dataclasses import dataclass, field

from weft.errors import WeftError

SEVERITIES = ("error", "warning", "note")
"""error: scores or orders of systems can be wrong because of it; warning: it biases or blurs them; note: a reader of
the scores should know it."""

SHOWN = 6
"""Examples that a finding carries."""


FEW = 3
"""Cases below which a share says nothing: one of four queries is a quarter."""


@dataclass(frozen=True)
class Example:
    """One case of a fault.

    Attributes:
        text: what was asked or said; ids: queries' or items'; pictures: SHA-256 of those that show it.
        note: what is wrong with this one.
    """

    text: str = ""
    ids: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Effect:
    """A score as the benchmark has it, and with the fault taken out.

    Attributes:
        what: how it was taken out: "duplicate pictures merged".
        ranking: whose score: a model, "bm25", or "perfect" for what no system can exceed.
        queries: how many the second score rests on.
    """

    what: str
    ranking: str
    metric: str
    before: float
    after: float
    queries: int


@dataclass(frozen=True)
class Finding:
    """A fault of one task, as its check counted it.

    Attributes:
        check: its name in `CHECKS`; task: the task's name.
        count: how many cases, of: out of how many; unit: of what: "queries", "answers", "items", "pictures".
        sentence: the fault in one sentence with its numbers.
        effect: what the score would be, where that can be computed.
        facts: further figures by name, and how they were counted (the tokenisation, a threshold).
    """

    check: str
    severity: str
    task: str
    count: int
    of: int
    unit: str
    sentence: str
    examples: tuple[Example, ...] = ()
    effect: tuple[Effect, ...] = ()
    facts: dict[str, str | int | float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.severity not in SEVERITIES or not 0 <= self.count <= self.of:
            raise ValueError(f"{self.check}: {self.severity}, {self.count} of {self.of}")


def many(count: int, noun: str, plural: str = "") -> str:
    """A count with its noun: "1 query", "2,000 queries"."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def severity(share: float, cases: int, warning: float, error: float = 2.0) -> str:
    """By the share of cases: an error from `error` on, a warning from `warning` on, else a note, as fewer than `FEW`
    cases always are.

    Args:
        cases: how many there are of what the share is of: queries, where a score's loss is averaged over them.
    """
    if cases < FEW:
        return "note"
    return "error" if share >= error else "warning" if share >= warning else "note"


def weight(name: str) -> int:
    """0 for the gravest. Raises `WeftError` if there is no such severity."""
    if name not in SEVERITIES:
        raise WeftError(f"there is no severity {name!r}; there are {', '.join(SEVERITIES)}")
    return SEVERITIES.index(name)
