"""A judge's grades in a training batch, against every pair looked at; and the weights that they become."""

import pytest
import torch

from weft.catalogue.layout import write_table
from weft.errors import WeftError
from weft.losses import positive_weights
from weft.options import Train
from weft.pairs.grades import GRADES, Grades
from weft.pairs.queries import Query
from weft.pairs.relevance import BatchRelevance

IDS = ("a", "b", "c", "d")
QUERIES = [
    Query("red dress", ("colour=red", "kind=dress")), Query("blue coat", ("colour=blue", "kind=coat")),
    Query("red coat", ("colour=red", "kind=coat")), Query("Red  Dress", ("colour=red", "kind=dress")),
]  # fmt: skip
HELD = [set(query.stated) for query in QUERIES]


def row(query: str, product: str, grade, own: bool = False) -> dict:
    status = "refused" if grade is None else "graded"
    return {
        "query": query, "product_id": product, "grade": grade, "own": own, "status": status, "judge": "j",
        "rubric": "r@1", "given": grade,
    }  # fmt: skip


def grades(folder, *rows) -> Grades:
    write_table(folder / "grades.parquet", list(rows), GRADES)
    return Grades(folder)


def batch() -> BatchRelevance:
    return BatchRelevance(HELD, QUERIES, [0, 1, 2, 3], list(IDS))


def test_without_grades_relevance_is_what_it_was():
    relevance, none = batch(), Grades()
    assert none.within(relevance, QUERIES, IDS) is relevance and len(none) == 0
    assert none.own(QUERIES[0], "a") == 3.0 and none.own(QUERIES[0], "a", 1.0) == 1.0


def test_grades_of_queries_become_grades_of_pairs(tmp_path):
    found = grades(
        tmp_path,
        row("red dress", "a", 3.0, own=True),
        row("red dress", "b", 2.0),
        row("long dress", "b", 3.0, own=True),
        row("long dress", "a", 1.0),  # the other way round: the higher grade counts
        row("red dress", "c", None),
        row("blue", "a", 3.0),  # nobody's own
        row("red dress", "gone", 3.0),
    )
    assert found.between(["c", "b", "a"]) == {(1, 2): 2.0}


def test_the_judges_word_counts_where_there_is_one(tmp_path):
    found = grades(
        tmp_path, row("red dress", "a", 2.0, True), row("blue coat", "c", 2.0), row("red coat", "b", None),
        row("red dress", "d", 0.0), row("red dress", "elsewhere", 1.0),
    )  # fmt: skip
    assert len(found) == 4 and found.missing == 1
    plain, graded = batch(), found.within(batch(), QUERIES, IDS)
    expected = plain.products(slice(0, 4)).clone()
    expected[0, 0] = expected[2, 1] = 2
    expected[3, 3] = 0  # d with its own query, which reads "Red  Dress"; in losses the diagonal is not read
    assert expected[3, 0] == 3  # and so a's query reads like d's own: the judge may not make a negative of it
    for rows in (slice(0, 4), slice(1, 3), slice(3, 4)):
        assert torch.equal(graded.products(rows), expected[rows])
        assert torch.equal(graded.queries(rows), expected.T[rows])
        assert graded.products(rows).dtype == plain.products(rows).dtype  # they index the weights
    assert found.own(QUERIES[0], "a") == 2.0 and found.own(QUERIES[2], "b") == 3.0


def test_the_map_from_grades_to_weights(tmp_path):
    """0, 0.33, 0.67, 1 for a pair of one's own, then mean 1; 1, 1, 0.5, 0 for another's product."""
    settings = Train()
    found = grades(tmp_path, *(row(query.text, name, float(n), True) for n, (query, name) in
                               enumerate(zip(QUERIES[:3], IDS, strict=False))), row("blue coat", "c", 2.0))  # fmt: skip
    own = torch.tensor([found.own(query, name) for query, name in zip(QUERIES[:3], IDS, strict=False)])
    assert own.tolist() == [0, 1, 2]
    weights = positive_weights(own, torch.tensor(settings.positive_weights))
    assert weights.tolist() == pytest.approx([0.0, 0.99, 2.01]) and weights.mean() == pytest.approx(1)
    negative = torch.tensor(settings.negative_weights)
    assert negative[found.within(batch(), QUERIES, IDS).products(slice(2, 3))][0, 1] == 0.5


def test_bad_files_are_told(tmp_path):
    with pytest.raises(WeftError, match="weft grade"):
        Grades(tmp_path)
    with pytest.raises(WeftError, match="between 0 and 3"):
        grades(tmp_path, row("x", "a", 4.0))
    (tmp_path / "grades.parquet").write_bytes(b"no")
    with pytest.raises(WeftError, match="damaged"):
        Grades(tmp_path)
