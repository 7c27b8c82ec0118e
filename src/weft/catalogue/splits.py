"""Divides products into train, dev and test by whole families, and holds whole brands out as zero-shot."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from weft.pairs.queries import house, normal, randomness
from weft.recipe import Curate
from weft.schema import Product


@dataclass(frozen=True)
class Splits:
    """`split` (N,) names; `family` (N,) the unit no split cuts; `dropped` rows with the reason for each."""

    split: np.ndarray
    family: np.ndarray
    dropped: list[tuple[int, str]]


def connected(count: int, links: Iterable[tuple[int, int]]) -> np.ndarray:
    """(count,) smallest member of the set that each row belongs to, when `links` join rows into sets."""
    parent = list(range(count))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for one, other in links:
        low, high = sorted((root(one), root(other)))
        parent[high] = low
    return np.asarray([root(row) for row in range(count)], dtype=np.int64)


def families(products: list[Product], group: np.ndarray, alone: np.ndarray) -> np.ndarray:
    """(N,) smallest row of each product's family: duplicates, variants of one garment, identical titles of one brand
    (two houses may both sell a "Black dress").

    Unlike duplicate groups, families may chain (a variant of a duplicate): a split must cut neither link.

    Args:
        alone: (N,) True where words link nothing: a class caption is many pictures' title.
    """

    def links() -> Iterator[tuple[int, int]]:
        yield from ((int(first), row) for row, first in enumerate(group))
        variants: dict[str, int] = {}
        titles: dict[tuple[str, str], int] = {}
        for row in np.flatnonzero(~alone).tolist():
            product = products[row]
            if product.variant:
                yield variants.setdefault(product.variant, row), row
            if title := normal(product.title):
                yield titles.setdefault((house(product.brand), title), row), row

    return connected(len(products), links())


def held_out_brands(products: list[Product], share: float, seed: int) -> dict[str, str]:
    """Whole brands, however spelt (`house`) -> "zero-dev" or "zero-test", in seeded order until `share` of the
    products is reached.

    A brand larger than half of what is wanted is passed over, so that several brands, not one, stand for
    the unseen; the two halves are filled in turn, the emptier first.
    """
    sizes = Counter(house(p.brand) for p in products if p.brand)
    spelt: dict[str, str] = {}
    for name in sorted({normal(p.brand) for p in products if p.brand}):
        spelt.setdefault(house(name), name)
    wanted = share * len(products)
    chosen: dict[str, str] = {}
    filled = {"zero-dev": 0, "zero-test": 0}
    for brand in sorted(sizes, key=lambda name: randomness(seed, "brand", spelt[name]).random()):
        if sizes[brand] > max(wanted / 2, 1) or sum(filled.values()) + sizes[brand] > wanted * 1.1:
            continue
        half = min(filled, key=filled.__getitem__)
        chosen[brand] = half
        filled[half] += sizes[brand]
    return chosen


def split(products: list[Product], group: np.ndarray, settings: Curate, seed: int, train_only: np.ndarray) -> Splits:
    """Assigns every product to one of `schema.SPLITS`.

    A family that reaches into a held-out brand takes no part in training: its members of other brands
    are dropped, and listed, because a model that saw them saw the unseen brand's product.

    Args:
        train_only: (N,) True for products that serve training alone, like class captions mixed into a base.
            Where one shows a picture or names a brand that is held out, it is dropped.
    """
    family = families(products, group, train_only)
    own = [product for product, alone in zip(products, train_only, strict=True) if not alone]
    brands = held_out_brands(own, settings.zero_shot_share, seed) if settings.zero_shot_share else {}
    half = [brands.get(house(product.brand), "") for product in products]
    reaches: dict[int, str] = {}  # family -> "zero-dev" or "zero-test", the second where it touches both
    asked = np.zeros(len(products), dtype=bool)  # families with a product that may be asked for
    for row in np.flatnonzero(~train_only):
        asked[family[row]] = True
        if half[row]:
            reaches[int(family[row])] = max(reaches.get(int(family[row]), ""), half[row])
    names, dropped = [], []
    for row, first in enumerate(family.tolist()):
        place = reaches.get(first) or (_drawn(products[first].id, settings, seed) if asked[first] else "train")
        if first in reaches and not half[row]:
            dropped.append((row, f"shares a family with {products[first].id}, which reaches into a held-out brand"))
        elif train_only[row] and half[row]:
            dropped.append((row, f"serves training alone, and the brand {products[row].brand} is held out"))
        elif train_only[row] and place != "train":
            dropped.append((row, f"serves training alone, and shows what a product on {place} shows"))
        names.append("dropped" if dropped and dropped[-1][0] == row else place)
    return Splits(np.asarray(names), family, dropped)


def _drawn(name: str, settings: Curate, seed: int) -> str:
    """Where a family falls by lot, from its first product's id alone."""
    lot = randomness(seed, "split", name).random()
    if lot < settings.test_share:
        return "test"
    return "dev" if lot < settings.test_share + settings.dev_share else "train"
