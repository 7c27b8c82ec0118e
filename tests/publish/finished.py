"""A finished run written by hand: a pico model, a shelf, the files of every stage, with hostile names in them."""

import json
from pathlib import Path

import numpy as np

import tiny
from shelves import shelf
from weft import encoders
from weft.embed import Embedder
from weft.evaluate import describe, embed_task, score
from weft.files import write_json
from weft.publish.run import open_run
from weft.recipe import Recipe, load
from weft.results import write_per_query, write_qrels, write_runs
from weft.seen import write as write_seen
from weft.tables import settings
from weft.verdict import intervals

HOSTILE = "<script>alert(1)</script> | **x** [here](http://evil.example) `y` #"
"""A task's name, as a catalogue or a benchmark could bring it."""

QUERIES = [
    ("q1", "in-domain/short", "test", "red dress", 5, {5: 3, 1: 2}),
    ("q2", "in-domain/short", "test", "navy coat", 6, {6: 3}),
    ("q3", "in-domain/short", "test", "white hat", 7, {7: 3, 2: 1}),
    ("q4", "zero-shot/long", "test", "green boots by Älva, size 2", 9, {9: 3}),
    ("q5", f"in-domain/{HOSTILE}", "test", "black bag", 8, {8: 3}),
]
RECIPE = """
base = "google/siglip2-base-patch16-384"
seed = 3
[[sources]]
path = "/srv/private shop/products.parquet"
columns = { id = "sku", attributes = { "colour name" = "col\\"our" } }
keep_brands = [0.5, 1.0]
[curate]
dev_share = 0.25
[pairs]
order = ["brand", "colour"]
[train]
epochs = 2
positive_weights = [0.0, 0.5, 0.75, 1.0]
[weave]
delta = 0.02
"""


CURATED = ("sources", "query_log", "curate", "pairs", "benchmarks")
"""Parts of a recipe that the curate stage reads."""


def recipe(folder: Path) -> Recipe:
    (folder / "shop.toml").write_text(RECIPE)
    return load(folder / "shop.toml")


def finished(folder: Path, family: str = "siglip2") -> Path:
    """The run's folder; its models are random, so its scores are those of chance, but they are measured."""
    folder.mkdir(parents=True, exist_ok=True)
    run, told = folder / "run", recipe(folder)
    collection = shelf(run / "curate", "tttdd" + "eeee" + "zzz", pictures=[2] + [1] * 11, queries=QUERIES)
    counts = {"rows": 13, "in": 13, "kept": 12, "skipped": 1, "dropped": 0, "images": 13, "splits": {"train": 3}}
    reasons = {"cannot open /srv/private shop/photos/1.jpg": 1}
    summary = {"counts": counts, "skipped_reasons": reasons, "words": {"in-domain/short": {"mean": 2, "min": 2}}}
    write_json(run / "curate" / "summary.json", summary | {"queries": {"in-domain/short test": 3}})
    encoder = encoders.load_base(str(tiny.FAMILIES[family](folder / "base")))
    encoder.save(run / "weave" / "model")
    write_seen(run / "weave" / "model", collection, None)
    (run / "train").mkdir()
    config = json.loads((run / "weave" / "model" / "config.json").read_text())
    write_json(run / "weave" / "model" / "config.json", config | {"_name_or_path": "/srv/private shop/base"})
    steps = [
        (alpha, {"in-domain/short": {"estimate": 0.5, "score": 0.5 if alpha else None}}) for alpha in (0.0, 0.5, 1.0)
    ]
    curve = [{"alpha": a, "in_domain": 0.5, "tasks": t, "feasible": a < 1, "value": 0.5} for a, t in steps]
    alpha = {"chosen": 0.5, "rule": "the best", "delta": 0.02, "note": "", "measured": [0.5, 1.0], "curve": curve}
    write_json(run / "weave" / "alpha.json", alpha)
    parts = {
        "curate": {
            name: plain(getattr(told, name)) for name in ("sources", "query_log", "curate", "pairs", "benchmarks")
        },
        "train": {"train": settings(told.train), "pairs": settings(told.pairs), "base": told.base},
        "weave": {"weave": settings(told.weave), "prompts": {}},
        "evaluate": {"baselines": [], "delta": 0.02, "prompts": {}},
    }
    keys: dict[str, str] = {"/srv/private shop/products.parquet": "0123"}
    for stage, part in parts.items():
        (run / stage).mkdir(exist_ok=True)
        manifest = {
            "stage": stage,
            "key": f"key of {stage}",
            "settings": part | {"seed": told.seed},
            "inputs": dict(keys),
        }
        write_json(run / stage / "manifest.json", manifest | {"versions": {"weft": "0.1.0", "torch": "2"}})
        keys[stage] = f"key of {stage}"
    evaluate(run, encoder, alpha)
    found = {"severity": "error", "task": HOSTILE, "sentence": f"3 of 5 {HOSTILE}"}
    (run / "audit").mkdir()
    write_json(run / "audit" / "audit.json", {"findings": [found]})
    return run


def evaluate(run: Path, encoder, alpha: dict) -> None:
    """Scores of the woven model as they are; the base's are the same, and losses are made up."""
    write_json(run / "evaluate" / "results.json", {})
    tasks = open_run(run).tasks()
    embedder = Embedder(encoder, run / "cache")
    scored = {task.name: score(task, *embed_task(task, embedder)) for task in tasks}
    described = [describe(task) | {"contaminated": 1, "lookalikes": None} for task in tasks]
    rows = [
        row
        for model in ("base", "woven")
        for task in tasks
        for row in intervals(model, task.name, scored[task.name], 0, np.arange(len(task.queries)))
    ]
    change = {"difference": -0.01, "low": -0.03, "high": 0.01, "p": 0.4, "p_holm": 0.8, "mde": 0.1, "call": "undecided"}
    named = [{"model": "woven", "against": "base", "task": task.name, "metric": "recall@10"} | change for task in tasks]
    verdict = {"sentence": f"Undecided on {HOSTILE}.", "holds": False, "state": "undecided", "gains": ["a gain"]}
    verdict |= {"losses": [f"{HOSTILE}: -1.0 points"], "undecided": []}
    results = {
        "verdict": verdict, "alpha": alpha, "relevant_grade": 2.0, "models": ["base", "woven"], "tasks": described,
        "scores": rows, "differences": named, "examples": [], "lengths": {"cut_share": 0.25}, "cost": {"steps": 4},
        "environment": {"weft": "0.1.0", "torch": "2"}, "base": "google/siglip2-base-patch16-384", "recipe": "shop",
        "catalogue": "/srv/private shop/products.parquet", "seed": 3,
    }  # fmt: skip
    by_task = {("", task.name): task for task in tasks}
    by_model = {"woven": {("", name): one for name, one in scored.items()}}
    write_per_query(run / "evaluate" / "per_query.parquet", by_task, by_model)
    write_runs(run / "evaluate" / "runs", by_task, by_model)
    write_qrels(run / "evaluate" / "qrels", by_task)
    write_json(run / "evaluate" / "results.json", results)


def plain(value: object) -> object:
    return [settings(one) for one in value] if isinstance(value, tuple) else settings(value)
