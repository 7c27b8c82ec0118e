"""Keeps what a run scored in `expected/`, and compares a later run with it: command, scores, tolerance in one file.

python tools/expected.py record RUN NAME     writes expected/NAME.json from the run folder RUN
python tools/expected.py check RUN NAME      prints each score beside the expected one; exit code 1 if one is off
"""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOLERANCE = 0.03
"""Processors round differently, and training amplifies it; seeds of the demo differ by less than this."""


def record(results: dict, name: str) -> dict:
    """What the README shows of a run and what a later one is held against."""
    primary = {task["name"]: task["primary"] for task in results["tasks"]}
    return {
        "command": f"make {name}",
        "tolerance": TOLERANCE,
        "alpha": results["alpha"],
        "models": results["models"],
        "verdict": results["verdict"],
        "tasks": results["tasks"],
        "scores": [row for row in results["scores"] if row["metric"] == primary[row["task"]]],
        "differences": results["differences"],
        "cost": results["cost"],
        "environment": results["environment"],
    }


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
    results = json.loads((Path(run) / "evaluate" / "results.json").read_text())
    path = ROOT / "expected" / f"{name}.json"
    if what == "record":
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(record(results, name), indent=1) + "\n")
        return 0
    rows = check(results, json.loads(path.read_text()))
    for task, model, wanted, value, near in rows:
        told = "missing" if value is None else f"{100 * value:.1f}"
        print(f"{'ok ' if near else 'OFF'}  {task:<40} {model:<12} expected {100 * wanted:5.1f}  got {told:>5}")
    return 0 if all(row[-1] for row in rows) else 1


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[1] not in ("record", "check"):
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
