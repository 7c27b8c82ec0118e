"""Splits cut no family, hold whole brands out, and drop what would give them away."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.catalogue.splits import connected, families, held_out_brands, split
from weft.pairs.queries import house
from weft.recipe import Curate
from weft.schema import SPLITS, Product

CURATE = Curate(zero_shot_share=0.2, dev_share=0.2, test_share=0.2)
PLAIN = Curate(zero_shot_share=0.0, dev_share=0.2, test_share=0.2)


def shelf(count: int, brands: int = 40, seed: int = 0) -> list[Product]:
    random = np.random.default_rng(seed)
    return [
        Product(id=f"p{n}", images=(), title=f"Thing {n}", brand=f"Brand {random.integers(brands)}")
        for n in range(count)
    ]


def divided(products, settings=CURATE, group=None, seed=0, train_only=None):
    count = len(products)
    group = np.arange(count) if group is None else np.asarray(group)
    alone = np.zeros(count, bool) if train_only is None else np.asarray(train_only)
    return split(products, group, settings, seed, alone)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 30), st.data())
def test_connected_against_repeated_merging(count, data):
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1))
    links = data.draw(st.lists(pairs, max_size=40))
    expected = np.arange(count)
    for _ in range(count):
        for a, b in links:
            expected[[a, b]] = min(expected[a], expected[b])
    assert connected(count, links).tolist() == expected.tolist()


def test_a_brand_is_held_out_however_it_is_spelt():
    names = ["L’Oréal", "L'Oreal", "LOREAL", "H&M", "h & m", "A.P.C.", "APC", "&"]
    products = [Product(id=f"p{n}", images=(), title=f"Thing {n}", brand=names[n % len(names)]) for n in range(400)]
    for seed in range(5):
        found = divided(products, Curate(zero_shot_share=0.5, dev_share=0.2, test_share=0.2), seed=seed).split
        held = {name: set(found[place :: len(names)]) for place, name in enumerate(names)}
        for same in (names[:3], names[3:5], names[5:7]):
            parts = [held[name] for name in same]
            unseen = [part for part in parts if any(one.startswith("zero") for one in part)]
            assert not unseen or (len(unseen) == len(parts) and len(set.union(*parts)) == 1)
        assert any(one.startswith("zero") for one in found)


def test_titles_link_products_of_one_brand_alone():
    """Else a generic title would make one family of many brands, and one of them held out would drop it all."""
    brands = ["Acme", "ACME", "Other", "", ""]
    products = [Product(id=f"{n}", images=(), title="Black dress", brand=brand) for n, brand in enumerate(brands)]
    assert families(products, np.arange(5), np.zeros(5, bool)).tolist() == [0, 0, 2, 3, 3]


def test_families_chain_over_duplicates_variants_and_titles():
    products = [
        Product(id="0", images=(), title="Red dress", variant="v"),
        Product(id="1", images=(), title="Blue dress", variant="v"),
        Product(id="2", images=(), title="blue  DRESS"),
        Product(id="3", images=(), title="Other"),
        Product(id="4", images=()),
        Product(id="5", images=()),  # neither title nor variant: related to nobody
        Product(id="6", images=(), variant="Other"),  # a variant is no title
    ]
    nobody = np.zeros(7, bool)
    assert families(products, np.arange(7), nobody).tolist() == [0, 0, 0, 3, 4, 5, 6]
    assert families(products, np.asarray([0, 1, 2, 2, 4, 5, 6]), nobody).tolist() == [0, 0, 0, 0, 4, 5, 6]
    alone = np.asarray([False, True, False, False, False, False, False])
    assert families(products, np.arange(7), alone).tolist() == [0, 1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("seed", range(3))
def test_shares_come_out_about_right(seed):
    found = divided(shelf(4000, 200), seed=seed).split
    share = {name: float((found == name).mean()) for name in SPLITS}
    assert 0.15 < share["zero-dev"] + share["zero-test"] <= 0.22
    assert abs(share["zero-dev"] - share["zero-test"]) < 0.03
    rest = 1 - share["zero-dev"] - share["zero-test"]
    assert abs(share["dev"] / rest - 0.2) < 0.03 and abs(share["test"] / rest - 0.2) < 0.03


def test_brands_are_held_out_whole():
    products = shelf(1000)
    found = divided(products).split
    held = {p.brand for p, name in zip(products, found, strict=True) if name.startswith("zero-")}
    assert len(held) >= 4
    for product, name in zip(products, found, strict=True):
        assert name.startswith("zero-") == (product.brand in held)
    assert held_out_brands(products, 0.2, 0).keys() == {house(brand) for brand in held}


def test_no_single_brand_stands_for_the_unseen():
    products = [Product(id=f"{n}", images=(), title=f"{n}", brand="Giant" if n % 2 else f"b{n}") for n in range(400)]
    chosen = held_out_brands(products, 0.1, 0)
    assert "giant" not in chosen and len(chosen) > 10
    assert held_out_brands([Product(id="1", images=(), title="x", brand="Only")] * 50, 0.1, 0) == {}
    assert "" not in held_out_brands([Product(id=f"{n}", images=(), title="x") for n in range(50)], 0.5, 0)


def test_no_split_cuts_a_family():
    random = np.random.default_rng(1)
    products = [
        Product(id=f"p{n}", images=(), title=f"T{random.integers(300)}", brand="b", variant=f"v{random.integers(400)}")
        for n in range(200)
    ]
    group = np.minimum(np.arange(200), random.integers(0, 200, 200) * 3)
    found = divided(products, PLAIN, group)
    for first in np.unique(found.family):
        assert len(set(found.split[found.family == first])) == 1
    assert len(set(found.split)) == 3


def test_members_of_a_family_that_reaches_into_a_held_out_brand_are_dropped_and_listed():
    products = shelf(300)
    before = divided(products)
    held = int(np.flatnonzero(before.split == "zero-test")[0])
    own = [int(row) for row in np.flatnonzero(before.split == "train")[:2]]
    group = np.arange(300)
    group[max(held, own[0])] = min(held, own[0])  # a duplicate picture
    products[held] = dataclasses.replace(products[held], variant="v")
    products[own[1]] = dataclasses.replace(products[own[1]], variant="v")
    found = divided(products, group=group)
    assert found.split[held] == "zero-test" and all(found.split[row] == "dropped" for row in own)
    assert sorted(row for row, _ in found.dropped) == sorted(own)
    assert all("held-out brand" in reason for _, reason in found.dropped)
    assert (np.delete(found.split, own) == np.delete(before.split, own)).all()


def test_a_family_over_both_halves_of_the_unseen_is_of_one():
    products = shelf(300)
    before = divided(products).split
    one, other = (int(np.flatnonzero(before == name)[0]) for name in ("zero-dev", "zero-test"))
    group = np.arange(300)
    group[max(one, other)] = min(one, other)
    found = divided(products, group=group)
    assert found.split[one] == found.split[other] == "zero-test" and found.dropped == []


def test_train_only_is_trained_on_whatever_its_titles_are():
    products = [*shelf(200), *(Product(id=f"c{n}", images=(), title="a photo of a cat.") for n in range(100))]
    alone = np.arange(300) >= 200
    found = divided(products, train_only=alone)
    assert set(found.split[alone]) == {"train"} and found.dropped == []
    assert (found.split[~alone] == divided(products[:200]).split).all()


def test_train_only_never_shows_what_is_held_out():
    products = [*shelf(200), *(Product(id=f"c{n}", images=(), title="caption", brand="x") for n in range(6))]
    alone, group, before = np.arange(206) >= 200, np.arange(206), divided(shelf(200)).split
    for row, name in zip((200, 201, 202, 203), ("train", "dev", "test", "zero-test"), strict=True):
        group[row] = np.flatnonzero(before == name)[0]
    brand = products[int(np.flatnonzero(before == "zero-dev")[0])].brand
    products[204] = Product(id="c4", images=(), title="caption", brand=brand)
    found = divided(products, group=group, train_only=alone)
    assert found.split[200:].tolist() == ["train", "dropped", "dropped", "dropped", "dropped", "train"]
    assert [row for row, _ in found.dropped] == [201, 202, 203, 204]
    assert (found.split[:200] == before).all()


def test_the_same_seed_gives_the_same_splits_and_another_gives_others():
    products = shelf(300)
    assert (divided(products, seed=1).split == divided(products, seed=1).split).all()
    assert (divided(products, seed=1).split != divided(products, seed=2).split).any()


def test_a_family_s_place_depends_on_no_other_product():
    products = shelf(300)
    shorter = divided(products[:100], PLAIN).split
    assert (divided(products, PLAIN).split[:100] == shorter).all()
