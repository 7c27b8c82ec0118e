"""Looking up judgements: equal to a dictionary a query, fast, and errors that name the query."""

import math
from time import process_time

import numpy as np
import pytest

from rankings import random_case
from weft import grading, metrics
from weft.errors import WeftError
from weft.grading import grade
from weft.metrics import measure


def test_minimum_raises_the_bar():
    graded = grade(np.asarray([[0, 1]]), [(np.asarray([0, 1]), np.asarray([1.0, 3.0]))], minimum=3)
    assert measure("hit_rate@1", graded) == 0 and measure("recall@2", graded) == 1
    assert graded.grades.tolist() == [[0, 3]]


def test_errors_name_the_query():
    empty = (np.asarray([], dtype=int), np.asarray([]))
    with pytest.raises(WeftError, match="'red dress'"):
        grade(np.asarray([[1]]), [empty], names=["red dress"])
    with pytest.raises(WeftError, match="twice"):
        grade(np.asarray([[1, 1]]), [(np.asarray([1]), np.asarray([1.0]))])
    with pytest.raises(WeftError, match=r"judgements.*twice"):
        grade(np.asarray([[1, 2]]), [(np.asarray([1, 1]), np.asarray([1.0, 2.0]))])
    with pytest.raises(WeftError, match="query 1 has no relevant"):
        metrics.recall(np.zeros((2, 3)), np.asarray([1, 0]), 3)
    with pytest.raises(WeftError, match="ERR knows grades up to 4, but an item has 5"):
        metrics.err(np.asarray([[5.0]]), 1)
    with pytest.raises(WeftError, match="no queries"):
        grade(np.zeros((0, 3)), [])
    with pytest.raises(ValueError, match="3 deep"):
        metrics.hit_rate(np.zeros((2, 3)), 4)
    with pytest.raises(ValueError, match="grades, or fewer"):
        grade(np.asarray([[1]]), [(np.asarray([1, 2]), np.asarray([1.0]))])


@pytest.mark.parametrize("block", [1, 50, 2**22])
def test_grade_equals_a_dictionary_per_query(monkeypatch, block):
    monkeypatch.setattr(grading, "BLOCK", block)
    ranking, judged, _, _ = random_case(11)
    judged[4] = (np.append(judged[4][0], -1), np.append(judged[4][1], 3.0))  # relevant, but not in the corpus
    graded = grade(ranking, judged, minimum=2)
    for query, (items, grades) in enumerate(judged):
        known = {int(i): g if g >= 2 else 0.0 for i, g in zip(items, grades, strict=True)}
        shown = [known.get(item, 0.0) if item >= 0 else 0.0 for item in ranking[query].tolist()]
        assert graded.grades[query].tolist() == shown
        flags = [-1 if item < 0 else int(item in known) for item in ranking[query].tolist()]
        assert graded.judged[query].tolist() == flags
        best = sorted((g for g in known.values() if g > 0), reverse=True)
        assert graded.relevant[query] == len(best)
        assert graded.ideal[query].tolist() == (best + [0.0] * 30)[:30]


def test_an_answer_that_is_not_in_the_corpus_counts_as_missed():
    judged = [(np.asarray([0]), np.asarray([1.0])), (np.asarray([-1, 1]), np.asarray([3.0, 1.0]))]
    graded = grade(np.asarray([[0, 2], [1, -1]]), judged)
    assert graded.grades.tolist() == [[1, 0], [1, 0]] and graded.judged.tolist() == [[1, 0], [1, -1]]
    assert graded.relevant.tolist() == [1, 2] and measure("recall@2", graded).tolist() == [1, 0.5]


def test_errors_name_the_query_of_a_later_block(monkeypatch):
    monkeypatch.setattr(grading, "BLOCK", 2)
    judged = [(np.asarray([1]), np.asarray([1.0]))] * 5
    with pytest.raises(WeftError, match="ranking of query 'q3' lists"):
        grade(np.asarray([[1, 2], [1, 2], [2, 1], [1, 1], [2, 1]]), judged, names=[f"q{i}" for i in range(5)])


def test_grading_takes_milliseconds():
    rng = np.random.default_rng(0)
    ranking = rng.permuted(np.tile(np.arange(0, 200_000, 1000), (2000, 1)), axis=1)[:, :100]
    judged = [(np.arange(9) * 20_000 + 7, np.ones(9)) for _ in range(2000)]
    judged = [
        (np.append(items, row[0]), np.append(grades, 1.0)) for (items, grades), row in zip(judged, ranking, strict=True)
    ]
    fastest = math.inf
    for _ in range(3):
        start = process_time()
        graded = grade(ranking, judged)
        fastest = min(fastest, process_time() - start)
    assert graded.relevant.sum() == 20_000 and measure("hit_rate@1", graded).all()
    assert fastest < 0.1, f"{fastest:.3f} s"  # 0.02 s on a busy core, 0.06 s one query at a time
