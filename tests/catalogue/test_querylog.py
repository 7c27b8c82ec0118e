"""A query log: clicks become grades, given grades stay, bad rows are listed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from source_tables import write_csv

from weft.catalogue.sources import Columns, SourceSpec
from weft.catalogue.sources.querylog import LogEntry, grades_from_clicks, read_log
from weft.errors import WeftError


def log(tmp_path, rows, **spec):
    write_csv(tmp_path / "log.csv", rows[0], rows[1:])
    return list(read_log(SourceSpec(str(tmp_path / "log.csv"), **spec)))


def test_clicks_are_added_up_and_graded(tmp_path):
    rows = [
        ("query", "product_id", "clicks"), ("red dress", "p1", 30), ("Red  Dress", "p1", 30), ("red dress", "p2", 6),
        ("red dress", "p3", 5), ("hat", "p1", 1), ("hat", "p4", 0),
    ]  # fmt: skip
    assert log(tmp_path, rows, id_prefix="s/") == [
        LogEntry("red dress", "s/p1", 60.0, 3), LogEntry("red dress", "s/p2", 6.0, 2),
        LogEntry("red dress", "s/p3", 5.0, 1), LogEntry("hat", "s/p1", 1.0, 3), LogEntry("hat", "s/p4", 0.0, 0),
    ]  # fmt: skip
    bare = log(tmp_path, [("q", "sku"), ("hat", "p1"), ("hat", "p1")], columns=Columns(id="sku", title="q"))
    assert bare == [LogEntry("hat", "p1", 2.0, 3)]


def test_given_grades_count_as_they_are(tmp_path):
    rows = [("query", "product_id", "grade"), ("hat", "a", 1), ("hat", "a", 3), ("hat", "b", 0), ("hat", "c", 2.0)]
    assert [(e.product_id, e.grade) for e in log(tmp_path, rows)] == [("a", 3), ("b", 0), ("c", 2)]


def test_bad_log_rows_are_listed(tmp_path):
    rows = [
        ("query", "product_id", "clicks"), ("", "p", 1), ("hat", "", 1), ("hat", "p", "many"), ("hat", "p", -1),
        ("hat", "p", "nan"), ("hat", "p", 2),
    ]  # fmt: skip
    items = log(tmp_path, rows)
    assert [i.item for i in items[:-1]] == [f"row-{n:06d}" for n in range(5)]
    assert items[-1] == LogEntry("hat", "p", 2.0, 3)
    graded = log(tmp_path, [("query", "product_id", "grade"), ("hat", "p", 4)])
    assert [i.reason for i in graded] == ["grade is not 0, 1, 2 or 3: '4'"]
    with pytest.raises(WeftError, match="row-000000: no query"):
        write_csv(tmp_path / "log.csv", rows[0], rows[1:])
        list(read_log(SourceSpec(str(tmp_path / "log.csv")), strict=True))
    with pytest.raises(WeftError, match="no column 'query'"):
        log(tmp_path, [("text", "product_id"), ("a", "b")])


@given(st.lists(st.integers(0, 1000)))
def test_grades_follow_the_clicks(clicks):
    grades = grades_from_clicks(clicks)
    assert all(0 <= g <= 3 and (g == 0) == (c == 0) for g, c in zip(grades, clicks, strict=True))
    by_clicks = [g for _, g in sorted(zip(clicks, grades, strict=True))]
    assert by_clicks == sorted(grades)
    assert not any(clicks) or max(grades) == 3
