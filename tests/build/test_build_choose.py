"""Shares add up within their bounds, every beginning is proportional, and what runs out is made up for."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from weft.build.choose import draw, in_turn, shares

STRATA = st.lists(
    st.integers(0, 400).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size))), min_size=1, max_size=9
)


@given(STRATA, st.integers(0, 900), st.integers(0, 12))
def test_shares_add_up_within_their_bounds(strata, wanted, floor):
    sizes, room = zip(*strata, strict=True)
    got = shares(sizes, room, wanted, floor)
    assert got.sum() == min(wanted, sum(room)) and (got >= 0).all() and (got <= room).all()
    if np.minimum(floor, room).sum() <= wanted:
        assert (got >= np.minimum(floor, room)).all()


def test_shares_are_proportional_but_for_the_floor():
    assert shares([600, 300, 100], [600, 300, 100], 100, 0).tolist() == [60, 30, 10]
    assert shares([980, 10, 10], [980, 10, 10], 100, 5).tolist() == [90, 5, 5]
    assert shares([500, 500], [10, 500], 100, 0).tolist() == [10, 90]
    assert shares([50, 30, 20], [50, 30, 20], 2, 5).sum() == 2  # floors that do not fit are lowered


@given(st.lists(st.sampled_from("aaaabbc"), min_size=1, max_size=60), st.integers(0, 5))
def test_every_beginning_holds_each_label_in_proportion(labels, seed):
    order = in_turn(range(len(labels)), labels, seed)
    assert sorted(order) == list(range(len(labels)))
    whole = Counter(labels)
    for size in range(1, len(order) + 1):
        begun = Counter(labels[row] for row in order[:size])
        # A label's members stand 1 / n apart: up to any place each label has its share, off by one at most.
        assert all(abs(begun[label] - size * n / len(labels)) <= len(whole) for label, n in whole.items())


def test_what_runs_out_is_made_up_for():
    asked = []

    def accept(row):
        asked.append(row)
        return row >= 100 or row < 5  # of the first stratum only five are any good

    taken = draw({"a": range(100), "b": range(100, 200)}, 60, 3, accept)
    assert len(taken) == 60 and sum(row < 100 for row in taken) == 5
    assert len(asked) == len(set(asked))  # each is asked once


def test_rare_strata_are_there():
    strata = {"common": range(1000), "rare": range(1000, 1002), "rarer": range(1002, 1003)}
    taken = draw(strata, 50, 3, lambda row: True)
    assert len(taken) == 50 and {1000, 1001, 1002} <= set(taken)
