"""False negatives in training batches of drawn garments, whose truth is known: `python bench/bench_negatives.py`.

A share of what the catalogue records is hidden; pairs of a batch's products and queries that the whole truth calls
relevant and that still count fully as negatives are false negatives. Hard ones are pairs of products that look alike:
one is among the sixteen nearest of the other, by the base.
"""

import dataclasses
import sys

import numpy as np

from weft.demo.draw import draw
from weft.demo.source import product
from weft.demo.world import Garment, garment
from weft.pairs import batches, negatives
from weft.pairs.queries import Query, Writer, facts, normal, randomness
from weft.pairs.relevance import BatchRelevance
from weft.pairs.unrecorded import OpenRelevance, open_names
from weft.recipe import Pairs
from weft.schema import Product

BATCH, RUN = 128, 8
FULL = 2  # grades below count as negatives of full weight (train.negative_weights)


def hidden(products: list[Product], share: float, seed: int = 0) -> list[Product]:
    """The products with that share of their attributes not recorded; brand and category always are."""
    shown = []
    for one in products:
        random = randomness(seed, "hidden", one.id)
        kept = {name: values for name, values in one.attributes.items() if random.random() >= share}
        shown.append(dataclasses.replace(one, attributes=kept))
    return shown


def groups(garments: list[Garment]) -> np.ndarray:
    """Products that show one photograph."""
    return np.unique([one.photo for one in garments], return_inverse=True)[1]


def false_negatives(
    truth: list[set[str]], known: list[Product], group: np.ndarray, alike: np.ndarray, made: list[np.ndarray],
    unknown: list[set[str]] | None = None, epoch: int = 0,
) -> dict[str, float]:  # fmt: skip
    """Shares of false ones among the full negatives, and among the hard ones, over short and long queries; and the
    share of hard ones.

    Args:
        alike: (N, k) rows of the products that look like each.
    """
    writer, held = Writer(Pairs()), [facts(one) for one in known]
    titles = [normal(one.title) for one in known]
    wrong = full = hard_wrong = hard = 0
    for rows in made:
        near = (alike[rows][:, :, None] == rows).any(axis=1)
        near |= near.T
        short = [writer.short(known[row], randomness(0, "short", epoch, known[row].id)) for row in rows]
        for queries in (short, [writer.long(known[row]) for row in rows]):
            told = [held[row] for row in rows], queries, group[rows], [titles[row] for row in rows]
            more = BatchRelevance(*told) if unknown is None else OpenRelevance(*told, [unknown[row] for row in rows])
            counts = more.products(slice(None)).numpy() < FULL
            np.fill_diagonal(counts, False)
            right = counts & _relevant([truth[row] for row in rows], queries)
            wrong, full = wrong + right.sum(), full + counts.sum()
            hard_wrong, hard = hard_wrong + (right & near).sum(), hard + (counts & near).sum()
    return {"false": wrong / full, "false of hard": hard_wrong / hard, "hard": hard / full}


def _relevant(held: list[set[str]], queries: list[Query]) -> np.ndarray:
    return np.asarray([[own.issuperset(query.stated) for query in queries] for own in held])


def ways(embeddings: np.ndarray, known: list[Product], group: np.ndarray, batch: int = BATCH) -> dict[str, tuple]:
    """Way to compose batches -> (batches, open names or None)."""
    held, kinds = [facts(one) for one in known], [one.category for one in known]
    mined = {guard: negatives.mine(embeddings, held, group, guard=guard) for guard in (False, True)}
    bare, guarded = (negatives.batches(mined[guard], batch, RUN, 0, 0) for guard in (False, True))
    by_kind = batches.batches(kinds, batch, RUN, 0, 0)
    return {
        "chance": (batches.batches(kinds, batch, 0, 0, 0), None),
        "category": (by_kind, None),
        "base without guard": (bare, None),
        "base": (guarded, None),
        "category, read as open": (by_kind, open_names(held)),
        "base, read as open": (guarded, open_names(held)),
    }


def main(count: int = 3000) -> None:
    import torch

    from weft.encoders import load_base

    garments = [garment("studio", 7, index, "house") for index in range(count)]
    encoder = load_base("demo")
    found = []
    with torch.inference_mode():
        for start in range(0, count, 100):
            pictures = [draw(one, 0, 96) for one in garments[start : start + 100]]
            found.append(encoder.image_features(encoder.pixels(pictures)).numpy())
    embeddings = np.concatenate(found)
    products = [dataclasses.replace(product(one, 16), images=()) for one in garments]
    truth, group = [facts(one) for one in products], groups(garments)
    alike = negatives.mine(embeddings, truth, group, guard=False).near
    for share in (0.0, 0.2, 0.4, 0.6):
        known = hidden(products, share)
        for way, (made, unknown) in ways(embeddings, known, group).items():
            told = false_negatives(truth, known, group, alike, made, unknown)
            print(f"hidden {share:4.0%}  {way:24}", *(f"{name} {value:8.3%}" for name, value in told.items()), sep="  ")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
