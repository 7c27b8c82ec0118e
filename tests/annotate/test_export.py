"""What annotators said, exported: one file for all of one pool by one rubric, whole, whoever ends at the same time."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import small_pool

from weft.annotate.export import log_path
from weft.annotate.server import open_session
from weft.errors import WeftError
from weft.judging.judgements import SCHEMA
from weft.judging.pool import PAIRS
from weft.judging.rubric import RUBRICS, Rubric, rubric_of


@pytest.fixture
def folder(tmp_path) -> Path:
    return small_pool.pool(tmp_path / "pool")


def test_the_export_is_what_judges_write(folder, tmp_path):
    out = tmp_path / "human.parquet"
    for name, grades in (("ANNA", [3, 1, None]), ("BEN", [2, 1, 0])):
        session = open_session(folder, out, name, small_pool.RUBRIC)
        for number, grade in enumerate(grades):
            session.answer(number, grade)
        pairs = session.every.pairs
        session.log.close()
    paths = small_pool.exported(out)
    table = pq.read_table(out)
    assert table.schema.equals(SCHEMA) and [path.name for path in paths] == ["human.parquet", "human.qrels"]
    anna = {row["doc_id"]: row for row in table.to_pylist() if row["judge"] == "human:ANNA"}
    assert [anna[pair.doc_id]["status"] for pair in pairs[:3]] == ["graded", "graded", "refused"]
    assert anna[pairs[2].doc_id]["grade"] is None and anna[pairs[0].doc_id]["rubric"] == "fashion-0-3@1"
    lines = (tmp_path / "human.qrels").read_text().splitlines()
    assert sorted(lines) == sorted(f"q_0 0 {pair.doc_id} {g}" for pair, g in zip(pairs, (2, 1, 0), strict=False))


def test_others_judgements_are_not_written_over(folder, tmp_path):
    """Grades of a model may have cost money, and no log could bring them back."""
    out = tmp_path / "judgements.parquet"
    for judge, kept in (("qwen", True), ("human:ANNA", False)):
        row = {name: None for name in SCHEMA.names} | {"judge": judge}
        pq.write_table(pa.Table.from_pylist([row], schema=SCHEMA), out)
        before = out.read_bytes()
        with pytest.raises(WeftError, match=r"holds judgements of qwen, .* another --out") if kept else nullcontext():
            small_pool.exported(out)
        assert (out.read_bytes() == before) == kept
    out.write_text("no table")
    with pytest.raises(WeftError, match="holds judgements of something else"):
        small_pool.exported(out)


def test_a_log_that_holds_nothing_is_passed_over(folder, tmp_path):
    """A program that was killed, or ran out of room, between opening its log and saying whose it is."""
    out = tmp_path / "human.parquet"
    session = open_session(folder, out, "ANNA", small_pool.RUBRIC)
    session.answer(0, 2)
    session.log.close()
    for name, left in (("BEN", b""), ("CLEO", b'{"annotator": "CL')):
        log_path(out, name).write_bytes(left)
    small_pool.exported(out)
    assert [row["judge"] for row in pq.read_table(out).to_pylist()] == ["human:ANNA"]


def graded(folder, out, name, grade, rubric=small_pool.RUBRIC) -> None:
    session = open_session(folder, out, name, rubric)
    session.answer(0, grade)
    session.log.close()


@pytest.mark.parametrize("name", ["human.parquet", "human[1].parquet"])
def test_an_export_has_its_own_logs_and_none_that_begin_alike(folder, tmp_path, name):
    out, other = tmp_path / name, tmp_path / f"{name.partition('.')[0]}.v2.parquet"
    graded(folder, out, "ANNA", 1)
    graded(small_pool.pool(tmp_path / "more", each=2), other, "ANNA", 3)
    small_pool.exported(out)
    small_pool.exported(other, folder=tmp_path / "more")
    assert [[row["grade"] for row in pq.read_table(path).to_pylist()] for path in (out, other)] == [[1.0], [3.0]]


def test_grades_of_another_pool_or_rubric_are_not_mixed_in(folder, tmp_path):
    out, more = tmp_path / "human.parquet", small_pool.pool(tmp_path / "more", each=2)
    graded(folder, out, "ANNA", 1)
    before = [path.read_bytes() for path in small_pool.exported(out)]
    for pool, rubric, told in (
        (more, small_pool.RUBRIC, "is of pool"),
        (folder, RUBRICS["fashion-0-4"], "is of rubric"),
    ):
        with pytest.raises(WeftError, match=rf"human\.ANNA\.jsonl {told} .*: take another --out"):
            open_session(pool, out, "BEN", rubric)
        assert not log_path(out, "BEN").exists()  # whom he would lock out by having tried
        elsewhere = tmp_path / "b.parquet"
        graded(pool, elsewhere, "BEN", 3, rubric)
        log_path(elsewhere, "BEN").rename(log_path(out, "BEN"))
        with pytest.raises(WeftError, match=rf"human\.BEN\.jsonl {told}"):
            small_pool.exported(out)
        assert [(tmp_path / name).read_bytes() for name in ("human.parquet", "human.qrels")] == before
        log_path(out, "BEN").unlink()


def test_a_rubric_whose_words_changed_is_another(folder, tmp_path):
    mine = Rubric("mine", 1, 3, 2, "3: yes\n2: nearly\n1: hardly\n0: no")
    graded(folder, tmp_path / "human.parquet", "ANNA", 1, mine)
    with pytest.raises(WeftError, match="is of rubric's words"):
        open_session(folder, tmp_path / "human.parquet", "ANNA", replace(mine, text="3: no"))


def test_qrels_are_of_the_pool_s_tasks_and_go_when_all_is_taken_back(folder, tmp_path):
    out, two = tmp_path / "human.parquet", tmp_path / "two"
    shutil.copytree(folder, two)
    rows = pq.read_table(two / "pool.parquet").to_pylist()
    rows = [row | {"task": "short" if row["query_id"] == "q 0" else "long"} for row in rows]
    pq.write_table(pa.Table.from_pylist(rows, schema=PAIRS), two / "pool.parquet")
    session = open_session(two, out, "ANNA", small_pool.RUBRIC)
    session.answer(0, 3)
    first = session.every.pairs[0].task
    assert [path.name for path in small_pool.exported(out, folder=two)] == ["human.parquet", f"human.{first}.qrels"]
    session.undo()
    session.log.close()
    assert [path.name for path in small_pool.exported(out, folder=two)] == ["human.parquet"]
    assert not list(tmp_path.glob("*.qrels"))


def test_annotators_who_end_together_do_not_break_each_other_s_files(folder, tmp_path):
    out = tmp_path / "human.parquet"
    for name in ("ANNA", "BEN"):
        graded(folder, out, name, 2)
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(small_pool.exported, out, folder=folder) for _ in range(40)]:
            done.result()
    assert {row["judge"] for row in pq.read_table(out).to_pylist()} == {"human:ANNA", "human:BEN"}


def test_a_rubric_of_one_s_own_is_kept_with_the_grades(folder, tmp_path):
    rubric, out = Rubric("mine", 1, 10, 7, "10: yes"), tmp_path / "human.parquet"
    session = open_session(folder, out, "ANNA", rubric)
    session.answer(0, 8)
    session.log.close()
    small_pool.exported(out, rubric)
    assert rubric_of("mine@1", [out]) == rubric
