"""What a run leaves behind for others: per-query rows, TREC runs and qrels, examples, the alpha curve."""

import json
import math
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from weft import grading, sweep
from weft.benchmarks.record import AnyTask, Retrieval, Side
from weft.benchmarks.trec import file_name, word, words
from weft.encoders import Encoder
from weft.evaluate import Scored, classes_of
from weft.files import whole, write_json, write_whole
from weft.per_query import NEEDED, OPTIONAL
from weft.seen import pictures_of


def examples(tasks: list[AnyTask], models: dict[str, dict[str, Scored]], each: int = 4, shown: int = 8) -> list[dict]:
    """Queries with what each model returns: where the two differ most, wins and losses in turn."""
    found = []
    (_, before), (_, after) = (list(models.items()) * 2)[:2]
    for task in tasks:
        if not isinstance(task, Retrieval) or task.limited:
            continue
        change = after[task.name].values["ndcg@10"] - before[task.name].values["ndcg@10"]
        order = np.argsort(change, kind="stable")
        places = [int(p) for pair in zip(order[::-1][: each // 2], order[: each // 2], strict=True) for p in pair]
        for place in dict.fromkeys(places):
            rows = [
                {"model": name, "items": returned(task, by_task[task.name], place, shown)}
                for name, by_task in models.items()
            ]
            source = -1 if task.source is None else int(task.source[place])
            told = {"task": task.name, "query_id": task.queries.ids[place], "query": task.queries.texts[place]}
            found.append(told | {"source": task.corpus.ids[source] if source >= 0 else "", "rows": rows})
    return found


def returned(task: Retrieval, scored: Scored, place: int, shown: int) -> list[dict]:
    """The first things that a model returned for a query, with their grades."""
    ranking = scored.ranking[[place], :shown]
    grades = grading.grade(ranking, [task.relevant[place]]).grades[0]
    return [item(task.corpus, int(row), float(g)) for row, g in zip(ranking[0], grades, strict=True) if row >= 0]


def item(side: Side, row: int, grade: float) -> dict:
    """One thing for a page: its id, title, grade and the SHA-256 of its first picture."""
    image = None
    if side.pictures is not None:
        rows = pictures_of(side, np.asarray([row]))  # none where it cannot be read
        image = side.pictures.image_hashes[int(rows[0])] if len(rows) else None
    title = (side.titles or side.texts or side.ids)[row]
    return {"product_id": side.ids[row], "title": title or side.ids[row], "grade": grade, "image": image}


Scores = Mapping[str, Mapping[tuple[str, str], Scored]]
"""Model -> (benchmark, task) -> what it scored."""


def write_per_query(path: Path, tasks: Mapping[tuple[str, str], AnyTask], scored: Scores) -> None:
    """A row per model, task, query and metric, with what is resampled together and every stratum: whatever anyone
    wants to test later (`weft compare`).

    Raises:
        ValueError: a stratum has the name of a column of every such file, so that nobody could read this one.
    """
    strata = sorted({name for task in tasks.values() for name in task.strata})
    if clash := set(strata) & set(NEEDED + OPTIONAL):
        raise ValueError(f"no stratum may be called {', '.join(sorted(clash))}")
    fields = [(name, pa.string()) for name in ("model", "benchmark", "task", "query_id", "metric")]
    fields += [("value", pa.float64()), ("group", pa.string()), ("class", pa.string()), ("primary", pa.bool_())]
    schema = pa.schema([*fields, *((name, pa.string()) for name in strata)])
    with whole(path) as partial, pq.ParquetWriter(partial, schema, compression="zstd") as writer:
        for (benchmark, name), task in tasks.items():
            for model, by_task in scored.items():
                found = by_task.get((benchmark, name))
                for metric, values in found.values.items() if found else ():
                    told = (model, benchmark, name, None, metric)
                    writer.write_table(_per_query(schema, task, told, values, strata))


def _per_query(schema: pa.Schema, task: AnyTask, told: tuple, values: np.ndarray, strata: list[str]) -> pa.Table:
    count, ids = len(values), task.query_ids
    columns = [pa.array(ids if one is None else [one] * count) for one in told]
    groups = pa.nulls(count, pa.string()) if task.groups is None else pa.array([str(group) for group in task.groups])
    classes = pa.nulls(count, pa.string())
    if (labels := classes_of(task, told[-1])) is not None:
        classes = pa.array([f"{label} {task.classes[label]}" for label in labels])
    columns += [pa.array(values), groups, classes, pa.array([told[-1] == task.primary] * count)]
    for name in strata:
        labels = task.strata.get(name)
        columns.append(pa.nulls(count, pa.string()) if labels is None else pa.array([str(one) for one in labels]))
    columns = [column.cast(field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(columns, schema=schema)


def write_runs(folder: Path, tasks: Mapping[tuple[str, str], AnyTask], scored: Scores, depth: int = 10) -> None:
    """TREC runs, `qid Q0 did rank score tag`, for any outside tool, in place of those that an earlier call left.

    Ids lose their spaces. trec_eval goes by scores alone: equal ones are lowered to the next number below.
    """
    _clear(folder, "*.trec")
    for (benchmark, name), task in tasks.items():
        if not isinstance(task, Retrieval):
            continue
        queries, things = words(task.query_ids), words(task.corpus.ids)
        for model, by_task in scored.items():
            if (one := by_task.get((benchmark, name))) is None:
                continue
            lines = [
                f"{query} Q0 {things[row]} {rank} {value:.9g} {word(model)}"
                for query, rows, scores in zip(queries, one.ranking, _falling(one.scores[:, :depth]), strict=True)
                for rank, (row, value) in enumerate(zip(rows[:depth], scores, strict=True), start=1)
                if row >= 0
            ]
            write_whole(folder / f"{file_name(model, benchmark, name)}.trec", "\n".join(lines) + "\n")


def write_qrels(folder: Path, tasks: Mapping[tuple[str, str], AnyTask]) -> None:
    """TREC qrels, `qid 0 did grade`, beside the runs, in place of those that an earlier call left; and
    `thresholds.json`: of each file the lowest `relevant` grade, and what grades were multiplied by (`scale`).

    Outside tools read whole grades alone and call all from 1 on relevant unless told otherwise.
    """
    _clear(folder, "*.qrels")
    told = {}
    for (benchmark, name), task in tasks.items():
        if isinstance(task, Retrieval):
            queries, things = words(task.query_ids), words(task.corpus.ids)
            scale = _scale(np.unique(np.concatenate([grades for _, grades in task.relevant])).tolist())
            lines = [
                f"{query} 0 {things[row]} {_grade(grade, scale)}"
                for query, (rows, grades) in zip(queries, task.relevant, strict=True)
                for row, grade in zip(rows, np.asarray(grades).tolist(), strict=True)
            ]
            file = f"{file_name(benchmark, name)}.qrels"
            write_whole(folder / file, "\n".join(lines) + "\n")
            relevant = math.ceil(task.threshold) if scale == 1 else _grade(task.threshold, scale)
            told[file] = {"relevant": relevant, "scale": scale}
    write_json(folder / "thresholds.json", told)


def _scale(grades: list[float]) -> int:
    """What makes whole numbers of all grades: the least common denominator of shares as of 2/3 and 1/4, else 1000."""
    scale = math.lcm(*(Fraction(grade).limit_denominator(100).denominator for grade in grades))
    fits = all(abs(grade * scale - round(grade * scale)) < 1e-6 for grade in grades)
    return scale if fits and scale <= 1_000_000 else 1000


def _grade(grade: float, scale: int) -> int:
    """A grade of a file of whole ones; what is above 0 stays above it."""
    return max(round(grade * scale), int(grade > 0))


def _falling(scores: np.ndarray) -> np.ndarray:
    """(Q, K) float32, as trec_eval reads them, each below the one before."""
    found = np.array(scores, dtype=np.float32)
    for rank in range(1, found.shape[1]):
        found[:, rank] = np.minimum(found[:, rank], np.nextafter(found[:, rank - 1], np.float32(-np.inf)))
    return found


def _clear(folder: Path, pattern: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(pattern):
        old.unlink()


def alpha_record(grid: np.ndarray, estimated: list[sweep.Row], choice: sweep.Choice, rule: sweep.Rule) -> dict:
    """What `weave/alpha.json` says: the choice, its rule and the whole curve."""
    curve = []
    for place, alpha in enumerate(grid):
        true = sweep.mean(choice.measured[place]) if place in choice.measured else {}
        guess = sweep.mean(estimated[place])
        told = {task: {"estimate": guess[task], "score": true.get(task)} for task in guess}
        curve.append(
            {
                "alpha": float(alpha),
                "in_domain": rule.in_domain(true or guess),
                "tasks": told,
                "feasible": bool(choice.feasible[place]),
                "value": float(choice.values[place]),
            }
        )
    chosen = float(grid[choice.place])
    how = "lose at most" if rule.mean_delta >= 0 else "gain at least"
    mean = f" and {how} {100 * abs(rule.mean_delta):.1f} points on their mean"
    prose = {
        "delta": f"the best mean in-domain dev score among alphas that lose at most {100 * rule.delta:.1f} points "
        f"on every out-of-domain dev task{mean if rule.mean_delta < 1 else ''}",
        "margin": "the largest worst-case dev margin over the strongest baseline, in standard errors",
    }[rule.kind]
    better = "does better than the base" if any(choice.feasible[1:]) else "qualifies"
    note = f"no alpha above 0 {better}: the base itself is returned" if choice.place == 0 else ""
    return {
        "chosen": chosen,
        "rule": prose,
        "delta": rule.delta,
        "mean_delta": rule.mean_delta,
        "note": note,
        "measured": [float(grid[place]) for place in sorted(choice.measured)],
        "curve": curve,
    }


def token_lengths(tasks: list[AnyTask], encoder: Encoder) -> dict:
    """Per task the queries' lengths in the base's tokens, and the share of all that its text tower cuts."""
    found, cut, total = {}, 0, 0
    for task in tasks:
        if isinstance(task, Retrieval):
            lengths = np.asarray(encoder.token_lengths(list(task.queries.texts)))
            found[f"{task.name}, tokens"] = {"mean": float(lengths.mean()), "max": int(lengths.max())}
            cut, total = cut + int((lengths > encoder.max_tokens).sum()), total + len(lengths)
    return found | {"cut_share": cut / max(total, 1)}


def training_cost(log: Path, batch: int) -> dict:
    """Seconds, steps and products per second, from the training log; a log that does not tell its steps' products had
    `batch` at each."""
    lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    if not lines:
        return {}
    seconds = lines[-1]["seconds"]
    return {
        "train_seconds": seconds,
        "steps": len(lines),
        "products_per_second": sum(line.get("products", batch) for line in lines) / seconds,
    }
