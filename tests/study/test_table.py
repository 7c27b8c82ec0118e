"""The table: means over tasks, declared comparisons in both directions, the front, and the final model's exceptions."""

import numpy as np
import pytest

from weft.study import table
from weft.study.plan import Row, Study
from weft.study.sample import Sample

ROWS = (
    Row("base", "base", model="base"), Row("full", "full", model="tuned"), Row("both", "the paper"),
    Row("one", "one", seeds=(0,)),
)  # fmt: skip
STUDY = Study("s", "r.toml", "both", ROWS)
LEVEL = {"base": (0.2, 0.6), "full": (0.5, 0.3), "both": (0.4, 0.55), "one": (0.4, 0.55)}
QUERIES = 400


def made(seeds=3, noise=0.05) -> Sample:
    """Two tasks, in-domain "long" and out-of-domain "street"; a row's scores are its level, a shared part and noise."""
    random = np.random.default_rng(0)
    hard = {task: random.normal(0, 0.2, QUERIES) for task in ("long", "street")}
    values = {}
    for row in ROWS:
        count = 1 if row.name in ("base", "one") else seeds
        values[row.name] = {
            seed: {
                task: LEVEL[row.name][place] + hard[task] + random.normal(0, noise, QUERIES)
                for place, task in enumerate(hard)
            }
            for seed in range(count)
        }
    labels = {"long": np.arange(QUERIES), "street": np.arange(QUERIES) + QUERIES}
    return Sample(values, {"long": None, "street": None}, labels)


def test_every_row_is_compared_with_reference_and_base_once():
    pairs = table.declared(STUDY, made())
    assert pairs == [("base", "both"), ("full", "both"), ("one", "both"), ("full", "base"), ("one", "base")]
    without = Sample({k: v for k, v in made().values.items() if k != "both"}, {}, {})
    assert table.declared(STUDY, without) == [("full", "base"), ("one", "base")], "what is not run yet is left out"


def test_a_study_may_compare_with_its_base_alone():
    study = Study("s", "r", "base", (Row("base", model="base"), Row("a"), Row("b")))
    values = {"base": {}, "a": {}, "b": {}}
    assert table.declared(study, Sample(values, {}, {})) == [("a", "base"), ("b", "base")], (
        "twice would double Holm's factor"
    )


def test_rows_of_different_seeds_are_compared_on_those_of_both():
    """The third seed of one is no evidence against the other, which has none."""
    alike = {"t": np.full(40, 0.3)}
    values = {"a": {0: alike, 1: alike}, "b": {0: {"t": np.full(40, 0.2)}, 1: {"t": np.full(40, 0.2)}}}
    values["b"][2] = {"t": np.full(40, 0.6)}
    sample = Sample(values, {"t": None}, {"t": np.arange(40)})
    scores, (row,) = table.by_task(sample, {"t": "recall@10"}, ["a", "b"], [("a", "b")])
    assert row["difference"] == pytest.approx(0.1) and row["by_seed"] == pytest.approx([0.1, 0.1])
    assert [one["value"] for one in scores] == pytest.approx([0.3, 1 / 3]), "a row's own score is of all its seeds"
    means, (row,) = table.by_domain(sample, {"in-domain": ["t"]}, ["a", "b"], [("a", "b")])
    assert row["difference"] == pytest.approx(0.1) and (row["low"], row["high"]) == pytest.approx((0.1, 0.1))
    assert [one["value"] for one in means] == pytest.approx([0.3, 1 / 3])


def test_scores_and_differences_come_out_as_they_were_made():
    sample, names = made(), [row.name for row in ROWS]
    scores, gaps = table.by_task(sample, {"long": "recall@10"}, names, table.declared(STUDY, sample))
    table.settle(gaps)
    assert [round(row["value"], 1) for row in scores] == [0.2, 0.5, 0.4, 0.4]
    assert all(row["low"] < row["value"] < row["high"] and row["n"] == QUERIES for row in scores)
    calls = {(row["row"], row["against"]): row["call"] for row in gaps}
    assert calls["base", "both"] == "worse" and calls["full", "both"] == "better" and calls["full", "base"] == "better"
    assert calls["one", "both"] == "undecided"
    assert all(row["low"] <= row["difference"] <= row["high"] and row["p"] <= row["p_holm"] for row in gaps)


def test_one_group_of_queries_shows_no_spread():
    sample = made()
    sample.groups["long"] = np.zeros(QUERIES, dtype=int)
    scores, gaps = table.by_task(sample, {"long": "recall@10"}, ["base", "full"], [("full", "base")])
    assert {(row["low"], row["high"]) for row in scores} == {(0.0, 1.0)}
    assert (gaps[0]["low"], gaps[0]["high"], gaps[0]["p"]) == (-1.0, 1.0, 1.0)


def test_a_difference_that_one_seed_denies_is_not_marked():
    row = {"p": 1e-4, "low": 0.01, "high": 0.02, "seeds_agree": False}
    rows = [row, row | {"seeds_agree": True}]
    table.settle(rows)
    assert [row["call"] for row in rows] == ["undecided", "better"]
    sample = Sample({"a": {0: {"t": np.ones(2)}, 1: {"t": np.zeros(2)}}, "b": {0: {"t": np.full(2, 0.4)}}}, {}, {})
    assert table.agreement(sample, "a", "b", ["t"], 0.1) == {"by_seed": [0.6, -0.4], "seeds_agree": False}


def test_means_are_over_tasks_and_paired():
    sample, names = made(), [row.name for row in ROWS]
    domains = {"in-domain": ["long"], "out-of-domain": ["street"]}
    pairs = [("full", "both"), ("both", "full")]
    means, gaps = table.by_domain(sample, domains, names, pairs)
    assert [(row["row"], row["domain"]) for row in means[:2]] == [("base", "in-domain"), ("full", "in-domain")]
    assert [(g["row"], g["domain"]) for g in gaps] == [
        ("full", "in-domain"), ("full", "out-of-domain"), ("both", "in-domain"), ("both", "out-of-domain"),
    ]  # fmt: skip
    forth, back = gaps[1], gaps[3]
    assert forth["difference"] == pytest.approx(-0.25, abs=0.01) and back["low"] == pytest.approx(-forth["high"])
    assert forth["high"] - forth["low"] < 0.02, "what is hard for all rows is no part of a paired interval"
    both = next(row for row in means if (row["row"], row["domain"]) == ("both", "out-of-domain"))
    assert both["high"] - both["low"] > 0.03, "but of a row's own it is"
    _, (whole,) = table.by_domain(sample, {"all": ["long", "street"]}, names, [("full", "both")])
    assert whole["difference"] == pytest.approx((gaps[0]["difference"] + gaps[1]["difference"]) / 2)


def spot(row, x, y):
    return [{"row": row, "domain": d, "value": v} for d, v in (("in-domain", x), ("out-of-domain", y))]


def test_a_row_that_is_another_one_cannot_be_told_from_it():
    """The mean of three equal numbers is theirs but for the last bit, which is no difference."""
    one = {"t": np.arange(300) % 10 / 10}
    rows = {"a": {0: one, 1: one, 2: one}, "b": {0: one}, "c": {0: {"t": one["t"][::-1]}}}
    sample = Sample(rows, {"t": None}, {"t": np.arange(300)})
    assert (sample.mean("a", "t") != sample.mean("b", "t")).any()
    _, (same, other) = table.by_domain(sample, {"in-domain": ["t"]}, list(rows), [("a", "b"), ("c", "b")])
    assert same["p"] == 1.0 and other["p"] > 0.5


def test_the_front_is_what_nobody_is_above():
    points = spot("base", 1, 9) + spot("paper", 5, 7) + spot("worse", 4, 6) + spot("full", 8, 2) + spot("same", 5, 7)
    assert table.front(points) == ["base", "paper", "same", "full"]
    assert table.front(points + spot("best", 9, 9)) == ["best"]
    assert table.front([{"row": "half", "domain": "in-domain", "value": 1}]) == []


def test_the_final_model_is_put_against_every_row():
    sample = made()
    told = table.final(STUDY, sample, {"long": "recall@10", "street": "recall@10"})
    assert not told["holds"] and told["comparisons"] == 6 and told["sentence"].startswith("the paper does not beat")
    lost = {(one["against"], one["task"]): one["kind"] for one in told["exceptions"]}
    assert lost["full", "long"] == "worse" and lost["base", "street"] == "worse"
    assert ("base", "long") not in lost and ("full", "street") not in lost
    alone = Study("s", "r.toml", "both", ROWS[2:3])
    assert "nothing is claimed" in table.final(alone, sample, {"long": "recall@10"})["sentence"]


def test_a_win_that_one_seed_denies_is_an_exception():
    high, low = np.full(60, 0.9), np.full(60, 0.4)
    values = {"both": {0: {"t": high}, 1: {"t": high}, 2: {"t": low}}, "base": {0: {"t": np.full(60, 0.5)}}}
    told = table.final(STUDY, Sample(values, {"t": None}, {}), {"t": "recall@10"})
    (lost,) = told["exceptions"]
    assert not told["holds"] and told["rows"][0]["p"] < 0.05 and lost["kind"] == "cannot be told"
    assert lost["text"].endswith("; its seeds disagree")


def test_a_row_that_is_called_like_a_task_keeps_its_label():
    """Row "long" beside task "in-domain/long", and a single baseline."""
    rows = (Row("long", label="long queries only"), Row("base", model="base", label="base, zero-shot"))
    rng = np.random.default_rng(0)
    values = {name: {0: {"in-domain/long": rng.random(50)}} for name in ("long", "base")}
    study = Study("s", "r.toml", "long", rows, ours="base")
    told = table.final(study, Sample(values, {"in-domain/long": None}, {}), {"in-domain/long": "recall@10"})
    assert told["sentence"].startswith("base, zero-shot ") and "long queries only" in told["sentence"]
    assert told["exceptions"][0]["text"].startswith("in-domain/long: ") and told["exceptions"][0]["against"] == "long"


def test_one_cluster_of_queries_shows_no_spread():
    """Neither does the mean over a domain: nobody knows what another brand's queries would show."""
    rng = np.random.default_rng(0)
    values = {name: {0: {"zero": rng.random(20)}} for name in ("base", "both")}
    labels = {"zero": np.zeros(20, int)}
    means, gaps = table.by_domain(
        Sample(values, {"zero": labels["zero"]}, labels), {"zero-shot": ["zero"]}, ["base", "both"], [("both", "base")]
    )
    assert [(one["low"], one["high"]) for one in means] == [(0, 1)] * 2
    assert (gaps[0]["low"], gaps[0]["high"], gaps[0]["p"]) == (-1, 1, 1)
