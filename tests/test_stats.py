"""Significance: closed forms, coverage and false alarms on simulated scores, Holm by hand."""

from itertools import product
from statistics import NormalDist

import numpy as np
import pytest

from weft import stats
from weft.errors import WeftError
from weft.stats import bootstrap_mean, holm, minimum_detectable, paired_bootstrap, paired_randomisation


def test_bootstrap_agrees_with_the_normal_interval():
    values = np.random.default_rng(0).normal(0.3, 0.2, size=2000)
    mean, low, high = bootstrap_mean(values)
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert mean == pytest.approx(values.mean())
    assert (low, high) == pytest.approx((mean - half, mean + half), abs=half * 0.06)


def test_binary_scores_give_the_known_half_width():
    # 1.96 * sqrt(.25 / 2000) = 2.2 points
    values = np.arange(2000) % 2
    _, low, high = bootstrap_mean(values)
    assert (high - low) / 2 == pytest.approx(0.022, abs=0.001)


def test_coverage_is_95_percent():
    rng = np.random.default_rng(1)
    trials = 400
    covered = 0
    for trial in range(trials):
        _, low, high = bootstrap_mean(rng.exponential(size=80), resamples=400, seed=trial)
        covered += low <= 1.0 <= high
    assert 0.90 <= covered / trials <= 0.98


def test_cluster_bootstrap_covers_where_the_plain_one_does_not():
    rng = np.random.default_rng(2)
    trials = 200
    covered = {"plain": 0, "grouped": 0}
    for trial in range(trials):
        groups = np.repeat(np.arange(40), 5)
        values = rng.normal(size=40)[groups] + 0.1 * rng.normal(size=200)
        for name, labels in (("plain", None), ("grouped", groups)):
            _, low, high = bootstrap_mean(values, resamples=400, seed=trial, groups=labels)
            covered[name] += low <= 0 <= high
    assert covered["grouped"] / trials > 0.89
    assert covered["plain"] / trials < 0.75


def test_groups_of_one_change_nothing_and_labels_may_be_words():
    values = np.random.default_rng(3).random(50)
    assert bootstrap_mean(values, 500) == bootstrap_mean(values, 500, groups=np.arange(50))
    words = [f"group {i // 2}" for i in range(50)]
    numbers = [9 * (i // 2) for i in range(50)]
    a, b = bootstrap_mean(values, 500, groups=words), bootstrap_mean(values, 500, groups=numbers)
    assert a.value == pytest.approx(values.mean()) and a == b


def test_paired_interval_uses_the_pairing():
    rng = np.random.default_rng(4)
    hardness = rng.random(500)
    a, b = hardness + 0.01 + 0.005 * rng.normal(size=500), hardness
    difference, low, high = paired_bootstrap(a, b, 2000)
    assert difference == pytest.approx((a - b).mean()) and 0 < low < difference < high < 0.02
    assert paired_bootstrap(b, a, 2000).value == pytest.approx(-difference)


def test_randomisation_equals_full_enumeration():
    a, b = np.asarray([0.9, 0.4, 0.8, 0.6, 0.7, 0.5, 0.3]), np.asarray([0.5, 0.5, 0.3, 0.4, 0.6, 0.2, 0.2])
    sums = [abs(np.dot(signs, a - b)) for signs in product((-1, 1), repeat=7)]
    exact = np.mean(np.asarray(sums) >= abs((a - b).sum()) - 1e-9)
    assert paired_randomisation(a, b, 40_000) == pytest.approx(exact, abs=0.005)


def test_randomisation_never_says_zero_and_sees_no_difference_in_none():
    ones, zeros = np.ones(100), np.zeros(100)
    assert paired_randomisation(ones, zeros, 999) == pytest.approx(1 / 1000)
    assert paired_randomisation(ones, ones) == 1.0
    # Twenty queries of one group are one observation: its sign alone proves nothing.
    assert paired_randomisation(ones[:20], zeros[:20], groups=np.zeros(20)) == 1.0


def test_two_equal_systems_are_called_different_in_5_percent():
    rng = np.random.default_rng(5)
    trials = 600
    alarms = 0
    for trial in range(trials):
        a, b = rng.random((2, 60)) < 0.3
        alarms += paired_randomisation(a, b, permutations=299, seed=trial) <= 0.05
    assert alarms / trials <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / trials)


def test_grouped_systems_are_not_called_different_too_often():
    rng = np.random.default_rng(6)
    groups = np.repeat(np.arange(30), 4)
    alarms = sum(
        paired_randomisation(rng.normal(size=30)[groups], np.zeros(120), 299, trial, groups) <= 0.05
        for trial in range(1500)
    )
    assert alarms / 1500 <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 1500)


def test_holm_by_hand():
    # Sorted .01 .02 .03 .04 times 4 3 2 1 = .04 .06 .06 .04, made monotone: .04 .06 .06 .06
    np.testing.assert_allclose(holm([0.03, 0.01, 0.04, 0.02]), [0.06, 0.04, 0.06, 0.06])
    np.testing.assert_allclose(holm([0.5, 0.9]), [1.0, 1.0])
    np.testing.assert_allclose(holm([0.2]), [0.2])
    assert holm([]).shape == (0,)


def test_minimum_detectable_is_detected_with_its_power():
    rng = np.random.default_rng(7)
    noise = rng.normal(0, 0.3, size=400)
    effect = minimum_detectable(noise, np.zeros(400))
    assert effect == pytest.approx((1.959964 + 0.841621) * noise.std(ddof=1) / 20)
    trials = 300
    seen = 0
    for _ in range(trials):
        sample = rng.normal(effect, 0.3, size=400)
        seen += abs(sample.mean()) > NormalDist().inv_cdf(0.975) * sample.std(ddof=1) / 20
    assert 0.72 < seen / trials < 0.88
    groups = np.repeat(np.arange(100), 4)
    assert minimum_detectable(noise[groups], np.zeros(400), groups=groups) == pytest.approx(
        (1.959964 + 0.841621) * noise[:100].std(ddof=1) / 10
    )


def test_memory_blocks_do_not_change_the_result(monkeypatch):
    a, b = np.random.default_rng(8).random((2, 40))
    before = bootstrap_mean(a, 300), paired_randomisation(a, b, 300)
    monkeypatch.setattr(stats, "BLOCK", 1000)
    after = bootstrap_mean(a, 300), paired_randomisation(a, b, 300)
    assert after[0] == pytest.approx(before[0], abs=0.02)
    assert after[1] == pytest.approx(before[1], abs=0.1)


def test_errors():
    with pytest.raises(WeftError, match="no queries"):
        bootstrap_mean([])
    with pytest.raises(WeftError, match="query 1 is not a number"):
        bootstrap_mean([0.5, np.nan])
    with pytest.raises(WeftError, match="same queries"):
        paired_bootstrap([1.0, 0.0], [1.0])
    with pytest.raises(WeftError, match="at least two"):
        minimum_detectable([1.0], [0.0])
