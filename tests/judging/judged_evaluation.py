"""A small evaluation on disk, written by the very functions that `weft evaluate` uses, and judgements of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from weft import results
from weft.benchmarks.record import Retrieval, Side
from weft.evaluate import Scored, retrieval_metrics


def evaluation(
    folder: Path, runs: Mapping[str, np.ndarray], answers: Sequence[Mapping[int, float]], docs: int,
    primary: str = "recall@10", benchmark: str = "shop", name: str = "text to image", groups=None,
    threshold: float = 1.0,
) -> Path:  # fmt: skip
    """A folder with one task.

    Args:
        runs: system -> (Q, 10) documents by number, -1 where none; answers: per query the benchmark's grades.
    """
    queries = Side([f"q {n}" for n in range(len(answers))], [f"query {n}" for n in range(len(answers))])
    corpus = Side([f"d {n}" for n in range(docs)], [f"thing {n}" for n in range(docs)])
    relevant = [(np.asarray(sorted(of)), np.asarray([of[d] for d in sorted(of)], dtype=float)) for of in answers]
    task = Retrieval(
        name,
        queries,
        corpus,
        relevant,
        primary=primary,
        metrics=(primary, "hit_rate@1"),
        groups=groups,
        threshold=threshold,
    )
    key = benchmark, name
    scored = {
        system: {key: Scored(retrieval_metrics(task, ranking), ranking, -np.cumsum(np.ones(ranking.shape), 1))}
        for system, ranking in runs.items()
    }
    folder.mkdir(parents=True, exist_ok=True)
    results.write_per_query(folder / "per_query.parquet", {key: task}, scored)
    results.write_runs(folder / "runs", {key: task}, scored)
    results.write_qrels(folder / "qrels", {key: task})
    return folder


def judgement(query: int, doc: int, grade: float | None, judge: str = "truth", **more) -> dict:
    return {
        "query_id": f"q {query}", "doc_id": f"d {doc}", "task": "text to image", "grade": grade,
        "status": "unparsed" if grade is None else "graded", "judge": judge, "model": "", "rubric": "match-3@1",
        "prompt_hash": "", "repeat": 0, "order": 0, "answer": "", "tokens_in": 0, "tokens_out": 0, "seconds": 0.0,
        "created": "",
    } | more  # fmt: skip


def write_judgements(path: Path, rows: Sequence[dict]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows)), path)
    return path


QUERIES, RIGHT, DOCS = 40, 6, 400
"""Every query n has the right documents 6n .. 6n + 5; documents from 240 on fit nothing."""


def source_biased(folder: Path, seed: int = 0) -> tuple[Path, list[dict]]:
    """An evaluation whose order is wrong by construction, and judgements of its whole pool by the truth.

    The benchmark knows one right answer a query, the picture its caption was written from. `copier` finds just that;
    `finder` finds the five others; `both` finds the source and two others; `noise` nothing.
    """
    rng = np.random.default_rng(seed)
    runs = {name: [] for name in ("copier", "both", "finder", "noise")}
    for query in range(QUERIES):
        source, *others = range(RIGHT * query, RIGHT * (query + 1))
        luck = rng.random() < 0.9  # without any chance there would be no interval
        found = {"copier": [source] if luck else [], "both": [source] * luck + others[:2]}
        found |= {"finder": others if luck else others[:4], "noise": []}
        junk = rng.choice(np.arange(240, DOCS), 40, replace=False)
        for place, (name, docs) in enumerate(found.items()):
            runs[name].append([*docs, *junk[10 * place : 10 * place + 10 - len(docs)]])
    runs = {name: np.asarray(rows) for name, rows in runs.items()}
    place = evaluation(folder, runs, [{RIGHT * query: 1.0} for query in range(QUERIES)], DOCS)
    return place, truth(runs)


def truth(runs: Mapping[str, np.ndarray]) -> list[dict]:
    pool = sorted({(query, int(doc)) for ranking in runs.values() for query, row in enumerate(ranking) for doc in row})
    return [judgement(query, doc, _grade(query, doc)) for query, doc in pool]


def _grade(query: int, doc: int) -> float:
    """Right ones are a 3, the last of each query's a 2."""
    return 0.0 if doc // RIGHT != query else 2.0 if doc % RIGHT == RIGHT - 1 else 3.0
