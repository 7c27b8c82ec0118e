"""What a run scored, kept and compared; `pytest -m slow -n 0 tests/test_expected.py` runs the demo and checks it."""

import importlib.util
import json
from pathlib import Path

import pytest

import command

ROOT = Path(__file__).parents[1]
SPEC = importlib.util.spec_from_file_location("expected", ROOT / "tools" / "expected.py")
expected = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(expected)

RESULTS = {
    "tasks": [{"name": "short", "primary": "recall@10"}],
    "models": ["base", "woven"],
    "alpha": {"chosen": 0.4},
    "verdict": {"holds": True},
    "scores": [
        {"model": model, "task": "short", "metric": metric, "value": value}
        for model, value in (("base", 0.2), ("woven", 0.5))
        for metric in ("recall@10", "mrr@10")
    ],
    "differences": [],
    "cost": {},
    "environment": {},
}


def test_a_run_meets_its_own_record_and_not_another_s():
    kept = expected.record(RESULTS, "demo")
    assert kept["command"] == "make demo" and [row["metric"] for row in kept["scores"]] == ["recall@10"] * 2
    assert all(row[-1] for row in expected.check(RESULTS, kept))
    other = json.loads(json.dumps(RESULTS))
    other["scores"][2]["value"] -= 0.04
    assert [row[-1] for row in expected.check(other, kept)] == [True, False]
    other["scores"] = other["scores"][:2]
    assert expected.check(other, kept)[1][3:] == ("missing", False), "a missing score is off"


def test_a_study_is_kept_by_its_means():
    means = [{"domain": "in-domain", "row": row, "value": value} for row, value in (("base", 0.1), ("full", 0.4))]
    results = {"name": "toy", "seeds": [0], "reference": "wise"}  # a chosen 0 is an alpha, too
    results["rows"] = [
        {"name": name, "label": name, "alphas": alphas, "one_seed": name == "wise"}
        for name, alphas in (("base", []), ("wise", [0.4]))
    ]
    results |= {"tasks": [], "means": means, "mean_differences": [], "claims": [], "final": {}, "environment": {}}
    kept = json.loads(json.dumps(expected.record_study(results | {"scores": [1]})))
    assert (
        kept["alphas"] == {"wise": [0.4]}
        and kept["labels"] == {"base": "base", "wise": "wise¹"}
        and "scores" not in kept
        and kept["command"].endswith("studies/toy.toml")
    )
    means[1]["value"] -= 0.04
    assert [row[-1] for row in expected.check_study(results, kept)] == [True, False]
    assert expected.check_study(results | {"means": means[:1]}, kept)[1][3:] == ("missing", False)


def test_a_study_in_which_nothing_was_learnt_is_off():
    kept = json.loads((ROOT / "expected" / "study-kagl.json").read_text(encoding="utf-8"))
    assert all(row[-1] for row in expected.check_study(kept, kept))
    base = {row["domain"]: row["value"] for row in kept["means"] if row["row"] == "base"}
    dull = [row | {"value": base[row["domain"]]} if kept["alphas"].get(row["row"]) else row for row in kept["means"]]
    off = {row[:2] for row in expected.check_study(kept | {"means": dull}, kept) if not row[-1]}
    assert ("in-domain", "both") in off and ("in-domain", "replay") in off and ("zero-shot", "replay") in off
    claims = [claim | {"verdict": "undecided"} for claim in kept["claims"]]
    off = [row[:2] for row in expected.check_study(kept | {"claims": claims}, kept) if not row[-1]]
    assert ("claim", "replay") in off and ("claim", "distillation") not in off, "what was undecided may go either way"


@pytest.mark.parametrize("name", ["demo", "kagl", "kagl-paper"])
def test_what_is_shipped_is_whole(name):
    kept = json.loads((ROOT / "expected" / f"{name}.json").read_text())
    tasks, models = {task["name"] for task in kept["tasks"]}, {row["model"] for row in kept["scores"]}
    assert models >= {"base", "tuned", "woven", "bm25"} and {row["task"] for row in kept["scores"]} == tasks
    gains = [row for row in kept["differences"] if (row["model"], row["against"]) == ("woven", "base")]
    asked = [task for task in kept["tasks"] if task["domain"] == "in-domain" and task["counts"]]
    assert len(asked) >= 2 and len(gains) == len(tasks)


@pytest.mark.slow
def test_the_demo_scores_what_is_expected(tmp_path):
    done = command.weft("run", ROOT / "recipes" / "demo.toml", "--set", f"out={tmp_path / 'demo'}", folder=tmp_path)
    assert done.code == 0, done.err
    results = json.loads((tmp_path / "demo" / "evaluate" / "results.json").read_text())
    kept = json.loads((ROOT / "expected" / "demo.json").read_text())
    assert [row for row in expected.check(results, kept) if not row[-1]] == []
    assert results["verdict"]["holds"] == kept["verdict"]["holds"]
