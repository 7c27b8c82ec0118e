"""What is resampled: whole clusters of queries, never seeds; closed forms and other tests are the witnesses."""

import numpy as np
import pytest

from weft import stats
from weft.benchmarks.record import Classification, Retrieval, Side
from weft.study.sample import Sample, _strata, clusters, draws, p_value


def scores(count, columns=2, seed=0):
    return np.random.default_rng(seed).random((count, columns))


def test_one_task_is_the_plain_bootstrap():
    values = scores(300)
    drawn = draws([values], [np.arange(300)], 4000)
    ends = np.quantile(drawn, [0.025, 0.975], axis=0).T
    for (low, high), known in zip(ends, stats.bootstrap_means(values, 4000), strict=True):
        assert low == pytest.approx(known.low, abs=0.004) and high == pytest.approx(known.high, abs=0.004)


def test_the_spread_of_a_mean_of_tasks_is_theirs_over_the_root_of_their_number():
    a, b = scores(400, 1, 1), scores(400, 1, 2)
    apart = draws([a, b], [np.arange(400), np.arange(400, 800)], 4000).std()
    expected = np.sqrt(a.var() / 400 + b.var() / 400) / 2
    assert apart == pytest.approx(expected, rel=0.06)


def test_queries_of_one_product_move_together_across_tasks():
    a = scores(400, 1)
    together = draws([a, a], [np.arange(400), np.arange(400)], 4000).std()
    apart = draws([a, a], [np.arange(400), np.arange(400, 800)], 4000).std()
    assert together == pytest.approx(a.std() / np.sqrt(400), rel=0.06) and apart < 0.8 * together


def test_models_see_the_same_queries():
    values = scores(50, 1)
    drawn = draws([np.hstack([values, values + 0.25])], [np.arange(50)], 200)
    assert np.allclose(drawn[:, 1] - drawn[:, 0], 0.25), "a constant gap has no spread"


def test_clusters_are_drawn_whole():
    values = np.repeat([[0.0], [1.0]], 50, axis=0)  # two clusters of fifty equal queries
    drawn = draws([values], [np.repeat([0, 1], 50)], 2000)
    assert set(np.round(drawn.ravel(), 9)) == {0.0, 0.5, 1.0}


def test_the_test_of_one_task_is_the_known_one():
    gap = np.random.default_rng(0).normal(0.1, 0.6, (80, 1))
    p = p_value([gap], [np.arange(80)], 20_000)[0]
    assert p == pytest.approx(stats.paired_randomisation(gap[:, 0], np.zeros(80), 20_000, seed=1), abs=0.01)


def test_tasks_count_alike_whatever_their_size():
    small, large = np.full((10, 1), 0.3), np.full((1000, 1), -0.1)
    assert draws([small, large], [np.arange(10), np.arange(10, 1010)], 10)[0, 0] == pytest.approx(0.1)
    assert p_value([np.zeros((10, 1)), np.zeros((1000, 1))], [np.arange(10), np.arange(10, 1010)], 100)[0] == 1.0


def test_strata_are_tasks_that_share_clusters_through_others():
    labels = [np.array([1, 2]), np.array([5, 6]), np.array([2, 3]), np.array([3, 9])]
    assert sorted(_strata(labels)) == [[0, 2, 3], [1]]


class Pictures:
    image_count, identity = 3, "shop"
    image_hashes = ("a", "b", "c")


def task(name, ids, source, groups=None):
    corpus = Side(["p0", "p1", "p2"], pictures=Pictures(), rows=np.arange(3))
    relevant = [(np.array([row]), np.array([3.0])) for row in source]
    queries = Side(ids, texts=[f"text {i}" for i in ids])
    return Retrieval(name, queries, corpus, relevant, source=np.array(source), groups=groups)


def test_short_and_long_queries_of_a_product_share_a_cluster():
    items = Side(["x", "y"], pictures=Pictures(), rows=np.array([0, 1]))
    found = clusters(
        [
            task("short", ["q2", "q1"], [0, 1]),
            task("long", ["l0", "l1", "l2"], [2, 1, 0], groups=np.array([7, 8, 8])),
            Classification("kinds", items, ["a", "b"], np.array([0, 1])),
        ]
    )
    q1, q2 = found["short"]  # in the order of ids
    l0, l1, l2 = found["long"]
    assert q2 == l2 and q1 == l1 and l1 == l2, "and what one task groups is one cluster of all"
    assert l0 not in (q1, q2) and not set(found["kinds"]) & {q1, q2, l0, l1, l2}


def seeds(**rows):
    return Sample({row: {s: {"t": np.array(v)} for s, v in each.items()} for row, each in rows.items()}, {}, {})


def test_seeds_are_averaged_per_query_and_paired_by_number():
    found = seeds(a={0: [1.0, 0.0], 1: [1.0, 1.0]}, b={1: [0.5, 0.5], 0: [0.0, 0.0]}, base={0: [0.5, 0.0]})
    assert found.mean("a", "t").tolist() == [1.0, 0.5] and found.by_seed("a", ["t"]) == {0: 0.5, 1: 1.0}
    assert found.gaps_by_seed("a", "b", ["t"]) == [0.5, 0.5]
    assert found.gaps_by_seed("a", "base", ["t"]) == [0.25, 0.75]
    assert found.gaps_by_seed("base", "a", ["t"]) == [-0.25, -0.75]
