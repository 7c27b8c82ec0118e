"""The queries asked so far, and whether another one would nearly repeat, hold or stand inside one of them."""

from collections.abc import Mapping, Sequence
from math import ceil

from weft.audit.text import THRESHOLD


class Heard:
    """Grows query by query and compares a new one with few of the others.

    Two sets of words with a Jaccard similarity of t or more share one of the n - ceil(t n) + 1 first of each, in any
    one order of all words, rarest first being the cheapest (Chaudhuri, Ganti & Kaushik, ICDE 2006).

    Args:
        rank: word -> its place in the order; words that are not there come first.
    """

    def __init__(self, rank: Mapping[str, int]):
        self.rank = rank
        self.texts: list[tuple[str, ...]] = []
        self._whole: set[tuple[str, ...]] = set()
        self._first: dict[str, list[int]] = {}
        self._all: dict[str, list[int]] = {}

    def why_not(self, said: Sequence[str]) -> str:
        """What is wrong with asking these words, too; "" if nothing is."""
        own, said = set(said), tuple(said)
        close = {other for word in self._prefix(own) for other in self._first.get(word, ())}
        if any(self._alike(own, set(self.texts[other])) for other in close):
            return "nearly repeats another query"
        rarest = min(own, key=self._place)
        if any(_inside(said, self.texts[other]) for other in self._all.get(rarest, ())):
            return "stands inside another query"
        runs = (said[i:j] for i in range(len(said)) for j in range(i + 1, len(said) + 1))
        return "holds another query" if any(run in self._whole for run in runs) else ""

    def add(self, said: Sequence[str]) -> None:
        number, own = len(self.texts), set(said)
        self.texts.append(tuple(said))
        self._whole.add(tuple(said))
        for index, words in ((self._first, self._prefix(own)), (self._all, own)):
            for word in words:
                index.setdefault(word, []).append(number)

    def _place(self, word: str) -> tuple[int, str]:
        return self.rank.get(word, -1), word

    def _prefix(self, own: set[str]) -> list[str]:
        return sorted(own, key=self._place)[: len(own) - ceil(THRESHOLD * len(own) - 1e-9) + 1]

    @staticmethod
    def _alike(one: set[str], other: set[str]) -> bool:
        common = len(one & other)
        return common >= THRESHOLD * (len(one) + len(other) - common) - 1e-9


def _inside(phrase: tuple[str, ...], text: tuple[str, ...]) -> bool:
    size = len(phrase)
    return any(text[start : start + size] == phrase for start in range(len(text) - size + 1))
