"""The verbs `weft write` and `weft grade` as their user types them."""

import json

import pyarrow.parquet as pq
import pytest
import wordsmith
from typer.testing import CliRunner

import weft.cli.curation
from scripted import Server, words
from weft.cli.app import app
from weft.curation.options import fields_of, words_of
from weft.errors import WeftError


def weft(*arguments: object) -> str:
    found = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found.output


def model(body: dict, time: int) -> str:
    """Writes, and judges what was written."""
    return '{"reason": "", "grade": 2}' if "You grade" in words(body) else wordsmith.good(body)


def test_write_then_grade(tmp_path, monkeypatch):
    monkeypatch.setenv("MY_KEY", "sk-hidden\n")
    run = wordsmith.shop(tmp_path, products=14)
    (tmp_path / "words.json").write_text(json.dumps({"claret": ["wine red"]}))
    with Server(model) as server:
        where = ("--endpoint", server.url, "--model", "toy", "--key-variable", "MY_KEY")
        prices = ("--price-in", 1, "--price-out", 1)
        said = weft("write", run, *where, *prices, "--versions", 1, "--dry-run")
        assert "at the given prices" in said and not server.seen and not (run / "write").exists()
        said = weft(
            "write", run, *where, "--versions", 1, "--other-words", tmp_path / "words.json", "--body", '{"top_p": 0.5}'
        )
        assert {(body["temperature"], body["top_p"]) for body in server.seen} == {(0.7, 0.5)}
        assert server.headers[0]["Authorization"] == "Bearer sk-hidden"
        assert "short" in said and "twins:" in said and "written.parquet" in said
        assert json.loads((run / "write" / "write.json").read_text())["options"]["other_words"] == {
            "claret": ["wine red"]
        }
        assert "requests" in weft("grade", run, *where, "--near", 1, "--side", 0, "--dry-run")
        said = weft("grade", run, *where, "--near", 1, "--side", 0)
    rows = pq.read_table(run / "grade" / "grades.parquet").to_pylist()
    assert {row["grade"] for row in rows} == {2.0} and f"graded {len(rows)}" in said
    assert not any(b"sk-hidden" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_typing_errors_are_told(tmp_path):
    with pytest.raises(WeftError, match="needs --endpoint"):
        weft("write", tmp_path, "--model", "toy")
    with pytest.raises(WeftError, match="no JSON object"):
        fields_of("[1]")
    for text in ("[]", '{"a": "b"}', '{"a": [1]}', "{"):
        (tmp_path / "words.json").write_text(text)
        with pytest.raises(WeftError, match=r"words\.json"):
            words_of(tmp_path / "words.json")
    assert words_of(None) == {} and fields_of("") == {}
