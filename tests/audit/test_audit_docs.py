"""docs/audit.md names every check, shows the table of known faults, and documents what `audit.json` holds."""

import importlib.util
import json
import re
from pathlib import Path

import pytest
from planted import document

from weft.audit import CHECKS
from weft.audit import run as audits

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
EXPECTED = json.loads((ROOT / "expected" / "audit.json").read_text(encoding="utf-8"))
DATA = ROOT.parent / "shared" / "data"
SPEC = importlib.util.spec_from_file_location("audit_tool", ROOT / "tools" / "audit.py")
tool = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(tool)


def section(heading: str) -> str:
    return PAGE.split(f"\n## {heading}\n")[1].partition("\n## ")[0]


def test_every_check_has_its_line():
    assert re.findall(r"^\| ([a-z-][a-z -]+) \| ", section("What is checked"), re.MULTILINE)[1:] == [
        check.name for check in CHECKS
    ]
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(block, {})


def test_the_table_of_faults_is_the_kept_one():
    assert tool.written(PAGE, EXPECTED) == PAGE, "run python tools/audit.py"
    rows = EXPECTED["faults"]
    assert len(rows) > 40 and PAGE.count("\n| ") >= len(rows)
    for one in rows:  # whatever is off by more than the list's own rounding is explained
        digits = len(str(one["listed"]).partition(".")[2])
        assert one["why"] or round(one["found"], digits) == one["listed"], one


def test_what_is_written_is_what_the_page_documents(tmp_path):
    truth = document(tmp_path / "mine.json", {"possibly red": ["a"], "a blue hat": ["b"]})
    results = audits.run([f"truth={truth}"], out=tmp_path / "out")
    kept = json.loads((tmp_path / "out" / "audit.json").read_text())
    told = set(re.findall(r"`([a-z ]+)`", section("`audit.json`")))
    assert set(kept) | {name for row in kept["findings"] for name in row} <= told
    assert {name for row in kept["checks"] + kept["outcomes"] + kept["benchmarks"] for name in row} <= told
    assert results["findings"] and {name for row in kept["findings"] for one in row["examples"] for name in one} <= told


@pytest.mark.slow
@pytest.mark.skipif(not DATA.exists(), reason="the public ground truths are not here")
def test_the_faults_are_counted_again():
    assert tool.count(str(DATA)) == EXPECTED
