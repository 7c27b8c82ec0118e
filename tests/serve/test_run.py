"""A server of its own process: its address, a graceful end, and what keeps it from starting."""

import os
import signal
import socket
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import tiny
import tiny_catalogue
from galleries import shop, table
from weft.errors import WeftError
from weft.files import read_json, write_json
from weft.index import build, open_index
from weft.index.finished import index_run, is_run
from weft.serve import open_engine, serve
from weft.serve.run import _store

CODE = "import sys; from pathlib import Path; from weft.serve import serve; serve(Path(sys.argv[1]), port=0)"
BODY = b'{"input": "a red dress"}'


def test_what_was_begun_is_finished_and_then_it_ends(shop_indexes):
    command = [sys.executable, "-c", CODE, str(shop_indexes[0])]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True) as one:
        try:
            port = int(one.stdout.readline().rpartition(":")[2])
            with socket.create_connection(("127.0.0.1", port), timeout=30) as early:
                head = f"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(BODY)}\r\n"
                early.sendall(f"{head}Content-Type: application/json\r\nExpect: 100-continue\r\n\r\n".encode())
                assert b"100 Continue" in early.recv(1000)  # it is being read, so the request is under way
                one.send_signal(signal.SIGTERM)
                with pytest.raises(OSError):
                    while True:  # until it listens no longer
                        socket.create_connection(("127.0.0.1", port), timeout=30).close()
                early.sendall(BODY)
                answer = b""
                while part := early.recv(1 << 16):
                    answer += part
            assert answer.startswith(b"HTTP/1.1 200") and b'"embedding":[' in answer
            assert one.wait(30) == 0, one.stderr.read()
        finally:
            one.kill()


def test_a_port_that_is_taken_is_one_line(shop_indexes):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(WeftError, match="choose another --port"):
            serve(shop_indexes[0], port=other.getsockname()[1])


def test_a_finished_run_becomes_two_indexes(tmp_path):
    tiny_catalogue.collection(tmp_path / "run" / "curate", 9)
    tiny.encoder(seed=1).save(tmp_path / "run" / "weave" / "model")
    tiny.encoder().save(tmp_path / "base")
    assert is_run(tmp_path / "run") and not is_run(tmp_path)
    (tmp_path / "run" / "train").mkdir()
    write_json(tmp_path / "run" / "train" / "manifest.json", {"settings": {}})
    with pytest.raises(WeftError, match="names no base"):
        index_run(tmp_path / "run")
    write_json(tmp_path / "run" / "train" / "manifest.json", {"settings": {"base": str(tmp_path / "base")}})
    woven, base = (open_index(folder) for folder in index_run(tmp_path / "run"))
    assert (woven.label, base.label, len(woven), len(base)) == ("woven", "base", 9, 9)
    tiny.encoder(seed=2).save(tmp_path / "run" / "weave" / "model")  # the run was repeated
    again = open_index(index_run(tmp_path / "run")[0])
    assert again.fingerprint != woven.fingerprint and np.abs(again.vectors - woven.vectors).max() > 0.01
    assert open_index(tmp_path / "run" / "index-base").manifest["counts"]["embedded"] == 0


@pytest.mark.parametrize("base", ["new:siglip", "moved/away", "python:module:NAME"])
def test_a_run_whose_base_is_gone_is_served_alone(tmp_path, capsys, base):
    tiny_catalogue.collection(tmp_path / "run" / "curate", 9)
    tiny.encoder(seed=1).save(tmp_path / "run" / "weave" / "model")
    (tmp_path / "run" / "train").mkdir()
    write_json(tmp_path / "run" / "train" / "manifest.json", {"settings": {"base": base}})
    woven, compare = index_run(tmp_path / "run")
    assert len(open_index(woven)) == 9 and compare is None
    assert f"stands alone, without its base {base}: " in capsys.readouterr().err


def test_code_that_an_index_names_runs_only_if_asked_for(tmp_path, monkeypatch):
    """An index may be a stranger's, and the folder one stands in may be the index's."""
    tiny.encoder().save(tmp_path / "model")
    index = tmp_path / "index"
    build(f"ours={tmp_path / 'model'}", table(tmp_path / "shop", shop(3)), index)
    (tmp_path / "of_an_index.py").write_text("raise SystemExit('it ran')")
    manifest = open_index(index).folder / "manifest.json"
    write_json(manifest, read_json(manifest) | {"model": "python:of_an_index:Model"})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WeftError, match=r"names python:of_an_index:Model as its model: .* say --remote-code"):
        open_engine(index)
    with pytest.raises(SystemExit, match="it ran"):
        open_engine(index, remote_code=("python:of_an_index:Model",))


@pytest.mark.parametrize(
    ("address", "said", "known"),
    [
        ("http://db.example:6333", "", False),
        ("http://db.example:6333", "http://db.example:6333", True),
        ("http://db.example:6333", "http://other.example:6333", False),
        ("http://localhost:6333", "", True),
    ],
)
def test_a_server_that_an_index_names_gets_the_key_if_it_is_the_user_s(address, said, known, monkeypatch, capsys):
    asked = []
    monkeypatch.setenv("QDRANT_API_KEY", "secret")
    monkeypatch.setattr("weft.index.qdrant.connect", lambda *told: asked.append(told))
    monkeypatch.setattr("weft.index.qdrant.Qdrant", lambda *told: None)
    index = SimpleNamespace(manifest={"store": {"address": address, "name": "shop"}})
    _store(index, True, said)
    assert asked == [(address, known)]
    assert (f"say --address {address}" in capsys.readouterr().err) == (not known)


def test_a_model_that_was_changed_is_refused(tmp_path):
    tiny.encoder().save(tmp_path / "model")
    build(f"ours={tmp_path / 'model'}", table(tmp_path / "shop", shop(3)), tmp_path / "index")
    tiny.encoder().save(tmp_path / "moved")
    tiny.encoder(seed=5).save(tmp_path / "model")
    with pytest.raises(WeftError, match="another model than"):
        open_engine(tmp_path / "index")
    engine = open_engine(tmp_path / "index", model=str(tmp_path / "moved"))
    assert list(engine.sides) == ["ours"]
    engine.batcher._closing = True
    with pytest.raises(WeftError, match="both indexes call their model 'ours'"):
        open_engine(tmp_path / "index", tmp_path / "index", model=str(tmp_path / "moved"))


def test_of_a_run_the_index_that_the_user_names_is_compared(tmp_path, monkeypatch):
    (tmp_path / "run" / "weave" / "model").mkdir(parents=True)
    (tmp_path / "run" / "curate").mkdir()
    opened = []

    def open_engine(index, compare, **options):
        opened.append((index.name, compare.name))
        raise WeftError("enough")

    monkeypatch.setattr("weft.serve.run.index_run", lambda run: (run / "index", run / "index-base"))
    monkeypatch.setattr("weft.serve.run.open_engine", open_engine)
    for compare in (None, tmp_path / "mine"):
        with pytest.raises(WeftError, match="enough"):
            serve(tmp_path / "run", compare, port=0)
    assert opened == [("index", "index-base"), ("index", "mine")]
