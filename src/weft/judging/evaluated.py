"""An evaluation's folder read back: what every system returned, what the benchmark calls right, what they scored."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from weft import grading, metrics
from weft.benchmarks.trec import file_name, word
from weft.errors import WeftError
from weft.files import read_json

Runs = Mapping[str, Mapping[str, Sequence[str]]]
"""System -> query -> documents, best first."""

Qrels = Mapping[str, Mapping[str, float]]
"""Query -> document -> grade."""


@dataclass(frozen=True)
class Evaluated:
    """One task of an evaluation.

    Attributes:
        metric: its primary metric. queries: Q ids as the runs have them. groups: (Q,) what is resampled together.
        runs, qrels: as they were written. values: system -> (Q,) the metric as the evaluation itself computed it.
        relevant: the lowest relevant grade, as `qrels/thresholds.json` says; None of an older evaluation.
    """

    benchmark: str
    task: str
    metric: str
    queries: list[str]
    groups: np.ndarray
    runs: Runs
    qrels: Qrels
    values: Mapping[str, np.ndarray]
    relevant: float | None = None

    @property
    def label(self) -> str:
        return ": ".join(filter(None, (self.benchmark, self.task)))

    @property
    def file(self) -> str:
        """The name of this task's files."""
        return file_name(self.benchmark, self.task)

    def before(self) -> np.ndarray:
        """(S, Q) the values of the evaluation itself."""
        return np.stack([self.values[system] for system in self.runs])

    @property
    def depth(self) -> int:
        """The rank that the primary metric looks down to."""
        return int(self.metric.partition("@")[2])

    def threshold(self) -> float:
        """The lowest relevant grade: as the evaluation wrote it, else the first with which runs and qrels give the very
        values that it reported. Of a metric that reads grades every one does, so 1 is taken.

        Raises:
            WeftError: there is none, so that the files do not belong together or the runs are too short.
        """
        grades = {grade for of in self.qrels.values() for grade in of.values() if grade > 0}
        tried = sorted(grades, key=lambda grade: (grade != 1.0, grade))
        if self.relevant is not None:
            tried = sorted(grade for grade in grades if grade >= self.relevant)[:1]
        for grade in tried:
            queries, values = score(self.runs, self.qrels, self.metric, lowest(self.metric, grade))
            if queries == self.queries and all(
                np.abs(found - self.values[system]).max() < 1e-9
                for system, found in zip(self.runs, values, strict=True)
            ):
                return float(grade)
        deep = max((len(docs) for ranked in self.runs.values() for docs in ranked.values()), default=0)
        raise WeftError(
            f"{self.label}: its runs ({deep} deep) and qrels do not give the {self.metric} that per_query.parquet "
            "holds: they are of another evaluation, or cut above the ranks that the metric reads; evaluate again"
        )


def score(runs: Runs, qrels: Qrels, metric: str, minimum: float) -> tuple[list[str], np.ndarray]:
    """The queries that have a relevant document, and the (S, Q) values of a metric on them.

    Args:
        minimum: the lowest relevant grade; lower ones count as 0.
    """
    queries = [query for query, of in qrels.items() if any(grade >= minimum and grade > 0 for grade in of.values())]
    if not queries:
        return [], np.zeros((len(runs), 0))
    number: dict[str, int] = {}
    judged = [
        (
            np.asarray([number.setdefault(doc, len(number)) for doc in qrels[query]], dtype=np.int64),
            np.asarray(list(qrels[query].values())),
        )
        for query in queries
    ]
    cut, values = int(metric.partition("@")[2]), []
    for ranked in runs.values():
        depth = max(cut, max((len(ranked.get(query, ())) for query in queries), default=0))
        ranking = np.full((len(queries), depth), -1, dtype=np.int64)
        for row, query in enumerate(queries):
            rows = [number.setdefault(doc, len(number)) for doc in ranked.get(query, ())]
            ranking[row, : len(rows)] = rows
        values.append(metrics.measure(metric, grading.grade(ranking, judged, minimum, queries)))
    return queries, np.stack(values)


def lowest(metric: str, relevant: float) -> float:
    """The lowest grade that counts: metrics that read grades take all of them, the others those from `relevant`."""
    return 0.0 if metric.partition("@")[0] in metrics.GRADED else relevant


def open_evaluation(folder: Path, wanted: Sequence[str] = ()) -> list[Evaluated]:
    """The retrieval tasks of a folder that `weft evaluate` wrote (`per_query.parquet`, `runs/`, `qrels/`).

    Args:
        wanted: names of tasks, "TASK" or "BENCHMARK: TASK"; by default all that have runs.

    Raises:
        WeftError: no such folder, a damaged file, an unknown task, or runs too short for the primary metric.
    """
    path = Path(folder) / "per_query.parquet"
    if not path.is_file():
        raise WeftError(f"there is no {path}: name a folder that weft evaluate wrote")
    try:
        table = pq.read_table(path)
        rows = table.filter(table["primary"]).to_pylist()
    except (OSError, pa.ArrowException, KeyError) as error:
        raise WeftError(f"{path} is no evaluation's per-query file: {error}") from None
    by_task: dict[tuple[str, str], list[dict]] = defaultdict(list)
    for row in rows:
        by_task[row.get("benchmark") or "", row["task"]].append(row)
    known = {name: key for key in by_task for name in (key[1], ": ".join(filter(None, key)))}
    if unknown := [name for name in wanted if name not in known]:
        raise WeftError(f"{folder} has no task {', '.join(unknown)}; it has {', '.join(known)}")
    chosen = {known[name] for name in wanted} or by_task.keys()
    found = [_task(Path(folder), *key, by_task[key]) for key in by_task if key in chosen]
    if not (found := [task for task in found if task]):
        raise WeftError(f"{folder} has no runs of {', '.join(wanted) or 'any task'}: there is nothing to re-judge")
    return found


def _task(folder: Path, benchmark: str, task: str, rows: list[dict]) -> Evaluated | None:
    qrels = folder / "qrels" / f"{file_name(benchmark, task)}.qrels"
    if not qrels.exists():  # a classification
        return None
    values: dict[str, dict[str, float]] = defaultdict(dict)
    groups, metric = {}, rows[0]["metric"]
    for row in rows:
        query = word(row["query_id"])
        if query in values[row["model"]]:
            raise WeftError(f"{folder}: {row['model']} has two values for query {query!r} of {task}")
        values[row["model"]][query] = row["value"]
        groups[query] = row["group"] or f"query {query}"
    graded = _qrels(qrels)
    queries = [query for query in graded if query in groups]
    runs = {}
    for system in values:
        run = folder / "runs" / f"{file_name(system, benchmark, task)}.trec"
        if values[system].keys() != groups.keys():
            raise WeftError(f"{folder}: {system} was not scored on the same queries of {task} as the others")
        runs[system] = _run(run)
    labels = np.asarray([groups[query] for query in queries], dtype=object)
    by_system = {system: np.asarray([of[query] for query in queries]) for system, of in values.items()}
    told = qrels.with_name("thresholds.json")
    relevant = read_json(told).get(qrels.name, {}).get("relevant") if told.exists() else None
    kept = {query: graded[query] for query in queries}
    return Evaluated(benchmark, task, metric, queries, labels, runs, kept, by_system, relevant)


def _qrels(path: Path) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for number, line in _lines(path, 4):
        try:
            found[line[0]][line[2]] = float(line[3])
        except ValueError:
            raise WeftError(f"{path}, line {number}: grade {line[3]!r} is not a number") from None
    return dict(found)


def _run(path: Path) -> dict[str, list[str]]:
    ranked: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for number, line in _lines(path, 6):
        if not line[3].isdecimal():
            raise WeftError(f"{path}, line {number}: rank {line[3]!r} is not a number")
        ranked[line[0]].append((int(line[3]), line[2]))
    return {query: [doc for _, doc in sorted(docs)] for query, docs in ranked.items()}


def _lines(path: Path, parts: int):
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise WeftError(f"{path} is missing or damaged ({error}); evaluate again") from None
    for number, line in enumerate(text.split("\n"), start=1):
        if fields := line.split():
            if len(fields) != parts:
                raise WeftError(f"{path}, line {number}: {line[:60]!r} does not have {parts} fields")
            yield number, fields
