"""How fast embeddings become scores: Weft's search and metrics beside the matrix product and beside other evaluators.

    python bench/bench_evaluate.py [--rounds 2] [--queries 2000] [--gallery 200000] [--tiny]
    python bench/bench_evaluate.py --million

The peers do what public code is known to do, in words of our own, over the same arrays on the same processor:

- "Marqo's loop": one query at a time, `torch.nn.CosineSimilarity` against the whole gallery (which takes every norm
  anew), `torch.topk` of 10, a dictionary {document: score}, then pytrec_eval and a reciprocal rank in Python
  (marqo-ai/marqo-FashionCLIP, utils/retrieval.py and utils/metrics.py). "with a plain product": the same with one
  matrix-vector product in place of the cosine, kinder than what is published. Both are given a few of the queries and
  multiplied up, since a query costs the same wherever it stands.
- "mteb/BEIR": normalised products over 50,000 documents at a time, `torch.topk` of k + 1, lists, a heap per query,
  a dictionary of dictionaries, then pytrec_eval and Python metrics (mteb, models/search_wrappers.py and evaluation/
  evaluators/retrieval_metrics.py; beir, retrieval/search/dense/exact_search.py and retrieval/evaluation.py). They keep
  1,000 documents a query by default; here also 100, as Weft does.

"the rest" is a whole evaluation less its own matrix products (in chunks; a loop's one vector at a time), which are
timed alone in the same rounds and subtracted: the fastest round of each, on the wall and of the processor, since on a
busy machine the difference of two medians is mostly noise.
"""

import argparse
import heapq
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytrec_eval
import torch
from measure import in_turns, machine, median, ratio, table

from weft.benchmarks.record import Retrieval, Side
from weft.evaluate import DEPTH, score
from weft.search import CELLS, CHUNK, top_k

DIMENSION = 768
CUTS = (1, 10)
PEER_CHUNK = 50_000  # documents, of mteb and BEIR
DEEP = 1000  # what they keep by default
FEW, SOME = 4, 32  # queries that a loop is given

Run = dict[str, dict[str, float]]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--queries", type=int, default=2000)
    parser.add_argument("--gallery", type=int, default=200_000)
    parser.add_argument("--million", action="store_true", help="only: search 1,000,000 mapped rows of 3 GB on disk")
    parser.add_argument("--tiny", action="store_true", help="next to nothing, to see that it runs")
    asked = parser.parse_args(arguments)
    print(machine())
    if asked.million:
        return million(*((64, 20_000) if asked.tiny else (asked.queries, 1_000_000)))
    queries, gallery = (64, 3000) if asked.tiny else (asked.queries, asked.gallery)
    measure(*task(queries, gallery), 1 if asked.tiny else asked.rounds)


def task(queries: int, gallery: int) -> tuple[Retrieval, np.ndarray, np.ndarray]:
    """A made-up graded task and its unit embeddings, in clusters one after the other, as catalogues are sorted."""
    rng = np.random.default_rng(0)
    corpus = rng.standard_normal((gallery, DIMENSION), dtype=np.float32)
    corpus += rng.standard_normal((200, DIMENSION), dtype=np.float32)[np.arange(gallery) * 200 // gallery]
    corpus /= np.linalg.norm(corpus, axis=1, keepdims=True)
    relevant, vectors = [], rng.standard_normal((queries, DIMENSION), dtype=np.float32)
    for row in range(queries):
        judged = np.sort(rng.choice(gallery, size=rng.integers(1, 6), replace=False))
        relevant.append((judged, rng.integers(1, 4, size=len(judged))))
        vectors[row] += rng.uniform(1, 8) * corpus[judged].sum(0)  # some found at once, some never
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    names = [f"q{row}" for row in range(queries)]
    documents = [f"d{row}" for row in range(gallery)]
    return Retrieval("bench", Side(names, names), Side(documents, documents), relevant), vectors, corpus


def measure(record: Retrieval, queries: np.ndarray, gallery: np.ndarray, rounds: int) -> None:
    names, documents = record.query_ids, list(record.corpus.ids)
    qrels = {
        name: {documents[row]: int(grade) for row, grade in zip(rows, grades, strict=True)}
        for name, (rows, grades) in zip(names, record.relevant, strict=True)
    }
    mine, theirs = torch.from_numpy(queries), torch.from_numpy(gallery)
    found: dict[str, object] = {}

    def weft(name: str) -> None:
        found[name] = score(record, queries, gallery)

    def marqo(name: str, similarity: Callable, number: int) -> None:
        some = np.linspace(0, len(names) - 1, number).astype(int)
        few = [names[row] for row in some]
        found[name] = rated({n: qrels[n] for n in few}, one_by_one(mine[some], theirs, few, documents, similarity))

    def beir(name: str, depth: int) -> None:
        found[name] = rated(qrels, heaps(mine, theirs, names, documents, depth))

    cosine = torch.nn.CosineSimilarity(dim=1, eps=1e-6)
    evaluators = {  # name -> (evaluation, its products, how many of the queries it is given, target)
        "weft": (weft, "product", len(queries), ""),
        "Marqo's loop": (lambda name: marqo(name, cosine, FEW), "vectors", FEW, 20),
        "the same, plain product": (lambda name: marqo(name, vector, SOME), "vectors", SOME, ""),
        f"mteb/BEIR, {DEEP} deep": (lambda name: beir(name, DEEP), "their product", len(queries), 5),
        f"mteb/BEIR, {DEPTH} deep": (lambda name: beir(name, DEPTH), "their product", len(queries), 5),
    }
    work: dict[str, Callable[[], object]] = {
        "product": lambda: product(queries, gallery),
        "their product": lambda: their_product(mine, theirs),
        "vectors": lambda: [vector(query[None], theirs) for query in mine[:SOME]],
        "top_k": lambda: top_k(queries, gallery, DEPTH),
    }
    given = {"vectors": SOME} | {name: number for name, (_, _, number, _) in evaluators.items()}
    work |= {name: lambda name=name, made=made: made(name) for name, (made, *_) in evaluators.items()}
    work["vectors"]()  # the first use of a function is slower
    times = in_turns(work, rounds, warm=0)
    times = {name: taken * (len(queries) / given.get(name, len(queries))) for name, taken in times.items()}
    checked = agree(found, names)

    print(
        f"{len(queries):,} queries over {len(gallery):,} x {DIMENSION} float32, {DEPTH} deep, {rounds} rounds in turns;"
    )
    print("seconds are medians, ratios the median over rounds (min to max)\n")
    bare, search = times["product"], times["top_k"]
    rate = 2 * queries.size * len(gallery) / median(bare) / 1e9
    lines = [["", "s", "wall, to the product", "processor time", "limit", "target"]]
    lines.append(["bare product, same chunks", f"{median(bare):.2f}", "1", "1", f"{rate:.0f} GFLOP/s", ""])
    lines.append(["weft.search.top_k", f"{median(search):.2f}", ratio(search, bare), ratio(search, bare, 1), "1", "2"])
    print(table(lines) + "\n")

    least = {name: taken.min(axis=0) for name, taken in times.items()}
    rest = {name: least[name] - least[product] for name, (_, product, _, _) in evaluators.items()}
    lines = [["evaluation after embedding", "s", "to Weft", "the rest: s", "to Weft", "cpu s", "to Weft", "target"]]
    for name, (*_, target) in evaluators.items():
        row: list[object] = [name, f"{median(times[name]):.2f}", ratio(times[name], times["weft"])]
        for clock in (0, 1):
            row += [f"{rest[name][clock]:.2f}", f"{rest[name][clock] / rest['weft'][clock]:.1f}"]
        lines.append([*row, target])
    print(table(lines))
    print(f"\nlimit: the product. All give the same recall@10, hit_rate@10, ndcg@10 and mrr@10, {checked}")


def product(queries: np.ndarray, gallery: np.ndarray) -> None:
    """The products alone, in the blocks and chunks that `top_k` takes and into one place, as it does."""
    block = max(1, CELLS // CHUNK)
    for first in range(0, len(queries), block):
        rows = queries[first : first + block]
        room = np.empty(len(rows) * min(CHUNK, len(gallery)), dtype=np.float32)
        for start in range(0, len(gallery), CHUNK):
            part = gallery[start : start + CHUNK]
            np.matmul(rows, part.T, out=room[: len(rows) * len(part)].reshape(len(rows), len(part)))


def their_product(queries: torch.Tensor, gallery: torch.Tensor) -> None:
    for chunk in gallery.split(PEER_CHUNK):
        queries @ chunk.T


def vector(query: torch.Tensor, gallery: torch.Tensor) -> torch.Tensor:
    """(N,) products of (1, D) and (N, D)."""
    return gallery @ query[0]


def one_by_one(
    queries: torch.Tensor, gallery: torch.Tensor, names: Sequence[str], documents: Sequence[str], similarity: Callable
) -> Run:
    run: Run = {}
    for name, query in zip(names, queries, strict=True):
        best, rows = torch.topk(similarity(query[None], gallery), max(CUTS))
        run[name] = {str(documents[row]): float(value) for row, value in zip(rows.numpy(), best.numpy(), strict=True)}
    return run


def heaps(
    queries: torch.Tensor, gallery: torch.Tensor, names: Sequence[str], documents: Sequence[str], depth: int
) -> Run:
    kept: dict[str, list[tuple[float, str]]] = {name: [] for name in names}
    for start in range(0, len(gallery), PEER_CHUNK):
        chunk = gallery[start : start + PEER_CHUNK]
        one, other = (torch.nn.functional.normalize(side, dim=1) for side in (queries, chunk))
        values = one @ other.T
        values[torch.isnan(values)] = -1
        best, rows = torch.topk(values, min(depth + 1, len(chunk)), dim=1)
        best, rows = best.tolist(), rows.tolist()
        for name, scores, places in zip(names, best, rows, strict=True):
            heap = kept[name]
            for value, place in zip(scores, places, strict=True):
                if len(heap) < depth:
                    heapq.heappush(heap, (value, documents[start + place]))
                else:
                    heapq.heappushpop(heap, (value, documents[start + place]))
    return {name: {document: value for value, document in heap} for name, heap in kept.items()}


def rated(qrels: dict[str, dict[str, int]], run: Run) -> dict[str, dict[str, float]]:
    """Query -> measures: pytrec_eval's four families, and the two that both peers compute in Python."""
    cuts = ",".join(map(str, CUTS))
    families = {f"{family}.{cuts}" for family in ("map_cut", "ndcg_cut", "recall", "P")}
    rows = pytrec_eval.RelevanceEvaluator(qrels, families).evaluate(run)
    for name, scores in run.items():
        right = {document for document, grade in qrels[name].items() if grade > 0}
        hits = [document in right for document, _ in sorted(scores.items(), key=lambda pair: -pair[1])[: max(CUTS)]]
        for cut in CUTS:
            rows[name][f"hit_{cut}"] = float(any(hits[:cut]))
            rows[name][f"mrr_{cut}"] = 1 / (hits.index(True) + 1) if any(hits[:cut]) else 0.0
    return rows


def agree(found: dict, names: list[str]) -> str:
    """Says on how many queries; where float32 cannot tell neighbours in the top ten apart, any order will do."""
    scored = found["weft"]
    clear = (-np.diff(scored.scores[:, : max(CUTS) + 1], axis=1) > 1e-6).all(axis=1)
    pairs = {"recall@10": "recall_10", "hit_rate@10": "hit_10", "ndcg@10": "ndcg_cut_10", "mrr@10": "mrr_10"}
    for peer, rows in found.items():
        asked = [] if peer == "weft" else [row for row, name in enumerate(names) if name in rows and clear[row]]
        for ours, theirs in pairs.items():
            other = [rows[names[row]][theirs] for row in asked]
            np.testing.assert_allclose(scored.values[ours][asked], other, atol=1e-6, err_msg=f"{peer}, {ours}")
    return f"to 1e-6 on each of {int(clear.sum()):,} queries ({int((~clear).sum())} with near ties left out)"


def million(queries: int, gallery: int) -> None:
    """Searches a file that is mapped, not read into memory, and says how far that is from what the machine allows."""
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((queries, DIMENSION), dtype=np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gallery.f32"
        with path.open("wb") as file:
            for start in range(0, gallery, 20_000):
                rng.standard_normal((min(20_000, gallery - start), DIMENSION), dtype=np.float32).tofile(file)
        mapped = np.memmap(path, dtype=np.float32, mode="r", shape=(gallery, DIMENSION))
        before = peak()
        started = time.perf_counter()
        product(vectors, sample := np.asarray(mapped[: min(gallery, 8 * CHUNK)]))
        rate = 2 * vectors.size * len(sample) / (time.perf_counter() - started)
        started, busy = time.perf_counter(), time.process_time()
        rows, _ = top_k(vectors, mapped, DEPTH)
        taken, busy = time.perf_counter() - started, time.process_time() - busy
        started = time.perf_counter()
        product(vectors, sample)
        rate = (rate + 2 * vectors.size * len(sample) / (time.perf_counter() - started)) / 2
    assert (rows >= 0).all()
    work, passes = 2 * vectors.size * gallery, 1 + -(-queries // (CELLS // CHUNK))
    limit = work / rate
    print(f"{queries:,} queries over {gallery:,} x {DIMENSION} float32 in a mapped file, {DEPTH} deep\n")
    shares = f"the search takes {taken / limit:.2f} of it and reads {mapped.nbytes / 1e9:.2f} GB {passes} times"
    held = f"{before / 2**30:.2f} before the search; target 24; with the file's own pages, which can be dropped"
    print(f"time         {taken:.1f} s, {busy:.1f} s of processor time")
    print(f"limit        {limit:.1f} s, {work / 1e12:.2f} TFLOP at {rate / 1e9:.0f} GFLOP/s measured beside; {shares}")
    print(f"peak memory  {peak() / 2**30:.2f} GiB, {held}")


def peak() -> float:
    """Bytes of memory that this process has held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0


if __name__ == "__main__":
    main()
