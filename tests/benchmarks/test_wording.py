"""What a query's wording tells: negation, slips and named attributes, each with a case that is none."""

import numpy as np
import pytest

from weft.benchmarks import wording
from weft.benchmarks.assemble import corpus, retrieval
from weft.benchmarks.record import Side

TITLES = ["georgette saree", "striped cotton dress", "black packing cube"] * 20


@pytest.mark.parametrize(
    ("text", "negated"),
    [
        ("dress without sleeves", True), ("no collar", True), ("a coat that isn't black", True), ("Non-stretch", True),
        ("chanel no. 5 belt", False), ("knot top", False), ("noir dress", False), ("another nude heel", False),
    ],
)  # fmt: skip
def test_negation(text, negated):
    labels = wording.strata([text, "a dress" if negated else "not a dress"], ())["negation"]
    assert labels[0] == ("negated" if negated else "plain") and len(set(labels)) == 2


@pytest.mark.parametrize(
    ("word", "wrong"),
    [
        ("gerogette", True),  # swapped
        ("georgete", True),  # left out
        ("georgettee", True),  # doubled
        ("geoorgette", True),  # put in
        ("georgitte", True),  # replaced, in a long word
        ("parking", False),  # replaced, in a short word: two good words
        ("georgettes", False), ("striper", False),  # endings
        ("jeorgette", False), ("dross", False), ("saree", False),
    ],
)  # fmt: skip
def test_slips(word, wrong):
    assert wording.misspelt([wording.spoken(f"a {word} dress")], TITLES) == [wrong]


def test_a_slip_that_others_make_is_none():
    queries = [wording.spoken("gerogette dress")] * 2
    assert wording.misspelt(queries, TITLES) == [False, False]
    assert wording.misspelt(queries[:1], TITLES[:3] * 3) == [False]  # nine titles are too few to know how it is spelt


def test_named_attributes_and_only_strata_that_divide():
    found = wording.strata(["navy dress", "v-neck dress", "striped red dress"], ())
    assert found == {
        "names colour": ["yes", "no", "yes"], "names neckline": ["no", "yes", "no"],
        "names pattern": ["no", "no", "yes"],
    }  # fmt: skip
    every = [word for words in wording.ATTRIBUTES.values() for word in words.split()]
    assert len(every) == len(set(every)), "a word names one attribute"


def test_every_text_task_has_them():
    things = corpus(["a", "b"], texts=["georgette saree", "plain hat"])
    queries = Side(["1", "2"], ["saree without print", "red hat"])
    judged = [(np.asarray([place]), np.asarray([1.0])) for place in (0, 1)]
    task = retrieval("t", queries, things, judged, strata={"negation": ["own", "label"]})
    assert task.strata["names colour"].tolist() == ["no", "yes"] and task.strata["length"].tolist() == ["1-3 words"] * 2
    assert task.strata["negation"].tolist() == ["own", "label"]  # what a benchmark says of its queries goes first
