"""Rubrics, and the reading of answers: a grade is what is stated once and on the scale, all else is missing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.errors import WeftError
from weft.judging.rubric import RUBRICS, open_rubric

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
