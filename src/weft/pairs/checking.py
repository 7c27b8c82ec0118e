"""Says why a text may not stand as a query: length, form, language, an attribute that the product does not have."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from weft.bm25 import tokens
from weft.pairs.language import SMALL, foreign, known
from weft.pairs.phrases import Phrases, forms, runs, said
from weft.pairs.queries import LONG_WORDS, SHORT_WORDS, normal, statements, words
from weft.schema import Product

FEWEST_LONG = 30
"""Words of a long text at least; `LONG_WORDS` at most."""
ENOUGH = 0.5
"""Share of the statements asked for that a text for training must make; a twin makes them all."""
LOOSE = ("words", "title")
"""Names whose values are words rather than attributes: any text may use them."""
ECHO = 6
"""Words in a row from the instruction that show that it was repeated."""

REFUSAL = re.compile(
    r"\b(sorry|apologi[sz]e|as an ai|language model|can(?:no|['’])t (?:help|assist|comply|write|provide|view|see)|"
    r"unable to|won['’]t (?:help|write)|not able to)\b",
    re.IGNORECASE,
)
PREFACE = re.compile(
    r"^\s*(?:here(?: is| are|['’]s)\b|(?:sure|certainly|of course|okay|ok)\s*[,!:.]|(?:[\w-]+ ){0,2}"
    r"(?:query|text|answer|output|title|description|result)\s*\d*:)",
    re.IGNORECASE,
)
LISTED = re.compile(r"[\r\n\u2028\u2029]|^\s*(?:[-*•–]|\d+[.)])\s|;.*;")
MARKUP = re.compile(r"[{}<>\[\]|`\\]|\*\*|https?:|www\.")
JOINERS = "\u200c\u200d"  # which Persian, Hindi and emoji are written with
QUOTES = "\"'“”„‟«»‹›‘’`"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a text. `kind`, for counting, is one of `KINDS`; `detail` names it."""

    kind: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.detail}" if self.detail else self.kind


KINDS = {
    "empty": "no word at all",
    "refusal": "the model would rather not",
    "form": "quotes, lists, markup, a preface or the instruction instead of a text",
    "length": "too few or too many words",
    "language": "another language or script",
    "brand": "a brand where none may be named",
    "invented": "an attribute that the product does not have",
    "more": "a twin states more than its query",
    "unstated": "does not state what it should",
    "repeated": "a twin that is a query of its task already, or another one's twin",
}


@dataclass(frozen=True)
class Asked:
    """What a text is held against.

    Attributes:
        form: "short" or "long". product: whose query it is.
        stated: "name=value" statements that it should make. twin_of: the query that it says anew, "" if none.
    """

    form: str
    product: Product
    stated: tuple[str, ...]
    twin_of: str = ""


class Checker:
    """Checks texts against the vocabulary of a whole catalogue.

    An attribute is invented where the text holds a value of the catalogue (as whole words, the longest value at each
    place, any hyphens, English plurals) that is none of the product's own and does not stand in its own text. What no
    product of the catalogue has is not in the vocabulary and passes, unless `other_words` names it.

    Args:
        products: of the whole catalogue; other_words: value -> other ways of saying it. They count as the value where
            the product has it, and as inventing it where not.
        language: of the texts, "" not to look. brand: whether texts may name the product's brand.

    Raises:
        WeftError: the language cannot be told.
    """

    def __init__(
        self, products: Iterable[Product], language: str = "en", brand: bool = True,
        other_words: Mapping[str, Iterable[str]] | None = None,
    ):  # fmt: skip
        self.language, self.brand = known(language), brand
        self.other_words = {normal(value): tuple(others) for value, others in (other_words or {}).items()}
        small = SMALL.get(language, frozenset())
        told = {pair for product in products for pair in statements(product) if pair[0] not in LOOSE}
        self.phrases = Phrases((pair for pair in told if _telling(pair[1], small)), self.other_words)

    def problem(self, text: str, asked: Asked, instruction: str = "") -> Problem | None:
        """The first thing wrong with a text; None if it may stand. `instruction`: what must not come back."""
        found = tokens(text)
        own = [tokens(part) for part in _own(asked, self.brand)]
        if sum(len(word) for word in found) < 2:
            return Problem("empty")
        if REFUSAL.search(text):
            return Problem("refusal", text[:80])
        if told := _form(text) or _echo(found, instruction, own):
            return Problem("form", told)
        least, most = (FEWEST_LONG, LONG_WORDS) if asked.form == "long" else (1, SHORT_WORDS)
        if asked.twin_of:
            least = min(least, words(asked.twin_of))
        if not least <= words(text) <= most:
            return Problem("length", f"{words(text)} words, not {least} to {most}")
        if self.language and (strange := foreign(text, self.language, frozenset().union(*own))):
            return Problem("language", f"{strange}, not {self.language}")
        return self._against(found, own, asked)

    def stated(self, text: str, asked: Asked) -> tuple[str, ...]:
        """The statements that a text makes: those asked for, then others that hold for the product."""
        spans = runs(tokens(text), SHORT_WORDS)
        told = [f"{name}={value}" for name, value in statements(asked.product)]
        return tuple(one for one in dict.fromkeys((*asked.stated, *told)) if self._says(spans, one))

    def _says(self, spans: set[str], statement: str) -> bool:
        value = statement.partition("=")[2]
        return said(value, spans, self.other_words.get(value, ()))

    def _against(self, found: list[str], own: list[list[str]], asked: Asked) -> Problem | None:
        """Brands, inventions, and what is missing."""
        spans, mine = runs(found, SHORT_WORDS), set().union(*(runs(part, SHORT_WORDS) for part in own))
        matches = list(self.phrases.find(found))
        if not self.brand and not asked.twin_of:
            brands = [match.text for match in matches if {name for name, _ in match.meant} == {"brand"}]
            if brands or (asked.product.brand and said(asked.product.brand, spans)):
                return Problem("brand", brands[0] if brands else asked.product.brand)
        holds = {value for _, value in statements(asked.product)}
        told = [one.partition("=")[::2] for one in asked.stated] if asked.twin_of else statements(asked.product)
        may = {value for _, value in told}
        whole = {form for name, value in told if name not in LOOSE for form in forms(value)}
        for match in matches:
            values = {value for _, value in match.meant}
            if (
                values & may
                or match.text in mine
                or (not asked.twin_of and _tiled(found[match.start : match.end], whole))
            ):
                continue
            name, value = min(pair for pair in match.meant if not values & holds or pair[1] in holds)
            said_as = " ".join(found[match.start : match.end])
            return Problem("more" if values & holds else "invented", f"{name} {_quoted(value, said_as)}")
        needed = [one for one in asked.stated if one.partition("=")[0] != "title"]
        if asked.twin_of:  # a value that the query itself had no room for is not asked of its twin
            before = runs(tokens(asked.twin_of), SHORT_WORDS)
            needed = [one for one in needed if self._says(before, one)]
        missing = [one for one in needed if not self._says(spans, one)]
        if missing and (asked.twin_of or len(needed) - len(missing) < ENOUGH * len(needed)):
            return Problem("unstated", ", ".join(one.replace("=", " ") for one in missing))
        return None


def _tiled(found: Sequence[str], values: set[str]) -> bool:
    """Whether words are whole values one after another: "casual" "shoes" of a product are no "casual shoes"."""
    return not found or any(
        "".join(found[:end]) in values and _tiled(found[end:], values) for end in range(1, len(found) + 1)
    )


def _own(asked: Asked, brand: bool) -> tuple[str, ...]:
    """The texts whose words are free whatever the vocabulary says: of a twin its query, else the product's own."""
    if asked.twin_of:
        return (asked.twin_of,)
    product = asked.product
    values = (value for name, value in statements(product) if brand or name != "brand")
    return (product.title, product.description, *product.texts.values(), *values)


def _telling(value: str, small: frozenset[str]) -> bool:
    """Whether a value says anything: no single letter, number or small word."""
    found = tokens(value)
    return any(len(word) > 1 and not word.isdecimal() and word not in small for word in found) or (
        len(found) > 1 and not all(word.isascii() for word in found)  # Han letters are words one by one
    )


def _form(text: str) -> str:
    bare = text.strip()
    if bare[:1] in QUOTES and bare[-1:] in QUOTES:
        return "in quotes"
    patterns = (("several lines or a list", LISTED), ("markup", MARKUP), ("a preface", PREFACE))
    if told := next((told for told, pattern in patterns if pattern.search(bare)), ""):
        return told
    unseen = {unicodedata.category(letter)[0] for letter in bare if letter not in JOINERS}
    return "characters that nobody sees" if "C" in unseen else ""


def _echo(found: list[str], instruction: str, own: list[list[str]]) -> str:
    """Whether words in a row come from the instruction, and not from the product's own text."""
    if not instruction or len(found) < ECHO:
        return ""
    before, free = f" {' '.join(tokens(instruction))} ", [f" {' '.join(part)} " for part in own]
    for start in range(len(found) - ECHO + 1):
        run = f" {' '.join(found[start : start + ECHO])} "
        if run in before and not any(run in part for part in free):
            return "the instruction repeated"
    return ""


def _quoted(value: str, said_as: str) -> str:
    return f'"{value}"' if said_as == value else f'"{value}" (as "{said_as}")'
