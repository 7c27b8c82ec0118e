"""What a verb is told of the language model that it asks: where it is, what each request holds, what it may cost."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from weft.endpoint.client import Endpoint
from weft.endpoint.ledger import Ledger


@dataclass(frozen=True)
class Asked:
    """A language model as a whole command asks it.

    Attributes:
        where: None where nobody is asked. fields: of every request, see `weft.endpoint.Request`.
        ledger: prices, the budget, and what was spent. dry_run: ends after the estimate.
        answers: the file of paid answers, which runs may share; None for the command's own.
    """

    where: Endpoint | None = None
    fields: Mapping[str, object] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=Ledger)
    dry_run: bool = False
    answers: Path | None = None
