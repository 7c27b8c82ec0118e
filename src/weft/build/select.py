"""The queries of both parts and the gallery that they are asked of: what is asked, what is not, and why."""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from weft.artefact import key_of
from weft.build.ask import TWINS, Asked, Asker
from weft.build.choose import draw, in_turn
from weft.catalogue.collection import Collection
from weft.errors import WeftError
from weft.pairs.queries import normal, randomness
from weft.progress import progress
from weft.recipe import Pairs

PARTS = ("test", "dev")
KINDS = {"in-domain": "", "zero-shot": "zero-"}
"""Type of a query -> what the names of its splits begin with."""
NONE = "(none)"
"""What a product without a category, or a brand, is counted under."""


@dataclass(frozen=True)
class Settings:
    """What decides a benchmark, besides its catalogue.

    Attributes:
        queries, dev_queries: at most, for test and dev. zero_shot: the share of them that unseen brands get.
        floor: queries of every category that has as many products, however small it is.
        brand_share: of a part's queries of one type, what one brand may have at most.
        most: products that may answer a query.
        size: products of the gallery, 0 for the whole catalogue. unseen: see `Asker`.
    """

    queries: int = 2000
    dev_queries: int = 500
    zero_shot: float = 0.3
    floor: int = 3
    brand_share: float = 0.1
    most: int = 10
    size: int = 0
    unseen: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        if self.queries < 1 or self.most < 1 or min(self.dev_queries, self.floor, self.size) < 0:
            raise WeftError("a benchmark has at least one query, and a query at least one answer; nothing is negative")
        if not (0 <= self.zero_shot <= 1 and 0 < self.brand_share <= 1):
            raise WeftError("zero-shot and brand share are shares: between 0 and 1, that of a brand above 0")


@dataclass(frozen=True)
class Question:
    """A query of the benchmark. Its id depends on its words, so that judgements of other words never pass for its."""

    part: str
    kind: str
    asked: Asked
    source: str

    @property
    def id(self) -> str:
        return f"{self.part}-{key_of([self.source, *(self.asked.query[twin].text for twin in TWINS)])[:12]}"


@dataclass(frozen=True)
class Chosen:
    """Attributes:
    questions: of both parts, test first, in an order that tells nothing.
    rejected: (part, kind) -> why products were not asked for, counted; wanted: how many were.
    gallery: (G,) ascending product rows; distractors: how many of them belong to no part and answer nothing.
    """

    questions: list[Question]
    rejected: dict[tuple[str, str], Counter]
    wanted: dict[tuple[str, str], int]
    gallery: np.ndarray
    distractors: int

    @cached_property
    def inside(self) -> set[int]:
        """The gallery as a set."""
        return set(self.gallery.tolist())

    def of(self, part: str, kind: str = "") -> list[Question]:
        return [one for one in self.questions if one.part == part and kind in ("", one.kind)]


def choose(collection: Collection, pairs: Pairs, settings: Settings) -> Chosen:
    """Raises `WeftError` if nothing can be asked for test, or the gallery has to be larger than it is to be."""
    asker = Asker(collection, pairs, settings.most, settings.unseen, settings.seed)
    found, rejected, wanted = [], {}, {}
    for part, kind, rows, many in _wanted(collection, settings):
        why, brands = Counter(), Counter()
        names = Counter(brand(collection, row) for row in rows)
        limit = math.ceil(many * max(settings.brand_share, 1 / max(len(names), 1)))
        bar = progress(None, f"asking for {part}, {kind}", total=len(rows), unit="product")

        def accept(row: int, part=part, kind=kind, why=why, brands=brands, limit=limit, bar=bar) -> bool:
            bar.update()
            house = brand(collection, row)
            if house != NONE and brands[house] >= limit:
                why["its brand has its share"] += 1
                return False
            answer = asker.ask(row)
            if isinstance(answer, str):
                why[answer] += 1
                return False
            brands[house] += 1
            found.append(Question(part, kind, answer, collection.products[row].id))
            return True

        draw(_strata(collection, rows, settings.seed), many, settings.floor, accept)
        bar.close()
        rejected[part, kind], wanted[part, kind] = why, many
    if not any(one.part == "test" for one in found):
        told = ", ".join(f"{why} ({many})" for why, many in sum(rejected.values(), Counter()).most_common(3))
        raise WeftError(f"{collection.folder}: no test query can be asked: {told or 'no product is held out for test'}")
    order = randomness(settings.seed, "order").permutation(len(found)).tolist()
    found = sorted((found[place] for place in order), key=lambda one: PARTS.index(one.part))
    gallery, distractors = _gallery(collection, found, settings)
    return Chosen(found, rejected, wanted, gallery, distractors)


def category(collection: Collection, row: int) -> str:
    return normal(collection.products[row].category) or NONE


def brand(collection: Collection, row: int) -> str:
    return normal(collection.products[row].brand) or NONE


def _wanted(collection: Collection, settings: Settings) -> Iterator[tuple[str, str, list[int], int]]:
    """Part, type, the rows that may be asked for, and how many queries there are to be."""
    for part, many in zip(PARTS, (settings.queries, settings.dev_queries), strict=True):
        rows = {kind: np.flatnonzero(collection.split == f"{begin}{part}").tolist() for kind, begin in KINDS.items()}
        unseen = round(settings.zero_shot * many) if rows["zero-shot"] else 0
        for kind, share in (("in-domain", many - unseen), ("zero-shot", unseen)):
            if share and rows[kind]:
                yield part, kind, rows[kind], share


def _strata(collection: Collection, rows: list[int], seed: int) -> dict[str, list[int]]:
    own: dict[str, list[int]] = {}
    for row in rows:
        own.setdefault(category(collection, row), []).append(row)
    house = {row: brand(collection, row) for row in rows}
    return {name: in_turn(members, house, seed, "product", name) for name, members in own.items()}


def _gallery(collection: Collection, questions: list[Question], settings: Settings) -> tuple[np.ndarray, int]:
    """Everything that is held out and all answers, then others by lot until it is as large as it is to be."""
    held = [f"{begin}{part}" for begin in KINDS.values() for part in PARTS]
    needed = np.isin(collection.split, held)
    needed[[row for one in questions for row in one.asked.answers]] = True
    size, least = settings.size or len(collection), int(needed.sum())
    if size < least:
        raise WeftError(
            f"a gallery of {size:,} is too small: the held-out products and the answers are {least:,} already; name at "
            "least as many by --size, or 0 for the whole catalogue"
        )
    others = randomness(settings.seed, "distractors").permutation(np.flatnonzero(~needed))[: size - least]
    needed[others] = True
    return np.flatnonzero(needed), len(others)
