"""The composition of batches: each product once, neighbours together, everything from (seed, epoch)."""

from collections import Counter

import numpy as np

from weft.pairs.batches import batches

CATEGORIES = [f"c{i % 10}" for i in range(200)]


def test_no_product_twice_and_every_batch_full():
    for neighbours in (1, 4, 8):
        made = batches(CATEGORIES, 32, neighbours, seed=0, epoch=0)
        assert [len(batch) for batch in made] == [32] * 6  # 200 = 6 * 32 + 8
        together = np.concatenate(made)
        assert len(set(together.tolist())) == len(together)


def test_neighbours_share_a_category():
    def alike(neighbours: int) -> float:
        """The mean over products of how many of their batch have their category."""
        counts = []
        for epoch in range(4):
            for batch in batches(CATEGORIES, 32, neighbours, seed=1, epoch=epoch):
                own = Counter(CATEGORIES[p] for p in batch)
                counts += [own[CATEGORIES[p]] for p in batch]
        return float(np.mean(counts))

    assert 3.5 < alike(1) < 4.8  # chance: 1 + 31 * 19 / 199
    assert alike(8) > 8


def test_a_run_of_neighbours_is_of_one_category():
    order = np.concatenate(batches(["a"] * 8 + ["b"] * 8, 16, 4, seed=3, epoch=0))
    kinds = ["a" if p < 8 else "b" for p in order]
    assert all(len(set(kinds[i : i + 4])) == 1 for i in range(0, 16, 4))


def test_depends_on_seed_and_epoch_alone():
    first = batches(CATEGORIES, 32, 8, seed=0, epoch=1)
    batches(CATEGORIES, 32, 8, seed=5, epoch=9)
    again = batches(CATEGORIES, 32, 8, seed=0, epoch=1)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    for other in (batches(CATEGORIES, 32, 8, seed=0, epoch=2), batches(CATEGORIES, 32, 8, seed=1, epoch=1)):
        assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_fewer_products_than_a_batch_make_one():
    (only,) = batches(CATEGORIES[:7], 32, 8, seed=0, epoch=0)
    assert sorted(only.tolist()) == list(range(7))


def test_every_product_is_left_out_equally_seldom():
    seen = Counter(int(p) for epoch in range(60) for batch in batches(CATEGORIES, 32, 8, 0, epoch) for p in batch)
    assert len(seen) == 200
    assert min(seen.values()) > 60 * 0.96 * 0.85  # 192 of 200 are seen each epoch
