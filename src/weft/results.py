"""What a run leaves behind for others: per-query rows, TREC runs, examples, the alpha curve, what a model has seen."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from weft import metrics, sweep
from weft.catalogue.collection import Collection
from weft.encoders import Encoder, local_folder
from weft.evaluate import Scored
from weft.tasks import AnyTask, Retrieval

TRAINED_ON = "weft_trained_on.npy"


def write_trained_on(model: Path, collection: Collection, base: str | None) -> None:
    """Leaves beside the weights what they have seen: the first 64 bits of each training picture's SHA-256, sorted."""
    rows = [row for product in np.flatnonzero(collection.split == "train") for row in collection.image_rows[product]]
    seen = np.asarray([int(collection.image_hashes[row][:16], 16) for row in rows], dtype=np.uint64)
    older = local_folder(base) / TRAINED_ON if base else None
    if older and older.exists():
        seen = np.concatenate([seen, np.load(older)])
    np.save(model / TRAINED_ON, np.unique(seen))


def contamination(task: AnyTask, model: str) -> int | None:
    """How many of the pictures that answer this task's queries the model was trained on; None if it does not say."""
    path = local_folder(model) / TRAINED_ON
    if not path.exists():
        return None
    if isinstance(task, Retrieval):
        sources = np.unique(task.task.source[task.task.source >= 0])
        rows = [row for product in sources for row in task.collection.image_rows[product]]
    else:
        rows = task.images
    hashes = np.asarray([int(task.collection.image_hashes[row][:16], 16) for row in rows], dtype=np.uint64)
    return int(np.isin(hashes, np.load(path)).sum())


def examples(tasks: list[AnyTask], models: dict[str, dict[str, Scored]], each: int = 4, shown: int = 8) -> list[dict]:
    """Queries with what each model returns: where the two differ most, wins and losses in turn."""
    found = []
    (_, before), (_, after) = (list(models.items()) * 2)[:2]
    for task in tasks:
        if not isinstance(task, Retrieval) or "gallery)" in task.name:
            continue
        change = after[task.name].values["ndcg@10"] - before[task.name].values["ndcg@10"]
        order = np.argsort(change, kind="stable")
        places = [int(p) for pair in zip(order[::-1][: each // 2], order[: each // 2], strict=True) for p in pair]
        for place in dict.fromkeys(places):
            rows = []
            for name, by_task in models.items():
                ranking = by_task[task.name].ranking[[place], :shown]
                grades = metrics.grade(ranking, [task.task.relevant[place]]).grades[0]
                items = [
                    _item(task.collection, int(r), float(g)) for r, g in zip(ranking[0], grades, strict=True) if r >= 0
                ]
                rows.append({"model": name, "items": items})
            source = int(task.task.source[place])
            found.append(
                {
                    "task": task.name,
                    "query_id": task.task.ids[place],
                    "query": task.task.texts[place],
                    "source": task.collection.products[source].id if source >= 0 else "",
                    "rows": rows,
                }
            )
    return found


def _item(collection: Collection, row: int, grade: float) -> dict:
    product = collection.products[row]
    image = collection.image_hashes[int(collection.image_rows[row][0])]  # two collections may share an id
    return {"product_id": product.id, "title": product.title or product.category, "grade": grade, "image": image}


def write_per_query(path: Path, tasks: list[AnyTask], scored: dict[str, dict[str, Scored]]) -> None:
    """One row per model, task, query and metric: whatever anyone wants to test later."""
    columns: dict[str, list] = {name: [] for name in ("model", "task", "query_id", "metric", "value")}
    for task in tasks:
        for model, by_task in scored.items():
            for metric, values in by_task[task.name].values.items() if task.name in by_task else ():
                columns["model"] += [model] * len(values)
                columns["task"] += [task.name] * len(values)
                columns["query_id"] += task.query_ids
                columns["metric"] += [metric] * len(values)
                columns["value"] += values.tolist()
    pq.write_table(pa.table(columns), path, compression="zstd")


def write_runs(folder: Path, tasks: list[AnyTask], scored: dict[str, dict[str, Scored]], depth: int = 10) -> None:
    """TREC runs, `qid Q0 did rank score tag`, for any outside tool; ids lose their spaces."""
    folder.mkdir(exist_ok=True)
    for task in tasks:
        for model, by_task in scored.items():
            if not isinstance(task, Retrieval) or task.name not in by_task:
                continue
            one, lines = by_task[task.name], []
            for query, rows, scores in zip(task.query_ids, one.ranking, one.scores, strict=True):
                for rank, (row, value) in enumerate(zip(rows[:depth], scores[:depth], strict=True), start=1):
                    if row >= 0:
                        ids = (query.replace(" ", "_"), task.collection.products[row].id.replace(" ", "_"))
                        lines.append(f"{ids[0]} Q0 {ids[1]} {rank} {float(value):.6f} {model}")
            name = "".join(c if c.isalnum() or c in "-+" else "_" for c in f"{model}.{task.name}")
            (folder / f"{name}.trec").write_text("\n".join(lines) + "\n", encoding="utf-8")


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
    prose = {
        "delta": f"the best mean in-domain dev score among alphas that lose at most {100 * rule.delta:.1f} points "
        "on every out-of-domain dev task",
        "margin": "the largest worst-case dev margin over the strongest baseline, in standard errors",
    }[rule.kind]
    note = "no alpha above 0 qualifies: the base itself is returned" if choice.place == 0 else ""
    return {
        "chosen": chosen,
        "rule": prose,
        "delta": rule.delta,
        "note": note,
        "measured": [float(grid[place]) for place in sorted(choice.measured)],
        "curve": curve,
    }


def token_lengths(tasks: list[AnyTask], encoder: Encoder) -> dict:
    """Per task the queries' lengths in the base's tokens, and the share of all that its text tower cuts."""
    found, cut, total = {}, 0, 0
    for task in tasks:
        if isinstance(task, Retrieval):
            lengths = np.asarray(encoder.token_lengths(task.task.texts))
            found[f"{task.name}, tokens"] = {"mean": float(lengths.mean()), "max": int(lengths.max())}
            cut, total = cut + int((lengths > encoder.max_tokens).sum()), total + len(lengths)
    return found | {"cut_share": cut / max(total, 1)}


def training_cost(log: Path, batch: int) -> dict:
    """Seconds, steps and products per second, from the training log."""
    lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    if not lines:
        return {}
    seconds = lines[-1]["seconds"]
    return {
        "train_seconds": seconds,
        "steps": len(lines),
        "products_per_second": batch * len(lines) / seconds,
    }
