"""The metrics: hand-worked cases, properties of every registered one, equality with trec_eval and ir_measures."""

import ir_measures
import numpy as np
import pytest
import pytrec_eval

from weft import metrics
from weft.errors import WeftError
from weft.metrics import METRICS, grade, measure

NAMES = [name for name, metric in METRICS.items() if metric.ir_measures]


def random_case(seed, queries=25, items=40, depth=30):
    """Rankings with tied scores, unjudged items, empty slots and queries without results; and their judgements."""
    rng = np.random.default_rng(seed)
    ranking = np.full((queries, depth), -1)
    run, judged = {}, []
    for query in range(queries):
        shown = rng.permutation(items)[: 0 if query % 7 == 3 else rng.integers(1, depth + 1)]
        scores = rng.integers(0, 6, size=len(shown)) / 4  # few values: many ties
        order = np.lexsort((shown, -scores))
        ranking[query, : len(shown)] = shown[order]
        # trec_eval breaks ties by the larger document name: name them so that it is the smaller index.
        run[str(query)] = {f"d{999 - i}": float(s) for i, s in zip(shown, scores, strict=True)}
        pool = rng.permutation(items)[: rng.integers(1, items)]
        grades = rng.integers(-1, 4, size=len(pool))
        grades[0] = 2
        judged.append((pool, grades.astype(float)))
    qrels = {str(q): {f"d{999 - i}": int(g) for i, g in zip(*pair, strict=True)} for q, pair in enumerate(judged)}
    return ranking, judged, run, qrels


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", NAMES)
def test_equals_ir_measures(name, seed):
    ranking, judged, _, qrels = random_case(seed)
    # Its providers break ties in several ways, so it gets the ranks themselves.
    run = {
        str(query): {f"d{999 - item}": -rank for rank, item in enumerate(row.tolist()) if item >= 0}
        for query, row in enumerate(ranking)
    }
    run = {query: shown for query, shown in run.items() if shown}
    for k in (1, 3, 10, 30):
        ours = measure(f"{name}@{k}", grade(ranking, judged))
        outside = ir_measures.parse_measure(METRICS[name].ir_measures.format(k=k))
        theirs = {m.query_id: m.value for m in ir_measures.iter_calc([outside], qrels, run)}
        np.testing.assert_allclose(ours, [theirs.get(str(q), 0.0) for q in range(len(ours))], atol=1e-9, rtol=0)


@pytest.mark.parametrize("seed", range(4))
def test_equals_trec_eval_with_ties(seed):
    ranking, judged, run, qrels = random_case(seed)
    run = {query: shown for query, shown in run.items() if shown}
    names = {
        "ndcg_cut_10": "ndcg@10",
        "recall_10": "recall@10",
        "map_cut_10": "map_all@10",
        "P_10": "precision@10",
        "success_10": "hit_rate@10",
        "recip_rank": "mrr@30",  # the whole depth
    }
    theirs = pytrec_eval.RelevanceEvaluator(qrels, set(names)).evaluate(run)
    for outside, name in names.items():
        ours = measure(name, grade(ranking, judged))
        expected = [theirs.get(str(q), {outside: 0.0})[outside] for q in range(len(ours))]
        np.testing.assert_allclose(ours, expected, atol=1e-9, rtol=0)


def test_by_hand():
    # Ranks hold grades 0 3 0 1; judged relevant are 3, 1 and an unretrieved 2.
    graded = grade(np.asarray([[9, 4, 7, 5]]), [(np.asarray([5, 4, 8, 7]), np.asarray([1, 3, 2, 0]))])
    assert graded.relevant.tolist() == [3] and graded.ideal.tolist() == [[3, 2, 1, 0]]
    expected = {
        "hit_rate@1": 0,
        "hit_rate@2": 1,
        "recall@4": 2 / 3,
        "precision@4": 1 / 2,
        "mrr@4": 1 / 2,
        "mrr@1": 0,
        "map@2": 1 / 2 / 2,
        "map_all@2": 1 / 2 / 3,
        "map@4": (1 / 2 + 2 / 4) / 3,
        "ceiling_recall@2": 2 / 3,
        "ndcg@4": (3 / np.log2(3) + 1 / np.log2(5)) / (3 + 2 / np.log2(3) + 1 / 2),
    }
    for name, value in expected.items():
        assert measure(name, graded) == pytest.approx([value]), name


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_lies_between_0_and_1_and_reaches_both(name):
    ranking, judged, _, _ = random_case(7)
    for k in (1, 5, 30):
        values = measure(f"{name}@{k}", grade(ranking, judged))
        assert values.shape == (25,) and values.dtype == np.float64
        assert (values >= 0).all() and (values <= 1 + 1e-12).all()
    one = [(np.asarray([3]), np.asarray([2.0]))]
    assert measure(f"{name}@1", grade(np.asarray([[3]]), one)) == 1.0
    if name != "ceiling_recall":
        assert measure(f"{name}@1", grade(np.asarray([[-1]]), one)) == 0.0
        assert measure(f"{name}@1", grade(np.asarray([[4]]), one)) == 0.0


@pytest.mark.parametrize("name", METRICS)
def test_a_better_item_one_rank_higher_never_hurts(name):
    rng = np.random.default_rng(1)
    judged = [(np.arange(20), rng.integers(0, 4, 20).astype(float)) for _ in range(30)]
    ranking = np.stack([rng.permutation(20) for _ in range(30)])
    before = measure(f"{name}@8", grade(ranking, judged))
    for query, (_, grades) in enumerate(judged):
        for rank in range(19, 0, -1):
            pair = ranking[query, [rank - 1, rank]]
            if grades[pair[1]] > grades[pair[0]]:
                ranking[query, [rank - 1, rank]] = pair[::-1]
    assert (measure(f"{name}@8", grade(ranking, judged)) >= before - 1e-12).all()


def test_recall_stays_under_its_ceiling_and_hit_rate_is_not_recall():
    ranking, judged, _, _ = random_case(3)
    graded = grade(ranking, judged)
    assert (measure("recall@5", graded) <= measure("ceiling_recall@5", graded)).all()
    assert (measure("hit_rate@5", graded) > measure("recall@5", graded)).any()


def test_minimum_raises_the_bar():
    graded = grade(np.asarray([[0, 1]]), [(np.asarray([0, 1]), np.asarray([1.0, 3.0]))], minimum=3)
    assert measure("hit_rate@1", graded) == 0 and measure("recall@2", graded) == 1
    assert graded.grades.tolist() == [[0, 3]]


def test_errors_name_the_query():
    empty = (np.asarray([], dtype=int), np.asarray([]))
    with pytest.raises(WeftError, match="'red dress'"):
        grade(np.asarray([[1]]), [empty], names=["red dress"])
    with pytest.raises(WeftError, match="twice"):
        grade(np.asarray([[1, 1]]), [(np.asarray([1]), np.asarray([1.0]))])
    with pytest.raises(WeftError, match=r"judgements.*twice"):
        grade(np.asarray([[1, 2]]), [(np.asarray([1, 1]), np.asarray([1.0, 2.0]))])
    with pytest.raises(WeftError, match="query 1 has no relevant"):
        metrics.recall(np.zeros((2, 3)), np.asarray([1, 0]), 3)
    with pytest.raises(ValueError, match="3 deep"):
        metrics.hit_rate(np.zeros((2, 3)), 4)


@pytest.mark.parametrize("name", ["recal@10", "recall", "recall@0", "recall@x", "nonsense@3"])
def test_unknown_names_are_refused(name):
    graded = grade(np.asarray([[1]]), [(np.asarray([1]), np.asarray([1.0]))])
    with pytest.raises(WeftError, match="no metric"):
        measure(name, graded)
