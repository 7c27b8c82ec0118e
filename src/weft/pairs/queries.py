"""Writes a product's queries from its attributes, deterministically: short as a shopper types, long as a catalogue speaks."""

import hashlib
import re
from dataclasses import dataclass

import numpy as np

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
    return [(n, normal(v)) for n, v in told if not (normal(v) in seen or seen.add(normal(v)))]


def facts(product: Product) -> set[str]:
    """Every statement that holds for the product, its title included; relevance is a matter of these sets."""
    held = {f"{name}={normal(value)}" for name, values in product.attributes.items() for value in values}
    held |= {f"brand={normal(product.brand)}", f"category={normal(product.category)}"}
    return held | {f"title={normal(product.title)}"} if product.title else held


def words(text: str) -> int:
    return len(text.split())


class Writer:
    """The deterministic query writer; a language model's writer has the same two methods.

    `short` drops attributes at random (Xue & Xu 2026, arXiv 2606.27708, section on curation) and keeps
    at most eight words; `long` says everything, attributes first, and never more than sixty words.
    """

    def __init__(self, settings: Pairs):
        self.settings = settings

    def short(self, product: Product, random: np.random.Generator) -> Query:
        if self.settings.short == "title":
            return title_query(product)
        told = statements(product, self.settings.order)
        if not told:
            return title_query(product)
        kept = [pair for pair in told if random.random() < (0.9 if pair[0] == "category" else self.settings.keep)]
        kept = kept or [told[int(random.integers(len(told)))]]
        return spoken(fitting(kept, random))

    def long(self, product: Product) -> Query:
        if self.settings.long == "title":
            return title_query(product)
        told = statements(product, self.settings.order)
        if not told:
            return title_query(product)
        named = self.settings.name_attributes
        parts = [f"{name} {value}" if named and name not in ("category", "words") else value for name, value in told]
        text = (", " if named else " ").join(parts)
        for more in (normal(product.title), normal(product.description)):
            if set(more.split()) - set(text.replace(",", " ").split()):  # it says something new
                text += f". {more}"
        return Query(" ".join(text.split()[:LONG_WORDS]), tuple(f"{n}={v}" for n, v in told))

    def specific(self, product: Product, random: np.random.Generator, count, most: int) -> Query:
        """A short query for a test: attributes are added until at most `most` products satisfy it, or
        its eight words are used up. `count` maps statements to the number of products holding them all.

        A query that hundreds of products answer measures nothing with R@10.
        """
        if self.settings.short == "title":
            return title_query(product)
        told = statements(product, self.settings.order)
        if not told:
            return title_query(product)
        places = [*range(len(told))]
        random.shuffle(places)
        if told[-1][0] == "category":
            places.remove(len(told) - 1)
            places.insert(0, len(told) - 1)
        kept: list[int] = []
        for place in places:
            if words(" ".join(told[i][1] for i in [*kept, place])) > SHORT_WORDS:
                continue
            kept.append(place)
            if len(kept) > 1 and count([f"{told[i][0]}={told[i][1]}" for i in kept]) <= most:
                break
        return spoken([told[i] for i in sorted(kept)]) if kept else title_query(product)


def spoken(told: list[tuple[str, str]]) -> Query:
    return Query(" ".join(value for _, value in told), tuple(f"{name}={value}" for name, value in told))


def fitting(told: list[tuple[str, str]], random: np.random.Generator) -> list[tuple[str, str]]:
    """Takes statements out at random, the category last, until eight words are left."""
    told = list(told)
    while words(" ".join(value for _, value in told)) > SHORT_WORDS and len(told) > 1:
        told.pop(int(random.integers(max(1, len(told) - 1))))
    name, value = told[0]
    return told if len(told) > 1 else [(name, " ".join(value.split()[:SHORT_WORDS]))]


def title_query(product: Product) -> Query:
    """The title as it is; only products with the very same title satisfy it."""
    text = re.sub(r"\s+", " ", product.title).strip() or " ".join(product.texts.values())
    return Query(text, (f"title={normal(product.title)}",))
