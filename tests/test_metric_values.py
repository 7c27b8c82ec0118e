"""The metrics by hand and by what must hold of every registered one."""

import numpy as np
import pytest

from rankings import random_case
from weft import metrics
from weft.errors import WeftError
from weft.grading import grade
from weft.metrics import METRICS, measure


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_says_what_it_is(name):
    metric = METRICS[name]
    assert metric.reads and metric.citation and metric.definition.format(k=10) != metric.definition
    told = metrics.explain(f"{name}@7")
    assert told["definition"].startswith(metric.reads) and "7" in told["definition"]
    assert told["citation"] == metric.citation
    for what, value in metric.parameters.items():
        assert f"{what}: {value}" in told["definition"]
    for symbol in ("r(i)", "g(i)", " n"):  # what the formula uses is said
        assert (symbol in metric.definition) == (symbol.strip() in metric.parameters), symbol


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
        "err@4": 7 / 16 / 2 + (1 - 7 / 16) * 1 / 16 / 4,
        "rbp@4": 0.2 * (0.8 + 0.8**3),
        "judged@4": 3 / 4,  # the third was judged and found wanting, the first was not judged
        "ndcg@4": (3 / np.log2(3) + 1 / np.log2(5)) / (3 + 2 / np.log2(3) + 1 / 2),
    }
    for name, value in expected.items():
        assert measure(name, graded) == pytest.approx([value]), name


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_lies_between_0_and_1_and_reaches_its_ends(name):
    ranking, judged, _, _ = random_case(7)
    for k in (1, 5, 30):
        values = measure(f"{name}@{k}", grade(ranking, judged))
        assert values.shape == (25,) and values.dtype == np.float64
        assert (values >= 0).all() and (values <= 1 + 1e-12).all()
    one = [(np.asarray([3]), np.asarray([2.0]))]
    best = {"err": 3 / 16, "rbp": 0.2}.get(name, 1.0)
    assert measure(f"{name}@1", grade(np.asarray([[3]]), one)) == pytest.approx(best)
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


@pytest.mark.parametrize("name", ["recal@10", "recall", "recall@0", "recall@x", "nonsense@3"])
def test_unknown_names_are_refused(name):
    graded = grade(np.asarray([[1]]), [(np.asarray([1]), np.asarray([1.0]))])
    with pytest.raises(WeftError, match="no metric"):
        measure(name, graded)
