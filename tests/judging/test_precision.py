"""The arithmetic of a pool's precision, against brute force, closed forms and simulated systems."""

import numpy as np
import pytest

from weft.judging import precision


def ranked(seed: int, systems: int, queries: int, size: int, depth: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.stack([[random.permutation(size)[:depth] for _ in range(queries)] for _ in range(systems)])


def flat(rankings: np.ndarray, size: int) -> tuple[np.ndarray, ...]:
    system, query, slot = np.nonzero(rankings >= 0)
    return system, query * size + rankings[system, query, slot], slot + 1


def test_unjudged_shares_are_those_of_a_count_by_hand():
    rankings = ranked(0, 4, 5, 30, 12)
    depths, cut = (3, 6, 12), 3
    found = precision.unjudged(*flat(rankings, 30), depths, cut, 4)
    for left_out in range(4):
        for column, depth in enumerate(depths):
            holes = 0
            for query in range(5):
                others = {d for s in range(4) if s != left_out for d in rankings[s, query, :depth]}
                holes += sum(d not in others for d in rankings[left_out, query, :cut])
            assert found[left_out, column] == pytest.approx(holes / (5 * cut))
    alone = precision.unjudged(*flat(rankings[:1], 30), depths, cut, 1)
    assert (alone == 1).all()


def test_best_and_next_ranks():
    system, key, rank = np.array([0, 1, 2, 0]), np.array([7, 7, 7, 3]), np.array([5, 2, 9, 1])
    keys, best, owner, second = precision.ranks_of_others(system, key, rank)
    assert keys.tolist() == [3, 7] and best.tolist() == [1, 2] and owner.tolist() == [0, 1]
    assert second.tolist() == [precision.NEVER, 5]


@pytest.mark.parametrize(("stated", "queries"), [(0.01, 2000), (0.02, 50), (0.1, 7)])
def test_the_sample_is_the_smallest_that_keeps_the_precision(stated, queries):
    sample = precision.sample_size(stated, queries)
    assert precision.half_width(sample, queries) <= stated
    assert sample == 1 or precision.half_width(sample - 1, queries) > stated
    assert precision.half_width(0, queries) == 1.0


def test_a_thousand_samples_keep_the_half_width():
    random = np.random.default_rng(1)
    for share in (0.5, 0.1):
        off = np.abs(random.binomial(400 * 2, share, 4000) / 800 - share)
        assert (off <= precision.half_width(2, 400, share) + 1e-9).mean() == pytest.approx(0.95, abs=0.015)


def test_wilson_is_the_inverse_of_the_score_test():
    for found, drawn in ((0, 20), (3, 40), (25, 50), (50, 50)):
        low, high = precision.wilson(found, drawn)
        for end in (low, high):
            if 1e-9 < end < 1 - 1e-9:  # the ends are where the score statistic is 1.96
                z = abs(found / drawn - end) / np.sqrt(end * (1 - end) / drawn)
                assert z == pytest.approx(precision.Z, rel=1e-6)
    assert precision.wilson(0, 20)[0] == 0 and precision.wilson(0, 0) == (0.0, 1.0)


def test_overstated_recall():
    # 1 known relevant thing and 3 missed ones: recall 1 is in truth 1/4, three quarters too high of itself
    assert precision.overstated(0.003, 1000, 1.0) == pytest.approx(0.75)
    assert precision.overstated(0.0, 1000, 1.0) == 0.0 == precision.overstated(0.0, 1000, 0.0)


@pytest.mark.parametrize("relevant", [1, 5, 20])
@pytest.mark.parametrize(("signal", "shared"), [(1.0, 0.0), (2.0, 0.7), (4.0, 0.3)])
def test_the_planned_error_is_never_too_small(relevant, signal, shared):
    """Scores are signal * relevant + noise, a part of which all systems share; recall is measured with and without one
    system's own finds."""
    random = np.random.default_rng(relevant)
    systems, queries, size, cut = 4, 60, 600, 10
    truth = np.zeros((queries, size), dtype=bool)
    for row in truth:
        row[random.choice(size, relevant, replace=False)] = True
    common = random.normal(size=(queries, size))
    own = random.normal(size=(systems, queries, size))
    scores = signal * truth + np.sqrt(shared) * common + np.sqrt(1 - shared) * own
    rankings = np.argsort(-scores, axis=2)[:, :, :100]
    depths = (10, 20, 50, 100)
    planned = precision.unjudged(*flat(rankings, size), depths, cut, systems)
    for one in range(systems):
        for column, depth in enumerate(depths):
            judged = np.zeros((queries, size), dtype=bool)
            for other in range(systems):
                if other != one:
                    np.put_along_axis(judged, rankings[other, :, :depth], True, axis=1)
            top = np.take_along_axis(truth & ~judged, rankings[one, :, :cut], axis=1)
            lost = top.sum(axis=1).mean() / relevant
            # A newcomer that is no better than the rest stays below e(k); small samples may err by a little.
            assert lost <= precision.depth_error(planned[one, column], depth, cut) + 0.02
