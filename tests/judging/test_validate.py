"""The judge under test: what is said of a judge whose every fault was planted."""

import json
import os

import judged_evaluation as toy
import numpy as np
import pytest

from weft.errors import WeftError
from weft.judging.ensemble import grades_of, middle, read_all
from weft.judging.validate import consistency, validate

LEVELS = np.arange(4.0)


def graded(values, judge: str = "people", **more) -> list[dict]:
    """Rows of a (queries, documents) table of grades; None where one is missing."""
    return [
        toy.judgement(query, doc, None if grade is None else float(grade), judge, **more)
        for query, row in enumerate(values)
        for doc, grade in enumerate(row)
    ]


def world(seed: int = 0, queries: int = 30, each: int = 8) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4, (queries, each))


def test_the_median_is_the_lower_of_two_and_missing_is_left_out():
    assert middle([3, 0, 2]) == (2, False) and middle([1, 3]) == (1, True) and middle([2, 2]) == (2, False)
    rows = [toy.judgement(0, 0, grade, judge) for judge, grade in (("a", 3.0), ("b", None), ("c", 1.0), ("d", 2.0))]
    rows += [toy.judgement(0, 1, None, "a")]
    found = grades_of(rows)
    assert found.values == {("text to image", "q 0", "d 0"): 2.0} and found.missing == {("text to image", "q 0", "d 1")}
    assert grades_of(rows, ["c"]).values == {("text to image", "q 0", "d 0"): 1.0}


def test_a_judge_with_many_repeats_does_not_outvote_the_others():
    rows = [toy.judgement(0, 0, 0.0, "often", repeat=n) for n in range(9)]
    rows += [toy.judgement(0, 0, 3.0, judge) for judge in ("b", "c")]
    assert list(grades_of(rows).values.values()) == [3.0]


def test_a_perfect_and_a_strict_judge():
    truth = world()
    strict = np.maximum(truth - 1, 0)
    record = validate(graded(truth, "same") + graded(strict, "strict"), graded(truth))
    same, strict, median = record["judges"]
    assert same["agreement"]["kappa"]["quadratic"] == [1, 1, 1] and same["agreement"]["exact"][0] == 1
    assert strict["agreement"]["error"][0] == pytest.approx(-(truth > 0).mean())
    assert np.trace(strict["agreement"]["confusion"]) == (truth == 0).sum()
    assert median["judge"] == "median of 2" and median["tied"] == (truth > 0).sum()
    assert median["agreement"]["error"] == strict["agreement"]["error"]  # of two, the lower


def test_favour_and_categories_are_found_where_they_were_planted():
    truth = world(1, 40, 12)
    rng = np.random.default_rng(2)
    mine = rng.random(truth.shape) < 0.5
    judge = np.where(mine & (truth < 3) & (rng.random(truth.shape) < 0.4), truth + 1, truth)
    systems = {
        ("text to image", f"q {q}", f"d {d}"): ("ours",) if mine[q, d] else ("theirs", "random")
        for q in range(40)
        for d in range(12)
    }
    hats = {key: "hat" if int(key[2].split()[1]) < 4 else "coat" for key in systems}
    record = validate(graded(judge, "vlm"), graded(truth), systems, {"category": hats})
    by = record["judges"][0]["agreement"]["by"]
    rows = {row["label"]: row for row in by["system"]}
    assert rows["ours"]["p_holm"] < 0.01 and rows["ours"]["excess"] > 0.05 and rows["theirs"]["excess"] < -0.05
    assert rows["ours"]["error"][0] > 0.2 and rows["theirs"]["error"] == [0, 0, 0]
    assert {row["label"]: row["pairs"] for row in by["category"]} == {"coat": 320, "hat": 160}
    assert [row["label"] for row in by["grade"]] == ["0", "1", "2", "3"]
    fair = validate(graded(truth, "vlm"), graded(truth), systems)["judges"][0]["agreement"]["by"]["system"]
    assert all(row["p"] == 1 for row in fair)


def test_consistency_over_repeats_and_orders():
    truth = world(3)
    rows = [row | {"repeat": n} for n in (0, 1) for row in graded(truth, "j")]
    same = consistency(rows, "repeat", LEVELS)
    assert same["identical"] == [1, 1, 1] and same["alpha"][0] == 1 and same["pairs"] == truth.size
    first = graded(truth, "j") + graded(np.minimum(truth + 1, 3), "j", order=1)
    found = consistency(first, "order", LEVELS)
    low = (truth < 3).mean()
    assert found["identical"][0] == pytest.approx(1 - low)
    assert [one["shift"][0] for one in found["shifts"]] == pytest.approx([-low / 2, low / 2])
    assert consistency(first, "repeat", LEVELS) is None


def test_people_among_themselves_and_few_queries():
    truth = world(4, 30)
    annotators = graded(truth, "human:ANNA") + graded(np.where(truth == 1, 2, truth), "human:BEN")
    record = validate(annotators)
    assert record["against"] is None and "agreement" not in record["judges"][0]
    (pair,) = record["people"]["each"]
    assert pair["exact"][0] == pytest.approx((truth != 1).mean()) and 0.5 < record["people"]["alpha"][0] < 1
    few = validate(graded(truth[:4], "j"), graded(truth[:4]))["judges"][0]["agreement"]
    assert few["kappa"]["quadratic"] == [1, None, None]  # four queries give no interval


def test_two_rubrics_are_never_compared():
    one, other = graded(world(), "j", rubric="three@1"), graded(world(), "human:ANNA", rubric="four@1")
    for judged, human in ((one, other), (one + other, ()), (one, one + other)):
        with pytest.raises(WeftError, match=r"several rubrics \(four@1, three@1\)"):
            validate(judged, human)
    assert validate(one, graded(world(), "human:ANNA", rubric="three@1"))["rubric"] == ["three@1"]


def test_of_a_folder_the_newer_file_counts_and_of_its_lines_the_last(tmp_path):
    """A killed run leaves the table of the one before it, and lines that hold more."""
    toy.write_judgements(tmp_path / "judgements.parquet", [toy.judgement(0, 0, 1.0, "j")])
    lines = [toy.judgement(0, 0, 1.0, "j"), toy.judgement(0, 1, None, "j", status="failed")]
    lines += [toy.judgement(0, 1, 3.0, "j"), toy.judgement(0, 1, 2.0, "k")]
    (tmp_path / "judgements.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines))
    for age, expected in ((1, [1.0, 3.0, 2.0]), (-1, [1.0])):
        when = (tmp_path / "judgements.parquet").stat().st_mtime + age
        os.utime(tmp_path / "judgements.jsonl", (when, when))
        assert [row["grade"] for row in read_all([tmp_path])] == expected


def test_what_cannot_be_compared_is_said(tmp_path):
    with pytest.raises(WeftError, match="no graded pair in common"):
        validate(graded(world(), "j"), graded(world(), task="another"))
    with pytest.raises(WeftError, match=r"there is no .*human"):
        read_all([tmp_path / "human.parquet"])
    (tmp_path / "human.parquet").write_bytes(b"x")
    with pytest.raises(WeftError, match="cannot be read as judgements"):
        read_all([tmp_path / "human.parquet"])
    toy.write_judgements(tmp_path / "rows.parquet", [{"query_id": "1"}])
    with pytest.raises(WeftError, match="has no answer, created, doc_id"):
        read_all([tmp_path / "rows.parquet"])
