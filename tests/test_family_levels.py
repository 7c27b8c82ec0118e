"""The tests tested: false claims and power of the whole procedure, on families of rankings that really differ."""

from math import comb
from statistics import NormalDist

import numpy as np
import pytest

from weft import metrics, stats
from weft.family import beats_all
from weft.grading import grade

FAMILIES = 1000
QUERIES = 200
FLIPS = 999
METRICS = ("ndcg@10", "recall@10", "hit_rate@1", "mrr@10", "hit_rate@3", "map@10", "recall@5", "rbp@10")
AT_MOST = 0.05 + 2 * np.sqrt(0.05 * 0.95 / FAMILIES)  # 6.4%
NORMAL = NormalDist()


@pytest.fixture(scope="module")
def pools():
    """Per benchmark the score differences of 3,000 queries between two systems whose rankings really differ."""
    rng = np.random.default_rng(0)
    found = []
    for place, metric in enumerate(METRICS):
        items, queries = 40, 3000
        grades = rng.integers(0, 3, size=(queries, items)) * (rng.random((queries, items)) < 0.1 + 0.02 * place)
        grades[:, 0] = 2
        judged = [(np.arange(items), row) for row in grades.astype(float)]
        systems = [np.argsort(-(strength * grades + rng.normal(size=grades.shape)), axis=1) for strength in (0.5, 0.6)]
        assert (systems[0][:, :10] != systems[1][:, :10]).mean() > 0.9
        one, other = (metrics.measure(metric, grade(ranking, judged)) for ranking in systems)
        found.append(one - other)
    return found


def drawn(pool, rng, chance=0.5):
    """(Q, families) differences: queries of the pool, the two labels swapped in each query by chance."""
    gaps = pool[rng.integers(0, len(pool), size=(QUERIES, FAMILIES))]
    return np.where(rng.random(gaps.shape) < chance, gaps, -gaps)


def claims(gaps):
    """Per family what `beats_all` says, and (families, benchmarks) p-values."""
    p_values = np.stack([stats.sign_flips(d, FLIPS, seed) for seed, d in enumerate(gaps)], axis=1)
    means = np.stack([d.mean(axis=0) for d in gaps], axis=1)
    rows = [
        [
            {"model": "ours", "against": "theirs", "task": metric, "metric": metric, "difference": mean, "p": p}
            | {"low": mean, "high": mean}
            for metric, mean, p in zip(METRICS, *family, strict=True)
        ]
        for family in zip(means.tolist(), p_values.tolist(), strict=True)
    ]
    return np.asarray([beats_all(family)["holds"] for family in rows]), p_values


def test_equal_systems_are_called_different_in_five_percent(pools):
    rng = np.random.default_rng(1)
    beats, p_values = claims([drawn(pool, rng) for pool in pools])
    assert beats.mean() <= AT_MOST
    single = (p_values <= 0.05).mean()
    assert 0.04 < single <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / p_values.size)
    marked = np.mean([stats.holm(family).min() <= 0.05 for family in p_values])
    assert 0.02 < marked <= AT_MOST
    assert (p_values.min(axis=1) <= 0.05).mean() > 0.25  # without Holm: one family in three has a false mark


def test_the_least_favourable_case_passes_no_more_often_than_promised(pools):
    """Equal on one benchmark, far ahead on the seven others: where an intersection-union test errs most."""
    rng = np.random.default_rng(2)
    beats, pooled = np.zeros(FAMILIES, dtype=bool), []
    for place in range(len(METRICS)):  # each benchmark in turn is the one without a difference
        gaps = [drawn(pool, rng) for pool in pools]
        gaps = [d if where == place else d + 0.5 for where, d in enumerate(gaps)]
        part = slice(place * FAMILIES // 8, (place + 1) * FAMILIES // 8)
        gaps = [d[:, part] for d in gaps]
        beats[part] = claims(gaps)[0]
        pooled.append(stats.sign_flips(np.concatenate(gaps), FLIPS, place) <= 0.05)
    assert 0.01 < beats.mean() <= AT_MOST  # 2.5% expected: a two-sided test, and only one side is a claim
    assert np.mean(pooled) > 0.99  # one test of the mean over all benchmarks would have claimed it every time


def planted(pool, power):
    """The true mean difference that a two-sided 5% test sees with this power, and the swapping that plants it."""
    c = NORMAL.inv_cdf(0.975) + NORMAL.inv_cdf(power)
    size = np.abs(pool)
    effect = np.sqrt(c**2 * (size**2).mean() / QUERIES / (1 + c**2 / QUERIES))  # effect = c * its standard error
    return effect, 0.5 + effect / (2 * size.mean())


def analytic_power(pool, power):
    """The normal distribution's; of scores that are only 0 or 1, whose test is conservative, the sign test's own."""
    if set(np.abs(pool).tolist()) != {0.0, 1.0}:
        return power
    informative, chance = (pool != 0).mean(), planted(pool, power)[1]
    total = 0.0
    for n in range(1, QUERIES + 1):
        tail = np.cumsum([comb(n, wins) / 2**n for wins in range(n, -1, -1)])[::-1]  # P(at least so many wins)
        wins = int(np.flatnonzero(2 * tail <= 0.05)[0]) if 2 * tail[-1] <= 0.05 else n + 1
        won = sum(comb(n, w) * chance**w * (1 - chance) ** (n - w) for w in range(wins, n + 1))
        total += won * comb(QUERIES, n) * informative**n * (1 - informative) ** (QUERIES - n)
    return total


def test_a_planted_difference_is_seen_with_its_analytic_power(pools):
    rng = np.random.default_rng(3)
    for place, pool in enumerate(pools):
        effect, chance = planted(pool, 0.8)
        gaps = drawn(np.abs(pool), rng, chance)
        assert gaps.mean() == pytest.approx(effect, rel=0.03)
        seen = (stats.sign_flips(gaps, FLIPS, place) <= 0.05) & (gaps.mean(axis=0) > 0)
        close = 0.01 + 3 * np.sqrt(0.8 * 0.2 / FAMILIES)
        assert seen.mean() == pytest.approx(analytic_power(pool, 0.8), abs=close), METRICS[place]
        told = [stats.minimum_detectable(gaps[:, f], np.zeros(QUERIES)) for f in range(100)]
        assert np.mean(told) == pytest.approx(effect, rel=0.05), METRICS[place]


def test_the_union_of_claims_has_the_power_of_its_parts(pools):
    rng = np.random.default_rng(4)
    gaps = [drawn(np.abs(pool), rng, planted(pool, 0.95)[1]) for pool in pools]
    expected = np.prod([analytic_power(pool, 0.95) for pool in pools])  # about .95^8: independent benchmarks
    close = 0.02 + 3 * np.sqrt(expected * (1 - expected) / FAMILIES)
    assert claims(gaps)[0].mean() == pytest.approx(expected, abs=close)


def test_whole_groups_keep_the_level_where_single_queries_do_not(pools):
    """Eight duplicates of each of 25 queries: one observation each, which only `groups` says."""
    rng = np.random.default_rng(5)
    gaps = np.repeat(drawn(pools[0], rng)[:25], 8, axis=0)
    alarms = {
        name: (stats.sign_flips(gaps, FLIPS, 0, groups) <= 0.05).mean()
        for name, groups in (("plain", None), ("grouped", np.repeat(np.arange(25), 8)))
    }
    assert alarms["grouped"] <= AT_MOST and alarms["plain"] > 0.3
