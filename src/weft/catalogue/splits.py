"""Divides products into train, dev and test by whole families, and holds whole brands out as zero-shot."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from weft.pairs.queries import normal, randomness
from weft.recipe import Curate
from weft.schema import Product


@dataclass(frozen=True)
class Splits:
    """`split` (N,) names; `family` (N,) the unit no split cuts; `dropped` rows with the reason for each."""

    split: np.ndarray
    family: np.ndarray
    dropped: list[tuple[int, str]]


def families(products: list[Product], group: np.ndarray) -> np.ndarray:
    """(N,) smallest row of each product's family: duplicates, variants of one garment, identical titles.

    Unlike duplicate groups, families may chain (a variant of a duplicate): a split must cut neither link.
    """
    parent = np.arange(len(products))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    first: dict[tuple[str, str], int] = {}
    for row, product in enumerate(products):
        links = [int(group[row])]
        for link in (("variant", product.variant), ("title", normal(product.title))):
            if link[1]:
                links.append(first.setdefault(link, row))
        for other in links:
            low, high = sorted((root(row), root(other)))
            parent[high] = low
    return np.asarray([root(row) for row in range(len(products))])


def held_out_brands(products: list[Product], share: float, seed: int) -> dict[str, str]:
    """Whole brands -> "zero-dev" or "zero-test", in seeded order until `share` of the products is reached.

    A brand larger than half of what is wanted is passed over, so that several brands, not one, stand for
    the unseen; the two halves are filled in turn, the emptier first.
    """
    sizes = Counter(normal(p.brand) for p in products if p.brand)
    wanted = share * len(products)
    chosen: dict[str, str] = {}
    filled = {"zero-dev": 0, "zero-test": 0}
    for brand in sorted(sizes, key=lambda name: randomness(seed, "brand", name).random()):
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
    """
    family = families(products, group)
    brands = held_out_brands(products, settings.zero_shot_share, seed) if settings.zero_shot_share else {}
    held: dict[int, str] = {}
    for row, product in enumerate(products):
        if train_only[row]:
            continue
        half = brands.get(normal(product.brand))
        if half:
            held[int(family[row])] = max(held.get(int(family[row]), half), half)
    names, dropped = [], []
    for row, product in enumerate(products):
        own = int(family[row])
        if train_only[row]:
            names.append("train")
        elif own in held and normal(product.brand) in brands:
            names.append(held[own])
        elif own in held:
            names.append("dropped")
            dropped.append((row, f"shares a family with {products[own].id}, which reaches into a held-out brand"))
        else:
            place = randomness(seed, "split", products[own].id).random()
            test, dev = settings.test_share, settings.dev_share
            names.append("test" if place < test else "dev" if place < test + dev else "train")
    return Splits(np.asarray(names), family, dropped)
