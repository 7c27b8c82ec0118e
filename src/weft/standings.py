"""The numbers of a leaderboard: means with intervals, declared comparisons, strata, fidelity, the worst queries."""

from collections.abc import Mapping, Sequence

import numpy as np

from weft import fidelity, stats
from weft.benchmarks.record import AnyTask, Benchmark, Classification, Retrieval
from weft.evaluate import Scored, classes_of, describe
from weft.family import SMALLEST_STRATUM, Family, beats_all, compare_all
from weft.metrics import METRICS, explain
from weft.results import item, returned

RESAMPLES = 10_000
STRATA_RESAMPLES = 2_000
WORST, SHOWN = 3, 6  # queries a score opens to, and of each the results and right answers that are kept


def standings(benchmarks: Sequence[Benchmark], entrants: Mapping, published: Sequence, seed: int = 0) -> dict:
    """Everything that `leaderboard.json` says of scores; see docs/leaderboard-schema.md.

    Args:
        entrants: name -> `weft.leaderboard.Entrant`; the first one is the candidate.
        published: `weft.fidelity.Published` scores.
    """
    tasks = {(b.name, task.name): task for b in benchmarks for task in b.tasks}
    names = list(entrants)
    differences, verdict = _family(tasks, entrants, seed)
    scores = [row for key, task in tasks.items() for row in _scores(key, task, entrants, seed)]
    limited = [key for key, task in tasks.items() if getattr(task, "limited", False)]
    models = [dict(entrants[name].facts) for name in names]
    models[0]["role"] = "candidate"
    used = dict.fromkeys(row["metric"] for row in scores)
    return {
        "benchmarks": [
            {key: getattr(b, key) for key in ("name", "source", "revision", "licence", "citation")}
            | {"notes": list(b.notes)}
            for b in benchmarks
        ],
        "tasks": [_facts(key, task, differences) for key, task in tasks.items()],
        "models": models,
        "metrics": {name: explain(name) for name in used if name.partition("@")[0] in METRICS},
        "scores": scores,
        "differences": differences,
        "strata": [row for key, task in tasks.items() for row in _strata(key, task, entrants, seed)],
        "fidelity": fidelity.gate(published, models, scores, limited),
        "verdict": verdict,
        "worst": [
            row for key, task in tasks.items() for name in names for row in _worst(key, task, name, entrants[name])
        ],
    }


def label(key: tuple[str, str]) -> str:
    """A task's name in a family: "KAGL (Marqo): text-to-image"."""
    return f"{key[0]}: {key[1]}"


def _facts(key: tuple[str, str], task: AnyTask, differences: list[dict]) -> dict:
    facts = describe(task)
    kept = {name: facts[name] for name in ("kind", "primary", "queries", "gallery", "relevant_per_query", "ceiling")}
    mde = [row["mde"] for row in differences if (row["benchmark"], row["task"]) == key and row["mde"] is not None]
    return {
        "benchmark": key[0], "name": key[1], **kept, "chance": facts["chance"], "metrics": list(task.metrics),
        "groups": None if task.groups is None else len(np.unique(task.groups)), "mde": max(mde, default=None),
        "counts": dict(task.counts), "limited": getattr(task, "limited", False),
    }  # fmt: skip


def _scores(key: tuple[str, str], task: AnyTask, entrants: Mapping, seed: int) -> list[dict]:
    """A row per model and metric; one set of resamples of the queries serves them all."""
    found = [(n, m, v) for n, e in entrants.items() if key in e.scored for m, v in e.scored[key].values.items()]
    if not found:
        return []
    values = np.stack([stats.centred(values, classes_of(task, metric)) for _, metric, values in found], axis=1)
    ends = stats.bootstrap_means(values, RESAMPLES, seed, task.groups, within=(0, 1))
    return [
        {"model": name, "benchmark": key[0], "task": key[1], "metric": metric}
        | {"value": mean, "low": low, "high": high, "n": len(values)}
        for (name, metric, _), (mean, low, high) in zip(found, ends, strict=True)
    ]


def _family(tasks: Mapping, entrants: Mapping, seed: int) -> tuple[list[dict], dict]:
    """The declared comparisons of the candidate with every other row, and what they add up to."""
    candidate, *others = entrants
    able = {key: task for key, task in tasks.items() if any(key in e.scored for e in entrants.values())}
    absent = tuple((o, label(key)) for key in able for o in others if key not in entrants[o].scored)
    if not entrants[candidate].scored or len(absent) == len(others) * len(able):
        told = f"{candidate} stands alone: there is nothing to compare it with."
        return [], {"sentence": told, "holds": None, "exceptions": []}
    family = Family(candidate, tuple(others), {label(key): task.primary for key, task in able.items()}, absent)
    values = {
        label(key): {n: e.scored[key].values[task.primary] for n, e in entrants.items() if key in e.scored}
        for key, task in able.items()
    }
    groups = {label(key): task.groups for key, task in able.items()}
    classes = {label(key): classes_of(task, task.primary) for key, task in able.items()}
    rows = compare_all(family, values, groups, seed, RESAMPLES, classes=classes)
    whole = beats_all(rows, family)
    back = {label(key): key for key in able}
    kept = ("model", "against", "metric", "difference", "low", "high", "p", "p_holm", "mde")
    differences = [
        {"benchmark": back[row["task"]][0], "task": back[row["task"]][1]}
        | {name: row[name] for name in kept}
        | {"call": "undecided" if row["call"] == "cannot be told" else row["call"]}
        for row in rows
    ]
    exceptions = [one["text"] for one in whole["exceptions"]]
    return differences, {"sentence": whole["summary"], "holds": whole["holds"], "exceptions": exceptions}


def _strata(key: tuple[str, str], task: AnyTask, entrants: Mapping, seed: int) -> list[dict]:
    """Primary scores by kind of query: exploratory, and only where enough independent queries stand behind them.

    A mean over all classes has no share of a part of them: of classifications it is plain accuracy."""
    names = [name for name, entrant in entrants.items() if key in entrant.scored]
    metric = task.primary if classes_of(task, task.primary) is None else "accuracy"
    rows = []
    for stratum, every in task.strata.items() if names else ():
        labels = np.asarray([str(one) for one in every])
        for one in sorted(set(labels.tolist()) - {""}):
            inside = labels == one
            groups = None if task.groups is None else task.groups[inside]
            if (inside.sum() if groups is None else len(np.unique(groups))) < SMALLEST_STRATUM or inside.all():
                continue
            values = np.stack([entrants[n].scored[key].values[metric][inside] for n in names], axis=1)
            ends = stats.bootstrap_means(values, STRATA_RESAMPLES, seed, groups)
            told = {"benchmark": key[0], "task": key[1], "stratum": stratum, "label": one, "metric": metric}
            rows += [
                {"model": n, **told, "value": mean, "low": low, "high": high, "n": int(inside.sum())}
                for n, (mean, low, high) in zip(names, ends, strict=True)
            ]
    return rows


def _worst(key: tuple[str, str], task: AnyTask, name: str, entrant) -> list[dict]:
    """The queries a model does worst on by the primary metric; among equals, those that others can look up: by id."""
    if isinstance(task, Classification) or key not in entrant.scored:
        return []
    scored: Scored = entrant.scored[key]
    values = scored.values[task.primary]
    order = sorted(range(len(values)), key=lambda place: (values[place], str(task.queries.ids[place])))
    return [
        {"model": name, "benchmark": key[0], "task": key[1], "query_id": task.queries.ids[place]}
        | _query(task, place)
        | {"value": float(values[place])}
        | _relevant(task, place)
        | {"returned": [_shown(i) for i in returned(task, scored, place, SHOWN)]}
        for place in order[:WORST]
    ]


def _query(task: Retrieval, place: int) -> dict:
    side = task.queries
    image = None if side.pictures is None else side.pictures.image_hashes[int(side.rows[place])]
    return {"query": None if side.texts is None else side.texts[place], "query_image": image}


def _relevant(task: Retrieval, place: int) -> dict:
    """How many answers are right, from which grade on, and the best of them."""
    rows, grades = (np.asarray(part) for part in task.relevant[place])
    best = np.argsort(-grades, kind="stable")[: (grades >= task.threshold).sum()]
    shown = [_shown(item(task.corpus, int(rows[b]), float(grades[b]))) for b in best[:SHOWN]]
    return {"relevant_count": len(best), "relevant_grade": float(task.threshold), "relevant": shown}


def _shown(thing: dict) -> dict:
    return {"id": thing["product_id"], **{name: thing[name] for name in ("title", "image", "grade")}}
