"""Keeps what a run scored in `expected/`, and compares a later run with it: command, scores, tolerance in one file.

python tools/expected.py record RUN NAME     writes expected/NAME.json from the run folder RUN
python tools/expected.py check RUN NAME      prints each score beside the expected one; exit code 1 if one is off

RUN may be a study's folder; NAME is then study-NAME, and its means over domains are what is kept and compared.
"""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOLERANCE = 0.03
"""Processors round differently, and training amplifies it. It is wider than some differences: of a study, what was
confirmed must be confirmed again as well (tests/study/test_demo_study.py)."""


def record(results: dict, name: str) -> dict:
    """What the README shows of a run and what a later one is held against."""
    primary = {task["name"]: task["primary"] for task in results["tasks"]}
    return {
        "command": f"make {name}",
        "tolerance": TOLERANCE,
        "alpha": {name: value for name, value in results["alpha"].items() if name != "surface"},  # 121 places of it
        "models": results["models"],
        "verdict": results["verdict"],
        "tasks": results["tasks"],
        "scores": [row for row in results["scores"] if row["metric"] == primary[row["task"]]],
        "differences": results["differences"],
        "cost": results["cost"],
        "environment": results["environment"],
    }


def record_study(results: dict) -> dict:
    """What a study found: its means, its claims as they came out, its last word."""
    kept = ("tasks", "means", "mean_differences", "claims", "final", "environment")
    return {
        "command": f"weft study studies/{results['name']}.toml",
        "tolerance": TOLERANCE,
        "seeds": results["seeds"],
        "reference": results["reference"],
        "labels": {row["name"]: row["label"] + "¹" * row["one_seed"] for row in results["rows"]},
        "alphas": {row["name"]: row["alphas"] for row in results["rows"] if any(row["alphas"])},
    } | {name: results[name] for name in kept}


def check_study(results: dict, expected: dict) -> list[tuple[str, str, float, float | None, bool]]:
    """(domain, row, expected, measured, within tolerance) for every expected mean; a missing one is off."""
    found = {(row["domain"], row["row"]): row["value"] for row in results["means"]}
    rows = [
        (row["domain"], row["row"], row["value"], found.get((row["domain"], row["row"]))) for row in expected["means"]
    ]
    return [(*row, row[-1] is not None and abs(row[-1] - row[2]) <= expected["tolerance"]) for row in rows]


def check(results: dict, expected: dict) -> list[tuple[str, str, float, float | None, bool]]:
    """(task, model, expected, measured, within tolerance) for every expected score; a missing one is off."""
    found = {(row["task"], row["model"], row["metric"]): row["value"] for row in results["scores"]}
    rows = []
    for row in expected["scores"]:
        value = found.get((row["task"], row["model"], row["metric"]))
        near = value is not None and abs(value - row["value"]) <= expected["tolerance"]
        rows.append((row["task"], row["model"], row["value"], value, near))
    return rows


def main(what: str, run: str, name: str) -> int:
    path, study = ROOT / "expected" / f"{name}.json", name.startswith("study-")
    results = json.loads((Path(run) / ("results.json" if study else "evaluate/results.json")).read_text())
    if what == "record":
        kept = record_study(results) if study else record(results, name)
        path.write_text(json.dumps(kept, indent=1) + "\n")
        return 0
    rows = (check_study if study else check)(results, json.loads(path.read_text()))
    for task, model, wanted, value, near in rows:
        told = "missing" if value is None else f"{100 * value:.1f}"
        print(f"{'ok ' if near else 'OFF'}  {task:<40} {model:<12} expected {100 * wanted:5.1f}  got {told:>5}")
    return 0 if all(row[-1] for row in rows) else 1


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[1] not in ("record", "check"):
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
