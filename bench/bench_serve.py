"""What serving costs: embeddings a second and the slowest hundredth, beside the bare forward, batched and not.

    python bench/bench_serve.py [--requests 600] [--clients 32] [--rounds 3] [--true-size]

One text a request, from a load generator in a process of its own (`bench/load.py`). The bare forward pass in batches is
the ceiling: no service on the same cores can be faster. The generator takes cores as well, so read ratios, not rates.
"""

import argparse
import asyncio
import json
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
from load import text
from measure import machine, table

from weft.encoders import create
from weft.index import build
from weft.serve import open_engine
from weft.serve.app import create_app
from weft.serve.limits import Limits
from weft.serve.metrics import Metrics

LOAD = Path(__file__).with_name("load.py")
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


@dataclass
class Measured:
    """One way of doing it, over the rounds: seconds of wall and of this process's processors, both a text."""

    wall: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)


def bare(engine, texts: list[str], batch: int) -> None:
    """Tokenizer and forward pass alone."""
    for place in range(0, len(texts), batch):
        engine.first.model.texts(texts[place : place + batch])


@contextmanager
def timed(measured: Measured, texts: int):
    wall, busy = time.perf_counter(), time.process_time()
    yield
    measured.wall.append((time.perf_counter() - wall) / texts)
    measured.busy.append((time.process_time() - busy) / texts)


def loaded(url: str, clients: int, requests: int, first: int) -> dict:
    command = [sys.executable, str(LOAD), url, str(clients), str(requests), str(first)]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert set(told["codes"]) == {200}, told["codes"]
    return told


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=int, default=600)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--true-size", action="store_true", help="the text tower of a base model, 64 tokens")
    told = parser.parse_args(arguments)
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
                    texts = [text(first + number) for number in range(told.requests)]
                    with timed(found[f"bare, {how}"], told.requests):
                        bare(engine, texts, batching["max_batch"])
                    served = found[f"served, {how}"]
                    engine.batcher.saw = lambda key, count, served=served: served.batches.append(count)
                    with timed(served, told.requests):
                        answer = loaded(url, told.clients, told.requests, first + told.requests)
                    served.wall[-1] = answer["took"] / told.requests  # without the generator's start
                    served.waits += answer["seconds"]
                first += 2 * told.requests
    ceiling = found["bare, batches"]
    rows = [["", "texts/s", "of the ceiling", "processor ms", "of the ceiling", "p50 ms", "p99 ms", "mean batch"]]
    for name, one in found.items():
        wall, busy = np.median(one.wall), np.median(one.busy)
        cells = [f"{1 / wall:.0f}", f"{np.median(ceiling.wall) / wall:.3f}"]
        cells += [f"{1000 * busy:.2f}", f"{np.median(ceiling.busy) / busy:.3f}"]
        if one.waits:
            cells += [f"{1000 * np.percentile(one.waits, place):.1f}" for place in (50, 99)]
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
