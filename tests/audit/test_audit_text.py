"""Phrases, word sets and near-duplicates found by index are those that comparing all pairs finds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.audit.text import Near, Texts, count, near_duplicates, words

TEXTS = st.lists(st.lists(st.sampled_from("abcdefghijklmn"), max_size=9), min_size=1, max_size=24)


def by_all_pairs(texts, threshold):
    sets = [frozenset(text) for text in texts]
    pairs = [(i, j) for j in range(len(sets)) for i in range(j) if sets[i] and sets[j]]
    return {(i, j) for i, j in pairs if len(sets[i] & sets[j]) >= threshold * len(sets[i] | sets[j]) - 1e-9}


@given(TEXTS, st.sampled_from([0.3, 0.5, 0.8, 1.0]))
@settings(max_examples=60, deadline=None)
def test_near_duplicates_are_those_of_all_pairs(texts, threshold):
    found, pairs = near_duplicates(Texts(texts), threshold), by_all_pairs(texts, threshold)
    assert found.count() == len(pairs)
    assert {row for pair in pairs for row in pair} == set(np.flatnonzero(found.paired).tolist())
    assert set(map(tuple, found.pairs.tolist())) <= pairs
    for (i, j), similarity in zip(found.pairs.tolist(), found.similarity, strict=True):
        assert similarity == pytest.approx(len({*texts[i]} & {*texts[j]}) / len({*texts[i]} | {*texts[j]}))


@pytest.mark.parametrize("length", [6, 25, 80])
def test_long_and_short_texts_with_words_changed(length):
    random = np.random.default_rng(length)
    texts = [[f"w{word}" for word in random.integers(0, 400, length)] for _ in range(60)]
    for row in range(60):  # copies with up to a quarter of their words replaced
        changed = random.permutation(length)[: row % max(1, length // 4)]
        texts.append([f"x{place}" if place in changed else word for place, word in enumerate(texts[row])])
    found = near_duplicates(Texts(texts))
    assert found.count() == len(by_all_pairs(texts, 0.8)) > 5


def test_a_small_room_gives_the_same(monkeypatch):
    random = np.random.default_rng(3)
    texts = [[f"w{word}" for word in random.zipf(1.5, 8).clip(max=30)] for _ in range(300)]
    whole = near_duplicates(Texts(texts))
    monkeypatch.setattr("weft.audit.text.ROOM", 50)  # many rounds
    monkeypatch.setattr("weft.audit.text.BUDGET", 1)  # one shared word
    parts = near_duplicates(Texts(texts))
    assert whole.count() == parts.count() > 10 and np.array_equal(whole.pairs, parts.pairs)


def test_copies_and_empty_texts():
    found = near_duplicates(Texts([["a"], [], ["a", "a"], [], ["b"], ["a"]]))
    assert found.twin.tolist() == [0, 1, 0, 3, 4, 0] and len(found.pairs) == 0
    assert found.paired.tolist() == [True, False, True, False, False, True] and found.count() == 3
    assert sorted(found.links) == [(0, 2), (0, 5)]
    assert near_duplicates(Texts([])).count() == near_duplicates(Texts([[]])).count() == 0
    assert Near(np.arange(2), np.asarray([[0, 1]]), np.asarray([0.9])).links == [(0, 1)]
    with pytest.raises(ValueError, match="threshold"):
        near_duplicates(Texts([["a"]]), 0.0)


@given(TEXTS, st.lists(st.sampled_from("abcdefghijklmnx"), max_size=3))
@settings(max_examples=60, deadline=None)
def test_phrases_and_sets_of_words_are_found(texts, phrase):
    index = Texts(texts)
    runs = [
        bool(phrase) and any(text[i : i + len(phrase)] == phrase for i in range(len(text) - len(phrase) + 1))
        for text in texts
    ]
    assert index.with_phrase(phrase).tolist() == [row for row, there in enumerate(runs) if there]
    assert index.with_all(phrase).tolist() == [r for r, text in enumerate(texts) if phrase and {*phrase} <= {*text}]


def test_han_and_kana_are_words_of_their_own():
    assert words("赤いドレス2着 Ｍサイズ") == [*"赤いドレス", "2", "着", "m", *"サイズ"]
    assert [count(text) for text in ("red T-shirt", "红色连衣裙", "M 裙", " ")] == [2, 5, 2, 0]


def test_words_are_folded():
    assert words("T-Shirt, 5XL ﬁt. STRASSE straße") == ["t", "shirt", "5xl", "fit", "strasse", "strasse"]
