"""The verdict's words against differences whose meaning is known."""

import numpy as np
import pytest

from weft import stats
from weft.evaluate import Scored
from weft.verdict import call, comparisons, intervals, verdict

TASKS = [
    {"name": "short", "domain": "in-domain", "counts": True, "primary": "recall@10"},
    {"name": "long", "domain": "in-domain", "counts": True, "primary": "recall@10"},
    {"name": "brands", "domain": "zero-shot", "counts": True, "primary": "recall@10"},
    {"name": "street", "domain": "out-of-domain", "counts": True, "primary": "recall@10"},
    {"name": "kinds", "domain": "out-of-domain", "counts": True, "primary": "balanced_accuracy"},
]
DELTA = 0.01


def row(task, low, high, p=0.001, model="woven", against="base"):
    """A comparison with this interval, judged alone."""
    domain = {t["name"]: t["domain"] for t in TASKS}[task]
    told = {
        "model": model, "against": against, "task": task, "metric": "recall@10",
        "difference": (low + high) / 2, "low": low, "high": high, "p": p, "p_holm": p,
    }  # fmt: skip
    return told | {"call": call(told, domain, DELTA)}


GOOD = {
    "short": (0.02, 0.06),
    "long": (0.05, 0.09),
    "brands": (-0.01, 0.03),
    "street": (-0.004, 0.01),
    "kinds": (-0.01, 0.02),
}


def judged(*extra, tasks=TASKS, **changes):
    rows = [row(task, *ends) for task, ends in (GOOD | changes).items()]
    return verdict([*rows, *extra], tasks, DELTA)


@pytest.mark.parametrize(
    ("task", "low", "high", "p", "expected"),
    [
        ("short", 0.001, 0.02, 0.01, "better"),
        ("short", 0.001, 0.02, 0.06, "undecided"),  # the corrected test disagrees
        ("short", 0.0, 0.02, 0.01, "undecided"),
        ("short", -0.02, -0.001, 0.01, "worse"),
        ("short", -0.02, -0.001, 0.06, "undecided"),
        ("brands", -0.02, -0.001, 0.01, "worse"),
        ("street", 0.001, 0.02, 0.01, "better"),
        ("street", -0.009, 0.02, 0.5, "within delta"),
        ("street", -0.01, 0.02, 0.5, "within delta"),
        ("street", -0.0101, 0.02, 0.5, "undecided"),  # the interval crosses -delta
        ("street", -0.03, -0.005, 0.001, "undecided"),  # surely a loss, but perhaps a small one
        ("street", -0.009, -0.005, 0.001, "within delta"),  # surely a loss, and surely a small one
        ("street", -0.03, -0.011, 0.001, "worse"),
    ],
)
def test_calls(task, low, high, p, expected):
    assert row(task, low, high, p)["call"] == expected


def test_it_holds_only_when_everything_does():
    found = judged()
    assert found["holds"] is True and found["state"] == "holds"
    assert found["sentence"] == (
        "The woven model is better than the base on 2 of 2 in-domain tasks and keeps 2 of 2 out-of-domain tasks "
        "within 1.0 points; undecided on brands."
    )
    assert [gain.partition(":")[0] for gain in found["gains"]] == ["short", "long"]


@pytest.mark.parametrize(
    ("changes", "told", "state"),
    [
        ({"long": (-0.001, 0.03)}, "1 of 2 in-domain tasks", "undecided"),
        ({"long": (-0.09, -0.03)}, "worse on long", "fails"),
        ({"street": (-0.02, 0.01)}, "undecided on brands, street", "undecided"),
        (
            {"street": (-0.09, -0.02)},
            "keeps 1 of 2 out-of-domain tasks within 1.0 points; it is worse on street",
            "fails",
        ),
        ({"brands": (-0.09, -0.02)}, "worse on brands", "fails"),
    ],
)
def test_it_does_not_hold(changes, told, state):
    found = judged(**changes)
    assert found["holds"] is False and told in found["sentence"] and found["state"] == state


def test_every_loss_is_listed():
    rivals = [row("short", -0.3, -0.1, against="bm25"), row("long", 0.1, 0.3, against="bm25")]
    rivals.append(row("kinds", -0.03, 0.01, against="other"))
    tuned = row("street", -0.5, -0.3, model="tuned")
    found = judged(*rivals, tuned, street=(-0.009, -0.003), kinds=(-0.2, -0.1))
    assert found["losses"] == [
        "street: -0.6 points recall@10 [-0.9, -0.3]",
        "kinds: -15.0 points recall@10 [-20.0, -10.0]",
        "bm25 is ahead on short: -20.0 points recall@10 [-30.0, -10.0]",
        "other is ahead on kinds: -1.0 points recall@10 [-3.0, +1.0]",
    ]
    assert found["undecided"] == ["brands: +1.0 points recall@10 [-1.0, +3.0]"]


def test_tasks_that_do_not_count_decide_nothing_but_their_losses_are_listed():
    tasks = [task | {"counts": task["name"] not in ("street", "long")} for task in TASKS]
    found = judged(tasks=tasks, street=(-0.5, -0.4), long=(-0.5, -0.4))
    assert found["holds"] is True
    assert "1 of 1 in-domain task and keeps 1 of 1 out-of-domain task within" in found["sentence"]
    assert "worse" not in found["sentence"]
    assert found["losses"] == [
        "long: -45.0 points recall@10 [-50.0, -40.0] (does not count)",
        "street: -45.0 points recall@10 [-50.0, -40.0] (does not count)",
    ]


def test_nothing_asked_in_domain_is_no_success():
    tasks = [task | {"counts": task["domain"] != "in-domain"} for task in TASKS]
    assert judged(tasks=tasks)["holds"] is False


def test_a_fresh_base_claims_nothing():
    found = verdict([], TASKS, DELTA)
    assert found["holds"] is False and "trained from nothing" in found["sentence"] and "0 of" not in found["sentence"]
    assert found["losses"] == found["gains"] == found["undecided"] == []


def test_alpha_zero_is_called_what_it_is():
    found = judged(**{task["name"]: (0.0, 0.0) for task in TASKS})
    assert found["holds"] is False and "the base itself" in found["sentence"]


def scored(seed=0, count=900) -> tuple[dict, dict]:
    """Model -> task -> values of base, tuned, woven and, but for pictures, BM25; the groups of each task."""
    random, found = np.random.default_rng(seed), {}
    for place, task in enumerate(TASKS):
        base = random.integers(0, 2, count).astype(float)
        woven = np.clip(base + (place % 2) * random.integers(-1, 3, count), 0, 1)
        models = {"base": base, "tuned": woven, "woven": woven} | (
            {} if task["name"] == "kinds" else {"bm25": 1 - base}
        )
        for model, values in models.items():
            found.setdefault(model, {})[task["name"]] = Scored({task["primary"]: values})
    return found, {task["name"]: np.arange(count) // 3 if task["name"] == "long" else None for task in TASKS}


def test_the_family_of_a_run_is_corrected_as_one():
    found, groups = scored()
    rows = comparisons(TASKS, found, groups, DELTA, seed=5)
    names = [task["name"] for task in TASKS]
    pairs = [("woven", "base", n) for n in names] + [("woven", "bm25", n) for n in names[:-1]]
    assert [(r["model"], r["against"], r["task"]) for r in rows] == pairs + [("tuned", "base", n) for n in names]
    assert [r["p_holm"] for r in rows] == pytest.approx(stats.holm([r["p"] for r in rows]))
    calls = {(r["model"], r["against"], r["task"]): r["call"] for r in rows}
    assert calls["woven", "base", "long"] == calls["woven", "bm25", "long"] == "better"
    assert calls["woven", "base", "short"] == "undecided" and calls["woven", "base", "kinds"] == "within delta"
    assert not comparisons(TASKS, {"base": found["base"]}, groups, DELTA, seed=5), "a fresh base claims nothing"


def test_a_comparison_is_that_of_stats():
    found, groups = scored()
    row = next(r for r in comparisons(TASKS, found, groups, DELTA, seed=5) if r["task"] == "long")
    woven, base = (found[model]["long"].values["recall@10"] for model in ("woven", "base"))
    gap = stats.paired_bootstrap(woven, base, seed=1, groups=groups["long"])
    assert (row["low"], row["high"]) == pytest.approx((gap.low, gap.high), abs=0.01) and row["low"] > 0
    assert row["difference"] == pytest.approx(woven.mean() - base.mean()) and row["metric"] == "recall@10"
    assert row["p"] < 0.001 and row["mde"] == pytest.approx(
        stats.minimum_detectable(woven, base, groups=groups["long"])
    )


def test_intervals_of_every_metric():
    random = np.random.default_rng(0)
    base, woven = random.integers(0, 2, 300).astype(float), random.random(300)
    rows = intervals("woven", "short", Scored({"recall@10": woven, "mrr@10": base}), seed=5)
    assert [r["metric"] for r in rows] == ["recall@10", "mrr@10"] and all(r["n"] == 300 for r in rows)
    assert rows[0]["value"] == pytest.approx(woven.mean()) and rows[0]["low"] < rows[0]["value"] < rows[0]["high"]


def test_a_task_of_one_group_claims_nothing_of_score_or_difference():
    values, one = np.linspace(0.2, 0.6, 40), np.zeros(40)
    (score,) = intervals("woven", "brands", Scored({"recall@10": values}), seed=5, groups=one)
    assert (score["value"], score["low"], score["high"]) == (pytest.approx(0.4), 0.0, 1.0)
    found = {name: {"brands": Scored({"recall@10": v})} for name, v in (("base", values / 2), ("woven", values))}
    found["tuned"] = found["woven"]
    gap = comparisons(TASKS[2:3], found, {"brands": one}, DELTA, seed=5)[0]
    assert (gap["difference"], gap["low"], gap["high"], gap["mde"]) == (pytest.approx(0.2), -1.0, 1.0, None)
