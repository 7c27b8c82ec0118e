"""Agreement against published worked examples, closed forms and what must not matter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.errors import WeftError
from weft.judging.agreement import alpha, coincidences, confusion, favour, interval, kappa, tables

LEVELS = np.arange(4.0)


def graders(count: int, seed: int, noise: float = 0.4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    a = rng.integers(0, 4, count).astype(float)
    return a, np.where(rng.random(count) < noise, rng.integers(0, 4, count), a)


def test_kappa_of_a_published_table():
    """Two raters, 100 patients: Fleiss, Levin & Paik, Statistical Methods for Rates and Proportions, 2003, 18.1."""
    table = np.asarray([[75, 1, 4], [5, 4, 1], [0, 0, 10]])
    assert kappa(table, np.arange(3), "none") == pytest.approx((0.89 - 0.66) / (1 - 0.66), abs=1e-12)


def test_weighted_kappas_worked_by_hand():
    """Grades 0, 1, 2 by rows: seen disagreement 4 by one step and 1 by two; chance from margins (5,3,2), (4,4,2)."""
    table = np.asarray([[3, 1, 1], [1, 2, 0], [0, 1, 1]])
    steps = {1: 5 * 4 + 3 * 4 + 3 * 2 + 2 * 4, 2: 5 * 2 + 2 * 4}  # products of margins, by distance
    assert kappa(table, np.arange(3), "linear") == pytest.approx(1 - 10 * (3 + 2 * 1) / (steps[1] + 2 * steps[2]))
    assert kappa(table, np.arange(3), "quadratic") == pytest.approx(1 - 10 * (3 + 4 * 1) / (steps[1] + 4 * steps[2]))


@pytest.mark.parametrize("seed", range(3))
def test_quadratic_kappa_is_the_concordance_of_the_grades(seed):
    """2 cov / (var + var + squared gap of the means), an identity: Fleiss & Cohen 1973; Lin 1989."""
    a, b = graders(80, seed)
    closed = 2 * np.cov(a, b, bias=True)[0, 1] / (a.var() + b.var() + (a.mean() - b.mean()) ** 2)
    assert kappa(confusion(a, b, LEVELS), LEVELS) == pytest.approx(closed, abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_linear_kappa_averages_the_kappas_of_all_thresholds(seed):
    """Weighted by their expected disagreement: Vanbelle & Albert, Statistical Methodology 2009."""
    a, b = graders(80, seed)
    cuts = [((a >= cut).astype(float), (b >= cut).astype(float)) for cut in (1, 2, 3)]
    each = [kappa(confusion(x, y, np.arange(2)), np.arange(2), "none") for x, y in cuts]
    chance = [x.mean() * (1 - y.mean()) + y.mean() * (1 - x.mean()) for x, y in cuts]
    assert kappa(confusion(a, b, LEVELS), LEVELS, "linear") == pytest.approx(np.average(each, weights=chance))


@pytest.mark.parametrize("weights", ["none", "linear", "quadratic"])
def test_what_kappa_must_and_must_not_notice(weights):
    a, b = graders(60, 1)
    table = confusion(a, b, LEVELS)
    value = kappa(table, LEVELS, weights)
    assert kappa(confusion(a, a, LEVELS), LEVELS, weights) == 1
    assert kappa(table.T, LEVELS, weights) == pytest.approx(value)  # nobody is the truth
    assert kappa(confusion(a, b, np.arange(-1, 6)), np.arange(-1, 6), weights) == pytest.approx(value)  # unused levels
    independent = np.outer([5, 3, 2, 1], [2, 4, 4, 1])
    assert kappa(independent, LEVELS, weights) == pytest.approx(0)
    assert np.isnan(kappa(confusion(np.ones(5), np.ones(5), LEVELS), LEVELS, weights))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=30), st.randoms())
@settings(max_examples=50, deadline=None)
def test_the_order_of_pairs_changes_nothing(pairs, random):
    shuffled = random.sample(pairs, len(pairs))
    first, second = (confusion(*np.asarray(p, dtype=float).T, LEVELS) for p in (pairs, shuffled))
    assert (first == second).all() and first.sum() == len(pairs)


def test_a_grade_off_the_scale_is_said():
    with pytest.raises(WeftError, match=r"grade 4 is not on the scale 0, 1, 2, 3"):
        confusion(np.asarray([4.0]), np.asarray([1.0]), LEVELS)


N = np.nan
KRIPPENDORFF = np.asarray(  # four observers, twelve units: Computing Krippendorff's alpha-reliability, 2011, part D
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, N, N, N],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, N, 3],
        [N, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, N],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, N],
    ]
).T


@pytest.mark.parametrize(("metric", "printed"), [("none", 0.743), ("ordinal", 0.815), ("quadratic", 0.849)])
def test_alpha_of_krippendorffs_own_example(metric, printed):
    levels = np.arange(1, 6)
    found = coincidences(KRIPPENDORFF, levels)
    assert found.sum() == pytest.approx(40)  # his n: grades that can be paired
    assert alpha(found.sum(axis=0), levels, metric) == pytest.approx(printed, abs=6e-4)


def test_alpha_of_perfect_and_of_no_agreement():
    same = np.repeat(np.asarray([0.0, 1, 2, 3])[:, None], 3, axis=1)
    assert alpha(coincidences(same, LEVELS).sum(axis=0), LEVELS) == 1
    assert np.isnan(alpha(coincidences(np.ones((4, 2)), LEVELS).sum(axis=0), LEVELS))
    a, b = graders(4000, 3, noise=1.0)
    assert abs(alpha(coincidences(np.stack([a, b], 1), LEVELS).sum(axis=0), LEVELS)) < 0.05
    few = np.asarray([[1.0, N], [N, N]])
    assert coincidences(few, LEVELS).sum() == 0


def test_two_annotators_without_gaps_make_alpha_and_kappa_meet():
    """For many pairs and equal margins both divide by the same chance."""
    a, b = graders(3000, 5)
    a, b = np.concatenate([a, b]), np.concatenate([b, a])
    both = coincidences(np.stack([a, b], 1), LEVELS).sum(axis=0)
    assert alpha(both, LEVELS, "quadratic") == pytest.approx(kappa(confusion(a, b, LEVELS), LEVELS), abs=1e-3)


def quadratic(sums: np.ndarray) -> np.ndarray:
    return kappa(sums, LEVELS)


def test_the_interval_resamples_queries_not_pairs():
    """Ten copies of every pair within its query add no knowledge."""
    a, b = graders(120, 2)
    query = np.repeat(np.arange(30), 4)
    once = interval(tables(a, b, LEVELS, query), quadratic)
    often = interval(tables(np.tile(a, 10), np.tile(b, 10), LEVELS, np.tile(query, 10)), quadratic)
    assert once == pytest.approx(often) and once.low < once.value < once.high
    alone = interval(tables(np.tile(a, 10), np.tile(b, 10), LEVELS, np.arange(1200)), quadratic)
    assert alone.high - alone.low < 0.6 * (once.high - once.low)


def test_the_interval_covers_the_truth_as_often_as_it_says():
    """Population kappa by a very large sample; 200 small ones must cover it about 190 times."""
    truth = kappa(confusion(*graders(400_000, 99), LEVELS), LEVELS)
    hits = 0
    for seed in range(200):
        a, b = graders(160, seed)
        found = interval(tables(a, b, LEVELS, np.repeat(np.arange(80), 2)), quadratic, resamples=400, seed=seed)
        hits += found.low <= truth <= found.high
    assert 180 <= hits <= 199


def test_no_interval_where_there_is_none():
    assert np.isnan(interval(tables(np.ones(4), np.ones(4), LEVELS, np.arange(4)), quadratic).value)
    one = interval(tables(*graders(20, 0), LEVELS, np.zeros(20)), quadratic)
    assert np.isfinite(one.value) and np.isnan(one.low)
    assert np.isnan(interval(np.zeros((0, 4, 4)), quadratic).value)


def judged(bias: float, seed: int, queries: int = 40, each: int = 12):
    """Pairs of three systems; the judge gives those of the first `bias` more. The third returns better things."""
    rng = np.random.default_rng(seed)
    query = np.repeat(np.arange(queries), each)
    member = np.zeros((len(query), 3), dtype=bool)
    member[np.arange(len(query)), rng.integers(0, 3, len(query))] = True
    member[rng.random(len(query)) < 0.2, 1] = True
    human = np.clip(rng.integers(0, 3, len(query)) + member[:, 2], 0, 3)
    wrong = rng.choice([-1, 0, 0, 1], len(query)) + (rng.random(len(query)) < bias) * member[:, 0]
    error = np.clip(human + wrong, 0, 3) - human
    return error.astype(float), member, np.char.add(query.astype(str), np.char.add(" ", human.astype(str)))


def test_a_judge_who_favours_a_system_is_caught():
    excess, p = favour(*judged(0.5, 0), permutations=2000)
    assert p[0] < 0.002 and excess[0] > 0.1 and excess[0] == excess.max()


def test_a_fair_judge_is_not_accused():
    """The third system's results are better, so its errors point downwards: within strata that is no favour."""
    p = np.asarray([favour(*judged(0.0, seed), permutations=200, seed=seed)[1] for seed in range(60)])
    assert ((p < 0.05).mean(axis=0) <= 0.15).all() and 0.3 < p.mean() < 0.7
    every = [judged(0.0, seed) for seed in range(9)]
    raw = np.mean([error[member[:, 2]].mean() - error.mean() for error, member, _ in every])
    assert raw < -0.05


def test_strata_of_one_pair_show_nothing():
    _, p = favour(np.asarray([1.0, -1.0]), np.eye(2), np.asarray(["a", "b"]), permutations=50)
    assert (p == 1).all()
