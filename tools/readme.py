"""Puts the measured tables into the README, and the demo's scatter beside it, from `expected/`.

python tools/readme.py
"""

import json
import re
from pathlib import Path

from weft.report.figures import draw_scatter, save

ROOT = Path(__file__).resolve().parent.parent
MODELS = ("base", "tuned", "woven", "bm25", "bm25+woven")


def table(expected: dict) -> str:
    """A Markdown table: tasks as rows, models as columns, percent with half the 95% interval, and the change."""
    scores = {(row["task"], row["model"]): row for row in expected["scores"]}
    change = {
        row["task"]: row for row in expected["differences"] if (row["model"], row["against"]) == ("woven", "base")
    }
    models = [name for name in MODELS if any(model == name for _, model in scores)]
    head = f"| task | metric | {' | '.join(models)} | woven - base | |"
    lines = [head, "|---|---|" + "---:|" * len(models) + "---:|---|"]
    for task in expected["tasks"]:
        cells = [_cell(scores.get((task["name"], model))) for model in models]
        row = change[task["name"]]
        gap = f"{100 * row['difference']:+.1f} [{100 * row['low']:+.1f}, {100 * row['high']:+.1f}]"
        note = row["call"] if task["counts"] else f"not counted: {task['note']}"
        lines.append(f"| {task['name']} | {task['primary']} | {' | '.join(cells)} | {gap} | {note} |")
    sentence = expected["verdict"]["sentence"]
    return "\n".join([*lines, "", f"alpha {expected['alpha']['chosen']:g}, chosen on dev queries. {sentence}"])


def _cell(row: dict | None) -> str:
    return "" if row is None else f"{100 * row['value']:.1f} ±{50 * (row['high'] - row['low']):.1f}"


def main() -> None:
    readme = ROOT / "README.md"
    text = readme.read_text()
    for name in re.findall(r"^<!-- (?!end)(\w+) -->$", text, flags=re.M):
        path = ROOT / "expected" / f"{name}.json"
        expected = json.loads(path.read_text())
        block = f"<!-- {path.stem} -->\n{table(expected)}\n<!-- end -->"
        text = re.sub(rf"<!-- {path.stem} -->.*?<!-- end -->", lambda _, b=block: b, text, flags=re.S)
        if path.stem == "demo":
            save(draw_scatter, expected, ROOT / "docs" / "demo-scatter.png")
    readme.write_text(text)


if __name__ == "__main__":
    main()
