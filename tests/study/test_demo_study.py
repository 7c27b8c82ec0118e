"""The demo's study: what must hold of it, in the file that is shipped and in a run of one's own."""

import importlib.util
import json
from pathlib import Path

import pytest

import command
import weft.cli.study  # noqa: F401 - adds the verb

ROOT = Path(__file__).parents[2]
EXPECTED = ROOT / "expected" / "study-demo.json"
SPEC = importlib.util.spec_from_file_location("expected", ROOT / "tools" / "expected.py")
expected = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(expected)


def by_row(kept: dict, domain: str) -> dict[str, float]:
    return {row["row"]: row["value"] for row in kept["means"] if row["domain"] == domain}


def check_ordering(kept: dict) -> None:
    """Fine-tuning gains in domain and loses outside; weaving regains most of the loss and keeps most of the gain."""
    own, out = by_row(kept, "in-domain"), by_row(kept, "out-of-domain")
    gain, loss = own["full"] - own["base"], out["base"] - out["full"]
    assert gain > 0.03 and loss > 0.03
    assert out["wise"] - out["full"] > 0.5 * loss and own["wise"] - own["base"] > 0.5 * gain
    verdicts = {claim["name"]: claim["verdict"] for claim in kept["claims"]}
    assert all(verdicts[name] == "confirmed" for name in ("gain", "loss", "weaving", "keeps the gain"))


def test_what_is_shipped_has_the_ordering():
    check_ordering(json.loads(EXPECTED.read_text()))


@pytest.mark.slow
def test_the_demo_study_scores_what_is_expected(tmp_path):
    """pytest -m slow -n 0 tests/study/test_demo_study.py"""
    kept, out = json.loads(EXPECTED.read_text()), tmp_path / "study"
    text = (ROOT / "studies" / "demo.toml").read_text().replace('recipe = "', f'recipe = "{ROOT.as_posix()}/')
    (tmp_path / "demo.toml").write_text(f'out = "{out.as_posix()}"\n{text}')
    done = command.weft("study", "demo.toml", folder=tmp_path)
    assert done.code == 0, done.err
    results = json.loads((out / "results.json").read_text())
    check_ordering(results)
    assert [row for row in expected.check_study(results, kept) if not row[-1]] == []
