"""Hard negatives: what is mined is safe, batches hold it together, and false negatives become fewer, then none."""

import dataclasses
import importlib.util
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from weft.demo.source import product
from weft.demo.world import garment
from weft.pairs import negatives
from weft.pairs.negatives import Neighbours, batches, mine
from weft.pairs.queries import Query, facts
from weft.pairs.relevance import BatchRelevance
from weft.pairs.unrecorded import OpenRelevance, open_names

bench = importlib.util.spec_from_file_location(
    "bench_negatives", Path(__file__).parents[2] / "bench" / "bench_negatives.py"
)
measured = importlib.util.module_from_spec(bench)
bench.loader.exec_module(measured)

COUNT = 700


def held(**told):
    return {f"{name}={value}" for name, value in told.items()}


@pytest.fixture(scope="module")
def shop(monkeypatch_module):
    """Drawn products, which need no drawing here: an embedding of the truth, blurred, stands for the base's."""
    garments = [garment("studio", 7, index, "house") for index in range(COUNT)]
    products = [dataclasses.replace(product(one, 16), images=()) for one in garments]
    truth = [facts(one) for one in products]
    names = sorted({fact for own in truth for fact in own if not fact.startswith(("title", "brand"))})
    column = {name: place for place, name in enumerate(names)}
    random = np.random.default_rng(0)
    vectors = random.normal(0, 0.25, (COUNT, len(names))).astype(np.float32)
    for row, own in enumerate(truth):
        vectors[row, [column[fact] for fact in own if fact in column]] += 1
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return products, truth, vectors, measured.groups(garments)


@pytest.fixture(scope="module")
def monkeypatch_module():
    """Pictures are not looked at here: drawing them would be the slow part."""
    from weft.demo import source

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source, "jpeg", lambda *_: b"")
        yield


@pytest.fixture(scope="module")
def shares(shop):
    """Way to compose batches -> shares of false negatives, with 40% of the attributes not recorded."""
    products, truth, vectors, group = shop
    known = measured.hidden(products, 0.4)
    alike = mine(vectors, truth, group, guard=False).near
    return {
        way: measured.false_negatives(truth, known, group, alike, made, unknown)
        for way, (made, unknown) in measured.ways(vectors, known, group, batch=64).items()
    }


def test_false_negatives_before_and_after(shares):
    """Mining without a guard finds more of them; the guard fewer; and none counts fully where absence is no denial."""
    hard = {way: one["false of hard"] * one["hard"] for way, one in shares.items()}  # of all negatives
    assert hard["base without guard"] > 1.5 * hard["category"] > 0
    assert 0 < hard["base"] < 0.6 * hard["base without guard"]
    assert shares["base"]["false of hard"] < shares["category"]["false of hard"]
    assert shares["base"]["false"] < shares["base without guard"]["false"]
    assert shares["base, read as open"]["false"] == shares["category, read as open"]["false"] == 0


def test_mined_batches_are_harder(shares):
    hard = {way: one["hard"] for way, one in shares.items()}
    assert hard["base without guard"] > 1.2 * hard["category"] and hard["base"] > hard["category"] > hard["chance"]


def test_a_complete_catalogue_has_no_false_negatives(shop):
    products, truth, vectors, group = shop
    made = batches(mine(vectors, truth, group), 64, 8, seed=0, epoch=0)
    told = measured.false_negatives(truth, products, group, np.zeros((COUNT, 1), dtype=int), made)
    assert told["false"] == 0


def test_mined_neighbours_are_the_nearest_that_are_safe(shop):
    products, _, vectors, group = shop
    known = [facts(one) for one in measured.hidden(products, 0.4)]
    k, cosine = 8, vectors @ vectors.T
    found = mine(vectors, known, group, k=k)
    pairs = negatives._Pairs(known, group)
    for row in range(0, COUNT, 23):
        order = [int(one) for one in np.argsort(-cosine[row], kind="stable") if one != row][: negatives.POOL * k]
        safe, doubt = pairs.judged(np.full(len(order), row), np.asarray(order), {})
        wanted = [one for one, good in zip(order, safe, strict=True) if good][:k]
        assert [one for one in found.near[row].tolist() if one >= 0] == wanted
        assert {one for one, bad in zip(order, doubt, strict=True) if bad} <= found.doubtful[row]


def guarded(one, two, group=(0, 1), grades=None):
    """(is mined, is doubtful) of two products that look the same."""
    found = mine(np.ones((2, 4), np.float32) / 2, [one, two], group, k=1, grades=grades)
    return found.near[0, 0] == 1, 1 in found.doubtful[0] and 0 in found.doubtful[1]


RED = {"category": "dress", "colour": "red", "sleeve": "long", "brand": "a"}


def test_the_guard():
    red = held(**RED)
    assert guarded(red, held(**RED | {"colour": "blue"})) == (True, False)
    assert guarded(red, red) == (False, False)  # relevant, and known to be
    assert guarded(red, held(**RED | {"colour": "blue"}), group=(5, 5)) == (False, False)
    title = {"title": "the same words"}
    assert guarded(held(**RED | title), held(**RED | title | {"colour": "blue"})) == (False, False)


def test_what_is_not_recorded_makes_a_pair_doubtful():
    bare = held(category="dress", brand="b", sleeve="long")
    assert guarded(held(**RED), bare) == (False, True)  # only the brand differs, and the colour may be red
    assert guarded(held(**RED), held(category="dress", brand="b", sleeve="short")) == (True, False)


def test_a_grade_decides():
    one, two = held(**RED), held(**RED | {"colour": "blue"})
    assert guarded(one, two, grades={(1, 0): 2.0}) == (False, True)
    assert guarded(one, two, grades={(0, 1): 1.0}) == (True, False)
    assert guarded(one, one, grades={(0, 1): 0.0}) == (True, False)


def test_several_values_agree_if_they_share_one():
    def wool(*materials):
        return held(**RED) | {f"material={one}" for one in materials}

    assert guarded(wool("wool", "silk"), wool("silk", "linen")) == (False, False)
    assert guarded(wool("wool", "silk"), wool("linen")) == (True, False)


def test_what_does_not_apply_is_no_secret():
    shelf = [held(category="bag", colour="red")] * 30 + [held(category="coat", colour="red", sleeve="long")] * 30
    shelf += [held(category="coat", sleeve="long")]
    names = open_names(shelf)
    assert names[0] == names[30] == set() and names[60] == {"colour"}


def test_mining_within_labels_stays_there(shop):
    products, truth, vectors, group = shop
    labels = [one.category for one in products]
    found = mine(vectors, truth, group, k=4, within=labels)
    for row in range(COUNT):
        assert all(labels[other] == labels[row] for other in found.near[row] if other >= 0)
    assert (found.near >= 0).any(axis=1).mean() > 0.95


def test_a_large_catalogue_is_mined_in_cells_of_its_categories(shop, monkeypatch):
    products, truth, vectors, group = shop
    whole = mine(vectors, truth, group, k=4, within=[one.category for one in products])
    monkeypatch.setattr(negatives, "WHOLE", COUNT - 1)
    assert (mine(vectors, truth, group, k=4).near == whole.near).all()  # no category is larger than a cell
    monkeypatch.setattr(negatives, "CELL", 20)
    blocks = list(negatives._blocks(vectors, truth, None))
    assert sorted(row for rows in blocks for row in rows.tolist()) == list(range(COUNT))
    assert all(len(rows) <= 20 and len({products[row].category for row in rows}) == 1 for rows in blocks)
    cell = {row: number for number, rows in enumerate(blocks) for row in rows.tolist()}
    found = mine(vectors, truth, group, k=4)
    for row in range(COUNT):
        assert all(cell[other] == cell[row] for other in found.near[row].tolist() if other >= 0)
    # Cells lie together: of the neighbours within one category more are kept than a division by lot would keep.
    share = np.mean(
        [len({*a} & {*b} - {-1}) / 4 for a, b in zip(found.near.tolist(), whole.near.tolist(), strict=True)]
    )
    lot = np.mean([(len(blocks[cell[row]]) - 1) / sum(one.category == products[row].category for one in products)
                   for row in range(COUNT)])  # fmt: skip
    assert share > 1.2 * lot


def random_neighbours(count=200, k=6, seed=0):
    random = np.random.default_rng(seed)
    near = np.stack([random.choice(np.delete(np.arange(count), row), k, replace=False) for row in range(count)])
    doubtful = [set() for _ in range(count)]
    for one, two in random.integers(0, count, (150, 2)).tolist():
        if one != two:
            doubtful[one].add(two)
            doubtful[two].add(one)
    return Neighbours(near, doubtful)


def test_batches_are_full_and_hold_no_product_twice():
    mined = random_neighbours()
    for neighbours in (1, 4, 8):
        made = batches(mined, 32, neighbours, seed=0, epoch=0)
        assert [len(one) for one in made] == [32] * 6
        together = np.concatenate(made)
        assert len(set(together.tolist())) == len(together)
    (only,) = batches(mined, 201, 8, seed=0, epoch=0)
    assert sorted(only.tolist()) == list(range(200))


def test_batches_depend_on_seed_and_epoch_alone():
    mined = random_neighbours()
    first, again = (batches(mined, 32, 8, seed=0, epoch=1) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    for other in (batches(mined, 32, 8, seed=0, epoch=2), batches(mined, 32, 8, seed=1, epoch=1)):
        assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_neighbours_share_a_batch_and_doubtful_pairs_do_not():
    mined = random_neighbours()

    def met(made, pairs):
        place = {int(row): number for number, rows in enumerate(made) for row in rows}
        return np.mean([place.get(a, -1) == place.get(b, -2) for a, b in pairs])

    near = [(row, int(other)) for row in range(200) for other in mined.near[row] if other not in mined.doubtful[row]]
    doubtful = [(row, other) for row in range(200) for other in mined.doubtful[row]]
    walks = [batches(mined, 32, 8, seed, 0) for seed in range(10)]
    chance = [batches(mined, 32, 1, seed, 0) for seed in range(10)]
    assert np.mean([met(made, near) for made in walks]) > 1.6 * np.mean([met(made, near) for made in chance])
    assert np.mean([met(made, doubtful) for made in walks]) < 0.25 * 32 / 200  # few runs are left at the end


def test_a_run_is_a_walk():
    chain = Neighbours(np.asarray([[1], [2], [3], [-1], [0]]), [set() for _ in range(5)])
    free = np.ones(5, dtype=bool)
    free[4] = False
    assert negatives._walk(chain, 4, 4, free) == [4, 0, 1, 2] and free.tolist() == [False, False, False, True, False]


def test_every_product_is_left_out_equally_seldom():
    mined = random_neighbours()
    seen = Counter(int(row) for epoch in range(60) for made in batches(mined, 32, 8, 0, epoch) for row in made)
    assert len(seen) == 200 and min(seen.values()) > 60 * 0.96 * 0.8


def test_open_relevance_by_hand():
    shelf = [held(**RED), held(category="dress", sleeve="long"), held(category="dress", colour="blue", sleeve="long")]
    red = Query("red dress", ("colour=red", "category=dress"))
    long_ = Query("long dress", ("sleeve=long", "category=dress"))
    told = shelf, [red, long_, Query("blue", ("colour=blue",))], [0, 1, 2], ["", "", ""]
    closed, read = BatchRelevance(*told), OpenRelevance(*told, [set(), {"colour"}, set()])
    assert closed.products(slice(None)).tolist() == [[3, 3, 0], [0, 3, 0], [0, 3, 3]]
    assert read.products(slice(None)).tolist() == [[3, 3, 0], [2, 3, 2], [0, 3, 3]]
    rows = torch.cat([read.queries(slice(start, start + 1)) for start in range(3)])
    assert torch.equal(rows.T, read.products(slice(None)))


def test_open_relevance_changes_nothing_where_everything_is_recorded(shop):
    _, truth, _, group = shop
    queries = [Query(f"q{n}", tuple(sorted(own))[:3]) for n, own in enumerate(truth[:64])]
    told = truth[:64], queries, group[:64], [""] * 64
    read = OpenRelevance(*told, open_names(truth)[:64])
    assert torch.equal(read.products(slice(0, 64)), BatchRelevance(*told).products(slice(0, 64)))


def test_the_mean_of_a_product_s_pictures_is_a_unit_vector():
    pictures = np.eye(4, dtype=np.float32)
    means = negatives.Means(pictures, [np.asarray([0]), np.asarray([1, 2]), np.asarray([3])])
    found = [[1, 0, 0, 0], [0, 0.5**0.5, 0.5**0.5, 0], [0, 0, 0, 1]]
    assert len(means) == 3 and np.allclose(means[np.arange(3)], found)
    assert np.allclose(means[np.asarray([2, 1])], [found[2], found[1]])


def test_means_that_are_worked_out_cell_by_cell_are_mined_alike(shop, monkeypatch):
    _, truth, vectors, group = shop
    monkeypatch.setattr(negatives, "WHOLE", 64)
    monkeypatch.setattr(negatives, "CELL", 32)
    rows = [np.asarray([row]) for row in range(len(vectors))]
    found, whole = (mine(one, truth, group, k=4).near for one in (negatives.Means(vectors, rows), vectors))
    assert np.array_equal(found, whole)
