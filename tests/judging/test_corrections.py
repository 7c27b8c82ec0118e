"""Every other way to put answers right, on one query worked by hand."""

from weft.judging.corrections import condensed, deduplicated, duplicates, generous, holes, merged, without

RUNS = {"A": {"q": ["a", "b", "c"]}, "B": {"q": ["c", "x", "a"]}}
QRELS = {"q": {"a": 3.0, "b": 0.0}}


def test_condensed_lists_keep_the_order_of_what_was_judged():
    assert condensed(RUNS, QRELS) == {"A": {"q": ["a", "b"]}, "B": {"q": ["a"]}}


def test_the_generous_end_gives_a_grade_to_holes_alone():
    assert generous(RUNS, QRELS, 2.0, 3) == {"q": {"a": 3.0, "b": 0.0, "c": 2.0, "x": 2.0}}
    assert generous(RUNS, QRELS, 2.0, 2) == {"q": {"a": 3.0, "b": 0.0, "c": 2.0, "x": 2.0}}  # B has c at rank 1
    assert generous(RUNS, QRELS, 2.0, 2, only="A") == QRELS
    assert generous(RUNS, QRELS, 2.0, 3, only="B", but="A") == {"q": {"a": 3.0, "b": 0.0, "x": 2.0}}
    assert QRELS == {"q": {"a": 3.0, "b": 0.0}}  # nobody's answers were changed in place


def test_the_benchmark_speaks_only_where_nobody_judged():
    assert merged(QRELS, {"q": {"a": 0.0, "b": 2.0, "d": 2.0, "e": 1.0}}, 2.0, 3.0) == {
        "q": {"a": 3.0, "b": 0.0, "d": 3.0, "e": 0.0}
    }
    assert merged(QRELS, {}, 1.0, 3.0) == QRELS


def test_what_only_one_system_brought_is_struck():
    assert without(RUNS, QRELS, "A", 3) == {"q": {"a": 3.0}}  # only A had b
    assert without(RUNS, QRELS, "A", 2) == {"q": {}}  # two deep, B did not have a either
    assert without(RUNS, QRELS, "B", 3) == QRELS


def test_one_picture_is_one_document_with_its_best_rank_and_grade():
    runs, qrels = deduplicated(RUNS, QRELS, {"a": "1", "b": "1", "c": "2", "x": ""})
    assert runs == {"A": {"q": ["1", "2"]}, "B": {"q": ["2", "x", "1"]}} and qrels == {"q": {"1": 3.0}}
    assert duplicates({"a": "1", "b": "1", "c": "2", "x": "", "y": ""}) == 1


def test_holes_are_a_share_of_what_was_returned():
    assert holes(RUNS, QRELS, 2) == {"A": 0.0, "B": 1.0} and holes({"C": {}}, QRELS, 5) == {"C": 0.0}
