"""What the leaderboard writes beside its page: Markdown, the terminal's table, and JSON as it is documented."""

import json
import re
from pathlib import Path

import pytest
from leaderboard_fixtures import NAMES, TASKS, make_image, make_leaderboard
from pages import leaves

from weft import files
from weft.errors import WeftError
from weft.report import leaderboard
from weft.report.words import percent

OWN, OFF = NAMES[0], "Marqo-FashionCLIP"


@pytest.fixture
def results() -> dict:
    return make_leaderboard()


def test_a_hostile_model_name_keeps_the_markdown_table_whole(results):
    results = json.loads(json.dumps(results).replace(OFF, "A|B\\\\|`C"))
    rows = [line for line in leaderboard.markdown(results).splitlines() if line.startswith("|")]
    widths = [len(re.findall(r"(?<!\\)(?:\\\\)*\|", row)) for row in rows]
    assert sorted(set(widths)) == sorted({2 + len(names) for names in TASKS.values()})
    assert len(rows) == len(TASKS) * (2 + len(results["models"]))


def test_the_markdown_and_the_terminal_say_the_same(results):
    told, shown = leaderboard.markdown(results), leaderboard.terminal(results)
    for task in results["tasks"]:
        for row in results["scores"]:
            if (row["benchmark"], row["task"], row["metric"]) == (task["benchmark"], task["name"], task["primary"]):
                assert f"{percent(row['value'])}" in told and f"{percent(row['value'])} ± 2.1" in shown.replace(
                    "±2.1", "± 2.1"
                )
    assert shown.endswith(results["verdict"]["sentence"]) and told.count("✗ off by −6.3") == 4
    assert all(f"except  {exception}" in shown for exception in results["verdict"]["exceptions"])
    assert "relevant ids not in the corpus 25" in told and "season-to-product<br>Recall@10<br>limited gallery" in told
    block = shown.split("\n\n")[0].splitlines()
    assert [line for line in block if line.startswith(OWN)] == [block[-len(results["models"])]]  # the candidate first
    assert max(map(len, block)) <= 110
    marks = {row["against"]: row["call"] for row in results["differences"] if row["task"] == "text-to-image"}
    for line in block[-len(results["models"]) + 1 :]:
        name = next(model["name"] for model in results["models"][::-1] if line.startswith(model["name"]))
        assert re.search(r"[↑↓?]", line)[0] == {"better": "↓", "worse": "↑", "undecided": "?"}[marks[name]]


def test_all_three_files_or_none(tmp_path, results, monkeypatch):
    out = tmp_path / "deep" / "out"
    leaderboard.write(results, make_image, out)
    names = {"leaderboard.html", "leaderboard.md", "leaderboard.json"}
    assert {path.name for path in out.iterdir()} == names
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    results["verdict"]["sentence"] = "Another."
    real = files.write_whole

    def full(path: Path, data: str) -> None:
        if path.suffix == ".html":
            raise WeftError("cannot write: no space left")
        real(path, data)

    monkeypatch.setattr(files, "write_whole", full)
    with pytest.raises(WeftError, match="no space"):
        leaderboard.write(results, make_image, out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WeftError, match="cannot write"):
        leaderboard.write(results, make_image, tmp_path / "file")


def test_leaderboard_json_is_as_documented(tmp_path, results):
    leaderboard.write(results, make_image, tmp_path)
    told = json.loads((tmp_path / "leaderboard.json").read_text(encoding="utf-8"))
    assert told == results
    text = (Path(__file__).parents[2] / "docs" / "leaderboard-schema.md").read_text(encoding="utf-8")
    fields = {}
    for field, kinds, always in re.findall(r"^\| `([^`]+)` \| ([a-z ]+) \| (always)? ?\|", text, re.MULTILINE):
        parts = ["[^\x1f]+?" + re.escape(part[1:]) if part[0] == "*" else re.escape(part) for part in field.split(".")]
        fields[field] = (set(kinds.split(" or ")), bool(always), re.compile("\x1f".join(parts)))
    names = {str: "string", bool: "boolean", int: "number", float: "number", type(None): "null"}
    seen = set()
    for path, value in leaves(told):
        found = [field for field, (_, _, pattern) in fields.items() if pattern.fullmatch(path)]
        assert found, f"undocumented: {path!r}"
        assert any(names[type(value)] in fields[field][0] for field in found), (path, value)
        seen.update(found)
    assert seen == set(fields), "the fixture should exercise every documented field"
    bare = {key: results[key] for key in ("models", "tasks", "benchmarks")}
    leaderboard.write(bare, make_image, tmp_path)
    there = {path for path, _ in leaves(json.loads((tmp_path / "leaderboard.json").read_text(encoding="utf-8")))}
    for field, (_, always, pattern) in fields.items():
        assert not always or any(pattern.fullmatch(path) for path in there), field
