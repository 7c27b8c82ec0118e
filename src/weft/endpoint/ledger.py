"""What a run of questions costs: guessed before it, counted during it, never above the budget."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

from weft.endpoint.wire import Answer, Request
from weft.errors import WeftError


@dataclass(frozen=True)
class Estimate:
    """Before anything is sent. requests: that would be; known: answered before; price in the currency of the prices,
    for the question and the answers at `expected` tokens each."""

    requests: int
    known: int
    tokens_in: int
    tokens_out: int
    price: float

    def __str__(self) -> str:
        kept = f" ({self.known:,} more are answered already)" if self.known else ""
        price = f", about {self.price:,.2f} at the given prices" if self.price else ""
        return (
            f"{self.requests:,} requests{kept}, about {self.tokens_in:,} tokens in and {self.tokens_out:,} out{price}"
        )


@dataclass
class Ledger:
    """Counts tokens and money, and says whether one more question fits into the budget.

    A question reserves what it may cost at most: its guessed tokens, corrected by what the endpoint has counted so
    far, and its longest answer. What timed out or broke off may have been billed, so its question is charged too.

    Args:
        price_in, price_out: for a million tokens; budget: in the same currency, 0 for none.

    Raises:
        WeftError: there is a budget but no price.
    """

    price_in: float = 0.0
    price_out: float = 0.0
    budget: float = 0.0
    spent: float = field(default=0.0, init=False)
    tokens_in: int = field(default=0, init=False)
    tokens_out: int = field(default=0, init=False)
    sent: int = field(default=0, init=False)
    kept: int = field(default=0, init=False)
    left: int = field(default=0, init=False)
    counts: dict[str, int] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        if min(self.price_in, self.price_out, self.budget) < 0:
            raise WeftError("a price or a budget cannot be negative")
        if self.budget and not (self.price_in or self.price_out):
            raise WeftError("a budget needs prices: --price-in and --price-out, for a million tokens")
        self._lock, self._reserved, self._guessed, self._counted = threading.Lock(), 0.0, 0, 0

    def price(self, tokens_in: float, tokens_out: float) -> float:
        return (tokens_in * self.price_in + tokens_out * self.price_out) / 1e6

    def reserve(self, request: Request) -> float | None:
        """What the question may cost, set aside; None if that is more than is left."""
        with self._lock:
            most = self.price(request.tokens * self._correction, request.most)
            if self.budget and self.spent + self._reserved + most > self.budget:
                return None
            self._reserved += most
            return most

    @property
    def _correction(self) -> float:
        """Tokens as the endpoint counts them, over those guessed."""
        return self._counted / self._guessed if self._guessed else 1.0

    def charge(self, request: Request) -> bool:
        """Books the question of an attempt that may have been billed; whether another one fits into the budget."""
        with self._lock:
            tokens = round(request.tokens * self._correction)
            self.tokens_in, self.spent = self.tokens_in + tokens, self.spent + self.price(tokens, 0)
            return not self.budget or self.spent + self._reserved <= self.budget

    def book(self, request: Request, answer: Answer, reserved: float) -> None:
        """Books an answer and lets go of what was set aside for it."""
        with self._lock:
            self._reserved -= reserved
            self.sent += answer.status != "failed"
            self.tokens_in, self.tokens_out = self.tokens_in + answer.tokens_in, self.tokens_out + answer.tokens_out
            self.spent += self.price(answer.tokens_in, answer.tokens_out)
            if answer.tokens_in:
                self._guessed, self._counted = self._guessed + request.tokens, self._counted + answer.tokens_in

    def count(self, what: str) -> None:
        """Counts a mishap, for the summary: "429", "timeout"."""
        with self._lock:
            self.counts[what] = self.counts.get(what, 0) + 1

    def __str__(self) -> str:
        told = f"{self.sent:,} requests answered, {self.kept:,} known from before, "
        told += f"{self.tokens_in:,} tokens in, {self.tokens_out:,} out"
        told += f", {self.spent:,.2f} spent" if self.price_in or self.price_out else ""
        told += f", {self.left:,} not asked (budget)" if self.left else ""
        told += "".join(f"; {count:,} x {what}" for what, count in sorted(self.counts.items()))
        return told


def estimate(
    requests: Iterable[Request], known: Iterable[Answer] = (), expected: int = 60, ledger: Ledger | None = None
) -> Estimate:
    """What asking all of these would cost, without asking.

    What is answered already tells how the endpoint counts: guesses are corrected by it.

    Args:
        known: answers that will not be asked for again. expected: tokens of a usual answer, while none is known.
    """
    counted = {(answer.hash, answer.repeat): answer for answer in known}
    seen, tokens = set(), 0
    guessed = real = written = kept = 0
    for request in requests:
        key = (request.hash, request.repeat)
        if key in seen:  # equal questions are asked once
            continue
        seen.add(key)
        if key not in counted:
            tokens += request.tokens
            continue
        kept += 1
        if counted[key].tokens_in:
            guessed, real = guessed + request.tokens, real + counted[key].tokens_in
            written += counted[key].tokens_out
    tokens = round(tokens * real / guessed) if guessed else tokens
    usual = written / kept if written else expected
    new = len(seen) - kept
    return Estimate(new, kept, tokens, round(usual * new), (ledger or Ledger()).price(tokens, usual * new))
