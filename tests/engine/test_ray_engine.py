"""A real cluster of two nodes makes what one machine makes, byte for byte, whatever happens to its workers.

pytest -m slow -n 0 tests/engine            # needs the extra `ray`; a minute on two idle cores
"""

import contextlib
import hashlib
import json
import os
import threading
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mortal import Mortal, below_fifty, data_url, square

import command
import tiny
import tiny_catalogue
from scripted import Reply, Server, words
from weft.catalogue.look import Look
from weft.embed import Embedder
from weft.endpoint import Endpoint, Ledger, Request, complete, picture
from weft.endpoint.journal import read
from weft.engine import beside, using
from weft.errors import WeftError

ray = pytest.importorskip("ray")
pytestmark = pytest.mark.slow

NODE = {"num_cpus": 1, "num_gpus": 1, "object_store_memory": 100 << 20, "include_log_monitor": False}
RECIPE = """
name = "shop"
base = "demo"
out = "{out}"
[[sources]]
path = "{folder}/shop.parquet"
image_folder = "{folder}/photos"
[sources.columns]
id = "id"
image = "image"
title = "title"
brand = "brand"
category = "kind"
attributes = {{colour = "colour"}}
[curate]
dev_share = 0.2
test_share = 0.2
quality = ["blank", "chart", "placeholder"]
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Of a cluster of two nodes on this machine, each with a processor and an object store of its own."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{Path(__file__).parent}{os.pathsep}{Path(__file__).parents[1]}")
        patch.setenv("RAY_raylet_start_wait_time_s", "60")
        cluster = Cluster(initialize_head=True, head_node_args=NODE | {"include_dashboard": False, "no_monitor": True})
        cluster.add_node(**NODE)
        cluster.wait_for_nodes()
        yield cluster.address
        ray.shutdown()
        cluster.shutdown()


@pytest.fixture
def engine(address):
    with using("ray", address) as engine:
        assert len([node for node in ray.nodes() if node["Alive"]]) == 2 and engine.cpus == 2
        yield engine


def shop(folder: Path) -> None:
    """240 rows with everything that curation decides on: duplicates, repeated ids, damage, blanks, missing words."""
    (folder / "photos").mkdir(parents=True)
    random = np.random.default_rng(0)
    photos = [tiny.jpeg(one.resize((48, 64))) for one in tiny.pictures(150)]
    photos[7], photos[8], photos[9] = photos[7][:300], b"no picture", tiny.jpeg(tiny.pictures(1)[0].resize((4, 4)))
    photos[10] = tiny.jpeg(tiny.pictures(1)[0].point(lambda value: 255).resize((48, 64)))
    for number, data in enumerate(photos):
        (folder / "photos" / f"{number}.jpg").write_bytes(data)
    rows = []
    for number in range(240):
        names = [f"{int(n)}.jpg" for n in random.choice(155, size=1 + number % 3, replace=False)]  # some are not there
        colour, kind = tiny.COLOURS[number % 6], tiny.KINDS[number % 8]
        title = "" if number % 50 == 49 else f"{colour} {kind} no {number}"
        rows.append(
            {
                "id": f"p{number - number % 40 if number % 13 == 12 else number}", "image": "|".join(names),
                "title": title, "brand": f"brand {number % 11}", "kind": kind if title else "", "colour": colour,
            }
        )  # fmt: skip
        if number % 50 == 49:
            rows[-1]["colour"] = ""
    pq.write_table(pa.Table.from_pylist(rows), folder / "shop.parquet")


def files(folder: Path) -> dict[str, str]:
    """SHA-256 of every file but the manifest, which names the time."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "manifest.json"
    }  # fmt: skip


def test_curation_decides_the_same_byte_for_byte(address, tmp_path):
    shop(tmp_path)
    for name, options in (("local", []), ("ray", ["--engine", "ray", "--address", address])):
        recipe = tmp_path / f"{name}.toml"
        recipe.write_text(RECIPE.format(folder=tmp_path, out=tmp_path / name))
        done = command.weft("curate", recipe, *options, folder=tmp_path)
        assert done.code == 0, done.err
        assert ("Ray: 2 nodes" in done.err) == (name == "ray")
    local, far = files(tmp_path / "local" / "curate"), files(tmp_path / "ray" / "curate")
    assert local == far and {"images.arrow", "products.parquet", "skipped.jsonl", "looks.npy"} <= set(local)
    reasons = json.loads((tmp_path / "ray" / "curate" / "summary.json").read_text())["skipped_reasons"]
    assert "duplicate id" in reasons and len(reasons) > 4, reasons
    keys = [json.loads((tmp_path / name / "curate" / "manifest.json").read_text())["key"] for name in ("local", "ray")]
    assert keys[0] == keys[1]  # the engine is no part of what is made


def test_a_strict_recipe_stops_at_the_same_row(address, tmp_path):
    shop(tmp_path)
    told = []
    for options in ([], ["--engine", "ray", "--address", address]):
        recipe = tmp_path / "strict.toml"
        recipe.write_text(RECIPE.format(folder=tmp_path, out=tmp_path / "out") + "strict = true\n")
        done = command.weft("curate", recipe, *options, folder=tmp_path)
        assert done.code == 2 and not reading()
        told.append(done.err.strip().splitlines()[-1])
    assert told[0] == told[1] and "strict" in told[0]


def test_an_error_that_leaves_the_engine_leaves_nothing_running(address):
    with pytest.raises(WeftError, match="50 is too large"), using("ray", address) as engine:
        for _ in engine.map(below_fifty, range(400), each=2):
            pass
    assert not reading()


def reading() -> list[str]:
    """Threads that read ahead."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("reading")]


def test_embeddings_are_those_of_one_machine(engine, tmp_path):
    collection = tiny_catalogue.collection(tmp_path / "c", count=60)
    encoder, rows = tiny.encoder(), np.arange(collection.image_count)[::-1]
    texts = [f"{colour} {kind}" for kind in tiny.KINDS for colour in tiny.COLOURS]
    far = Embedder(encoder, batch=16)
    found = far.images(collection, rows), far.texts(texts)
    with using_local():
        near = Embedder(encoder, batch=16)
        expected = near.images(collection, rows), near.texts(texts)
    for a, b in zip(found, expected, strict=True):
        assert a.shape == b.shape and np.abs(a - b).max() < 1e-6


@contextlib.contextmanager
def using_local():
    from weft import engine as module

    module._used.append(module.Local())
    yield
    module._used.pop()


def test_a_killed_worker_changes_nothing(engine, tmp_path):
    look = Look(("blank", "chart"), True)
    pictures = [(tiny.jpeg(one.resize((48, 64))),) for one in tiny.pictures(60)]
    found = list(engine.map(Mortal(look, str(tmp_path / "grave")), pictures, each=4))
    assert (tmp_path / "grave").exists() and len(found) == 60
    for a, b in zip(found, map(look, pictures), strict=True):
        assert a[0].sha256 == b[0].sha256 and a[0].fault == b[0].fault
        assert np.array_equal(a[0].signature.hash, b[0].signature.hash)


def test_work_is_spread_and_comes_in_order_wave_after_wave(engine, monkeypatch):
    monkeypatch.setattr("weft.engine.cluster.CHUNKS", 8)
    found = list(engine.map(square, iter(range(300)), each=5))  # 60 chunks in waves of 16
    assert [value for value, _ in found] == [n * n for n in range(300)]
    assert len({process for _, process in found} - {os.getpid()}) >= 2


def test_a_worker_with_a_model_takes_half_a_gpu_and_keeps_it(engine):
    """Of GPUs that Ray only counts: without `max_calls`, each chunk would have a process of its own."""
    assert engine.gpus == 2
    found = list(engine.map(square, range(24), each=2, heavy=True))
    assert [value for value, _ in found] == [n * n for n in range(24)]
    assert len({process for _, process in found}) <= 4


def test_the_first_error_is_the_one_that_is_raised(engine):
    def items():
        yield from range(48)
        raise WeftError("the table is damaged further on")

    found = []
    with pytest.raises(WeftError, match="50 is too large"):
        found.extend(engine.map(below_fifty, iter(range(100)), each=7))
    assert found == list(range(50))
    found = []
    with pytest.raises(WeftError, match="damaged further on"):  # through two stages, the second fed by the first
        found.extend(n for n, _ in beside(square, engine.map(below_fifty, items(), each=4), lambda n: n, each=4))
    assert found == list(range(48))


def asked(texts: list[str], **more) -> list[Request]:
    return [Request(({"role": "user", "content": text},), body={"max_tokens": 50}, **more) for text in texts]


def test_an_endpoint_in_trouble_is_asked_by_the_same_rules(engine, tmp_path):
    troubles = {"a": Reply(429, {"error": {"message": "slow"}}, {"Retry-After": "0"}), "b": Reply(500, b"oops")}
    texts, ledger = [*"abcdefgh"], Ledger()
    with Server(lambda body, time: troubles.get(words(body), "fine") if time == 1 else "fine") as server:
        endpoint = Endpoint(server.url, "toy", "sk-1", first_wait=0.01, requests=600, concurrency=4)
        found = {
            words({"messages": r.messages}): a for r, a in complete(asked(texts), endpoint, tmp_path / "a", ledger)
        }
        assert {text: answer.text for text, answer in found.items()} == dict.fromkeys(texts, "fine")
        assert len(server.seen) == 10 and ledger.counts == {"429": 1, "500": 1} and ledger.sent == 8
        assert server.most <= 4 and all(seen["Authorization"] == "Bearer sk-1" for seen in server.headers)
        # The pace is kept by the process that asks: ten turns are nine tenths of a second, however many workers.
        assert max(server.times) - min(server.times) > 0.5
        list(complete(asked(texts), endpoint, tmp_path / "a", Ledger()))
        assert len(server.seen) == 10 and len(read(tmp_path / "a")) == 8  # paid once


def test_pictures_are_put_in_by_the_worker_and_a_dead_one_is_charged_and_replaced(engine, tmp_path):
    shown = Request(({"role": "user", "content": [picture("ab", 64)]},), body={"max_tokens": 5})
    ledger = Ledger(price_in=1.0, price_out=1.0)
    with Server(lambda body, time: body["messages"][0]["content"][0]["image_url"]["url"]) as server:
        endpoint = Endpoint(server.url, "toy", first_wait=0.01, concurrency=2)
        load = Mortal(data_url, str(tmp_path / "grave"))
        ((_, answer),) = complete([shown], endpoint, tmp_path / "a", ledger, load)
    assert answer.text == "data:ab,64" and ledger.counts == {"worker lost": 1} and len(server.seen) == 1
    assert ledger.tokens_in > answer.tokens_in  # what was in flight may have been billed


def test_a_budget_holds_over_all_workers(engine, tmp_path):
    ledger = Ledger(price_in=1e4, price_out=1e4, budget=3.0)
    with Server(lambda body, time: "fine") as server:
        endpoint = Endpoint(server.url, "toy", first_wait=0.01, concurrency=4)
        answers = list(complete(asked([f"question {n}" for n in range(30)]), endpoint, tmp_path / "a", ledger))
    assert 0 < len(answers) < 30 and ledger.left == 30 - len(answers) and len(server.seen) == len(answers)
