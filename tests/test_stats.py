"""Significance: closed forms, coverage and false alarms on simulated scores, Holm by hand."""

from itertools import product
from math import comb
from statistics import NormalDist
from time import process_time

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


def test_groups_may_be_scattered_and_uneven():
    rng = np.random.default_rng(12)
    groups = rng.integers(0, 25, size=150)  # from one query to many
    values = rng.normal(size=25)[groups]
    order = np.argsort(groups, kind="stable")
    assert stats.standard_error(values, np.zeros(150), groups) == pytest.approx(
        stats.standard_error(values[order], np.zeros(150), groups[order])
    )
    scattered, sorted_ = bootstrap_mean(values, groups=groups), bootstrap_mean(values[order], groups=groups[order])
    assert scattered == pytest.approx(sorted_, abs=0.03)
    # The mean of a constant is that constant, however many queries a resample happens to hold.
    assert bootstrap_mean(np.full(150, 0.25), 500, groups=groups) == pytest.approx((0.25, 0.25, 0.25))


def test_one_group_shows_no_spread():
    """All queries are of one brand: what another brand would have given, nobody knows."""
    values, one = np.linspace(0.2, 0.6, 40), np.zeros(40)
    assert bootstrap_mean(values, 500, groups=one, within=(0, 1)) == pytest.approx((0.4, 0.0, 1.0))
    assert bootstrap_mean([0.3], 500, within=(0, 1)) == (0.3, 0.0, 1.0)
    assert paired_bootstrap(values, values / 2, 500, groups=one, within=(-1, 1)) == pytest.approx((0.2, -1.0, 1.0))
    two = one + (np.arange(40) < 20)
    assert bootstrap_mean(values, 500, groups=two, within=(0, 1)) == bootstrap_mean(values, 500, groups=two)


def balanced(right: np.ndarray, classes: np.ndarray) -> np.ndarray:
    sizes = np.bincount(classes)
    return right * len(classes) / (np.count_nonzero(sizes) * sizes[classes])


def test_a_mean_over_classes_has_the_interval_of_classes_counted_anew():
    """Twenty, sixty and three hundred pictures of unlike ease; in every resample the classes are counted again."""
    rng, classes = np.random.default_rng(0), np.repeat([0, 1, 2], [20, 60, 300])
    right = (rng.random(380) < np.array([0.9, 0.6, 0.3])[classes]).astype(float)
    found = bootstrap_mean(stats.centred(balanced(right, classes), classes))
    anew = []
    for _ in range(4000):
        rows = rng.integers(0, 380, 380)
        if len(np.unique(classes[rows])) == 3:
            anew.append(np.mean([right[rows][classes[rows] == c].mean() for c in range(3)]))
    assert found.value == pytest.approx(np.mean([right[classes == c].mean() for c in range(3)]))
    low, high = np.quantile(anew, [0.025, 0.975])
    assert found.high - found.low == pytest.approx(high - low, rel=0.07)
    plain = bootstrap_mean(balanced(right, classes))
    assert plain.high - plain.low > 1.5 * (high - low)
    perfect = stats.centred(balanced(np.ones(380), classes), classes)
    assert bootstrap_mean(perfect) == pytest.approx((1, 1, 1))
    both = np.stack([right, 1 - right], axis=1)
    assert stats.centred(both, classes)[:, 1] == pytest.approx(stats.centred(1 - right, classes))
    assert stats.centred(right, None) is right


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
    assert bootstrap_mean(a, 300) == pytest.approx(before[0], abs=1e-12)
    assert paired_randomisation(a, b, 300) == before[1]


def test_many_comparisons_at_once_are_each_what_they_are_alone():
    rng = np.random.default_rng(9)
    gaps = rng.normal(0.1, 1.0, size=(120, 5))
    groups = np.repeat(np.arange(40), 3)
    for labels in (None, groups):
        together = stats.sign_flips(gaps, 2000, 3, labels), stats.bootstrap_means(gaps, 500, 3, labels)
        for column in range(5):
            alone = paired_randomisation(gaps[:, column], np.zeros(120), 2000, 3, labels)
            assert together[0][column] == alone
            expected = bootstrap_mean(gaps[:, column], 500, 3, labels)
            assert together[1][column] == pytest.approx(expected, abs=1e-12)


def test_differences_of_one_size_give_the_sign_test():
    # Nine of twelve informative queries are won; ties say nothing: P(|B - 6| >= 3), B binomial(12, 1/2).
    gaps = np.repeat([0.5, -0.5, 0.0], [9, 3, 50])
    exact = 2 * sum(comb(12, wins) for wins in range(9, 13)) / 2**12
    assert paired_randomisation(gaps, np.zeros(62), 200_000) == pytest.approx(exact, abs=0.004)


def test_what_differs_in_the_last_bits_is_the_same():
    a = np.full(40, 0.1 + 0.2)
    assert (a != 0.3).all()
    assert paired_randomisation(a, np.full(40, 0.3)) == 1.0 and paired_bootstrap(a, np.full(40, 0.3)) == (0, 0, 0)


def test_sums_that_are_equal_in_another_order_count_as_equal():
    # 2 of the 8 sign patterns reach |sum| = 0.6 exactly, in whatever order it is summed: p = 1/4.
    gaps = np.asarray([0.1, 0.2, 0.3])
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0]):
        assert paired_randomisation(gaps[order], np.zeros(3), 50_000) == pytest.approx(0.25, abs=0.01)


def test_permutations_are_enough_for_the_family():
    # With 10,000 flips and 501 comparisons not even the smallest p survives Holm's correction.
    assert holm([1 / 10_001] * 501).min() > 0.05 > holm([1 / 10_001] * 500).min()
    for size in (1, 25, 26, 500, 4000):
        flips = stats.permutations_for(size)
        assert flips >= 10_000 and size / (1 + flips) <= 0.05 / 20
    assert stats.permutations_for(4000) == 1_600_000
    assert stats.permutations_for(10, alpha=0.01, least=1) == 20_000


def test_few_groups_can_never_show_anything():
    for groups in (1, 2, 4, 5, 6):
        # All flips enumerated: only all signs alike reach the largest sum.
        sums = [abs(sum(signs)) for signs in product((-1, 1), repeat=groups)]
        assert stats.smallest_p(groups) == sums.count(groups) / len(sums)
    assert stats.smallest_p(5) > 0.05 > stats.smallest_p(6)


def test_standard_error_is_that_of_the_mean_and_of_the_groups_sums():
    rng = np.random.default_rng(10)
    a = rng.normal(size=300)
    assert stats.standard_error(a, np.zeros(300)) == pytest.approx(a.std(ddof=1) / np.sqrt(300))
    # Uneven groups: against the spread of the mean over many samples from the same world.
    sizes = np.asarray([1, 2, 3, 6] * 30)
    groups = np.repeat(np.arange(120), sizes)
    worlds = [rng.normal(0.2, 1, size=120)[groups] + rng.normal(0, 0.5, size=len(groups)) for _ in range(300)]
    told = np.mean([stats.standard_error(world, np.zeros(len(groups)), groups) for world in worlds])
    assert told == pytest.approx(np.std([world.mean() for world in worlds]), rel=0.12)


def test_hundred_thousand_flips_of_two_thousand_queries_take_a_second():
    gaps = np.random.default_rng(11).normal(size=2000)
    start = process_time()
    paired_randomisation(gaps, np.zeros(2000), 100_000)
    assert process_time() - start < 1.5  # 0.1 s alone on a core


def test_errors():
    with pytest.raises(WeftError, match="no queries"):
        bootstrap_mean([])
    with pytest.raises(WeftError, match="query 1 is not a number"):
        bootstrap_mean([0.5, np.nan])
    with pytest.raises(WeftError, match="same queries"):
        paired_bootstrap([1.0, 0.0], [1.0])
    with pytest.raises(WeftError, match="at least two"):
        minimum_detectable([1.0], [0.0])
