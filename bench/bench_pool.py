"""How long pooling takes: five systems, four of them embeddings, one BM25, on a whole catalogue's items.

    python bench/bench_pool.py [--items 200000] [--queries 2000] [--dim 768] [--depth 30] [--sample 5]

Vectors and titles are drawn, so that search and pooling are timed and no model. Target: 200,000 items, 2,000 queries
and five systems in less than 120 s on two cores.
"""

import argparse
import contextlib
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from measure import machine, table

from weft.benchmarks.record import Benchmark, Retrieval, Side
from weft.evaluate import bm25_ranking
from weft.judging.gather import Wanted, build
from weft.judging.pool import Pool
from weft.judging.systems import System
from weft.search import top_k

LIMIT = 120.0
COLOURS = ["red", "blue", "navy", "green", "black", "white", "beige", "pink", "grey", "camel"]
KINDS = ["dress", "shirt", "coat", "skirt", "jeans", "boots", "scarf", "bag", "jumper", "blazer"]
STUFFS = ["silk", "wool", "cotton", "linen", "denim", "leather", "velvet", "jersey"]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, size in (("items", 200_000), ("queries", 2000), ("dim", 768), ("depth", 30), ("sample", 5)):
        parser.add_argument(f"--{name}", type=int, default=size)
    asked = parser.parse_args(arguments)
    print(machine())
    print(f"{asked.items:,} items, {asked.queries:,} queries, {asked.dim} dimensions, {asked.depth} deep\n")
    with tempfile.TemporaryDirectory() as scratch:
        rows, pairs = measure(asked, Path(scratch))
    rows.append(("all", *(sum(row[clock] for row in rows) for clock in (1, 2))))
    total = rows[-1][1]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    cells = [[name, *(f"{seconds:.2f}" for seconds in clocks)] for name, *clocks in rows]
    print(table([["step", "s on the wall", "s of processors"], *cells]))
    print(
        f"\n{pairs:,} pairs; peak memory {memory:.1f} GB; limit {LIMIT:.0f} s: {'kept' if total < LIMIT else 'missed'}"
    )


def measure(asked: argparse.Namespace, folder: Path) -> tuple[list[tuple[str, float, float]], int]:
    """(step, seconds on the wall, of all processors), and how many pairs there are."""
    random, rows = np.random.default_rng(0), []
    task = drawn(asked, random)

    @contextlib.contextmanager
    def timed(step: str) -> Iterator[None]:
        wall, busy = time.perf_counter(), time.process_time()
        yield
        rows.append((step, time.perf_counter() - wall, time.process_time() - busy))

    rankings = {}
    for name in ("one", "two", "three", "four"):
        corpus, queries = vectors(random, asked.items, asked.dim), vectors(random, asked.queries, asked.dim)
        with timed(f"search, system {name}"):
            rankings[name] = top_k(queries, corpus, 100)[0]
    with timed("BM25, with its index"):
        rankings["bm25"] = bm25_ranking(task)[0]
    systems = [System(name, {}, {task.name: ranking}) for name, ranking in rankings.items()]
    wanted = Wanted(depth=asked.depth, sample=asked.sample)
    with timed("pooling, sampling, writing"):
        build(Benchmark("drawn", (task,)), systems, folder / "pool", wanted)
    with timed("reading it back"):
        pairs = sum(1 for _ in Pool(folder / "pool").pairs())
    return rows, pairs


def drawn(asked: argparse.Namespace, random: np.random.Generator) -> Retrieval:
    """A task with titles of four words from vocabularies of a shop's size."""
    brands = [f"brand{n}" for n in range(2000)]
    parts = [
        np.asarray(words)[random.integers(len(words), size=asked.items)] for words in (brands, COLOURS, STUFFS, KINDS)
    ]
    titles = [" ".join(words) for words in zip(*parts, strict=True)]
    sources = random.integers(asked.items, size=asked.queries)
    return Retrieval(
        "text-to-image",
        Side([f"q{n}" for n in range(asked.queries)], [titles[row] for row in sources]),
        Side([f"d{n}" for n in range(asked.items)], titles, titles=titles),
        [(np.asarray([row]), np.asarray([1.0])) for row in sources],
    )


def vectors(random: np.random.Generator, count: int, dim: int) -> np.ndarray:
    found = random.standard_normal((count, dim), dtype=np.float32)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found


if __name__ == "__main__":
    main()
