"""Exact search: equality with brute force, ties, chunk independence, products from pictures, bad embeddings."""

import tracemalloc

import numpy as np
import pytest
import torch

from weft import search
from weft.errors import WeftError
from weft.search import top_k


def unit(rng, rows, dim=32):
    vectors = rng.normal(size=(rows, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def brute(queries, gallery, k, group=None):
    """The definition, in float64, one pair at a time."""
    out = np.full((len(queries), k), -1)
    for row, query in enumerate(queries.astype(np.float64)):
        scores = np.asarray([(g.astype(np.float64) * query).sum() for g in gallery]).astype(np.float32)
        if group is not None:
            labels = np.unique(group)
            scores = np.asarray([scores[group == label].max() for label in labels])
        else:
            labels = np.arange(len(gallery))
        order = np.argsort(-scores, kind="stable")[:k]
        out[row, : len(order)] = labels[order]
    return out


@pytest.mark.parametrize("k", [1, 10, 200])
@pytest.mark.parametrize("chunk", [1, 7, 64, 8192])
def test_equals_brute_force_for_any_chunk(k, chunk):
    rng = np.random.default_rng(0)
    queries, gallery = unit(rng, 9), unit(rng, 200)
    indices, scores = top_k(queries, gallery, k, chunk=chunk)
    assert indices.dtype == np.int64 and scores.dtype == np.float32 and indices.shape == scores.shape == (9, k)
    np.testing.assert_array_equal(indices, brute(queries, gallery, k))
    np.testing.assert_allclose(scores[:, 0], (queries @ gallery.T).max(axis=1), atol=1e-6)


@pytest.mark.parametrize("order", ["worst first", "best first", "in clusters", "with copies"])
@pytest.mark.parametrize("k", [3, 40])
def test_the_order_of_the_gallery_does_not_matter(order, k, monkeypatch):
    """The bar below which rows are passed over rises with every chunk, with none, or for some queries at once."""
    monkeypatch.setattr(search, "CELLS", 6 * 3 * (k + search.SPARE))  # a few queries a block
    rng = np.random.default_rng(7)
    queries, gallery = unit(rng, 12), unit(rng, 600)
    towards = gallery @ queries[0]
    if order == "in clusters":
        gallery = (gallery + 2 * queries[np.arange(600) // 50]).astype(np.float32)
    elif order == "with copies":
        gallery = gallery[np.arange(600) % 9]
    else:
        gallery = gallery[np.argsort(towards if order == "worst first" else -towards)]
    expected = brute(queries, gallery, k)
    for chunk in (5, 64, 300, 4096):
        np.testing.assert_array_equal(top_k(queries, gallery, k, chunk=chunk)[0], expected)


def test_memory_is_bounded_whatever_the_order(monkeypatch):
    monkeypatch.setattr(search, "CELLS", 2**15)
    rng = np.random.default_rng(8)
    queries, gallery = unit(rng, 600, 24), unit(rng, 3000, 24)
    gallery = gallery[np.argsort(gallery @ queries[0])]  # of the first query, all of a chunk pass the bar
    tracemalloc.start()
    top_k(queries, gallery, 3, chunk=512)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * 2**15 < 4 * len(queries) * len(gallery) / 8  # bytes; an eighth of what all scores would take


@pytest.mark.parametrize("chunk", [3, 50, 999, 8192])
def test_ties_go_to_the_smallest_index_across_chunk_borders(chunk):
    rng = np.random.default_rng(1)
    base = unit(rng, 5, dim=768)
    gallery = base[rng.integers(0, 5, size=1000)]  # two hundred copies of each: the top ten is one long tie
    indices, scores = top_k(base, gallery, 10, chunk=chunk)
    for row in range(5):
        copies = np.flatnonzero((gallery == base[row]).all(axis=1))
        np.testing.assert_array_equal(indices[row], copies[:10])
        assert len(set(scores[row].tolist())) == 1


def test_near_ties_do_not_depend_on_chunk_or_query_block():
    rng = np.random.default_rng(2)
    query = unit(rng, 3, dim=768)
    # Differences below what float32 products resolve: only a second, exact look can order them.
    gallery = query[0] + 1e-7 * rng.normal(size=(500, 768)).astype(np.float32)
    expected, expected_scores = top_k(query, gallery, 20)
    np.testing.assert_array_equal(expected, brute(query, gallery, 20))
    for chunk in (1, 13, 250):
        indices, scores = top_k(query, gallery, 20, chunk=chunk)
        np.testing.assert_array_equal(indices, expected)
        np.testing.assert_array_equal(scores, expected_scores)
    for row in range(3):
        np.testing.assert_array_equal(top_k(query[row : row + 1], gallery, 20, chunk=77)[0][0], expected[row])


def test_a_constant_encoder_cannot_find_its_targets():
    gallery = np.full((400, 64), 0.125, dtype=np.float32)
    indices, _ = top_k(gallery[:300], gallery, 5)
    assert (indices == np.arange(5)).all()  # the target of query 250 does not profit from the tie


@pytest.mark.parametrize("chunk", [4, 8192])
def test_products_score_as_their_best_picture(chunk):
    rng = np.random.default_rng(3)
    queries, gallery = unit(rng, 8), unit(rng, 300)
    group = rng.permutation(np.concatenate([np.zeros(150, int), rng.integers(1, 60, size=150)])) * 2
    for k in (1, 10, 100):
        indices, scores = top_k(queries, gallery, k, group=group, chunk=chunk)
        np.testing.assert_array_equal(indices, brute(queries, gallery, k, group))
        assert (np.isneginf(scores) == (indices == -1)).all()


def test_tied_products_go_to_the_smallest_product_not_the_smallest_picture():
    vector = np.eye(4, dtype=np.float32)
    gallery = vector[[0, 0, 1, 0]]
    indices, _ = top_k(vector[:1], gallery, 3, group=np.asarray([7, 2, 1, 7]))
    assert indices.tolist() == [[2, 7, 1]]


def test_slots_beyond_the_gallery_are_empty():
    vector = np.eye(3, dtype=np.float32)
    indices, scores = top_k(vector, vector, 5)
    assert (indices[:, 3:] == -1).all() and np.isneginf(scores[:, 3:]).all()
    assert (indices[:, :3] >= 0).all()
    indices, scores = top_k(vector, vector[:0], 2)
    assert (indices == -1).all() and np.isneginf(scores).all()
    assert top_k(vector[:0], vector, 2)[0].shape == (0, 2)


def test_precision_switches_of_training_do_not_reach_the_search():
    rng = np.random.default_rng(4)
    queries, gallery = unit(rng, 4, 256), unit(rng, 500, 256)
    expected = brute(queries, gallery, 10)
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("medium")
        np.testing.assert_array_equal(top_k(queries, gallery, 10)[0], expected)
    finally:
        torch.set_float32_matmul_precision(before)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_broken_embeddings_are_named(value):
    rng = np.random.default_rng(5)
    queries, gallery = unit(rng, 4), unit(rng, 50)
    gallery[[17, 31]] = value
    with pytest.raises(WeftError, match=r"2 of 50 gallery embeddings.*\[17, 31\]"):
        top_k(queries, gallery, 3, chunk=8)
    with pytest.raises(WeftError, match="query embeddings"):
        top_k(gallery[17:18], queries, 3)
    with pytest.raises(WeftError, match="one encoder"):
        top_k(queries, gallery[:, :8], 3)


def test_reads_a_memory_mapped_gallery(tmp_path):
    rng = np.random.default_rng(6)
    queries, gallery = unit(rng, 4), unit(rng, 50)
    np.save(tmp_path / "gallery.npy", gallery)
    indices, _ = top_k(queries, np.load(tmp_path / "gallery.npy", mmap_mode="r"), 5, chunk=16)
    np.testing.assert_array_equal(indices, brute(queries, gallery, 5))
