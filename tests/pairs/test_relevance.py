"""Relevance from statements: the rule by hand, and the sparse blocks of a batch against a plain double loop."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.pairs.queries import Query
from weft.pairs.relevance import BatchRelevance, Index, grade_of

FACTS = [
    {"colour=red", "kind=dress", "size=s", "title=summer"},
    {"colour=red", "kind=dress", "size=m", "title=summer"},
    {"colour=red", "kind=coat", "size=s", "title=winter"},
    {"colour=blue", "kind=coat", "size=s", "title=rain"},
    {"colour=blue", "kind=hat", "size=m"},
]
GROUP = np.asarray([0, 1, 2, 0, 4])
QUERY = Query("red dress s", ("colour=red", "kind=dress", "size=s"))


def test_grades_follow_the_rule():
    held, stated = torch.tensor([0, 1, 2, 3, 1, 2, 0]), torch.tensor([3, 3, 3, 3, 2, 2, 0])
    assert grade_of(held, stated).tolist() == [0, 0, 1, 3, 0, 3, 0]


def test_index_counts_and_grades():
    index = Index(FACTS, GROUP)
    assert index.holding(("colour=red", "size=s")).tolist() == [0, 2]
    assert index.count(("colour=red",)) == 3
    assert index.count(("colour=red", "never=said")) == 0
    rows, grades = index.grades(QUERY, -1)
    assert dict(zip(rows.tolist(), grades.tolist(), strict=True)) == {0: 3, 1: 1, 2: 1}


def test_index_raises_the_sources_duplicates_and_namesakes():
    rows, grades = Index(FACTS, GROUP).grades(QUERY, 0)
    assert dict(zip(rows.tolist(), grades.tolist(), strict=True)) == {0: 3, 1: 3, 2: 1, 3: 3}
    assert grades.dtype == np.float32
    rows, _ = Index(FACTS, GROUP).grades(Query("?", ()), 4)  # no title and nothing stated: itself alone
    assert rows.tolist() == [4]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_an_index_equals_a_look_at_every_product(seed):
    random = np.random.default_rng(seed)
    every = [f"{name}={value}" for name in "abcd" for value in range(3)]
    titles = [{f"title={random.integers(6)}"} if random.random() < 0.8 else set() for _ in range(40)]
    facts = [{str(one) for one in random.choice(every, 5)} | title for title in titles]
    group = random.integers(30, size=40)
    index = Index((held for held in facts), group)
    for count in (0, 1, 2, 3, 4, 5):
        stated = tuple(map(str, random.choice(every, count)))
        source = int(random.integers(-1, 40))
        wanted = {}
        for row, held in enumerate(facts):
            grade = float(grade_of(torch.tensor(sum(one in held for one in stated)), torch.tensor(count)))
            if source >= 0 and (group[row] == group[source] or (titles[row] and titles[row] == titles[source])):
                grade = 3.0
            wanted |= {row: grade} if grade else {}
        rows, grades = index.grades(Query("?", stated), source)
        assert rows.tolist() == list(wanted) and grades.tolist() == list(wanted.values())
        if count:
            assert index.holding(stated).tolist() == [r for r, held in enumerate(facts) if held.issuperset(stated)]


def plain(facts, queries, group, titles) -> torch.Tensor:
    """(products, queries) grades as the rule reads."""
    out = torch.zeros(len(facts), len(queries), dtype=torch.long)
    for i, held in enumerate(facts):
        for j, query in enumerate(queries):
            stated = set(query.stated)
            missing = len(stated - held)
            same = group[i] == group[j] or (titles[i] and titles[i] == titles[j]) or queries[i].text == query.text
            if same or (stated and missing == 0):
                out[i, j] = 3
            elif missing == 1 and len(stated) >= 3:
                out[i, j] = 1
    return out


NAMES = [f"{name}={value}" for name in "abc" for value in range(2)]


@st.composite
def batches(draw):
    size = draw(st.integers(1, 9))
    facts = [draw(st.sets(st.sampled_from(NAMES), max_size=6)) for _ in range(size)]
    said = [draw(st.sets(st.sampled_from([*NAMES, "z=never held"]), max_size=5)) for _ in range(size)]
    queries = [Query(f"{sorted(own)} {draw(st.integers(0, 1))}", tuple(sorted(own))) for own in said]
    group = [draw(st.integers(0, 5)) for _ in range(size)]
    titles = [draw(st.sampled_from(["", "one", "two", f"own {i}"])) for i in range(size)]
    return facts, queries, group, titles


@settings(max_examples=60, deadline=None)
@given(batches(), st.integers(1, 9))
def test_blocks_equal_a_plain_double_loop(batch, block):
    relevance, expected = BatchRelevance(*batch), plain(*batch)
    for start in range(0, len(expected), block):
        rows = slice(start, start + block)
        assert torch.equal(relevance.products(rows), expected[rows])
        assert torch.equal(relevance.queries(rows), expected.T[rows])


def test_untitled_products_are_not_namesakes():
    queries = [Query("a", ("x=1",)), Query("b", ("x=2",))]
    assert BatchRelevance([set(), set()], queries, [0, 1], ["", ""]).products(slice(0, 2)).tolist() == [[3, 0], [0, 3]]


@pytest.mark.parametrize("queries", [[Query(f"t{i}", (f"title=t{i}",)) for i in range(300)]])
def test_memory_grows_with_the_statements_held_not_with_their_kinds(queries):
    """Every query states something of its own: a dense (products, statements) matrix would be (B, B)."""
    relevance = BatchRelevance([set(q.stated) for q in queries], queries, range(300), [q.text for q in queries])
    kept = [t for value in vars(relevance).values() for t in (value if isinstance(value, list) else [value])]
    numbers = [t._nnz() if t.layout == torch.sparse_coo else t.numel() for t in kept]
    assert max(numbers) == 300
