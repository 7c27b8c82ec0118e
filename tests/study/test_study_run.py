"""A pico study from end to end: the ordering that must hold, nothing done twice, one look at test."""

import json
import shutil
import sys
from pathlib import Path

import pytest

import command
import weft.cli.study  # noqa: F401 - adds the verb

STUDY = """
recipe = "shop.toml"
set = ["train.epochs=8", "weave.delta=0.15"]
seeds = [0, 1]
reference = "wise"
trials = [["train.lr=2e-3"], ["train.lr=1e-6"]]
trial_set = ["train.epochs=2", "weave.grid=3"]
[[rows]]
name = "base"
label = "zero-shot"
model = "base"
[[rows]]
name = "full"
model = "tuned"
[[rows]]
name = "wise"
[[rows]]
name = "soup"
soup_of = "full"
[[claims]]
name = "forgets"
text = "the base is better out of domain"
better = "base"
than = ["full"]
on = ["out-of-domain"]
"""


@pytest.fixture(scope="module")
def done(toy_run, tmp_path_factory):
    """The folder of a study that was planned, stopped after dev, and finished."""
    folder = Path(shutil.copytree(toy_run, tmp_path_factory.mktemp("study") / "toy"))
    (folder / "study.toml").write_text(STUDY)
    plan = command.weft("study", "study.toml", "--dry-run", folder=folder)
    assert plan.code == 0, plan.err
    assert not (folder / "runs" / "study-study").exists(), "a plan leaves nothing"
    dev = command.weft("study", "study.toml", "--until", "dev", folder=folder)
    assert dev.code == 0, dev.err
    assert not (folder / "runs" / "study-study" / "test.json").exists(), "test is not touched before the choice"
    whole = command.weft("study", "study.toml", folder=folder)
    assert whole.code == 0, whole.err
    return folder / "runs" / "study-study", plan.out, whole.out


def means(results, domain):
    return {row["row"]: row["value"] for row in results["means"] if row["domain"] == domain}


def test_the_ordering_that_must_hold(done):
    results = json.loads((done[0] / "results.json").read_text())
    own, out = means(results, "in-domain"), means(results, "out-of-domain")
    gain, loss = own["full"] - own["base"], out["base"] - out["full"]
    assert gain > 0.05 and loss > 0.05, "fine-tuning gains in domain and loses outside"
    assert out["wise"] - out["full"] > 0.5 * loss, "weaving regains most of the loss"
    assert own["wise"] - own["base"] > 0.3 * gain, "and keeps a good part of the gain"


def test_what_two_rows_share_is_trained_once(done):
    folder, plan, _ = done
    assert len(list((folder / "train").iterdir())) == 4  # two trials, two seeds; full and wise alike
    assert "trainings  8 asked for, 4 different ones, 0 done" in plan
    assert len(list((folder / "catalogues").iterdir())) == 1
    targets = list((folder / "targets").iterdir())
    assert len(targets) == 1 and targets[0].stat().st_nlink == 5


def test_the_better_trial_is_taken_and_test_is_looked_at_once(done):
    choices = json.loads((done[0] / "choices.json").read_text())
    for row in ("full", "wise"):
        worth = {one["changes"][0]: one["gain"] for one in choices[row]["tried"]}
        assert choices[row]["changes"] == [max(worth, key=worth.get)] and len(worth) == 2
    looks = json.loads((done[0] / "test.json").read_text())["looks"]
    assert sorted((one["row"], one["seed"]) for one in looks) == [
        ("base", 0), ("full", 0), ("full", 1), ("soup", 0), ("wise", 0), ("wise", 1),
    ]  # fmt: skip


def test_the_report_is_there_and_the_terminal_says_the_means(done):
    folder, _, out = done
    assert (folder / "report" / "study.html").stat().st_size > 20_000
    assert "zero-shot" in out and "study.html" in out and "the base is better out of domain" in out
    results = json.loads((folder / "results.json").read_text())
    assert [row["name"] for row in results["rows"]] == ["base", "full", "wise", "soup"] and not results["missing"]
    assert results["claims"][0]["verdict"] == "undecided", "two seeds decide nothing"
    cost = results["rows"][1]["cost"]
    assert cost["trainable"] == results["rows"][2]["cost"]["trainable"] > 10_000 and cost["steps"] > 0


def test_what_is_done_is_kept_and_a_lost_score_is_made_again(done):
    folder = done[0]
    before = (folder / "timings.jsonl").read_text()
    results = json.loads((folder / "results.json").read_text())
    lost = next((folder / "scores" / "test").iterdir())
    lost.unlink()
    again = command.weft("study", "study.toml", folder=folder.parents[1])
    assert again.code == 0, again.err
    for row in json.loads((folder / "results.json").read_text())["scores"]:
        assert row in results["scores"], "the same to the last bit"
    added = (folder / "timings.jsonl").read_text()[len(before) :]
    assert "train" not in added and added.count("\n") <= 1


def test_scores_of_an_earlier_version_are_not_shown(done, tmp_path):
    folder = Path(shutil.copytree(done[0].parents[1], tmp_path / "toy", symlinks=True))
    changed = command.weft("study", "study.toml", "--rows", "base", "--set", "train.epochs=9", folder=folder)
    assert changed.code == 0, changed.err
    results = json.loads((folder / "runs" / "study-study" / "results.json").read_text())
    assert [row["name"] for row in results["rows"]] == ["base"] and results["missing"] == ["full", "wise", "soup"]
    assert results["final"]["sentence"].endswith("nothing is claimed.")
    told = results["curves"].values()
    assert all(one["lines"] == [] and one["baseline"]["row"] == "base" for one in told), "nor drawn in figure 2"


def test_only_what_was_put_to_test_by_its_own_choice_is_shown(done, tmp_path):
    """Another row's model may be the very same and scored; and other trials might have chosen another."""
    folder = Path(shutil.copytree(done[0].parents[1], tmp_path / "toy", symlinks=True))
    run = folder / "runs" / "study-study"

    def shown() -> list[str]:
        assert command.weft("study", "study.toml", "--rows", "base", folder=folder).code == 0
        return [row["name"] for row in json.loads((run / "results.json").read_text())["rows"]]

    assert shown() == ["base", "full", "wise", "soup"]
    looks = json.loads((run / "test.json").read_text())["looks"]
    (run / "test.json").write_text(json.dumps({"looks": [look for look in looks if look["row"] != "wise"]}))
    assert shown() == ["base", "full", "soup"]
    (run / "test.json").write_text(json.dumps({"looks": looks}))
    text = (folder / "study.toml").read_text()
    (folder / "study.toml").write_text(text.replace('"train.lr=1e-6"', '"train.lr=2e-6"'))
    assert text != (folder / "study.toml").read_text() and shown() == ["base"]


def test_what_was_made_elsewhere_is_found_in_a_folder_it_was_copied_to(done):
    folder, other = done[0], done[0].with_name("elsewhere")
    shutil.copytree(folder, other, symlinks=True, ignore=shutil.ignore_patterns("choices.json", "test.json", "report"))
    before = (other / "timings.jsonl").read_text()
    again = command.weft("study", "study.toml", "--out", "runs/elsewhere", folder=folder.parents[1])
    assert again.code == 0, again.err
    added = (other / "timings.jsonl").read_text()[len(before) :]
    assert "train" not in added and added.count("\n") <= 1, "only the soup, which names its members' folders"
    assert "elsewhere" in again.out
    first, second = (json.loads((one / "results.json").read_text()) for one in (folder, other))
    assert first["scores"] == second["scores"] and first["differences"] == second["differences"]


def test_a_row_of_lora_without_peft_is_refused_before_anything_is_made(done, monkeypatch):
    folder = done[0].parents[1]
    row = '[[rows]]\nname = "lora"\nset = ["train.lora_rank=2", "train.lwf_weight=0"]\n[[claims]]'
    (folder / "lora.toml").write_text(STUDY.replace("[[claims]]", row, 1))
    monkeypatch.setitem(sys.modules, "peft", None)
    refused = command.weft("study", "lora.toml", folder=folder)
    assert refused.code == 2 and ".[lora]" in refused.err
    assert not (folder / "runs" / "study-lora" / "catalogues").exists()


@pytest.mark.parametrize(
    "row", ['set = ["base=runs/none/train/model"]', 'model = "encoder"\nencoder = "runs/none/train/model"']
)
def test_a_model_that_is_not_there_is_told_before_anything_is_made(done, row):
    folder = done[0].parents[1]
    (folder / "absent.toml").write_text(STUDY.replace("[[claims]]", f'[[rows]]\nname = "absent"\n{row}\n[[claims]]', 1))
    refused = command.weft("study", "absent.toml", folder=folder)
    assert refused.code == 2 and "row 'absent': " in refused.err and "or leave the row out with --rows" in refused.err
    assert not (folder / "runs" / "study-absent" / "catalogues").exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ('set = ["benchmarks=[]"]', "its benchmarks are others than the study's"),
        ('set = ["weave.gallery=5"]', "weave.gallery is of the study"),
    ],
)
def test_what_is_the_study_s_no_row_may_change(done, change, told):
    folder = done[0].parents[1]
    (folder / "other.toml").write_text(
        STUDY.replace("[[claims]]", f'[[rows]]\nname = "other"\n{change}\n[[claims]]', 1)
    )
    refused = command.weft("study", "other.toml", "--dry-run", folder=folder)
    assert refused.code == 2 and told in refused.err


def test_what_was_not_asked_of_test_is_part_of_the_time_left(done):
    folder = done[0].parents[1]
    scores, away = done[0] / "scores" / "test", done[0] / "away"
    assert "time left  about 0 s" in command.weft("study", "study.toml", "--dry-run", folder=folder).out
    scores.rename(away)
    try:
        plan = command.weft("study", "study.toml", "--dry-run", folder=folder).out
    finally:
        away.rename(scores)
    assert "0 done" not in plan and "time left" in plan and "time left  about 0 s" not in plan
