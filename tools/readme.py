"""Puts the measured tables and the demo's picture into the README, from a run's results and `expected/`.

    python tools/readme.py             writes README.md from expected/*.json
    python tools/readme.py RUN NAME    first records the run folder RUN as expected/NAME.json
"""

import json
import re
import sys
from pathlib import Path

from weft.report.figures import draw_scatter, save

ROOT = Path(__file__).resolve().parent.parent
TOLERANCE = 0.03
"""Other processors and thread counts round differently, and a training run amplifies it."""


def record(run: Path, name: str) -> None:
    """Keeps of a run what the README shows and a later run is compared with: command, scores, tolerance."""
    results = json.loads((run / "evaluate" / "results.json").read_text())
    primary = {task["name"]: task["primary"] for task in results["tasks"]}
    kept = {
        "command": f"make {name}",
        "tolerance": TOLERANCE,
        "alpha": results["alpha"]["chosen"],
        "verdict": results["verdict"],
        "tasks": results["tasks"],
        "scores": [row for row in results["scores"] if row["metric"] == primary[row["task"]]],
        "differences": results["differences"],
        "cost": results["cost"],
        "environment": results["environment"],
    }
    (ROOT / "expected" / f"{name}.json").write_text(json.dumps(kept, indent=1) + "\n")
    if name == "demo":
        save(draw_scatter, results, ROOT / "docs" / "demo-scatter.png")


def table(expected: dict) -> str:
    """A Markdown table: tasks as rows, models as columns, percent with half the 95% interval, and the change."""
    scores = {(row["task"], row["model"]): row for row in expected["scores"]}
    change = {row["task"]: row for row in expected["differences"] if (row["model"], row["against"]) == ("woven", "base")}
    models = [name for name in ("base", "tuned", "woven", "bm25", "bm25+woven") if any(m == name for _, m in scores)]
    lines = ["| task | metric | " + " | ".join(models) + " | woven - base | |", "|---|---|" + "---:|" * len(models) + "---:|---|"]
    for task in expected["tasks"]:
        cells = [_cell(scores.get((task["name"], model))) for model in models]
        row = change[task["name"]]
        gap = f"{100 * row['difference']:+.1f} [{100 * row['low']:+.1f}, {100 * row['high']:+.1f}]"
        note = row["call"] if task["counts"] else f"not counted: {task['note']}"
        lines.append(f"| {task['name']} | {task['primary']} | {' | '.join(cells)} | {gap} | {note} |")
    sentence = expected["verdict"]["sentence"]
    return "\n".join([*lines, "", f"alpha {expected['alpha']:g}, chosen on dev queries. {sentence}"])


def _cell(row: dict | None) -> str:
    return "" if row is None else f"{100 * row['value']:.1f} ±{50 * (row['high'] - row['low']):.1f}"


def main() -> None:
    if len(sys.argv) == 3:
        record(Path(sys.argv[1]), sys.argv[2])
    readme = ROOT / "README.md"
    text = readme.read_text()
    for path in sorted((ROOT / "expected").glob("*.json")):
        block = f"<!-- {path.stem} -->\n{table(json.loads(path.read_text()))}\n<!-- end -->"
        text = re.sub(rf"<!-- {path.stem} -->.*?<!-- end -->", lambda _, b=block: b, text, flags=re.S)
    readme.write_text(text)


if __name__ == "__main__":
    main()
