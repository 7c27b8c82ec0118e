"""Scores with a fault taken out, worked by hand, and facts of pictures that are kept."""

import numpy as np
import pytest
from planted import sound

from weft.audit import effect
from weft.audit.stock import Stock, groups


def ranked(ranking, primary="hit_rate@1", answers=({0}, {1}, {2})):
    """Three queries over six items, and one system's ranking of them."""
    plan = sound(6)
    plan.texts, plan.answers = plan.texts[:3], [set(items) for items in answers]
    subject = plan.subject(primary=primary, metrics=(primary,))
    subject.__dict__["rankings"] = {"one": np.asarray(ranking)}
    return subject


RANKING = [[0, 1, 2, 3], [5, 1, 0, 2], [3, 4, 2, 0]]  # right, second, third


def test_left_out():
    (found,) = effect.left_out(ranked(RANKING), np.asarray([False, True, False]), "without the second")
    assert (found.before, found.after, found.queries) == (pytest.approx(1 / 3), 0.5, 2)
    assert (found.what, found.ranking, found.metric) == ("without the second", "one", "hit_rate@1")
    assert effect.left_out(ranked(RANKING), np.asarray([True] * 3), "") == ()
    assert effect.left_out(ranked(RANKING), np.asarray([False] * 3), "") == ()


def test_counted_right():
    (found,) = effect.counted_right(ranked(RANKING), {2: np.asarray([3, 2])}, "the third's twin")
    assert (found.before, found.after, found.queries) == (pytest.approx(1 / 3), pytest.approx(2 / 3), 3)
    assert effect.counted_right(ranked(RANKING), {}, "") == ()
    (recall,) = effect.counted_right(ranked(RANKING, "recall@2"), {0: np.asarray([4])}, "")
    assert (recall.before, recall.after) == (pytest.approx(2 / 3), pytest.approx(0.5))


def test_merged_items_stand_at_their_best_place():
    group = np.asarray([0, 1, 2, 3, 3, 3])  # 3, 4 and 5 are one
    (found,) = effect.merged(ranked(RANKING, "mrr@4"), group, "copies merged")
    assert found.before == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)
    assert found.after == pytest.approx((1 + 1 / 2 + 1 / 2) / 3)  # the third's answer moves up from 3 to 2
    (right,) = effect.merged(ranked(RANKING, "mrr@4", [{0}, {1}, {4}]), group, "a merged answer")
    assert right.after == pytest.approx((1 + 1 / 2 + 1) / 3), "a copy of the answer is the answer"


def test_groups_are_joined_through_others():
    plan = sound(6)
    plan.pictures[3] = plan.pictures[0]
    stock = Stock(plan.task().corpus)
    assert stock.copies.tolist() == [0, 1, 2, 0, 4, 5] and groups(stock.copies) == [[0, 3]]
    assert stock._joined(np.asarray([0, 1, 2, 3, 1, 4]), np.asarray([7, 7, 9, 8, 8, 5])).tolist() == [0, 0, 2, 0, 4, 5]
    assert stock.asks(plan.task().corpus) is False, "other pictures, though equal ones"
    assert stock.asks(stock.side)


def test_looks_are_kept_and_a_damaged_part_is_made_again(tmp_path, monkeypatch):
    monkeypatch.setattr("weft.audit.looks.PART", 4)
    plan = sound(6)
    plan.pictures[2] = b"no picture"
    side = plan.task().corpus
    looks = Stock(side, tmp_path).looks
    assert looks.item.tolist() == [0, 1, 3, 4, 5] and len(looks.exact) == 5
    parts = sorted(tmp_path.glob("signatures-*.npz"))
    assert len(parts) == 2
    parts[0].write_bytes(b"no archive")
    asked = []
    monkeypatch.setattr(side.pictures, "image", lambda row: asked.append(row) or side.pictures.pictures[row])
    again = Stock(side, tmp_path).looks
    assert np.array_equal(again.hash, looks.hash) and np.array_equal(again.item, looks.item)
    assert asked in ([0, 1, 2, 3], [4, 5]), "only what was lost is looked at again"
