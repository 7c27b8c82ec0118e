"""Puts the measured tables into the README and the study's page, and the demo's scatter beside them, from `expected/`.

python tools/readme.py
"""

import json
import re
from pathlib import Path

from weft.report.figures import draw_scatter, save

ROOT = Path(__file__).resolve().parent.parent
PAGES = (ROOT / "README.md", ROOT / "docs" / "study-results.md")
HEADLINE = {"study-kagl": "photographs", "study-demo": "drawings"}
ROWS = ("base", "full", "both", "longer", "replay")
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
        note = row["call"] if task["counts"] else f"not counted: {task['note']}"
        lines.append(f"| {task['name']} | {task['primary']} | {' | '.join(cells)} | {_gap(row)} | {note} |")
    sentence = expected["verdict"]["sentence"]
    return "\n".join([*lines, "", f"alpha {expected['alpha']['chosen']:g}, chosen on dev queries. {sentence}"])


def _cell(row: dict | None) -> str:
    return "" if row is None else f"{100 * row['value']:.1f} ±{50 * (row['high'] - row['low']):.1f}"


def study_table(expected: dict) -> str:
    """Means over domains with their difference from the reference, then what became of each claim that was scored."""
    domains = list(dict.fromkeys(row["domain"] for row in expected["means"]))
    means = {(row["row"], row["domain"]): row for row in expected["means"]}
    gaps = {
        (row["row"], row["domain"]): row
        for row in expected["mean_differences"] if row["against"] == expected["reference"]
    }  # fmt: skip
    lines = [f"| row | α of each seed | {' | '.join(domains)} |", "|---|---|" + "---:|" * len(domains)]
    for name, label in expected["labels"].items():
        cells = []
        for domain in domains:
            gap = gaps.get((name, domain))
            told = f" ({_gap(gap)})" if gap else ""
            cells.append(f"{100 * means[name, domain]['value']:.1f}{told}")
        lines.append(f"| {label} | {', '.join(map(_alpha, expected['alphas'].get(name, [])))} | {' | '.join(cells)} |")
    claims = []
    for claim in expected["claims"]:
        if all("by_seed" in part for part in claim["parts"]):  # the others were not scored
            told = "; ".join(f"{part['domain']} {_gap(part)}" for part in claim["parts"])
            claims.append(f"- **{claim['verdict']}**: {claim['text']} ({told})")
    return "\n".join([*lines, "", *claims, "", f"The last word: {expected['final']['sentence']}"])


def headline() -> str:
    """The rows that decide, of both studies: means in domain and out of domain."""
    studies = {
        what: json.loads((ROOT / "expected" / f"{name}.json").read_text(encoding="utf-8"))
        for name, what in HEADLINE.items()
    }
    ends = [(what, domain) for what in studies for domain in ("in-domain", "out-of-domain")]
    lines = [f"| | {' | '.join(', '.join(end) for end in ends)} |", "|---|" + "---:|" * len(ends)]
    for name in ROWS:
        label, cells = "", []
        for what, domain in ends:
            means = {row["row"]: row for row in studies[what]["means"] if row["domain"] == domain}
            label = label or studies[what]["labels"].get(name, "")
            cells.append(f"{100 * means[name]['value']:.1f}" if name in means else "")
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _gap(row: dict) -> str:
    return f"{100 * row['difference']:+.1f} [{100 * row['low']:+.1f}, {100 * row['high']:+.1f}]"


def _alpha(alpha: float | dict) -> str:
    return f"{alpha['image']:g} / {alpha['text']:g}" if isinstance(alpha, dict) else f"{alpha:g}"


def main() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for name in re.findall(r"^<!-- (?!end)([\w-]+) -->$", text, flags=re.M):
            if name == "headline":
                shown, expected = headline(), {}
            else:
                expected = json.loads((ROOT / "expected" / f"{name}.json").read_text(encoding="utf-8"))
                shown = study_table(expected) if name.startswith("study-") else table(expected)
            block = f"<!-- {name} -->\n{shown}\n<!-- end -->"
            text = re.sub(rf"<!-- {name} -->.*?<!-- end -->", lambda _, b=block: b, text, flags=re.S)
            if name == "demo":
                save(draw_scatter, expected, ROOT / "docs" / "demo-scatter.png")
        page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
