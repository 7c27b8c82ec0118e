"""Rubrics, and the reading of answers: a grade is what is stated once and on the scale, all else is missing."""

from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.errors import WeftError
from weft.judging.judgements import SCHEMA, TABLE
from weft.judging.rubric import RUBRICS, Rubric, known_rubric, open_rubric, rubric_of

THREE, FOUR = RUBRICS["fashion-0-3"], RUBRICS["fashion-0-4"]


@pytest.mark.parametrize(
    "answer",
    [
        '{"reason": "as asked", "grade": 2}',
        ' {"grade": 2.0}\n',
        '```json\n{"reason": "x", "grade": 2}\n```',
        '```\n{"grade": 2}\n```',
        '<think>is it a 3? {"grade": 3}</think>\n{"grade": 2}',
        "Reason: fits well.\nGrade: 2",
        "**Grade: 2**",
        "- grade = (2)",
        '**Grade:** "2"',
    ],
)
def test_a_clear_answer_is_read(answer):
    assert THREE.grade(answer) == 2.0


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "2",
        "I would say 2 or 3",
        '{"grade": 4}',
        '{"grade": -1}',
        '{"grade": 2.5}',
        '{"grade": "2"}',
        '{"grade": true}',
        '{"grade": null}',
        '{"grade": 1, "grade": 3}',
        '{"reason": "cut o',
        '{"reason": "cut", "grade": 2',
        '[{"grade": 2}]',
        "Grade: 1\nGrade: 3",
        "Grade: 2 of 3",
        '{"grade": 2} or {"grade": 3}',
        "<think>\nGrade: 2\nor rather",
        '{"grade": NaN}',
        "grade: " + "0" * 5_000,
        "grade:" + "\n" * 15_000 + "x",
        "```" + "\n" * 15_000 + "x",
        "grade: -1",
        "Grade: - 1",
        "grade: \u22122",
        "grade: <2",
        "grade: .2",
        "grade:\n- 2",
        "[" * 100_000,
    ],
)
def test_anything_else_is_missing(answer):
    assert THREE.grade(answer) is None


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=60))
def test_no_answer_breaks_the_reader(answer):
    grade = FOUR.grade(answer)
    assert grade is None or grade in {0.0, 1.0, 2.0, 3.0, 4.0}


@pytest.mark.parametrize("rubric", RUBRICS.values(), ids=str)
def test_every_grade_is_explained_and_in_the_schema(rubric):
    assert [line[0] for line in rubric.text.splitlines()] == [str(g) for g in range(rubric.top, -1, -1)]
    assert rubric.schema["properties"]["grade"]["enum"] == list(range(rubric.top + 1))
    assert list(rubric.schema["properties"]) == ["reason", "grade"] and 0 < rubric.relevant <= rubric.top
    assert str(rubric) == f"{rubric.name}@{rubric.version}" and open_rubric(rubric.name) is rubric


def test_a_rubric_of_one_s_own(tmp_path):
    path = tmp_path / "shoes.toml"
    path.write_text('name = "shoes"\nversion = 7\ntop = 1\nrelevant = 1\ntext = "1: yes\\n0: no"\n')
    own = open_rubric(str(path))
    assert str(own) == "shoes@7" and own.grade('{"grade": 1}') == 1.0 and own.grade('{"grade": 2}') is None
    for text, said in (("top = 1", "is no rubric"), ("top =", "is no rubric")):
        path.write_text(text)
        with pytest.raises(WeftError, match=said):
            open_rubric(str(path))
    path.write_text('name = "shoes"\nversion = 7\ntop = 1\nrelevant = 2\ntext = "x"\n')
    with pytest.raises(WeftError, match="0 < relevant"):
        open_rubric(str(path))
    with pytest.raises(WeftError, match="there is no rubric"):
        open_rubric("fashion-0-9")


TEN = Rubric("ten", 2, 10, 7, "10: yes\n0: no")


def table(path: Path, rubric: Rubric | None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(SCHEMA.with_metadata(rubric and rubric.metadata).empty_table(), path)
    return path


def test_what_judgements_mean_is_weft_s_own_or_kept_with_them(tmp_path):
    old, new = table(tmp_path / "old" / TABLE, None), table(tmp_path / "new" / TABLE, TEN)
    assert rubric_of("fashion-0-4@1", [old]) is FOUR and rubric_of("fashion-0-3@1", [tmp_path / "gone"]) is THREE
    for place in (new, new.parent, new.with_suffix(".jsonl")):
        assert rubric_of("ten@2", [old, place]) == TEN
    for told, place in (("ten@2", old), ("ten@1", new), ("fashion-0-3@2", old), ("fashion-0-3@2", new)):
        assert known_rubric(told, [place]) is None
        with pytest.raises(WeftError, match=f"rubric {told} mean is not written.*with the same --rubric"):
            rubric_of(told, [place])
    other = table(tmp_path / "other.parquet", replace(TEN, relevant=5))
    with pytest.raises(WeftError, match="different rubrics call themselves ten@2"):
        known_rubric("ten@2", [new, other])
    (tmp_path / "damaged.parquet").write_bytes(b"PAR1")
    assert known_rubric("ten@2", [tmp_path / "damaged.parquet"]) is None


def test_nobody_takes_the_name_of_weft_s_own(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('name = "fashion-0-3"\nversion = 1\ntop = 9\nrelevant = 5\ntext = "x"\n')
    with pytest.raises(WeftError, match="which is Weft's own rubric"):
        open_rubric(str(path))
    path.write_text(path.read_text().replace("version = 1", "version = 2"))
    assert open_rubric(str(path)).top == 9
