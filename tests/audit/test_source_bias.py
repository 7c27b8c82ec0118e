"""The source-bias statistic: closed forms, the exact null by enumeration, selection, and the check that reports it."""

from dataclasses import replace
from itertools import product

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.audit import Subject
from weft.audit.judged import Judged, reader
from weft.audit.preference import Fits, exact_test, fits, preference_gaps, preferences, source_preference, standing
from weft.audit.source_bias import check, fair_scores, sources
from weft.benchmarks.record import Benchmark, Retrieval, Side
from weft.errors import WeftError
from weft.files import write_json
from weft.judging.judgements import SCHEMA
from weft.judging.pool import FACTS, PAIRS, SYSTEMS, write_tables
from weft.judging.rubric import Rubric


def flat(*sizes: int) -> Fits:
    """Queries with so many fitting items each; the first item of each is its source."""
    query = np.repeat(np.arange(len(sizes)), sizes)
    start = np.repeat(np.cumsum(sizes) - sizes, sizes)
    return Fits(query, np.arange(len(query)), np.arange(len(query)) == start)


def slow(scores: np.ndarray, found: Fits) -> np.ndarray:
    """The definition, pair by pair."""
    out = np.zeros(len(scores))
    for i in range(len(scores)):
        rivals = [j for j in range(len(scores)) if j != i and found.query[j] == found.query[i]]
        out[i] = np.mean([(scores[i] > scores[j]) + 0.5 * (scores[i] == scores[j]) for j in rivals])
    return out


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.integers(0, 4), min_size=2, max_size=6), min_size=1, max_size=5))
def test_preferences_are_the_definition_and_average_one_half(queries):
    found, scores = flat(*map(len, queries)), np.concatenate(queries).astype(float)
    got = preferences(scores[:, None], found)[:, 0]
    np.testing.assert_allclose(got, slow(scores, found))
    for row in range(len(queries)):  # whatever the scores, ties included: the mean over possible sources is 1/2
        assert got[found.query == row].mean() == pytest.approx(0.5)


def test_the_p_value_is_that_of_all_possible_sources():
    random = np.random.default_rng(3)
    found = flat(3, 4, 2, 5)
    scores = np.round(random.normal(size=(len(found.query), 1)), 1)
    value = preferences(scores, found)[:, 0]
    lists = np.split(value, found.starts[1:])
    every = np.asarray([np.mean(one) for one in product(*lists)])  # 120 equally likely outcomes
    seen, p, spread = exact_test(scores, found, draws=60_000)
    true = np.mean(np.abs(every - 0.5) >= abs(seen.mean() - 0.5) - 1e-9)
    assert p[0] == pytest.approx(true, abs=4 * np.sqrt(true * (1 - true) / 60_000))
    assert spread[0] == pytest.approx(every.std())


def test_the_spread_without_ties_has_a_closed_form():
    found = flat(*[6] * 40)
    _, _, spread = exact_test(np.random.default_rng(0).normal(size=(240, 2)), found, draws=10)
    np.testing.assert_allclose(spread, np.sqrt((5 + 2) / (12 * 5 * 40)))


def test_a_system_that_always_finds_the_source_and_one_that_never_does():
    found = flat(*[4] * 30)
    scores = np.stack([found.source, ~found.source], axis=1).astype(float)
    best, worst = source_preference(scores, found)
    assert best.mean.value == 1.0 and worst.mean.value == 0.0
    assert best.p == worst.p == pytest.approx(1 / 10_001)  # never 0: the observed sources are a draw, too
    assert best.tolerates == 1.0 and worst.tolerates == 0.0
    ((gap, p),) = preference_gaps(scores, found).values()
    assert gap.value == 1.0 and p < 1e-3


def test_rejections_keep_the_level_under_the_null():
    found, fired = flat(*[3] * 25), 0
    for seed in range(300):
        scores = np.random.default_rng([9, seed]).integers(0, 3, size=(75, 1)).astype(float)  # a third are ties
        fired += exact_test(scores, found, draws=199, seed=seed)[1][0] <= 0.05
    assert fired <= 300 * 0.05 + 3 * np.sqrt(300 * 0.05 * 0.95)
    assert fired >= 2  # and it is a test: it does reject


def test_who_competes():
    found = fits([np.asarray([1, 2, 5]), np.asarray([3]), np.asarray([4, 6])], np.asarray([2, 3, 9]))
    assert found.tested.tolist() == [0]  # the second has no rival, the third's source does not fit
    assert found.item.tolist() == [1, 2, 5] and found.source.tolist() == [False, True, False]
    with pytest.raises(WeftError, match="nothing to test"):
        exact_test(np.empty((0, 1)), fits([np.asarray([3])], np.asarray([3])))


def test_a_pool_is_fair_if_its_rule_is_asked_of_the_source_too():
    """Rivals are judged only where they score high: a source judged anyway looks bad, one chosen alike does not."""
    kept, whole = [], []
    for seed in range(40):
        scores = np.random.default_rng([4, seed]).normal(size=(50, 8))
        high = [np.flatnonzero(row > 0.5) for row in scores]
        source = np.zeros(50, dtype=int)
        for conditional, into in ((True, kept), (False, whole)):
            found = fits([np.union1d(row, [0]) for row in high], source, high if conditional else None)
            value = preferences(scores[found.query, found.item][:, None], found)
            into.append(value[found.source, 0].mean())
    assert np.mean(kept) == pytest.approx(0.5, abs=0.03)
    assert np.mean(whole) < 0.35


def test_standing_reads_ranks_and_ties_what_is_not_listed():
    found = fits([np.asarray([0, 7, 8, 9])], np.asarray([7]))
    ranking = np.asarray([[3, 7, 0, -1]])
    assert standing(ranking, found).tolist() == [-2.0, -1.0, -4.0, -4.0]
    with pytest.raises(WeftError, match="0 queries"):
        standing(ranking[:0], found)


def test_queries_of_one_source_count_once():
    found = flat(2, 2, 2, 3)
    seen, _, _ = exact_test(np.arange(9.0)[:, None], found, groups=np.asarray(["a", "a", "b", "a"]), draws=10)
    assert len(seen) == 2


def subject(told: float, listed: str, unfit: float = 0.0) -> Subject:
    """60 queries of 5 fitting items each; system "eye" finds the source with chance `told`, "plain" never looks."""
    random, queries, size = np.random.default_rng(1), 60, 5
    source = np.arange(queries) * size
    fitting = [np.arange(row, row + size) for row in source]
    right = [rows if listed == "all" else rows[:1] for rows in fitting]
    ids = [f"i{item}" for item in range(queries * size)]
    task = Retrieval(
        "t", Side([f"q{row}" for row in range(queries)], ["x"] * queries), Side(ids, [f"y{item}" for item in ids]),
        [(rows, np.ones(len(rows))) for rows in right], primary="mrr@10", metrics=("mrr@10",), source=source,
    )  # fmt: skip
    made = Subject(task, judged=Judged(fitting, None, unfit))
    shuffled = [random.permutation(rows) for rows in fitting]
    first = random.random(queries) < told
    together = zip(source, shuffled, first, strict=True)
    eye = [np.r_[own, rows[rows != own]] if hit else rows for own, rows, hit in together]
    plain = [random.permutation(rows) for rows in fitting]
    made.__dict__["rankings"] = {  # as if two models had been embedded
        name: np.pad(np.stack(rows), ((0, 0), (0, 95)), constant_values=-1)
        for name, rows in (("eye", eye), ("plain", plain))
    }
    return made


def test_the_check_finds_a_biased_benchmark():
    (found,) = check(subject(1.0, "source"))
    assert found.check == "source bias" and found.facts["preference, eye"] == 1.0
    assert "eye ranks a query's source above an equally fitting item in 100%" in found.sentence
    effects = {one.ranking: (one.before, one.after) for one in found.effect}
    assert effects["eye"] == (1.0, 1.0) and effects["plain"][0] < 0.7 and effects["plain"][1] == 1.0


def test_ties_are_ties_whatever_the_order_of_the_corpus():
    """Every query's source stands before its equals in the file; with nothing to tell them apart nobody prefers it."""
    made = subject(0.0, "source")
    made.titles = [f"thing {item // 5}" for item in range(300)]
    made.texts = [f"thing {query}" for query in range(60)]
    made.__dict__["rankings"] = dict.fromkeys(("bm25", "eye"), np.tile(np.arange(300), (60, 1)))
    made.models = {"eye": None}
    found = fits(made.judged.fitting, made.task.source)
    for scores in fair_scores(made, found):
        assert np.unique(preferences(scores[:, None], found)).tolist() == [0.5]
    made.titles[4] = "a longer thing 0"  # now the first query has one that differs: BM25 likes it less
    words, eye = fair_scores(made, found)
    assert words[:5].argmin() == 4 and eye[:5].argmin() == 4 and len(set(words[:4])) == len(set(eye[:4])) == 1


def test_the_only_right_answer_is_the_source_where_nothing_else_is_known():
    for listed, wanted in (("source", np.arange(60) * 5), ("all", np.full(60, -1))):
        made = subject(0.0, listed)
        made.task = replace(made.task, source=None)
        np.testing.assert_array_equal(sources(made), wanted)
    made.task = replace(made.task, source=np.where(np.arange(60) == 7, 36, -1))
    assert sources(made)[7] == 36 and (np.delete(sources(made), 7) == -1).all()


@pytest.mark.parametrize(
    "fair",
    [
        subject(0.0, "source"),  # one answer of many, but not the one that anybody prefers
        subject(1.0, "all"),  # preferred, but all that fits is counted right: nothing is at stake
        subject(0.5, "source", unfit=0.9),  # as much could come from a judge that is wrong so often
    ],
)  # fmt: skip
def test_the_check_is_silent(fair):
    assert not list(check(fair))


class Shown:
    """A pool's `systems.parquet`, as `weft.judging.pool.Pool` gives it."""

    def __init__(self, rows: list[tuple[str, str, str, str]]):
        columns = list(zip(*rows, strict=True))
        self.table = pa.table(dict(zip(("task", "query_id", "doc_id", "system"), columns, strict=True)))

    def systems(self) -> pa.Table:
        return self.table


def test_judgements_are_read_with_what_systems_brought_into_the_pool():
    task = subject(0.0, "source").task
    pairs = [("q0", "i0", "answers"), ("q0", "i3", "eye"), ("q0", "i2", "random"), ("q1", "i7", "answers")]
    pool = Shown([("t", *pair) for pair in [*pairs, ("q1", "i7", "plain")]] + [("other", "q0", "i9", "eye")])
    grades = {("q0", "i0"): 3.0, ("q0", "i3"): 2.0, ("q0", "i2"): 1.0, ("q1", "i7"): None}
    rows = [
        {"task": "t", "query_id": query, "doc_id": doc, "grade": grade, "judge": "j", "rubric": "r@1"}
        for (query, doc), grade in grades.items()
    ]
    said = Judged.read(task, pool, rows, relevant=2)
    assert [found.tolist() for found in said.fitting[:3]] == [[0, 3], [], []]
    assert [found.tolist() for found in said.pooled[:3]] == [[3], [7], []]


def test_what_fits_is_what_the_judgements_own_rubric_calls_relevant(tmp_path):
    task, rubric, place = subject(0.0, "source").task, Rubric("ten", 1, 10, 7, "10: yes"), tmp_path / "judged.parquet"
    (tmp_path / "pool").mkdir()
    write_tables(tmp_path / "pool", PAIRS.empty_table(), SYSTEMS.empty_table())
    write_json(tmp_path / "pool" / FACTS, {"pairs": 0, "benchmark": {"name": "shop", "source": "runs/shop"}})
    fixed = dict.fromkeys(SCHEMA.names) | {"task": task.name, "query_id": "q0", "judge": "j", "rubric": str(rubric)}
    rows = [fixed | {"doc_id": f"i{number}", "grade": grade} for number, grade in ((0, 10.0), (3, 7.0), (5, 6.0))]
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), place)
    with pytest.raises(WeftError, match="ten@1 mean is not written"):
        reader(tmp_path / "pool", [place])
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA.with_metadata(rubric.metadata)), place)
    read, same = reader(tmp_path / "pool", [place]), Benchmark("shop", (task,), source="./runs/shop/")
    assert read(same)[task.name].fitting[0].tolist() == [0, 3]
    assert read(replace(same, name="other")) == read(replace(same, source="runs/other")) == {}
