"""Two processes in one study's folder: what both need is made once, and both find what the other made."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import tiny_recipe

STUDY = """
recipe = "shop.toml"
set = ["train.epochs=1", "weave.grid=3"]
seeds = [0]
reference = "wise"
[[rows]]
name = "base"
model = "base"
[[rows]]
name = "full"
model = "tuned"
[[rows]]
name = "wise"
"""


def test_two_processes_share_a_folder(toy_run, tmp_path):
    folder = Path(shutil.copytree(toy_run, tmp_path / "toy"))
    (folder / "study.toml").write_text(STUDY)
    begun = [
        subprocess.Popen(
            [sys.executable, "-m", "weft", "study", "study.toml", "--rows", row, "--until", "test"], cwd=folder,
            env=tiny_recipe.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        for row in ("full", "wise")
    ]  # fmt: skip
    said = [process.communicate(timeout=240)[1] for process in begun]
    assert [process.returncode for process in begun] == [0, 0], said
    study = folder / "runs" / "study-study"
    timed = [json.loads(line)["what"] for line in (study / "timings.jsonl").read_text().splitlines()]
    assert (timed.count("train"), timed.count("weave")) == (1, 1), "both rows rest on one training"
    rows = {"base", "full", "wise"}
    assert {look["row"] for look in json.loads((study / "test.json").read_text())["looks"]} == rows
    assert set(json.loads((study / "choices.json").read_text())) == rows
