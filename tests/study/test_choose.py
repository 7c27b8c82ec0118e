"""Choices are made on dev scores, kept, and every look at test is written down."""

import pytest

from weft.study.choose import Choices, Touched, best, domain_means, gain
from weft.study.plan import Row, Study
from weft.study.run import measured

DOMAINS = {"long": "in-domain", "short": "in-domain", "new": "zero-shot", "street": "out-of-domain"}


def test_a_domain_is_the_mean_of_its_tasks_and_what_does_not_count_is_left_out():
    means = {"long": 0.4, "short": 0.2, "new": 0.9, "street": 0.5, "noise": 0.0}
    assert domain_means(means, DOMAINS) == pytest.approx({"in-domain": 0.3, "zero-shot": 0.9, "out-of-domain": 0.5})


def test_a_trial_is_worth_what_it_gains():
    base = {"long": 0.1, "short": 0.1, "new": 0.1, "street": 0.5}
    after = {"long": 0.3, "short": 0.2, "new": 0.9, "street": 0.4}
    assert gain(after, base, DOMAINS) == pytest.approx(0.15)
    assert gain(after, base, DOMAINS, "both ends") == pytest.approx(0.15 - 0.1)
    assert best([{"gain": 0.1}, {"gain": 0.3}, {"gain": 0.3 + 1e-13}]) == 1, "the first among equals"


def test_choices_are_kept_and_a_new_question_is_a_new_choice(tmp_path):
    choices = Choices(tmp_path)
    choices.settle("full", "k1", ["train.lr=1"], [{"gain": 0.1}])
    choices.add("full", 0, {"model": "m", "alpha": 0.4, "dev": {}})
    again = Choices(tmp_path)
    assert again.settled("full", "k1") and not again.settled("full", "k2") and not again.settled("wise", "k1")
    assert again.changes("full") == ["train.lr=1"] and again.changes("wise") is None
    again.settle("full", "k2", ["train.lr=1"], [])
    assert again.rows["full"]["seeds"] == {}, "models of another question are not this one's"


def test_two_processes_write_one_file_of_choices(tmp_path):
    """Each keeps what the other wrote: other rows, and other seeds of the same choice."""
    one, other = Choices(tmp_path), Choices(tmp_path)
    one.settle("full", "k", ["train.lr=1"], [])
    other.settle("wise", "k", [], [])
    other.settle("full", "k", ["train.lr=1"], [])
    one.add("full", 0, {"model": "m0"})
    other.add("full", 1, {"model": "m1"})
    kept = Choices(tmp_path).rows
    assert set(kept) == {"full", "wise"} and kept["full"]["seeds"] == {"0": {"model": "m0"}, "1": {"model": "m1"}}
    one.settle("full", "another question", ["train.lr=1"], [])
    assert Choices(tmp_path).rows["full"]["seeds"] == {}
    first, second = Touched(tmp_path), Touched(tmp_path)
    first.add("full", 0, "m0", None, [])
    second.add("wise", 0, "m2", 0.4, [])
    assert [look["row"] for look in Touched(tmp_path).looks] == ["full", "wise"]


def test_a_choice_that_changes_after_test_was_touched_is_told(tmp_path):
    study = Study("s", "r", "both", (Row("base", model="base"), Row("both", label="the paper"), Row("full")))
    looks = Touched(tmp_path)
    for _ in range(2):
        looks.add("both", 0, "m1", 0.4, ["train.lr=1"])
        looks.add("both", 1, "m2", 0.5, ["train.lr=1"])
        looks.add("full", 0, "m3", None, [])
    assert len(looks.looks) == 3 and Touched(tmp_path).changed(study, {}) == [], "the same look is no second one"
    looks.add("both", 1, "m4", 0.6, ["train.lr=2"])
    shown = {"both": {0: "m1", 1: "m2"}, "full": {0: "m3"}}  # back to what was seen first
    (said,) = Touched(tmp_path).changed(study, shown)
    assert said.startswith("the paper: its choice changed after test was touched, 2 looks were taken, the scores shown")
    assert said.endswith(f"are of {looks.looks[1]['when']}")


def test_a_model_that_was_made_again_is_told_as_that(tmp_path):
    study = Study("s", "r", "both", (Row("base", model="base"), Row("both", label="the paper")))
    looks = Touched(tmp_path)
    for model in ("m1", "m2"):
        looks.add("both", 0, model, 0.4, [])
    (said,) = looks.changed(study, {"both": {0: "m2"}})
    assert "its model changed after test was touched" in said and said.endswith(looks.looks[1]["when"])


def test_a_change_is_told_as_what_it_was_at_its_own_seed(tmp_path):
    """Alphas differ from seed to seed, and are no change of choice; other queries are a look of their own."""
    study = Study("s", "r", "both", (Row("base", model="base"), Row("both", label="the paper")))
    looks = Touched(tmp_path)
    for seed, alpha in ((0, 0.2), (1, 0.3)):
        looks.add("both", seed, f"m{seed}", alpha, [], "old")
    assert looks.has("both", 1, "m1", "old") and not looks.has("both", 1, "m1", "new") and not looks.changed(study, {})
    looks.add("both", 0, "m0 again", 0.2, [], "old")
    assert "its model changed after test was touched" in looks.changed(study, {})[0]
    looks.looks[-1] = looks.looks[0] | {"tasks": "new"}
    assert "its test queries changed after test was touched" in looks.changed(study, {})[0]
    del looks.looks[-1], looks.looks[0]["tasks"]
    assert looks.has("both", 0, "m0", "whatever"), "an older look does not say what was asked"


def test_the_sweep_says_what_it_measured_where_it_chose():
    curve = [{"alpha": a, "tasks": {"long": {"score": s}}} for a, s in ((0.0, 0.1), (0.5, 0.3), (1.0, 0.2))]
    assert measured({"chosen": 0.5, "curve": curve}) == {"long": 0.3}
    surface = [step | {"image": 0.0, "text": step["alpha"]} for step in curve]
    assert measured({"towers": {"image": 0.0, "text": 1.0}, "chosen": 0.5, "surface": surface}) == {"long": 0.2}
