"""What smaller vectors and exported towers lose: R@10 on the run's own test tasks, and the bytes that they take."""

import math
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from weft import metrics
from weft.benchmarks.record import Retrieval
from weft.embed import Embedder
from weft.errors import WeftError
from weft.evaluate import embed_task
from weft.grading import grade
from weft.progress import progress
from weft.publish import quantised
from weft.publish.quantised import CANDIDATES
from weft.search import top_k
from weft.stats import paired_bootstrap

SCHEMA = "weft-compact/1"
K = 10
METRIC = f"recall@{K}"

Search = Callable[[np.ndarray, np.ndarray, np.ndarray | None], np.ndarray]
"""(Q, D) queries, (N, D) corpus, (N,) groups or None -> (Q, K) rows or groups."""


def float32(dims: int) -> Search:
    def search(queries, corpus, group):
        return top_k(quantised.truncate(queries, dims), quantised.truncate(corpus, dims), K, group)[0]

    return search


def int8(dims: int) -> Search:
    def search(queries, corpus, group):
        codes = quantised.to_int8(quantised.truncate(corpus, dims))
        return quantised.search_int8(quantised.truncate(queries, dims), codes, K, group)

    return search


def binary(queries, corpus, group):
    width = quantised.search_width(group, K)
    rows = quantised.search_bits(quantised.to_bits(queries), quantised.to_bits(corpus), width)
    return quantised.nearest_groups(rows, group, K)


def binary_reranked(queries, corpus, group):
    width = max(CANDIDATES, quantised.search_width(group, K))
    rows = quantised.search_bits(quantised.to_bits(queries), quantised.to_bits(corpus), width)
    return quantised.nearest_groups(quantised.rerank(queries, corpus, rows), group, K)


def whole(queries, corpus, group):
    return top_k(queries, corpus, K, group)[0]


def forms(dim: int) -> Iterator[tuple[dict, Search]]:
    """Every way to keep a D-dimensional vector: what it is called, its bytes, and its search; the whole one first."""
    for dims in (dim, *quantised.truncations(dim)[0]):
        yield _form(f"float32, {dims} dimensions", dims, 4 * dims), float32(dims) if dims < dim else whole
        yield _form(f"int8, {dims} dimensions", dims, dims), int8(dims)
    bits = math.ceil(dim / 8)
    yield _form(f"binary, {dim} bits", dim, bits), binary
    again = _form(f"binary, {dim} bits, float re-rank of {CANDIDATES}", dim, bits + 4 * dim)
    yield again | {"bytes_searched": bits}, binary_reranked


def _form(name: str, dims: int, size: int) -> dict:
    return {"name": name, "model": "pytorch", "dims": dims, "bytes_per_vector": size, "bytes_searched": size}


def measure(tasks: list[Retrieval], embedders: Mapping[str, Embedder], seed: int = 0) -> dict:
    """What `compact.json` says: for each way of keeping vectors, and each other model, R@10 and what it loses.

    Args:
        tasks: test tasks, each against its whole gallery.
        embedders: "pytorch", the published weights themselves, first; others ("onnx fp32") are held against it with
            whole float32 vectors.

    Returns:
        rows, the first of which is what the others are compared with: difference = row - first, paired by query, with
        its 95% bootstrap interval (10,000 resamples of the run's own groups), as fractions; `off`, per other model the
        largest difference of any component of any unit vector.

    Raises:
        WeftError: there is no retrieval task.
    """
    if not tasks:
        raise WeftError("the run has no test queries, so no loss can be measured")
    first = next(iter(embedders))
    dim, rows, off, each = 0, {}, {name: 0.0 for name in embedders if name != first}, 0.0
    for task in progress(tasks, "measuring smaller vectors", unit="task"):
        pairs = {name: embed_task(task, embedder) for name, embedder in embedders.items()}
        queries, corpus = pairs[first]
        dim, each = corpus.shape[1], each or len(corpus) / len(task.corpus)  # of the catalogue, whose tasks come first
        reference = None
        for form, search in forms(dim):
            values = recalled(task, search(queries, corpus, task.corpus.owner))
            reference = values if reference is None else reference
            _add(rows, form, task, values, reference, seed)
        for name in off:
            off[name] = max(off[name], *(_apart(a, b) for a, b in zip(pairs[name], pairs[first], strict=True)))
            form = _form(f"float32, {dim} dimensions, by {name}", dim, 4 * dim) | {"model": name}
            _add(rows, form, task, recalled(task, whole(*pairs[name], task.corpus.owner)), reference, seed)
    for row in rows.values():
        row["bytes_per_product"] = row["bytes_per_vector"] * each
        row["bytes_per_million"] = round(row["bytes_per_product"] * 1_000_000)
    return {
        "schema": SCHEMA,
        "metric": METRIC,
        "dim": dim,
        "note": quantised.truncations(dim)[1],
        "vectors_per_product": each,
        "off": off,
        "rows": list(rows.values()),
    }


def recalled(task: Retrieval, ranking: np.ndarray) -> np.ndarray:
    """(Q,) recall@10 of a ranking, with the task's own answers and threshold."""
    return metrics.measure(METRIC, grade(ranking, task.relevant, task.threshold, task.query_ids))


def _add(rows: dict, form: dict, task: Retrieval, values: np.ndarray, reference: np.ndarray, seed: int) -> None:
    row = rows.setdefault(form["name"], form | {"tasks": {}})
    change = paired_bootstrap(values, reference, seed=seed, groups=task.groups, within=(-1, 1))
    row["tasks"][task.name] = {
        "value": float(values.mean()),
        "difference": change.value,
        "low": change.low,
        "high": change.high,
        "queries": len(values),
    }


def _apart(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).max())
