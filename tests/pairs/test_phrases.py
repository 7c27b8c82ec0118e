"""Values found in texts: whole words, the longest first, any hyphens, English endings; and how texts repeat."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.bm25 import tokens
from weft.errors import WeftError
from weft.pairs.diversity import diversity, repeated
from weft.pairs.language import LANGUAGES, foreign, known, script_of
from weft.pairs.phrases import LONGEST, Phrases, forms, runs, said

SHELF = [
    ("colour", "navy"), ("colour", "navy blue"), ("colour", "blue"), ("sleeve", "long-sleeve"), ("kind", "t-shirt"),
    ("kind", "shorts"), ("kind", "dress"), ("colour", "红色"),
]  # fmt: skip


def found(text: str, **more) -> list[str]:
    return sorted(value for match in Phrases(SHELF, **more).find(tokens(text)) for _, value in match.meant)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a NAVY-blue dress", ["dress", "navy blue"]),
        ("navy dresses, blue", ["blue", "dress", "navy"]),
        ("long sleeves and t shirts", ["long-sleeve", "t-shirt"]),
        ("Tshirt, long-sleeved", ["long-sleeve", "t-shirt"]),
        ("a short dress", ["dress"]),  # no singular is made of the shorts
        ("shorts", ["shorts"]),
        ("unblue navyish addresses", []),
        ("这件红色连衣裙", ["红色"]),
        ("", []),
    ],
)
def test_whole_words_the_longest_first(text, values):
    assert found(text) == values


def test_other_words_count_as_the_value():
    assert found("a midnight dress", other_words={"navy": ["midnight"]}) == ["dress", "navy"]
    assert found("dark blue", other_words={"navy": ["dark blue"]}) == ["navy"]  # longer than blue


names = st.text("abcé 红-", min_size=1, max_size=9).filter(lambda text: 0 < len(tokens(text)) <= LONGEST)


@settings(max_examples=80, deadline=None)
@given(st.lists(names, min_size=1, max_size=4), st.lists(names, max_size=3))
def test_what_stands_in_a_text_is_found_and_said(values, around):
    """Against the definition: some run of whole words is a form of some value."""
    words = tokens(" ".join([*around, values[0], *around]))
    phrases = Phrases([("name", value) for value in values])
    matches = list(phrases.find(words))
    assert matches and all(a.end <= b.start for a, b in itertools.pairwise(matches))
    for match in matches:
        assert match.text == "".join(words[match.start : match.end])
        assert {value for _, value in match.meant} == {value for value in values if match.text in forms(value)}
    assert said(values[0], runs(words, 12))


def test_repeated_ngrams_by_hand():
    texts = ["a b a b", "b a"]  # bigrams ab ba ab | ba: two of four stood before
    assert repeated(texts, 2) == 0.5 and repeated(texts, 1) == pytest.approx(1 - 2 / 6) and repeated(texts, 9) == 0
    told = diversity(["Red dress", "red  DRESS", "blue dress"])
    assert told["texts"] == 3 and told["same"] == pytest.approx(1 / 3) and told["repeated"]["2"] == pytest.approx(1 / 3)
    assert diversity([])["same"] == 0


@pytest.mark.parametrize(
    ("text", "language", "seems"),
    [
        ("red dress with pockets", "en", ""),
        ("kleid mit taschen", "en", "de"),
        ("crêpe de chine blouse", "en", ""),
        ("robe longue avec des manches", "en", "fr"),
        ("rotes kleid mit taschen", "de", ""),
        ("a dress for the summer", "de", "en"),
        ("красное платье", "en", "CYRILLIC letters"),
        ("красное платье", "ru", ""),
        ("red dress", "ru", "LATIN letters"),
        ("红色连衣裙", "zh", ""),
        ("赤いドレス", "ja", ""),
        ("42 / 44", "en", ""),
        ("word " * 20, "en", "no small word of en"),
    ],
)
def test_languages(text, language, seems):
    assert foreign(text, language) == seems


def test_borrowed_words_are_no_evidence():
    assert foreign("mit und ohne shirt", "en") == "de"
    assert foreign("mit und ohne shirt", "en", frozenset({"mit", "und", "ohne"})) == ""
    assert foreign("красное платье Zara", "ru", frozenset({"zara"})) == ""
    assert script_of("a") == "LATIN" and all(known(name) == name for name in (*LANGUAGES, ""))
    with pytest.raises(WeftError, match="known are en"):
        known("xx")
