"""Journals: whole lines, one writer, torn ends cut off, damage named."""

import json
import threading

import pytest

from weft.endpoint.journal import Journal, read
from weft.errors import WeftError


def test_a_journal_has_one_writer_and_knows_damage(tmp_path):
    path = tmp_path / "deep" / "lines.jsonl"
    with Journal(path) as journal:
        with pytest.raises(WeftError, match="another run"):
            Journal(path)
        threads = [
            threading.Thread(target=lambda: [journal.add({"x": "é" * 1000}) for _ in range(50)]) for _ in range(4)
        ]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
    assert len(read(path)) == 200
    path.write_bytes(b'{"a": 1}\n{"b": \n{"c": 3}\n')
    with pytest.raises(WeftError, match="line 2"):
        read(path)
    path.write_bytes(b'{"a": "' + b"x" * 200_000)  # a torn first line, longer than what is read at once
    assert read(path) == []
    with Journal(path) as journal:
        journal.add({"a": 1})
    assert path.read_text() == json.dumps({"a": 1}) + "\n"
    assert read(tmp_path / "none.jsonl") == []
