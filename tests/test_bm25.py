"""BM25 and rank fusion: a hand-worked example, tokens, ties, empty cases."""

import math

import numpy as np
import pytest

from weft.bm25 import BM25, fuse, tokenise


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Men's Dresses, size XL", ["men", "dress", "size", "xl"]),
        ("Nike T-Shirt 2-pack", ["nike", "t", "shirt", "2", "pack"]),
        ("watches scarves boxes shoes", ["watch", "scarve", "box", "shoe"]),
        ("a dress, two dresses, cherries and cherry", ["a", "dress", "two", "dress", "cherry", "and", "cherry"]),
        (
            "tie ties hoodie hoodies beanie beanies bootie booties",
            [*["ty"] * 2, *["hoody"] * 2, *["beany"] * 2, *["booty"] * 2],
        ),
        ("size sizes prize prizes fizz fizzes", ["size", "size", "prize", "prize", "fizz", "fizz"]),
        ("die IE lingerie", ["dy", "ie", "lingery"]),
        ("STRASSE Straße ÉTÉ été", ["strasse", "strasse", "été", "été"]),
        ("e\u0301te\u0301", ["été"]),  # combining accents
        ("فستان أحمر 👗", ["فستان", "أحمر"]),
        ("赤いドレス", ["赤", "い", "ド", "レ", "ス"]),
        ("snake_case  \n\t -- '' ’s", ["snake", "case"]),
        ("", []),
    ],
)
def test_tokens(text, words):
    assert tokenise(text) == words


@pytest.mark.parametrize("one", ["tie", "hoodie", "beanie", "bootie", "size", "dress", "cherry", "shoe", "watch"])
def test_one_finds_many_and_many_find_one(one):
    many = {"cherry": "cherries", "dress": "dresses", "watch": "watches"}.get(one, f"{one}s")
    index = BM25([f"red {one}", f"blue {many}", "grey hat"])
    assert sorted(index.top_k([one], 3)[0][0].tolist()) == sorted(index.top_k([many], 3)[0][0].tolist()) == [-1, 0, 1]


def test_by_hand():
    documents = ["red dress", "red red shoe size ten", "blue dress"]
    k1, b, mean = 1.2, 0.75, 9 / 3

    def weight(tf, length, holders):
        idf = math.log(1 + (3 - holders + 0.5) / (holders + 0.5))
        return idf * tf / (tf + k1 * (1 - b + b * length / mean))

    scores = BM25(documents).scores(["red dresses", "dress dress unknown", "nothing"])
    np.testing.assert_allclose(
        scores,
        [
            [weight(1, 2, 2) + weight(1, 2, 2), weight(2, 5, 2), weight(1, 2, 2)],
            [2 * weight(1, 2, 2), 0, 2 * weight(1, 2, 2)],
            [0, 0, 0],
        ],
        rtol=1e-6,
    )


def test_top_k_orders_the_scores_with_ties_by_index():
    rng = np.random.default_rng(0)
    words = [f"w{i}" for i in range(12)]
    documents = [" ".join(rng.choice(words, size=rng.integers(0, 5))) for _ in range(300)]  # many equal titles
    queries = [" ".join(rng.choice(words, size=3)) for _ in range(20)] + ["", "absent"]
    index = BM25(documents)
    scores = index.scores(queries)
    for k in (1, 10, 400):
        found, best = index.top_k(queries, k)
        assert found.dtype == np.int64 and best.dtype == np.float32
        for row in range(len(queries)):
            order = np.lexsort((np.arange(300), -scores[row]))[: min(k, np.count_nonzero(scores[row]))]
            np.testing.assert_array_equal(found[row, : len(order)], order)
            np.testing.assert_array_equal(best[row, : len(order)], scores[row, order])
            assert (found[row, len(order) :] == -1).all() and np.isneginf(best[row, len(order) :]).all()


def test_word_order_does_not_matter():
    index = BM25(["navy linen shirt slim", "slim shirt linen navy", "navy shirt", "linen", "other"])
    scores = index.scores(["navy linen shirt", "shirt navy linen"])
    np.testing.assert_array_equal(scores[0], scores[1])
    assert scores[0, 0] == scores[0, 1]


def test_an_empty_index_finds_nothing():
    for documents in ([], ["", "  "]):
        found, scores = BM25(documents).top_k(["red"], 3)
        assert (found == -1).all() and np.isneginf(scores).all()


def test_fusion_by_hand():
    a, b = np.asarray([[3, 1, 2], [5, -1, -1]]), np.asarray([[1, 4, 3], [-1, -1, -1]])
    indices, scores = fuse(a, b)
    assert indices.tolist() == [[1, 3, 4], [5, -1, -1]]  # 2 scores 1/63, 4 scores 1/62
    np.testing.assert_allclose(scores[0], [1 / 62 + 1 / 61, 1 / 61 + 1 / 63, 1 / 62], rtol=1e-6)
    assert scores[1, 0] == pytest.approx(1 / 61) and np.isneginf(scores[1, 1:]).all()


def test_fusion_ties_break_by_index_whatever_the_order_of_the_rankings():
    rng = np.random.default_rng(1)
    rankings = [np.stack([rng.permutation(30)[:10] for _ in range(50)]) for _ in range(3)]
    forth, back = fuse(*rankings), fuse(*rankings[::-1])
    np.testing.assert_array_equal(forth[0], back[0])
    np.testing.assert_array_equal(forth[1], back[1])
    tied = fuse(np.asarray([[9, 2]]), np.asarray([[2, 9]]))[0]
    assert tied.tolist() == [[2, 9]]


def test_fusing_a_ranking_with_itself_or_nothing_keeps_its_order():
    ranking = np.stack([np.random.default_rng(i).permutation(50)[:8] for i in range(5)])
    np.testing.assert_array_equal(fuse(ranking, ranking)[0], ranking)
    np.testing.assert_array_equal(fuse(ranking, np.full((5, 3), -1))[0], ranking)
