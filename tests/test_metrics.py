"""Every metric against an outside tool: trec_eval, ir_measures, or a loop over what trec_eval sees."""

import shutil

import ir_measures
import numpy as np
import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st

from rankings import random_case
from weft.grading import grade
from weft.metrics import METRICS, measure


@st.composite
def cases(draw):
    """A ranking by scores with ties, of judged and unjudged items, or none; judgements with grades from -2 to 4."""
    queries = []
    for _ in range(draw(st.integers(1, 5))):
        scores = draw(st.dictionaries(st.integers(0, 11), st.integers(0, 3), max_size=10))
        grades = draw(st.dictionaries(st.integers(0, 14), st.integers(-2, 4), max_size=12))
        grades[draw(st.integers(0, 14))] = draw(st.integers(1, 4))
        queries.append((scores, grades))
    return queries


def outside(queries, names):
    """Per query what trec_eval says; nothing for a query without results."""
    qrels = {str(q): {name_of(i): g for i, g in grades.items()} for q, (_, grades) in enumerate(queries)}
    run = {str(q): {name_of(i): s / 4 for i, s in scores.items()} for q, (scores, _) in enumerate(queries) if scores}
    found = pytrec_eval.RelevanceEvaluator(qrels, set(names)).evaluate(run)
    return [found.get(str(q), {}) for q in range(len(queries))]


def name_of(item):
    """trec_eval breaks ties by the larger document name: named so that it is the smaller index."""
    return f"d{999 - item}"


def by_trec_eval(name):
    return lambda queries, k: [found.get(f"{name}_{k}", 0.0) for found in outside(queries, [f"{name}.{k}"])]


def grades_by_rank(queries, k):
    """The grade at every rank as trec_eval sees it, from its precisions at all cuts for each lowest relevant grade."""
    qrels = {str(q): {name_of(i): g for i, g in grades.items()} for q, (_, grades) in enumerate(queries)}
    run = {str(q): {name_of(i): s / 4 for i, s in scores.items()} for q, (scores, _) in enumerate(queries) if scores}
    seen = np.zeros((len(queries), k))
    for level in range(1, 5):
        names = {"P." + ",".join(map(str, range(1, k + 1)))}
        found = pytrec_eval.RelevanceEvaluator(qrels, names, relevance_level=level).evaluate(run)
        for query, row in found.items():
            hits = [round(row[f"P_{cut}"] * cut) for cut in range(1, k + 1)]
            seen[int(query)] += np.diff(hits, prepend=0)
    return seen.tolist()


def mrr_by_trec_eval(queries, k):
    """Its recip_rank knows no cut: what it finds below rank k counts as not found."""
    found = [row.get("recip_rank", 0.0) for row in outside(queries, ["recip_rank"])]
    return [value if value > 0 and round(1 / value) <= k else 0.0 for value in found]


def map_by_trec_eval(queries, k):
    """Its map_cut divides by all relevant."""
    relevant = [sum(g > 0 for g in grades.values()) for _, grades in queries]
    found = by_trec_eval("map_cut")(queries, k)
    return [value * n / min(k, n) for value, n in zip(found, relevant, strict=True)]


def err_by_loop(queries, k):
    values = []
    for grades in grades_by_rank(queries, k):
        value, unmet = 0.0, 1.0
        for rank, g in enumerate(grades, start=1):
            value += unmet * (2**g - 1) / 16 / rank
            unmet *= 1 - (2**g - 1) / 16
        values.append(value)
    return values


def rbp_by_loop(queries, k):
    return [sum(0.2 * 0.8**i for i, g in enumerate(row) if g > 0) for row in grades_by_rank(queries, k)]


def judged_by_ir_measures(queries, k):
    qrels = {str(q): {name_of(i): g for i, g in grades.items()} for q, (_, grades) in enumerate(queries)}
    # Its providers break ties in several ways, so it gets the order itself.
    run = {str(q): {name_of(i): -float(r) for r, i in enumerate(order(s))} for q, (s, _) in enumerate(queries) if s}
    found = {m.query_id: m.value for m in ir_measures.iter_calc([ir_measures.Judged @ k], qrels, run)}
    return [found.get(str(q), 0.0) for q in range(len(queries))]


def ceiling_by_trec_eval(queries, k):
    """The recall of the ideal run."""
    return by_trec_eval("recall")([(grades, grades) for _, grades in shifted(queries)], k)


def shifted(queries):
    return [(scores, {i: max(g, 0) for i, g in grades.items()}) for scores, grades in queries]


ORACLES = {
    "hit_rate": by_trec_eval("success"),
    "recall": by_trec_eval("recall"),
    "precision": by_trec_eval("P"),
    "mrr": mrr_by_trec_eval,
    "ndcg": by_trec_eval("ndcg_cut"),
    "map": map_by_trec_eval,
    "map_all": by_trec_eval("map_cut"),
    "err": err_by_loop,
    "rbp": rbp_by_loop,
    "judged": judged_by_ir_measures,
    "ceiling_recall": ceiling_by_trec_eval,
}


def order(scores):
    return sorted(scores, key=lambda item: (-scores[item], item))


def as_arrays(queries, depth=12):
    ranking = np.full((len(queries), depth), -1)
    for row, (scores, _) in enumerate(queries):
        ranking[row, : len(scores)] = order(scores)
    return ranking, [(np.asarray([*g]), np.asarray([*g.values()], dtype=float)) for _, g in queries]


def test_no_metric_is_left_without_an_outside_tool():
    assert set(ORACLES) == set(METRICS)


@pytest.mark.parametrize("name", ORACLES)
@settings(max_examples=40, deadline=None)
@given(queries=cases(), k=st.integers(1, 12))
def test_equals_the_outside_tool(name, queries, k):
    ours = measure(f"{name}@{k}", grade(*as_arrays(queries)))
    np.testing.assert_allclose(ours, ORACLES[name](queries, k), atol=1e-9, rtol=0)


@pytest.mark.parametrize("name", [name for name, metric in METRICS.items() if metric.ir_measures])
def test_its_name_in_ir_measures_exists_and_means_the_same(name):
    ranking, judged, _, qrels = random_case(0)
    run = {
        str(query): {f"d{999 - item}": -rank for rank, item in enumerate(row.tolist()) if item >= 0}
        for query, row in enumerate(ranking)
        if row[0] >= 0
    }
    for k in (1, 3, 10, 30):
        named = ir_measures.parse_measure(METRICS[name].ir_measures.format(k=k))
        if not ir_measures.DefaultPipeline.supports(named) or (name == "err" and not shutil.which("perl")):
            continue  # RBP: its only provider, cwl_eval, is another install
        ours = measure(f"{name}@{k}", grade(ranking, judged))
        theirs = {m.query_id: m.value for m in ir_measures.iter_calc([named], qrels, run)}
        close = 6e-6 if name == "err" else 1e-9  # gdeval prints five decimals
        np.testing.assert_allclose(ours, [theirs.get(str(q), 0.0) for q in range(len(ours))], atol=close, rtol=0)
        mean = ir_measures.calc_aggregate([named], qrels, run)[named]
        assert ours.mean() == pytest.approx(mean, abs=close), "a query without results stays in the mean"


@pytest.mark.parametrize("name", [name for name, metric in METRICS.items() if metric.trec_eval])
def test_its_name_in_trec_eval_exists(name):
    _, _, run, qrels = random_case(1)
    evaluator = pytrec_eval.RelevanceEvaluator(qrels, {METRICS[name].trec_eval.format(k="10")})
    assert METRICS[name].trec_eval.format(k=10) in evaluator.evaluate({q: s for q, s in run.items() if s})["0"]
