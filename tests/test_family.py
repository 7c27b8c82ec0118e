"""The declared family: what its rows say, when the union of claims holds, strata outside of it."""

import json

import numpy as np
import pytest

from weft import stats
from weft.errors import WeftError
from weft.family import Family, beats_all, call, compare_all, strata, visible

TASKS = {"short": "recall@10", "long": "ndcg@10"}
FAMILY = Family("ours", ("clip", "bm25"), TASKS)


def scores(seed=0, queries=400, **ahead):
    """task -> model -> scores; `ahead` is what ours gains on a task."""
    rng = np.random.default_rng(seed)
    found = {}
    for task in TASKS:
        hard = rng.random(queries)
        found[task] = {"clip": hard + 0.1 * rng.normal(size=queries), "bm25": hard + 0.1 * rng.normal(size=queries)}
        found[task]["ours"] = hard + ahead.get(task, 0.05) + 0.1 * rng.normal(size=queries)
    return found


def row(against="clip", task="short", difference=0.02, p=0.01, model="ours"):
    return {
        "model": model, "against": against, "task": task, "metric": TASKS.get(task, "recall@10"),
        "difference": difference, "low": difference - 0.01, "high": difference + 0.01, "p": p,
    }  # fmt: skip


GRID = [(b, task) for b in FAMILY.baselines for task in TASKS]


def test_rows_are_what_the_single_tests_say():
    values = scores()
    rows = compare_all(FAMILY, values)
    assert [(r["task"], r["against"]) for r in rows] == [(t, b) for t in TASKS for b in FAMILY.baselines]
    for r in rows:
        ours, theirs = values[r["task"]]["ours"], values[r["task"]][r["against"]]
        assert r["value"] == ours.mean() and r["value_against"] == theirs.mean() and r["queries"] == r["groups"] == 400
        alone = stats.paired_bootstrap(ours, theirs, seed=1)
        assert (r["difference"], r["low"], r["high"]) == pytest.approx(alone, abs=0.0008)
        assert r["p"] == pytest.approx(stats.paired_randomisation(ours, theirs, seed=1), abs=0.01)
        assert r["mde"] == pytest.approx(stats.minimum_detectable(ours, theirs))
        assert r["metric"] == TASKS[r["task"]] and r["call"] == "better"
    np.testing.assert_allclose([r["p_holm"] for r in rows], stats.holm([r["p"] for r in rows]))
    json.dumps(rows)


def test_a_task_s_rows_do_not_depend_on_the_other_tasks():
    values = scores()
    alone = compare_all(Family("ours", FAMILY.baselines, {"long": "ndcg@10"}), values)
    for one, other in zip(alone, compare_all(FAMILY, values)[2:], strict=True):
        assert one | {"p_holm": 0} == other | {"p_holm": 0}


def test_groups_widen_what_they_should():
    groups = np.repeat(np.arange(50), 8)
    rng = np.random.default_rng(3)
    common = rng.normal(0.0, 0.1, size=50)[groups]  # what a product gains, all its queries gain
    values = {"short": {"clip": rng.random(400), "ours": np.zeros(400)}}
    values["short"]["ours"] = values["short"]["clip"] + common
    family = Family("ours", ("clip",), {"short": "recall@10"})
    (plain,), (grouped,) = compare_all(family, values), compare_all(family, values, {"short": groups})
    assert grouped["groups"] == 50 and plain["groups"] == 400
    for name in ("mde", "p"):
        assert grouped[name] > plain[name]
    assert (grouped["high"] - grouped["low"]) / (plain["high"] - plain["low"]) == pytest.approx(8**0.5, rel=0.2)
    (one,) = compare_all(family, values, {"short": np.zeros(400)})
    assert (one["low"], one["high"], one["call"]) == (-1.0, 1.0, "cannot be told"), "one group shows no spread"
    (points,) = compare_all(
        family, {"short": {n: 100 * v for n, v in values["short"].items()}}, {"short": np.zeros(400)}
    )
    assert points["low"] < points["difference"] < points["high"]


def test_the_family_is_corrected_at_its_declared_size():
    values = scores()
    del values["long"]
    rows = compare_all(FAMILY, values)
    assert len(rows) == 2 and rows[0]["p_holm"] == pytest.approx(min(r["p"] for r in rows) * 4)
    result = beats_all(rows, FAMILY)
    assert not result["holds"] and result["p"] == 1.0 and result["won"] == 2
    assert [(e["task"], e["kind"]) for e in result["exceptions"]] == [("long", "not measured")] * 2
    absent = Family("ours", FAMILY.baselines, TASKS, absent=(("clip", "long"), ("bm25", "long")))
    told = beats_all(compare_all(absent, values), absent)
    assert told["holds"] and "not compared: clip has no score on long; bm25 has no score on long" in told["sentence"]
    assert "ours beats every one of 2 baselines on short: " in told["sentence"]
    one = Family("ours", FAMILY.baselines, TASKS, absent=(("bm25", "short"), ("bm25", "long")))
    said = beats_all(compare_all(one, scores()), one)["sentence"]
    assert "ours beats clip on every one of 2 tasks" in said and "bm25 has no score on short, long" in said


def test_permutations_follow_the_family():
    assert FAMILY.permutations == 10_000
    large = Family("ours", tuple(f"b{i}" for i in range(60)), {f"t{i}": "recall@10" for i in range(10)})
    assert large.permutations == 240_000
    with pytest.raises(WeftError, match="1599 permutations cannot tell 4 comparisons: take 1600 or more"):
        compare_all(FAMILY, scores(), permutations=1599)
    assert min(r["p"] for r in compare_all(FAMILY, scores(), permutations=1600)) == pytest.approx(1 / 1601)


def test_beats_all_only_if_every_comparison_passes_by_itself():
    # Each at p = 0.04: none survives Holm over four, and all together are still a valid claim (Berger 1982).
    rows = [row(*pair, p=0.04) for pair in GRID]
    assert (stats.holm([r["p"] for r in rows]) > 0.05).all()
    result = beats_all(rows, FAMILY)
    assert result["holds"] and result["p"] == 0.04 and result["exceptions"] == [] and result["won"] == 4
    assert result["sentence"].startswith("ours beats every one of 2 baselines on every one of 2 tasks: ")
    assert "p = 0.040" in result["sentence"]
    assert beats_all(rows)["sentence"] == result["sentence"]


@pytest.mark.parametrize(
    ("spoiled", "kind", "verb"),
    [
        (row("bm25", "long", 0.02, 0.051), "cannot be told", "is not shown to beat"),
        (row("bm25", "long", -0.02, 0.2), "cannot be told", "is not shown to beat"),
        (row("bm25", "long", -0.02, 0.001), "worse", "does not beat"),
        (row("bm25", "long", 0.0, 1.0), "cannot be told", "is not shown to beat"),
    ],
)
def test_one_exception_is_named(spoiled, kind, verb):
    result = beats_all([row(*pair) for pair in GRID if pair != ("bm25", "long")] + [spoiled])
    assert not result["holds"] and result["won"] == 3 and result["comparisons"] == 4
    (exception,) = result["exceptions"]
    assert (exception["against"], exception["task"], exception["kind"]) == ("bm25", "long", kind)
    told = {"worse": "worse than", "cannot be told": "cannot be told from"}[kind]
    assert f"long: {told} bm25, {100 * spoiled['difference']:+.1f} points ndcg@10" in result["sentence"]
    assert f"ours {verb} every one" in result["sentence"] and "3 of 4 comparisons pass" in result["sentence"]
    assert result["p"] == (spoiled["p"] if spoiled["difference"] > 0 else 1.0)


def test_a_hole_in_the_table_is_an_exception():
    result = beats_all([row(*pair) for pair in GRID if pair != ("clip", "short")])
    assert not result["holds"]
    assert [e["text"] for e in result["exceptions"]] == ["short: was not measured against clip"]


def test_what_is_not_one_family_is_refused():
    for rows in ([], [row(), row(model="other")]):
        with pytest.raises(WeftError, match="one candidate"):
            beats_all(rows)
    with pytest.raises(WeftError, match="twice"):
        beats_all([row(), row()])
    with pytest.raises(WeftError, match="each model may be there once"):
        Family("ours", ("ours",), TASKS)
    with pytest.raises(WeftError, match="needs a baseline and a task"):
        Family("ours", (), TASKS)
    with pytest.raises(WeftError, match="does not have"):
        Family("ours", ("clip",), TASKS, absent=(("clip", "shrot"),))
    values = scores()
    values["short"]["clip"] = values["short"]["clip"][1:]
    with pytest.raises(WeftError, match="same queries"):
        compare_all(FAMILY, values)


def test_calls():
    assert call(0.1, 0.05) == "better" and call(-0.1, 0.05) == "worse"
    assert call(0.1, 0.051) == call(0.0, 0.01) == "cannot be told"


def test_what_so_many_queries_can_show():
    assert visible({"queries": 2000, "groups": 2000, "mde": 0.0112}) == (
        "with 2,000 queries, differences under 1.1 points cannot be told"
    )
    assert "2,000 queries in 900 groups, d" in visible({"queries": 2000, "groups": 900, "mde": 0.02})
    assert "under 0.05 points" in visible({"queries": 10**6, "groups": 10**6, "mde": 0.0005})
    # Five queries, or forty of five brands, give no p-value below 2/32, whatever they show.
    family = Family("ours", ("clip",), {"short": "recall@10"})
    values = {"short": {"clip": np.zeros(5), "ours": np.ones(5)}}
    (few,) = compare_all(family, values)
    assert few["p"] > 0.05 and few["visible"] == "with 5 queries, no difference can be told"
    values = {"short": {"clip": np.zeros(40), "ours": np.ones(40)}}
    (brands,) = compare_all(family, values, {"short": [f"brand {i % 5}" for i in range(40)]})
    assert brands["p"] > 0.05 and brands["visible"] == "with 40 queries in 5 groups, no difference can be told"
    (all_alike,) = compare_all(family, values)
    assert all_alike["visible"] == "with 40 queries, every one shows the same difference"


def test_strata_find_where_the_difference_lies():
    rng = np.random.default_rng(5)
    length = rng.choice(["short", "long"], size=600)
    language = np.where(np.arange(600) < 20, "de", "en").astype(object)
    negated = np.where(np.arange(600) % 3 == 0, "yes", "")  # "" is where it does not apply
    b = rng.random(600)
    a = b + np.where(length == "long", 0.2, 0.0) + 0.1 * rng.normal(size=600)
    rows = strata(a, b, {"length": length, "language": language, "negated": negated})
    by_label = {(r["stratum"], r["label"]): r for r in rows}
    assert set(by_label) == {
        ("length", "short"), ("length", "long"), ("language", "de"), ("language", "en"), ("negated", "yes")
    }  # fmt: skip
    assert by_label["length", "long"]["low"] > 0.15 and by_label["length", "short"]["low"] < 0.02
    for (stratum, label), r in by_label.items():
        every = {"length": length, "language": language, "negated": negated}[stratum]
        assert r["queries"] == (every == label).sum() and r["exploratory"] is True
        assert r["difference"] == pytest.approx((a - b)[every == label].mean())
    few = by_label["language", "de"]
    assert few["small"] and few["low"] is None and not by_label["language", "en"]["small"]
    # What counts is independent groups: 600 queries of 20 products are few.
    assert all(r["small"] for r in strata(a, b, {"length": length}, groups=np.arange(600) % 20))
    json.dumps(rows)
