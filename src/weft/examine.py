"""What the evaluate stage does: every model of a run on every test task, compared as declared, and all of it kept."""

from collections.abc import Callable
from pathlib import Path

from weft import seen
from weft.artefact import versions
from weft.benchmarks.record import AnyTask, Retrieval
from weft.embed import Embedder
from weft.evaluate import (
    Scored,
    bm25_ranking,
    classes_of,
    describe,
    embed_task,
    fused,
    query_prefix,
    retrieval_metrics,
    score,
)
from weft.files import write_json
from weft.progress import progress
from weft.recipe import Recipe
from weft.results import examples, token_lengths, training_cost, write_per_query, write_qrels, write_runs
from weft.schema import RELEVANT
from weft.verdict import comparisons, intervals, verdict


def examine(
    folder: Path, recipe: Recipe, tasks: list[AnyTask], models: dict[str, str], embedded: Callable[[str], Embedder],
    cache: Path, alpha: dict, log: Path,
) -> None:  # fmt: skip
    """Writes `results.json`, `per_query.parquet`, `runs/` and `qrels/` to `folder`.

    Args:
        models: name -> folder or id of every encoder, "base" first; embedded: folder or id -> what embeds with it.
        alpha: the record of the weave stage; log: the training's.
    """
    scored: dict[str, dict[str, Scored]] = {}
    for name, path in models.items():
        embedder, prefix = embedded(path), query_prefix(path)
        scored[name] = {task.name: score(task, *embed_task(task, embedder, prefix)) for task in tasks}
    best = "woven" if "woven" in scored else "base"
    for name in ("bm25", f"bm25+{best}"):
        scored[name] = {}
    for task in progress([t for t in tasks if isinstance(t, Retrieval)], "ranking by BM25", unit="task"):
        ranking, scores = bm25_ranking(task)
        scored["bm25"][task.name] = Scored(retrieval_metrics(task, ranking), ranking, scores)
        scored[f"bm25+{best}"][task.name] = fused(task, [ranking, scored[best][task.name].ranking])
    described = [describe(task, scored["base"][task.name]) for task in tasks]
    known = seen.Seen.of(models[best])  # its base's pictures included
    for task, facts in zip(tasks, described, strict=True):
        found = seen.contamination(task, known, cache) if known else {}
        facts |= {"contaminated": found.get("exact"), "lookalikes": found.get("perceptual")}
    groups = {task.name: task.groups for task in tasks}
    classes = {task.name: {metric: classes_of(task, metric) for metric in task.metrics} for task in tasks}
    primary = {task.name: classes[task.name].get(task.primary) for task in tasks}
    differences = comparisons(described, scored, groups, recipe.weave.delta, recipe.seed, primary)
    results = {
        "verdict": verdict(differences, described, recipe.weave.delta),
        "alpha": alpha,
        "relevant_grade": RELEVANT,
        "models": list(scored),
        "tasks": described,
        "scores": [
            row
            for model, by_task in scored.items()
            for task, values in by_task.items()
            for row in intervals(model, task, values, recipe.seed, groups[task], classes[task])
        ],
        "differences": differences,
        "examples": examples(tasks, {name: scored[name] for name in ("base", best)}),
        "lengths": token_lengths(tasks, embedded(models["base"]).encoder),
        "cost": training_cost(log, recipe.train.batch),
        "environment": versions(),
        "base": recipe.base,
        "catalogue": ", ".join(s.local or s.path for s in recipe.sources),
        "recipe": recipe.name,
        "seed": recipe.seed,
    }
    named = {("", task.name): task for task in tasks}
    by_model = {model: {("", name): one for name, one in found.items()} for model, found in scored.items()}
    write_per_query(folder / "per_query.parquet", named, by_model)
    write_runs(folder / "runs", named, by_model)
    write_qrels(folder / "qrels", named)
    write_json(folder / "results.json", results)
