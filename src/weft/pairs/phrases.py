"""Finds a catalogue's own values in a text, as whole words, the longest first, whatever their hyphens and endings.

Han and kana are written without spaces: a word of them is a letter (`weft.bm25.tokens`), and a value a run of letters.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from weft.bm25 import tokens

LONGEST = 6
"""Words of a value beyond which it is a description, and not looked for."""


def runs(words: list[str], longest: int = LONGEST) -> set[str]:
    """Every run of at most `longest` words, written together: "t-shirt", "t shirt" and "tshirt" are one."""
    return {"".join(words[i:j]) for i in range(len(words)) for j in range(i + 1, min(i + longest, len(words)) + 1)}


def forms(value: str) -> set[str]:
    """How a value may be written, spaces left out: as it is, and with an English plural or participle at its end."""
    whole = "".join(tokens(value))
    found = {whole}
    if whole:
        found |= {whole + "s"} | ({whole + "d"} if whole.endswith("e") else {whole + "es"})
    if len(whole) > 3 and whole.endswith("y"):
        found.add(whole[:-1] + "ies")
    return found


def said(value: str, spans: set[str], others: Iterable[str] = ()) -> bool:
    """Whether a text with these `runs` says a value, in one of its `forms` or its singular, or one of `others`."""
    whole = "".join(tokens(value))
    single = {whole[:-1]} if len(whole) > 3 and whole.endswith("s") and not whole.endswith("ss") else set()
    return bool((forms(value) | single) & spans) or any(forms(other) & spans for other in others)


@dataclass(frozen=True, slots=True)
class Match:
    """Words `start` to `end` of a text are a value; `meant` holds every (name, value) that they may stand for."""

    start: int
    end: int
    text: str
    meant: frozenset[tuple[str, str]]


class Phrases:
    """The values of a catalogue, to be found in texts.

    No singular is made of a value: "short" in a text is not the shorts of the catalogue.

    Args:
        values: (name, value) pairs; other_words: value -> further ways of saying it.
    """

    def __init__(self, values: Iterable[tuple[str, str]], other_words: Mapping[str, Iterable[str]] | None = None):
        meant: dict[str, set[tuple[str, str]]] = {}
        self.longest = 1
        for name, value in values:
            for wording in (value, *(other_words or {}).get(value, ())):
                length = len(tokens(wording))
                if 0 < length <= LONGEST:
                    self.longest = max(self.longest, length + 1)  # "tshirt" may be written with a hyphen
                    for form in forms(wording):
                        meant.setdefault(form, set()).add((name, value))
        self._meant = {form: frozenset(pairs) for form, pairs in meant.items()}

    def __len__(self) -> int:
        return len(self._meant)

    def find(self, words: list[str]) -> Iterator[Match]:
        """The values in `tokens` of a text, from left to right, the longest at each place, none within another."""
        start = 0
        while start < len(words):
            for end in range(min(start + self.longest, len(words)), start, -1):
                text = "".join(words[start:end])
                if text in self._meant:
                    yield Match(start, end, text, self._meant[text])
                    start = end - 1
                    break
            start += 1
