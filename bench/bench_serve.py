"""What serving costs: embeddings a second and the slowest hundredth, beside the bare forward, batched and not.

    python bench/bench_serve.py [--seconds 10] [--clients 32] [--rounds 3] [--true-size]

One text a request, asked by wrk (Debian's package `wrk`; `bench/load.lua`). The bare forward pass in batches is the
ceiling: no service on the same cores can be faster. The generator takes some of a core as well.
"""

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import uvicorn
from measure import machine, table

from weft.encoders import create
from weft.index import build
from weft.serve import open_engine
from weft.serve.app import create_app
from weft.serve.limits import Limits
from weft.serve.metrics import Metrics

LOAD = Path(__file__).with_name("load.lua")
WORDS = ("red", "navy", "wool", "linen", "long", "short", "dress", "coat", "skirt", "for", "summer", "winter")
BATCH = 32
TRUE = {"image_size": 224, "patch_size": 16, "hidden_size": 768, "text_layers": 12, "vision_layers": 1, "heads": 12,
        "vocab_size": 4096, "max_tokens": 64}  # fmt: skip
SMALL = {"image_size": 32, "patch_size": 8, "hidden_size": 128, "text_layers": 2, "vision_layers": 1, "heads": 4,
         "vocab_size": 512, "max_tokens": 24}  # fmt: skip


@contextmanager
def server(index: Path, **batching):
    """The service on a free port of this machine; gives (engine, address)."""
    metrics = Metrics()
    engine = open_engine(index, limits=Limits(requests=4096), metrics=metrics, room=8192, **batching)
    config = uvicorn.Config(
        create_app(engine, metrics), port=0, log_level="warning", access_log=False, lifespan="off", backlog=4096
    )
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    while not running.started:
        time.sleep(0.01)
    try:
        yield engine, f"http://127.0.0.1:{running.servers[0].sockets[0].getsockname()[1]}/v1/embeddings"
    finally:
        running.should_exit = True
        thread.join()
        asyncio.run(engine.close())


def text(number: int) -> str:
    """What load.lua asks: six words and the number in words of its own, so that no two are equal."""
    spelled = [WORDS[int(digit)] for digit in str(number)]
    return " ".join([*spelled, *(WORDS[(number * 7 + place) % len(WORDS)] for place in range(6))])


@dataclass
class Measured:
    """One way of doing it, over the rounds: seconds of wall and of this process's processors, both a text."""

    wall: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)
    halves: list[float] = field(default_factory=list)  # of the answers came sooner than so many seconds
    slowest: list[float] = field(default_factory=list)  # all but a hundredth did
    batches: list[int] = field(default_factory=list)

    def add(self, answers: int, wall: float, busy: float) -> None:
        self.wall.append(wall / answers)
        self.busy.append(busy / answers)


def bare(engine, texts: list[str], batch: int) -> None:
    """Tokenizer and forward pass alone."""
    for place in range(0, len(texts), batch):
        engine.first.model.texts(texts[place : place + batch])


def loaded(url: str, clients: int, seconds: int, first: int) -> dict:
    """What wrk saw: answers, seconds, p50 and p99 in seconds."""
    command = [
        "wrk",
        "-t1",
        f"-c{clients}",
        f"-d{seconds}s",
        "--timeout",
        "60s",
        "-s",
        str(LOAD),
        url,
        "--",
        str(first),
    ]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    assert not told["failed"], told
    return told


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=10, help="of load, each time")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--true-size", action="store_true", help="the text tower of a base model, 64 tokens")
    told = parser.parse_args(arguments)
    if not shutil.which("wrk"):
        sys.exit("wrk is not installed: apt install wrk")
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder) / "index"
        create(TRUE if told.true_size else SMALL, [text(number) for number in range(300)], 0).save(Path(folder) / "m")
        build(str(Path(folder) / "m"), "demo:studio?products=8&size=32", index)
        found = {name: Measured() for name in ("bare, batches", "served, batches", "bare, single", "served, single")}
        first = 10_000_000  # texts are numbered: none is asked for twice
        for _ in range(told.rounds):
            for how, batching in (("batches", {"max_batch": BATCH}), ("single", {"max_batch": 1, "max_wait": 0.0})):
                with server(index, **batching) as (engine, url):
                    texts = [text(first + number) for number in range(4 * BATCH)]
                    first += len(texts)
                    bare(engine, texts[:BATCH], batching["max_batch"])  # the first pass is slower
                    wall, busy = time.perf_counter(), time.process_time()
                    bare(engine, texts, batching["max_batch"])
                    found[f"bare, {how}"].add(len(texts), time.perf_counter() - wall, time.process_time() - busy)
                    served = found[f"served, {how}"]
                    engine.batcher.saw = lambda key, count, served=served: served.batches.append(count)
                    busy = time.process_time()
                    answer = loaded(url, told.clients, told.seconds, first)
                    served.add(answer["answers"], answer["seconds"], time.process_time() - busy)
                    served.halves.append(answer["p50"])
                    served.slowest.append(answer["p99"])
                    first += answer["answers"] + told.clients
    ceiling = found["bare, batches"]
    rows = [["", "texts/s", "of the ceiling", "processor ms", "of the ceiling", "p50 ms", "p99 ms", "mean batch"]]
    for name, one in found.items():
        wall, busy = np.median(one.wall), np.median(one.busy)
        cells = [f"{1 / wall:.0f}", f"{np.median(ceiling.wall) / wall:.3f}"]
        cells += [f"{1000 * busy:.2f}", f"{np.median(ceiling.busy) / busy:.3f}"]
        if one.halves:
            cells += [f"{1000 * np.median(waits):.1f}" for waits in (one.halves, one.slowest)]
            cells.append(f"{np.mean(one.batches):.1f}")
        rows.append([name, *cells, *[""] * (7 - len(cells))])
    print(table(rows))
    gain = np.median(found["served, single"].wall) / np.median(found["served, batches"].wall)
    print(
        f"\nbatching: {gain:.2f} times the texts a second of one by one, with {told.clients} clients; the ceiling is "
        "the bare pass in batches. Processor time is the service's alone, and what to read on a busy machine."
    )


if __name__ == "__main__":
    main()
