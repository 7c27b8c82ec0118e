"""Annotation without a browser: what is kept, what a crash costs, whom the server answers, what is exported."""

import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import small_pool

from weft.annotate.export import log_path, named
from weft.annotate.pairs import Pairs
from weft.annotate.server import _bind, app_of, levels, open_session
from weft.errors import WeftError
from weft.judging.judgements import SCHEMA
from weft.judging.pool import PAIRS, Pool
from weft.judging.rubric import RUBRICS, Rubric, rubric_of


@pytest.fixture
def folder(tmp_path) -> Path:
    return small_pool.pool(tmp_path / "pool")


@pytest.fixture
def session(folder, tmp_path):
    one = open_session(folder, tmp_path / "human.parquet", "ANNA", small_pool.RUBRIC)
    yield one
    one.log.close()


def test_a_query_is_read_once_and_its_documents_come_as_shuffled(folder):
    shown = Pairs(Pool(folder))
    queries = [pair.query_id for pair in shown.pairs]
    assert queries == sorted(queries, key=queries.index) and sorted(pair.key for pair in shown.pairs) == sorted(
        pair.key for pair in Pool(folder).pairs()
    )
    assert shown.places == {("t", "q 0"): (0, 3), ("t", "q 1"): (3, 3)}


def test_nothing_that_is_shown_tells_a_system(session):
    assert "system" not in str(session.state()) and set(session.state()["pair"]) == {
        "number", "query", "query_image", "title", "image", "place", "of", "next_image",
    }  # fmt: skip


def test_undo_goes_back_through_everything(session):
    for number, grade in enumerate([3, None, 1]):
        session.answer(number, grade)
    for expected in (2, 1, 0):
        session.undo()
        assert session.current == expected
    session.undo()
    assert session.current == 0 and not session.answers and not session.state()["undo"]


def test_an_answer_to_another_pair_is_ignored(session):
    session.answer(0, 2)
    session.answer(0, 3)  # the key again, before the page has changed
    session.answer(5, 1)
    assert {n: a.grade for n, a in session.answers.items()} == {0: 2}
    with pytest.raises(WeftError, match="a grade is 0 to 3, not 4"):
        session.answer(1, 4)


def test_skipped_pairs_come_back_only_when_asked_for(session):
    for number in range(6):
        session.answer(number, None if number in (1, 4) else 2)
    assert session.current is None and session.state()["skipped"] == 2
    session.again()
    assert session.current == 1
    session.answer(1, 0)
    assert session.current == 4


def test_the_rest_is_estimated_from_recent_answers(folder, tmp_path):
    now = [0.0]
    session = open_session(folder, tmp_path / "human.parquet", "ANNA", small_pool.RUBRIC)
    session.clock, session.since = lambda: now[0], 0.0
    for number, took in enumerate([4.0, 6.0, 3600.0]):
        now[0] += took
        session.answer(number, 1)
    assert session.state()["seconds"] == 6 * 3  # the median; the pause counts as two minutes
    session.log.close()


def test_a_torn_line_costs_one_answer_and_no_more(folder, tmp_path):
    out = tmp_path / "human.parquet"
    session = open_session(folder, out, "ANNA", small_pool.RUBRIC)
    for number in range(3):
        session.answer(number, number)
    session.log.close()
    path = log_path(out, "ANNA")
    path.write_bytes(path.read_bytes()[:-9])
    again = open_session(folder, out, "ANNA", small_pool.RUBRIC)
    assert {n: a.grade for n, a in again.answers.items()} == {0: 0, 1: 1} and again.current == 2
    again.answer(2, 3)
    again.log.close()
    small_pool.exported(out)
    assert sorted(row["grade"] for row in pq.read_table(out).to_pylist()) == [0, 1, 3]


def test_a_full_disk_is_said_and_the_next_answer_is_kept_whole(folder, tmp_path, monkeypatch):
    session = open_session(folder, tmp_path / "human.parquet", "ANNA", small_pool.RUBRIC)
    write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", _full(write))
        with pytest.raises(WeftError, match="No space left"):
            session.answer(0, 3)
    assert session.current == 0 and not session.answers
    session.answer(0, 2)
    session.log.close()
    again = open_session(folder, tmp_path / "human.parquet", "ANNA", small_pool.RUBRIC)
    assert {n: a.grade for n, a in again.answers.items()} == {0: 2}
    again.log.close()


def _full(write):
    def half(handle: int, data: bytes) -> int:
        if len(data) < 20:
            raise OSError(28, "No space left on device")
        return write(handle, data[:10]) if len(data) == half.size else (_ for _ in ()).throw(OSError(28, "full"))

    def first(handle: int, data: bytes) -> int:
        half.size = len(data)
        return half(handle, data)

    calls = iter([first])
    return lambda handle, data: next(calls, half)(handle, data)


def test_a_log_belongs_to_one_annotator_one_pool_one_rubric_and_one_program(folder, tmp_path):
    out = tmp_path / "human.parquet"
    first = open_session(folder, out, "Anna B", small_pool.RUBRIC)
    with pytest.raises(WeftError, match="another run"):
        open_session(folder, out, "Anna B", small_pool.RUBRIC)
    first.log.close()
    with pytest.raises(WeftError, match="is of annotator 'Anna B', not 'Anna_B'"):
        open_session(folder, out, "Anna_B", small_pool.RUBRIC)
    with pytest.raises(WeftError, match="is of rubric"):
        open_session(folder, out, "Anna B", RUBRICS["fashion-0-4"])
    with pytest.raises(WeftError, match="is of pool"):
        open_session(small_pool.pool(tmp_path / "other", each=2), out, "Anna B", small_pool.RUBRIC)
    for name in ("", " ", "x" * 41, "a\x00b"):
        with pytest.raises(WeftError, match="name has 1 to 40"):
            named(name)


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


def test_the_server_answers_only_its_own_page(session, tmp_path):
    testclient = pytest.importorskip("fastapi.testclient")
    app = app_of(session, small_pool.RUBRIC, tmp_path / "human.parquet")
    client = testclient.TestClient(app, base_url="http://127.0.0.1:8765")
    page = client.get("/")
    assert page.status_code == 200 and "default-src 'none'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    assert client.get("/", headers={"host": "evil.example"}).status_code == 403
    answer = {"number": 0, "grade": 2}
    for headers in ({"origin": "https://evil.example"}, {"origin": "null"}, {"host": "evil.example"}):
        assert client.post("/api/answer", json=answer, headers=headers).status_code == 403
    assert client.post(
        "/api/answer", content=b'{"number": 0, "grade": 2}', headers={"content-type": "text/plain"}
    ).is_error
    assert not session.answers
    assert client.post("/api/answer", json={"number": 0, "grade": 9}).status_code == 422
    assert client.post("/api/answer", json=answer, headers={"origin": "http://127.0.0.1:8765"}).json()["graded"] == 1
    assert client.get("/../server.py").status_code == client.get("/image/../x").status_code == 404
    image = client.get(f"/image/{session.every.pairs[0].image}")
    assert image.headers["content-type"] == "image/jpeg" and image.content[:2] == b"\xff\xd8"  # it was PNG
    assert client.get("/image/0000").status_code == 404


def test_a_rubric_must_say_what_every_grade_means():
    assert [level["grade"] for level in levels(RUBRICS["fashion-0-4"])] == [0, 1, 2, 3, 4]
    assert levels(RUBRICS["fashion-0-3"])[2]["name"] == "partly right"
    with pytest.raises(WeftError, match="for each of 0 to 2"):
        levels(Rubric("own", 1, 2, 1, "0: no\n2: yes"))


def test_a_port_in_use_is_said():
    with _bind(0) as taken, pytest.raises(WeftError, match="cannot be used"):
        _bind(taken.getsockname()[1])


def test_the_verb_serves_and_writes_when_it_is_stopped(folder, tmp_path):
    """A real process: it prints its address, is stopped as by Ctrl-C, and leaves the exports."""
    pytest.importorskip("uvicorn")
    httpx = pytest.importorskip("httpx")
    script = (
        "from pathlib import Path; from weft.annotate.server import annotate; from weft.judging.rubric import RUBRICS;"
        "annotate(Path('pool'), Path('human.parquet'), 'ANNA', RUBRICS['fashion-0-3'], 0)"
    )
    process = subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    try:
        url = process.stdout.readline().strip()
        for _ in range(100):
            try:
                httpx.post(f"{url}/api/answer", json={"number": 0, "grade": 3}).raise_for_status()
                break
            except httpx.TransportError:
                time.sleep(0.05)
    finally:
        process.send_signal(2)
        process.wait(20)
    assert [row["grade"] for row in pq.read_table(tmp_path / "human.parquet").to_pylist()] == [3.0]
