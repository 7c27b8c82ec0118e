"""Smaller vectors: the searches equal brute force, ties included; sizes and losses are what arithmetic says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.publish import quantised
from weft.search import top_k

shapes = st.tuples(st.integers(1, 5), st.integers(1, 40), st.sampled_from([3, 8, 64, 70]), st.integers(0, 10**6))


def drawn(shape) -> tuple[np.ndarray, np.ndarray]:
    queries, items, dim, seed = shape
    random = np.random.default_rng(seed)
    return random.normal(size=(queries, dim)).astype(np.float32), random.normal(size=(items, dim)).astype(np.float32)


@given(shapes, st.integers(1, 12), st.integers(1, 9))
@settings(max_examples=40, deadline=None)
def test_hamming_search_is_brute_force(shape, k, chunk):
    """Few dimensions make many ties: the smallest row comes first, whatever the chunk."""
    queries, gallery = drawn(shape)
    found = quantised.search_bits(quantised.to_bits(queries), quantised.to_bits(gallery), k, chunk)
    apart = ((queries[:, None] > 0) != (gallery[None] > 0)).sum(axis=2)
    assert (found == np.argsort(apart, axis=1, kind="stable")[:, :k]).all()


@given(shapes)
@settings(max_examples=20, deadline=None)
def test_int8_search_is_brute_force_and_off_by_half_a_step(shape):
    queries, gallery = drawn(shape)
    codes = quantised.to_int8(gallery)
    back = codes.codes * codes.scales
    assert codes.codes.dtype == np.int8 and np.abs(codes.codes).max() == 127
    assert (np.abs(back - gallery) <= codes.scales / 2 * 1.001).all()
    found = quantised.search_int8(queries, codes, 1)[:, 0]
    scores = queries.astype(np.float64) @ back.astype(np.float64).T
    rows = np.arange(len(queries))
    assert np.abs(scores[rows, found] - scores.max(axis=1)).max() < 1e-5


def test_a_re_rank_of_everything_is_the_exact_search():
    queries, gallery = drawn((4, 30, 16, 1))
    group = np.arange(30) // 3
    rows = quantised.search_bits(quantised.to_bits(queries), quantised.to_bits(gallery), 30)
    again = quantised.nearest_groups(quantised.rerank(queries, gallery, rows), group, 5)
    assert (again == top_k(queries, gallery, 5, group)[0]).all()


def test_groups_are_told_once_and_missing_ones_are_minus_one():
    rows = np.asarray([[4, 5, 0, 1], [2, 3, 2, 3]])
    assert quantised.nearest_groups(rows, np.asarray([0, 0, 1, 1, 2, 2]), 3).tolist() == [[2, 0, -1], [1, -1, -1]]
    assert quantised.nearest_groups(rows[:1], None, 2).tolist() == [[4, 5]]


def test_as_many_rows_as_hold_the_best_groups():
    """Three groups of up to 4 rows: the best two may be hidden behind all rows of one."""
    assert quantised.search_width(np.asarray([0, 0, 0, 0, 1, 2]), 2) == 8
    assert quantised.search_width(None, 7) == 7


@pytest.mark.parametrize(("dim", "cut"), [(768, [256, 128]), (512, [256, 128]), (256, [128, 64]), (128, [64, 32])])
def test_where_vectors_are_cut(dim, cut):
    assert quantised.truncations(dim)[0] == cut
    assert bool(quantised.truncations(dim)[1]) == (dim <= 256)


def test_cut_vectors_are_unit_vectors():
    short = quantised.truncate(np.asarray([[3.0, 4.0, 9.0], [0.0, 2.0, 0.0]]), 2)
    assert np.allclose(short, [[0.6, 0.8], [0.0, 1.0]])
    assert quantised.truncate(np.zeros((1, 3)), 2).tolist() == [[0.0, 0.0]]
