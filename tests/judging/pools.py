"""Small benchmarks and pools for the tests of judging."""

from pathlib import Path

import numpy as np

from shelves import shelf
from weft.benchmarks import open_benchmark
from weft.benchmarks.record import Benchmark
from weft.judging.gather import Wanted, build
from weft.judging.pool import Pool
from weft.judging.systems import System


def benchmark(folder: Path, products: int = 40, queries: int = 6) -> Benchmark:
    """`products` products with a picture each; query n asks for products n and n + 1."""
    asked = [
        (
            f"q{n}",
            "in-domain/short",
            "test",
            f"title {n} please",
            n,
            {n: 3, (n + 1) % products: 3, (n + 2) % products: 1},
        )
        for n in range(queries)
    ]
    shelf(folder, "t" * products, queries=asked)
    return open_benchmark(f"own={folder}")


def system(name: str, ranking) -> System:
    return System(name, {"kind": "drawn"}, {"in-domain/short": np.asarray(ranking, dtype=np.int64)})


def drawn(name: str, seed: int, queries: int = 6, products: int = 40, depth: int = 20) -> System:
    random = np.random.default_rng(seed)
    return system(name, [random.permutation(products)[:depth] for _ in range(queries)])


def pool(folder: Path, depth: int = 3, sample: int = 2, products: int = 40, queries: int = 6, systems=None) -> Pool:
    made = benchmark(folder / "curate", products, queries)
    systems = systems or [drawn("one", 1, queries, products), drawn("two", 2, queries, products)]
    build(made, systems, folder / "pool", Wanted(depth=depth, sample=sample, cut=3))
    return Pool(folder / "pool")
