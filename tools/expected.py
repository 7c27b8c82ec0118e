"""Keeps what a run scored in `expected/`, and compares a later run with it: command, scores, tolerance in one file.

python tools/expected.py record RUN NAME     writes expected/NAME.json from the run folder RUN
python tools/expected.py check RUN NAME      prints each score beside the expected one; exit code 1 if one is off

RUN may be a study's folder; NAME is then study-NAME, and its means over domains and its claims are what is kept and
compared.
"""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOLERANCE = 0.03
"""Processors round differently, and training amplifies it; of a small score a quarter, and at least a point, else a
model that learnt nothing would pass. Of a study, what was confirmed or reversed must come out so again as well."""


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
        "alphas": {row["name"]: row["alphas"] for row in results["rows"] if row["alphas"]},
    } | {name: results[name] for name in kept}


Row = tuple[str, str, str, str, bool]
"""What, of which model, expected, found, and whether that will do."""


def check_study(results: dict, expected: dict) -> list[Row]:
    """Every expected mean, and every claim that was confirmed or reversed; what is missing is off."""
    found = {(row["domain"], row["row"]): row["value"] for row in results["means"]}
    rows = [
        near(row["domain"], row["row"], row["value"], found.get((row["domain"], row["row"])), expected["tolerance"])
        for row in expected["means"]
    ]
    verdicts = {claim["name"]: claim["verdict"] for claim in results["claims"]}
    for claim in expected["claims"]:
        if claim["verdict"] in ("confirmed", "reversed"):
            told = verdicts.get(claim["name"], "missing")
            rows.append(("claim", claim["name"], claim["verdict"], told, told == claim["verdict"]))
    return rows


def check(results: dict, expected: dict) -> list[Row]:
    """Every expected score; what is missing is off."""
    found = {(row["task"], row["model"], row["metric"]): row["value"] for row in results["scores"]}
    return [
        near(
            row["task"],
            row["model"],
            row["value"],
            found.get((row["task"], row["model"], row["metric"])),
            expected["tolerance"],
        )
        for row in expected["scores"]
    ]


def near(what: str, model: str, wanted: float, value: float | None, tolerance: float) -> Row:
    if value is None:
        return what, model, f"{100 * wanted:.1f}", "missing", False
    may = min(tolerance, max(0.01, abs(wanted) / 4))
    return what, model, f"{100 * wanted:.1f}", f"{100 * value:.1f}", abs(value - wanted) <= may


def main(what: str, run: str, name: str) -> int:
    path, study = ROOT / "expected" / f"{name}.json", name.startswith("study-")
    results = json.loads(
        (Path(run) / ("results.json" if study else "evaluate/results.json")).read_text(encoding="utf-8")
    )
    if what == "record":
        kept = record_study(results) if study else record(results, name)
        path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
        return 0
    rows = (check_study if study else check)(results, json.loads(path.read_text(encoding="utf-8")))
    for task, model, wanted, value, fine in rows:
        print(f"{'ok ' if fine else 'OFF'}  {task:<40} {model:<12} expected {wanted:>5}  got {value:>5}")
    return 0 if all(row[-1] for row in rows) else 1


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[1] not in ("record", "check"):
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
