"""Annotation without a browser: what is kept, what a crash costs, whom the server answers."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import small_pool

from weft.annotate.export import log_path, named
from weft.annotate.pairs import Pairs
from weft.annotate.server import _bind, app_of, levels, open_session
from weft.errors import WeftError
from weft.judging.pool import Pool
from weft.judging.rubric import RUBRICS, Rubric


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
