"""Reads the per-query scores of one model from an evaluation's Parquet file, with groups and strata where it has them.

Columns that must be there: model, task, query_id, metric, value. That may be: benchmark (before the task's name),
group (what is resampled together; null: the query alone), class (where the metric is a mean over classes), primary
(true where the metric is the task's declared one);
every further column of text or truth values is a stratum, null or "" where it does not apply.
"""

import difflib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from weft.errors import WeftError

FILE = "per_query.parquet"
NEEDED = ("model", "task", "query_id", "metric", "value")
OPTIONAL = ("benchmark", "group", "class", "primary")


@dataclass(frozen=True)
class Scores:
    """One model on one task by one metric, ordered by query id.

    Attributes:
        ids: (Q,) query ids; values: (Q,) float64.
        groups, classes: (Q,) labels, or None. strata: name -> (Q,) labels.
    """

    ids: np.ndarray
    values: np.ndarray
    groups: np.ndarray | None
    classes: np.ndarray | None
    strata: dict[str, np.ndarray]


class Table:
    """The rows of one model.

    Attributes:
        path: of the Parquet file; model: its name there; tasks: task -> its metrics; primary: task -> its metric.

    Raises:
        WeftError: no such file, not such a file, or no such model; where several could be meant, all are listed.
    """

    def __init__(self, path: Path, model: str = ""):
        self.path = path / FILE if path.is_dir() else path
        columns = _columns(self.path)
        self.model = _model(self.path, model)
        self._rows = pq.read_table(self.path, filters=pc.field("model") == self.model)
        self._strata = [
            name
            for name, kind in columns.items()
            if name not in NEEDED + OPTIONAL and (pa.types.is_boolean(kind) or _is_text(kind))
        ]
        tasks = self._text("task")
        if "benchmark" in columns:
            pairs = zip(self._text("benchmark"), tasks, strict=True)
            tasks = [f"{benchmark}: {task}" if benchmark else task for benchmark, task in pairs]
        self._metrics = np.asarray(self._text("metric"), dtype=object)
        self._tasks = np.asarray(tasks, dtype=object)
        marked = np.asarray(self._rows["primary"].to_pylist() if "primary" in columns else [], dtype=bool)
        self.tasks: dict[str, list[str]] = {}
        self.primary: dict[str, str] = {}
        for task, metric in dict.fromkeys(zip(tasks, self._metrics, strict=True)):
            self.tasks.setdefault(task, []).append(metric)
        if len(marked):
            self.primary = dict(zip(self._tasks[marked], self._metrics[marked], strict=True))

    def scores(self, task: str, metric: str) -> Scores:
        """Raises `WeftError` if a query is there twice or has no number."""
        rows = np.flatnonzero((self._tasks == task) & (self._metrics == metric))
        ids = np.asarray(self._text("query_id", rows), dtype=object)
        order = np.argsort(ids, kind="stable")
        rows, ids = rows[order], ids[order]
        again = ids[1:] == ids[:-1]
        if again.any():
            raise WeftError(
                f"{self.path}: {self.model} has two values of {metric} for query {ids[again.argmax()]!r} of task {task}"
            )
        values = self._rows["value"].take(rows).to_numpy().astype(np.float64)
        if not np.isfinite(values).all():
            query = ids[np.argmin(np.isfinite(values))]
            raise WeftError(f"{self.path}: {metric} of query {query!r} of task {task} is not a number")
        groups = None
        if "group" in self._rows.column_names:
            labels = self._text("group", rows)
            if any(labels):  # a query without a group is one of its own
                groups = np.asarray([label or f"query {i}" for label, i in zip(labels, ids, strict=True)], dtype=object)
        labels = self._text("class", rows) if "class" in self._rows.column_names else []
        classes = np.asarray(labels, dtype=object) if any(labels) else None
        strata = {name: np.asarray(self._text(name, rows), dtype=object) for name in self._strata}
        return Scores(ids, values, groups, classes, {name: labels for name, labels in strata.items() if any(labels)})

    def _text(self, column: str, rows: np.ndarray | None = None) -> list[str]:
        found = self._rows[column] if rows is None else self._rows[column].take(rows)
        return pc.fill_null(found.cast(pa.string()), "").to_pylist()


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _columns(path: Path) -> dict[str, pa.DataType]:
    if not path.is_file():
        raise WeftError(f"there is no {path}: name an evaluation's folder or its {FILE}")
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise WeftError(f"{path} is not a Parquet file that can be read: {error}") from error
    if missing := [name for name in NEEDED if name not in schema.names]:
        raise WeftError(f"{path} has no column {', '.join(missing)}: it is not an evaluation's per-query file")
    if twice := [name for name in NEEDED + OPTIONAL if schema.names.count(name) > 1]:
        raise WeftError(f"{path} has two columns {twice[0]}, as earlier versions wrote some benchmarks: evaluate again")
    return {field.name: field.type for field in schema}


def _model(path: Path, model: str) -> str:
    names = pc.unique(pq.read_table(path, columns=["model"])["model"].cast(pa.string())).to_pylist()
    if not names:
        raise WeftError(f"{path} has no rows")
    if not model and len(names) == 1:
        return names[0]
    if not model:
        raise WeftError(f"{path} holds {len(names)} models, say which one: {', '.join(names)}")
    if model not in names:
        near = difflib.get_close_matches(model, names, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise WeftError(f"{path} has no model {model!r}; {hint}it holds {', '.join(names)}")
    return model
