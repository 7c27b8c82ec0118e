"""Writes a product's queries from its attributes: short as a shopper types, long as a catalogue speaks."""

import hashlib
import re
import sys
import unicodedata
from dataclasses import dataclass

import numpy as np

from weft.errors import WeftError
from weft.recipe import Pairs
from weft.schema import Product

SHORT_WORDS = 8
LONG_WORDS = 60


@dataclass(frozen=True, slots=True)
class Query:
    """A text and what it states, each statement as "name=value"."""

    text: str
    stated: tuple[str, ...]


def randomness(*parts: object) -> np.random.Generator:
    """A generator that depends on its arguments alone, so that no result depends on the order of calls."""
    digest = hashlib.blake2b("\0".join(map(str, parts)).encode(), digest_size=16).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "little")))


def normal(text: str) -> str:
    """Lower case, single spaces: two titles that read the same are the same."""
    return " ".join(text.lower().split())


def house(brand: str) -> str:
    """One name for all spellings of a brand: "L’Oréal" is "loreal", "H & M" is "hm"."""
    letters = "".join(c for c in unicodedata.normalize("NFKD", brand).casefold() if c.isalnum())
    return letters or normal(brand)


def statements(product: Product, order: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """Everything a query may say of a product, as (name, value), in the order it is spoken: brand,
    attributes, category last. The same value is said once, under its first name."""
    told = [("brand", product.brand)] if product.brand else []
    names = [
        *(n for n in order if n in product.attributes),
        *(n for n in product.attributes if n not in order),
    ]
    told += [(name, value) for name in names for value in product.attributes[name]]
    if product.category:
        told = [pair for pair in told if normal(pair[1]) != normal(product.category)]
        told.append(("category", product.category))
    seen: set[str] = set()
    return [(n, v) for n, v in ((n, normal(v)) for n, v in told) if v and not (v in seen or seen.add(v))]


def facts(product: Product) -> set[str]:
    """Every statement that holds for the product, its title included; relevance is a matter of these sets."""
    told = [(name, value) for name, values in product.attributes.items() for value in values]
    told += [("brand", product.brand), ("category", product.category), ("title", product.title)]
    # Interned, because millions of products hold the same few thousand statements.
    return {sys.intern(f"{name}={normal(value)}") for name, value in told if normal(value)}


def stems(text: str) -> set[str]:
    """Its words without punctuation and plural, to see whether one text says more than another."""
    return {word.removesuffix("s") for word in re.findall(r"\w+", text)}


def words(text: str) -> int:
    return len(text.split())


def first_words(text: str, most: int | None) -> str:
    return " ".join(text.split()[:most])


class Writer:
    """The deterministic query writer; a language model's writer has the same two methods.

    `short` drops attributes at random (Xue & Xu 2026, arXiv 2606.27708, section on curation) and keeps
    at most eight words; `long` says everything, attributes first, and never more than sixty words.
    """

    def __init__(self, settings: Pairs):
        self.settings = settings

    def short(self, product: Product, random: np.random.Generator) -> Query:
        if self.settings.short != "attributes":
            return plain_query(product, self.settings.short)
        told = statements(product, self.settings.order)
        if not told:
            return title_query(product, SHORT_WORDS)
        kept = [pair for pair in told if random.random() < (0.9 if pair[0] == "category" else self.settings.keep)]
        kept = kept or [told[int(random.integers(len(told)))]]
        return spoken(fitting(kept, random))

    def long(self, product: Product) -> Query:
        if self.settings.long != "attributes":
            return plain_query(product, self.settings.long)
        told = statements(product, self.settings.order)
        if not told:
            return title_query(product, LONG_WORDS)
        named, parts, stated, room = self.settings.name_attributes, [], [], LONG_WORDS
        for name, value in told:
            part = f"{name} {value}" if named and name not in ("category", "words") else value
            if words(part) <= room or not parts:  # what is cut off is not stated either
                room -= words(part)
                parts.append(part)
                stated.append(f"{name}={value}")
        text = (", " if named else " ").join(parts)
        for more in (normal(product.title), normal(product.description)):
            if stems(more) - stems(text):  # it says something new
                text += f". {more}"
        return Query(first_words(text, LONG_WORDS), tuple(stated))

    def specific(self, product: Product, random: np.random.Generator, count, most: int) -> Query:
        """A short query for a test: attributes are added until at most `most` products satisfy it, or
        its eight words are used up. `count` maps statements to the number of products holding them all.

        A query that hundreds of products answer measures nothing with R@10.
        """
        if self.settings.short != "attributes":
            return plain_query(product, self.settings.short)
        told = statements(product, self.settings.order)
        if not told:
            return title_query(product, SHORT_WORDS)

        def holding(places: list[int]) -> int:
            return count([f"{told[i][0]}={told[i][1]}" for i in places])

        def added(order: list[int]) -> list[int]:
            kept: list[int] = []
            for place in order:
                if words(" ".join(told[i][1] for i in [*kept, place])) <= SHORT_WORDS:
                    kept.append(place)
                    if len(kept) > 1 and holding(kept) <= most:
                        break
            return kept

        def category_first(order: list[int]) -> list[int]:
            return sorted(order, key=lambda place: told[place][0] != "category")

        places = random.permutation(len(told)).tolist()
        kept = added(category_first(places))
        if kept and holding(kept) > most:  # eight words may do if they are the rarest
            kept = added(category_first(sorted(places, key=lambda place: holding([place]))))
        return spoken([told[i] for i in sorted(kept)] or told[-1:])


def spoken(told: list[tuple[str, str]]) -> Query:
    """The values in a row; only a value that is too long by itself is cut, and stated whole."""
    text = " ".join(value for _, value in told)
    return Query(first_words(text, SHORT_WORDS), tuple(f"{name}={value}" for name, value in told))


def fitting(told: list[tuple[str, str]], random: np.random.Generator) -> list[tuple[str, str]]:
    """Takes statements out at random, the last one never, until eight words or one statement are left."""
    told = list(told)
    while words(" ".join(value for _, value in told)) > SHORT_WORDS and len(told) > 1:
        told.pop(int(random.integers(max(1, len(told) - 1))))
    return told


def plain_query(product: Product, what: str) -> Query:
    """The title or the category in place of a written query. Raises `WeftError` for anything else."""
    if what == "title" or (what == "category" and not product.category):
        return title_query(product)
    if what == "category":
        return Query(f"a photo of {normal(product.category)}.", (f"category={normal(product.category)}",))
    raise WeftError(f"pairs: a query is written from 'attributes', 'title' or 'category', not from {what!r}")


def title_query(product: Product, most: int | None = None) -> Query:
    """The title as it is, or its first `most` words; only products with the very same title satisfy it.

    A product without a title is asked for by whatever other words it has, and only it satisfies them.
    """
    others = (*product.texts.values(), product.description, *(value for _, value in statements(product)))
    text = " ".join(product.title.split()) or " ".join(" ".join(others).split())
    return Query(first_words(text, most), (f"title={normal(product.title)}",))
