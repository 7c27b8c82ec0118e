"""Ids, answers and queries put together: every fault is counted, groups and strata are what they say."""

import numpy as np
import pytest
from copies import answers, groups, picture, table

from weft.benchmarks.assemble import answers_of, asked, corpus, graded, look_up, retrieval
from weft.benchmarks.groups import length, together
from weft.benchmarks.pictures import from_parquet
from weft.errors import WeftError


def test_repeated_corpus_ids_keep_the_first_and_say_if_they_differ(tmp_path):
    names = ["a", "b", "a", "", "b", "c"]
    texts = ["one", "two", "one", "x", "TWO", "three"]
    found = corpus(names, texts=texts)
    assert found.side.ids == ["a", "b", "c"] and found.side.texts == ["one", "two", "three"]
    assert found.counts == {
        "corpus": 3,
        "corpus rows without an id": 1,
        "repeated corpus ids": 2,
        "repeated corpus ids that are different things": 1,
    }
    assert found.kept.tolist() == [0, 1, 5] and not found.limited
    # Pictures tell things apart as well, and the row of each is its own.
    path = table(tmp_path / "t.parquet", [{"image": picture(n)} for n in (0, 1, 0, 3, 4, 5)])
    shown = corpus(names, pictures=from_parquet([path], "image", tmp_path))
    assert shown.counts["repeated corpus ids that are different things"] == 1
    assert shown.side.rows.tolist() == [0, 1, 5] and shown.side.pictures.image(5) == picture(5)


def test_a_limited_gallery_says_so():
    found = corpus(["a", "b", "c"], texts=["x"] * 3, limit=2)
    queries, _, _ = asked(["q"], texts=["?"])
    task = retrieval("text", queries, found, look_up(found, [{"b": 1.0}])[0])
    assert task.name == "text (gallery of 2)" and task.limited and len(task.corpus) == 2
    assert not corpus(["a", "b"], texts=["x"] * 2, limit=2).limited


def test_missing_answers_and_empty_queries_are_counted():
    found = corpus(["1", "2", "3"], texts=list("xyz"))
    queries, _, counts = asked(["p", "q", "r", "s"], texts=["red", "blue", "Red ", " "])
    assert queries.ids == ["p", "q", "r"] and counts == {"queries read": 4, "queries without a text": 1}
    judged, missing = look_up(found, [{"3": 1.0, "9": 1.0}, {"8": 1.0}, {"1": 1.0, "2": 0.0, "7": 0.0}])
    assert missing == {"relevant ids": 4, "relevant ids not in the corpus": 2}
    task = retrieval("t", queries, found, judged, counts=counts | missing)
    assert answers(task) == {"p": {"3": 1.0}, "r": {"1": 1.0, "2": 0.0}}
    assert task.counts["queries without a relevant item in the corpus"] == 1 and task.counts["queries"] == 2
    assert task.counts["repeated query texts"] == 1 and task.counts["repeated query texts with other answers"] == 1
    assert groups(task) == [["p", "r"]]
    assert all(rows.tolist() == sorted(rows) for rows, _ in task.relevant)


def test_a_corpus_or_answers_of_something_else_are_refused():
    with pytest.raises(WeftError, match="corpus is empty: 2 rows were read, 2 of them without an id"):
        corpus(["", ""], texts=["a", "b"])
    with pytest.raises(WeftError, match="there is no query"):
        asked(["a"], texts=[""])
    found = corpus(["1"], texts=["x"])
    queries, _, _ = asked(["q"], texts=["?"])
    with pytest.raises(WeftError, match="'t': none of its 1 queries has a relevant item"):
        retrieval("t", queries, found, look_up(found, [{"2": 1.0}])[0])


def test_one_query_id_has_one_text():
    queries, rows, counts = asked(["a", "a", "b"], texts=["x", "x", "y"])
    assert queries.ids == ["a", "b"] and rows.tolist() == [0, 2] and counts["repeated query ids"] == 1
    with pytest.raises(WeftError, match="'a' stands for 'x' and for 'z'"):
        asked(["a", "a"], texts=["x", "z"])


def test_thresholds_decide_what_is_relevant():
    found = corpus(["1", "2"], texts=["x", "y"])
    queries, _, _ = asked(["p", "q"], texts=["a", "b"])
    judged, missing = look_up(found, [{"1": 1.0, "5": 1.0}, {"1": 1.0, "2": 2.0, "6": 3.0}], threshold=2.0)
    assert missing == {"relevant ids": 2, "relevant ids not in the corpus": 1}
    task = retrieval("t", queries, found, judged, threshold=2.0)
    assert answers(task) == {"q": {"1": 1.0, "2": 2.0}} and task.threshold == 2.0


def test_the_highest_grade_of_a_repeated_line_counts():
    found, strangers = answers_of([("q", "a", 1.0), ("q", "a", 3.0), ("q", "b", -1.0), ("x", "a", 1.0)], ["q"])
    assert found == [{"a": 3.0, "b": -1.0}] and strangers == 1


def test_lines_of_qrels_become_judged_rows():
    found = corpus(["a", "b"], texts=["x", "y"])
    lines = [("q", "b", 1.0), ("q", "a", 0.0), ("q", "lost", 2.0), ("stranger", "a", 1.0)]
    (judged,), counts = graded(found, ["q"], iter(lines))
    assert [side.tolist() for side in judged] == [[0, 1], [0.0, 1.0]]
    told = {"qrels of queries that are not there": 1, "relevant ids": 2, "relevant ids not in the corpus": 1}
    assert counts == told
    assert "qrels of queries that are not there" not in graded(found, ["q"], lines[:2])[1]


@pytest.mark.parametrize("seed", range(5))
def test_groups_are_the_connected_components(seed):
    """Against the closure of "shares a label", by repeated multiplication of the relation with itself."""
    random = np.random.default_rng(seed)
    labelings = [[random.choice(["", "a", "b", "c", "d", "e"]) for _ in range(12)] for _ in range(3)]
    near = np.eye(12, dtype=bool)
    for labels in labelings:
        near |= np.asarray([[one == other != "" for other in labels] for one in labels])
    for _ in range(4):
        near = (near.astype(int) @ near.astype(int)) > 0
    found = together(labelings, 12)
    found = np.arange(12) if found is None else found
    assert ((found[:, None] == found[None, :]) == near).all()


def test_alone_is_no_group():
    assert together([["a", "b", ""], ["x", "y", "z"]], 3) is None


@pytest.mark.parametrize(
    ("words", "label"),
    [(1, "1-3 words"), (3, "1-3 words"), (4, "4-8"), (8, "4-8"), (9, "9-30"), (30, "9-30"), (31, ">30")],
)
def test_lengths(words, label):
    assert length(" ".join(["w"] * words)) == label
