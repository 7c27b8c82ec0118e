"""Alpha's choice on curves whose best place is known, and on real models against the whole grid."""

import contextlib
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft import encoders
from weft.embed import Embedder
from weft.evaluate import embed_task, score
from weft.pipeline import Pipeline
from weft.recipe import load
from weft.results import alpha_record
from weft.sweep import Rule, choose, corrected, estimates, mean
from weft.tasks import tasks_of
from weft.weights import interpolate

DOMAINS = {"own": "in-domain", "own too": "in-domain", "kept": "out-of-domain", "brands": "zero-shot"}
GRID = np.round(np.linspace(0, 1, 11), 6)
QUERIES = 200


def row(**means) -> dict[str, np.ndarray]:
    """Per-query values with exactly these means and some spread; underscores in names stand for spaces."""
    wave = np.where(np.arange(QUERIES) % 2, 0.05, -0.05)
    return {name.replace("_", " "): value + wave for name, value in means.items()}


def curve(own, kept) -> list[dict]:
    return [row(own=own(a), own_too=own(a), kept=kept(a), brands=0.3) for a in GRID]


def rule(delta=0.01, kind="delta", baselines=()):
    return Rule(kind, delta, DOMAINS, tuple(baselines))


class Truth:
    """True rows, and which of them were asked for."""

    def __init__(self, rows):
        self.rows, self.asked = rows, []

    def __call__(self, place):
        assert place not in self.asked, "a place is measured once"
        self.asked.append(place)
        return self.rows[place]

    def best(self, how: Rule) -> int:
        base = mean(self.rows[0])
        places = [p for p, row in enumerate(self.rows) if how.feasible(mean(row), base)]
        return max(places, key=lambda p: (round(how.value(self.rows[p]), 9), -p))


def tradeoff(peak=0.7, bend=0.4, slope=0.3):
    """In-domain rises to a peak; what is kept is flat up to a bend and then falls."""
    return curve(lambda a: 0.5 - (a - peak) ** 2 / 2, lambda a: 0.6 - slope * max(0.0, a - bend))


def off(rows, own=0.02, kept=0.0):
    """An estimate that errs most in the middle and is exact at both ends."""
    shape = 4 * GRID * (1 - GRID)
    shift = {"own": own, "own too": own, "kept": kept, "brands": 0.0}
    return [{t: v + s * shift[t] for t, v in r.items()} for r, s in zip(rows, shape, strict=True)]


def test_a_perfect_estimate_needs_one_measurement():
    truth = Truth(tradeoff())
    choice = choose(truth.rows, truth, rule())
    assert choice.place == truth.best(rule()) == 4 and truth.asked == [5, 4]  # 5 might just have been feasible
    assert choice.feasible == [True] * 5 + [False] * 6


@pytest.mark.parametrize(("own", "kept"), [(0.02, 0.0), (-0.02, 0.0), (0.03, 0.01), (-0.03, -0.005), (0.0, 0.02)])
def test_an_estimate_that_errs_is_mended_where_it_matters(own, kept):
    truth = Truth(tradeoff())
    choice = choose(off(truth.rows, own, kept), truth, rule())
    assert choice.place == truth.best(rule())
    assert len(truth.asked) <= 5


def test_the_base_is_returned_when_nothing_qualifies():
    truth = Truth(curve(lambda a: 0.2 + a / 2, lambda a: 0.6 - (0.05 if a > 0 else 0.0) - a / 5))
    choice = choose(truth.rows, truth, rule())
    assert choice.place == 0 and not any(choice.feasible[1:])


def test_the_base_is_returned_when_nothing_is_better():
    truth = Truth(curve(lambda a: 0.5 - a / 10, lambda a: 0.6))
    assert choose(truth.rows, truth, rule()).place == 0
    flat = Truth(curve(lambda a: 0.5, lambda a: 0.6))
    assert choose(flat.rows, flat, rule()).place == 0, "on equal values the one nearer to the base"


@pytest.mark.parametrize(
    ("own", "kept", "note"),
    [
        (0.5, -0.2, "no alpha above 0 qualifies: the base itself is returned"),
        (-0.1, 0.0, "no alpha above 0 does better than the base: the base itself is returned"),
        (0.5, 0.0, ""),
    ],
)
def test_the_record_tells_why_the_base_is_returned(own, kept, note):
    rows = curve(lambda a: 0.3 + own * a, lambda a: 0.6 + kept * a)
    assert alpha_record(GRID, rows, choose(rows, Truth(rows), rule()), rule())["note"] == note


def test_the_far_end_is_returned_when_nothing_is_forgotten():
    truth = Truth(curve(lambda a: a / 2, lambda a: 0.6))
    choice = choose(truth.rows, truth, rule())
    assert choice.place == 10 and truth.asked == [], "both ends are exact already"


def test_every_out_of_domain_task_must_be_kept():
    rows = tradeoff(bend=1.0)
    for place, one in enumerate(rows):
        one["also kept"] = np.full(QUERIES, 0.5 - 0.02 * (place > 2))
    how = Rule("delta", 0.01, DOMAINS | {"also kept": "out-of-domain"})
    assert choose(rows, Truth(rows), how).place == 2


def test_zero_shot_tasks_neither_choose_nor_forbid():
    rows = tradeoff()
    for one, a in zip(rows, GRID, strict=True):
        one["brands"] = np.full(QUERIES, 0.5 - a / 2)
    assert choose(rows, Truth(rows), rule()).place == 4


def test_delta_is_the_largest_loss_allowed():
    rows = tradeoff(bend=0.0, slope=0.1)  # loses 0.01 a step
    assert [choose(rows, Truth(rows), rule(delta)).place for delta in (0.0, 0.01, 0.0299, 0.03, 1.0)] == [0, 1, 2, 3, 7]


@pytest.mark.parametrize(("mean_delta", "place"), [(1.0, 10), (0.0, 8), (-0.02, 6), (-0.05, 3), (-0.06, 0)])
def test_the_mean_of_what_is_kept_may_have_to_rise(mean_delta, place):
    rows = curve(lambda a: 0.3 + a / 10, lambda a: 0.6)
    for one, a in zip(rows, GRID, strict=True):  # rises to 0.1 at 0.3, then falls: 0.02 a step
        one["also kept"] = np.full(QUERIES, 0.5 + min(a / 3, 0.16 - 0.2 * a))
    how = Rule("delta", 0.05, DOMAINS | {"also kept": "out-of-domain"}, mean_delta=mean_delta)
    assert choose(rows, Truth(rows), how).place == place
    assert choose(rows, Truth(rows), how, full=True).place == place


def test_what_does_not_count_decides_nothing():
    """A task that the base never knew and the tuned model knows still less would keep alpha at 0 by either rule."""
    rows = [row(own=a, own_too=a, kept=a, brands=a, never_known=0.6 - a) for a in 0.3 + GRID / 10]
    for kind in ("delta", "margin"):
        places = [
            choose(rows, Truth(rows), Rule(kind, 0.0, DOMAINS | {"never known": domain}, (rows[0],))).place
            for domain in ("out-of-domain", "")
        ]
        assert places == [0, 10], kind
    how = Rule("delta", 0.01, DOMAINS | {"never known": ""}, mean_delta=0.0)
    assert how.feasible(mean(rows[10]), mean(rows[0]))


def test_full_measures_everything_and_equals_brute_force():
    truth = Truth(tradeoff())
    choice = choose(off(truth.rows, 0.3, -0.3), truth, rule(), full=True)
    assert sorted(truth.asked) == list(range(1, 10)) and choice.place == truth.best(rule())


values = st.lists(st.floats(0.0, 1.0), min_size=11, max_size=11)


@settings(max_examples=100, deadline=None)
@given(values, values, values, st.floats(0, 0.3), st.sampled_from(["delta", "margin"]))
def test_on_any_curve_the_choice_is_feasible_measured_and_no_worse_than_what_was_measured(
    own, kept, guess, delta, kind
):
    rows = [row(own=a, own_too=a, kept=b, brands=0.3) for a, b in zip(own, kept, strict=True)]
    estimated = [rows[0], *(row(own=g, own_too=g, kept=g, brands=0.3) for g in guess[1:-1]), rows[-1]]
    truth, how = Truth(rows), rule(delta, kind, [rows[0]])
    choice = choose(estimated, truth, how)
    assert choice.place in choice.measured and choice.measured.keys() == {0, 10, *truth.asked}
    base = mean(rows[0])
    assert how.feasible(mean(rows[choice.place]), base)
    for place in choice.measured:
        assert (
            not how.feasible(mean(rows[place]), base) or how.value(rows[place]) <= how.value(rows[choice.place]) + 1e-8
        )
    assert choose(estimated, Truth(rows), how, full=True).place == truth.best(how)


def test_corrections_are_interpolated_between_what_was_measured():
    estimated = [row(own=0.1 * p) for p in range(11)]
    measured = {0: estimated[0], 4: row(own=0.8), 10: estimated[10]}
    means = [mean(one)["own"] for one in corrected(estimated, measured)]
    shift = np.interp(range(11), [0, 4, 10], [0, 0.4, 0])
    assert np.allclose(means, [0.1 * p + s for p, s in enumerate(shift)])


def test_the_margin_rule_asks_for_the_worst_case_over_the_strongest_rival():
    """Worst-case margins in standard errors: the far end wins the mean, the middle the worst case."""
    rows = [row(own=0.2 + a / 2, own_too=0.2 + a / 2, kept=0.5 - a**3 / 2, brands=0.3 + a / 10) for a in GRID]
    rivals = [row(own=0.3, own_too=0.1, kept=0.2, brands=0.3), row(own=0.1, own_too=0.3, kept=0.3, brands=0.2)]
    for one in rivals:  # spread that does not cancel in the difference
        for name in one:
            one[name] = one[name][np.random.default_rng(3).permutation(QUERIES)]
    how = rule(kind="margin", baselines=rivals)
    truth = Truth(rows)
    by_hand = []
    for one in rows:
        margins = []
        for task, own in one.items():
            difference = own - max((rival[task] for rival in rivals), key=np.mean)
            margins.append(difference.mean() / (difference.std(ddof=1) / np.sqrt(QUERIES)))
        by_hand.append(min(margins))
    choice = choose(rows, truth, how)
    assert choice.place == int(np.argmax(by_hand)) == truth.best(how) and 0 < choice.place < 10
    assert np.allclose(choice.values, by_hand) and all(choice.feasible)


def test_margins_over_no_difference_are_zero_and_over_one_query_defined():
    same = row(own=0.3, own_too=0.3, kept=0.3, brands=0.3)
    assert rule(kind="margin", baselines=[same]).value(same) == 0
    assert np.isfinite(rule(kind="margin").value({"own": np.asarray([0.5])}))


@pytest.fixture(scope="module", params=["the toy run", "half its rate"])
def case(request, toy_run, tmp_path_factory) -> tuple[list, list, dict]:
    """Two real models: estimated and true rows of the whole grid, and the tasks' domains."""
    with contextlib.chdir(toy_run):
        pipeline = Pipeline(load("shop.toml"))
        if request.param != "the toy run":
            out = tmp_path_factory.mktemp("case") / "run"
            shutil.copytree("runs/shop/curate", out / "curate")
            pipeline = Pipeline(load("shop.toml", [f"out={out}", "train.lr=1e-3", "train.epochs=12"]))
            pipeline.train()
        base, tuned = pipeline.base_folder.resolve(), (pipeline.folder / "train" / "model").resolve()
        tasks = tasks_of(pipeline.recipe, pipeline.folder / "curate", "dev")
    estimated = estimates(tasks, Embedder(encoders.load(base)), Embedder(encoders.load(tuned)), GRID)
    true, trial = [], tmp_path_factory.mktemp("trial") / "model"
    for alpha in GRID:
        interpolate(base, tuned, float(alpha), trial)
        embedder = Embedder(encoders.load(trial))
        true.append({task.name: score(task, *embed_task(task, embedder)).values[task.primary] for task in tasks})
    return estimated, true, {task.name: task.domain for task in tasks}


def test_estimates_are_exact_at_both_ends(case):
    estimated, true, _ = case
    for end in (0, -1):
        for task, values in true[end].items():
            assert np.array_equal(estimated[end][task], values), task


def test_the_pick_is_as_good_as_the_whole_grid_s(case):
    """Within 0.3 points of the best feasible alpha's true dev score, for a third of the evaluations, at any delta."""
    estimated, rows, domains = case
    asked = []
    for delta in (0.0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 1.0):
        how, truth = Rule("delta", delta, domains), Truth(rows)
        choice = choose(estimated, truth, how)
        assert how.feasible(mean(rows[choice.place]), mean(rows[0]))
        assert how.value(rows[choice.place]) >= how.value(rows[truth.best(how)]) - 0.003, (delta, choice.place)
        asked.append(len(truth.asked))
    assert max(asked) <= 4 and np.mean(asked) < 3
