"""The verbs `weft pool` and `weft judge` as their user types them."""

import json
import re

import pools
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import weft.cli.judging
from scripted import Server, words
from weft.cli.app import app
from weft.errors import WeftError


def weft(*arguments: object) -> str:
    found = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found.output


@pytest.fixture
def folder(tmp_path, monkeypatch):
    pools.benchmark(tmp_path / "curate")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_pool_then_judge_offline(folder):
    said = weft("pool", "own=curate", "bm25", "--out", "p", "--depth", 4, "--sample", 3, "--price-in", 1, "--dry-run")
    assert "requests" in said and "given prices" in said and not (folder / "p" / "pool.json").exists()
    said = weft("pool", "own=curate", "bm25", "--out", "p", "--depth", 4, "--sample", 3)
    pairs = int(re.search(r"([\d,]+) pairs:", said)[1].replace(",", ""))
    before = sorted(folder.rglob("*"))
    said = weft("judge", "p", "--dry-run", "--repeats", 2)
    assert f"{2 * pairs} pairs would be judged" in said and "judgements " not in said
    assert sorted(folder.rglob("*")) == before
    said = weft("judge", "p")
    assert f"graded {pairs}" in said and "drawn at random" in said
    assert len(pq.read_table("p/judged-attributes/judgements.parquet")) == pairs
    assert "0 pairs would be judged" in weft("judge", "p", "--dry-run")
    weft("judge", "p", "--name", "half", "--know", 0.5, "--wrong", 0.1)
    assert {r["judge"] for r in pq.read_table("p/judged-half/judgements.parquet").to_pylist()} == {"half"}


def test_judge_held_against_people(folder):
    weft("pool", "own=curate", "bm25", "--out", "p", "--depth", 3, "--sample", 2)
    weft("judge", "p", "--name", "human:ANNA", "--out", "human")
    said = weft("judge", "p", "--wrong", 0.4, "--against", "human")
    record = json.loads((folder / "p/judged-attributes/agreement.json").read_text())
    (judge,) = record["judges"]
    agreed, *_ = judge["agreement"]["exact"]
    truth = pq.read_table("human/judgements.parquet").to_pylist()
    grades = {(row["query_id"], row["doc_id"]): row["grade"] for row in truth}
    judged = pq.read_table("p/judged-attributes/judgements.parquet").to_pylist()
    both = [row["grade"] == grades[row["query_id"], row["doc_id"]] for row in judged]
    assert agreed == pytest.approx(sum(both) / len(both)) and 0.5 < agreed < 0.7
    assert "agrees with human:ANNA to a quadratic kappa of" in said and "bm25" in said
    assert (folder / "p/judged-attributes/agreement.html").exists()


def test_people_who_cannot_be_read_stop_the_judge_before_it_is_paid(folder):
    weft("pool", "own=curate", "bm25", "--out", "p", "--depth", 2, "--sample", 0)
    with Server(lambda body, time: '{"reason": "", "grade": 1}') as server, pytest.raises(WeftError, match="nobody"):
        weft("judge", "p", "--endpoint", server.url, "--model", "toy", "--side", 0, "--against", "nobody.parquet")
    assert not server.seen


def test_judge_by_an_endpoint(folder, monkeypatch):
    monkeypatch.setenv("MY_KEY", "sk-hidden\n")
    weft("pool", "own=curate", "bm25", "--out", "p", "--depth", 2, "--sample", 1)
    with Server(lambda body, time: '{"reason": "", "grade": 1}') as server:
        where = ("judge", "p", "--endpoint", server.url, "--model", "org/toy", "--key-variable", "MY_KEY", "--side", 64)
        assert "requests" in weft(*where, "--dry-run") and not server.seen
        said = weft(*where, "--swap", "--body", '{"top_p": 0.5, "max_tokens": null}', "--rubric", "fashion-0-4")
    assert {body["top_p"] for body in server.seen} == {0.5} and all("max_tokens" not in body for body in server.seen)
    assert "4:" in words(server.seen[0]) and server.headers[0]["Authorization"] == "Bearer sk-hidden"
    rows = pq.read_table("p/judged-org_toy/judgements.parquet").to_pylist()
    assert len(rows) == len(server.seen) and {row["order"] for row in rows} == {0, 1} and "graded" in said
    assert {(row["rubric"], row["judge"]) for row in rows} == {("fashion-0-4@1", "org/toy")}
    kept = json.loads((folder / "p/judged-org_toy/judge.json").read_text())
    assert kept["settings"]["model"] == "org/toy" and kept["endpoint"] == server.url
    assert not any(b"sk-hidden" in path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("judge", "curate"), "no finished pool"),
        (("judge", "p", "--rubric", "none"), "no rubric"),
        (("judge", "p", "--endpoint", "nowhere", "--model", "m"), "looks like"),
        (("judge", "p", "--endpoint", "http://localhost:9/v1"), "say which one"),
        (("judge", "p", "--endpoint", "http://localhost:9/v1", "--model", "m", "--body", "[1]"), "no JSON object"),
        (("judge", "p", "--endpoint", "http://localhost:9/v1", "--model", "m", "--budget", "1"), "needs prices"),
        (("judge", "p", "--know", "2"), "between 0 and 1"),
        (("judge", "p", "--swap"), "--swap needs --endpoint"),
        (("judge", "p", "--side", "64"), "--side needs --endpoint"),
        (
            ("judge", "p", "--endpoint", "http://localhost:9/v1", "--model", "m", "--know", "0.5"),
            "--know is for judging",
        ),
        (("judge", "p", "--budget", "1", "--price-in", "1"), "--price-in needs --endpoint"),
        (("judge", "p", "--answers", "paid.jsonl"), "--answers needs --endpoint"),
        (("judge", "p", "--model", "m", "--dry-run"), "--model needs --endpoint"),
        (("pool", "own=curate", "bm25", "--out", "p", "--precision", "5"), "stands for one point"),
        (("pool", "own=curate", "bm25", "--out", "p", "--depth", "0"), "at least 1"),
        (("pool", "own=curate", "nothing-there", "--out", "q"), "nothing-there"),
    ],
)
def test_what_a_user_can_cause_is_said(folder, arguments, said):
    weft("pool", "own=curate", "bm25", "--out", "p", "--depth", 2, "--sample", 0)
    with pytest.raises(WeftError, match=said):
        weft(*arguments)
