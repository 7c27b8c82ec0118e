"""Which tasks a recipe asks: its own, the held-out gallery, benchmarks by title and class, an earlier run's queries."""

import numpy as np
import pytest

from shelves import shelf
from weft.errors import WeftError
from weft.options import Weave
from weft.recipe import Benchmark, Recipe
from weft.tasks import tasks_of

SPLITS = "t" * 10 + "e" * 12 + "d" * 4 + "zz"
QUERIES = [
    ("a", "in-domain/short", "test", "red", 10, {10: 3, 3: 3, 25: 1}),
    ("b", "in-domain/long", "test", "red coat", 11, {11: 3}),
    ("c", "zero-shot/short", "test", "blue", 26, {26: 3}),
    ("d", "in-domain/short", "dev", "green", 22, {22: 3}),
    ("e", "in-domain/log", "test", "typed", None, {12: 2}),
]


def asked(tmp_path, *benchmarks, split="test", **options):
    recipe = Recipe(name="x", base="demo", benchmarks=benchmarks)
    return {task.name: task for task in tasks_of(recipe, tmp_path, split, **options)}


def test_the_catalogue_s_own_tasks(tmp_path):
    shelf(tmp_path, SPLITS, queries=QUERIES)
    found = asked(tmp_path)
    domains = {name: task.domain for name, task in found.items()}
    assert domains == {
        "in-domain/long": "in-domain", "in-domain/log": "in-domain", "in-domain/short": "in-domain",
        "zero-shot/short": "zero-shot",
    }  # fmt: skip
    for task in found.values():
        assert not task.limited and list(task.corpus.ids) == [str(n) for n in range(28)], "the whole catalogue competes"
        assert task.corpus.rows.tolist() == list(range(28)) and task.kind == "retrieval"
    assert found["in-domain/short"].query_ids == ["a"]
    assert list(asked(tmp_path, split="dev")) == ["in-domain/short"]


def test_the_held_out_gallery_is_a_second_row_with_a_name_that_says_so(tmp_path):
    shelf(tmp_path, SPLITS, pictures=[2] + [1] * 27, queries=QUERIES)
    found = asked(tmp_path, held_out_gallery=True)
    task = found["in-domain/short (test-only gallery)"]
    assert list(task.corpus.ids) == [str(n) for n in range(10, 22)] and task.limited
    assert task.corpus.rows.tolist() == list(range(11, 23)) and task.corpus.owner.tolist() == list(range(12))
    assert [(rows.tolist(), grades.tolist()) for rows, grades in task.relevant] == [([0], [3])], "what competes"
    assert task.source.tolist() == [0]
    assert "zero-shot/short (test-only gallery)" not in found and len(found) == 7


def test_a_tiny_held_out_gallery_is_left_out(tmp_path):
    shelf(tmp_path, "ttteeeeee", queries=[("a", "in-domain/short", "test", "red", 4, {4: 3})])
    assert list(asked(tmp_path, held_out_gallery=True)) == ["in-domain/short"]


def test_dev_queries_may_search_a_sample_that_holds_their_own_products(tmp_path):
    typed = ("t", "in-domain/log", "dev", "typed", None, {3: 3, 5: 3})
    shelf(tmp_path, SPLITS, pictures=[2] + [1] * 27, queries=[*QUERIES, typed])
    recipe = Recipe(name="x", base="demo", weave=Weave(gallery=9))
    whole = {task.name: task for task in tasks_of(Recipe(name="x", base="demo"), tmp_path, "dev")}
    found = {task.name: task for task in tasks_of(recipe, tmp_path, "dev")}
    assert list(found) == list(whole), "the names pair dev scores with test scores"
    (gallery,) = {tuple(task.corpus.ids) for task in found.values()}
    assert len(gallery) == 9 and {"3", "5", "22"} <= set(gallery), "a sample for all tasks: embedded once"
    for name, task in found.items():
        assert not task.limited, "it counts: nobody asks the same queries in the whole gallery beside it"
        assert task.query_ids == whole[name].query_ids
        for (rows, _), (every, _) in zip(task.relevant, whole[name].relevant, strict=True):
            assert {gallery[row] for row in rows} == {str(row) for row in every} & set(gallery)
    for split, size in (("test", 9), ("dev", 28)):
        most = Recipe(name="x", base="demo", weave=Weave(gallery=size))
        assert {len(task.corpus) for task in tasks_of(most, tmp_path, split)} == {28}, "test always searches all"


def test_title_benchmarks(tmp_path):
    shelf(tmp_path, SPLITS, queries=QUERIES)
    shelf(tmp_path / "benchmarks" / "street", "ddee", queries=[("q", "title", "test", "x", 3, {3: 3})])
    task = asked(tmp_path, Benchmark(name="street"))["street"]
    assert task.domain == "out-of-domain" and not task.limited and task.query_ids == ["q"]
    with pytest.raises(WeftError, match="'street' has no dev query"):
        asked(tmp_path, Benchmark(name="street"), split="dev")


def test_class_benchmarks(tmp_path):
    shelf(tmp_path, SPLITS, queries=QUERIES)
    categories = ["hat", "Bag", "hat", "bag", "coat", "bag"]
    shelf(tmp_path / "benchmarks" / "kinds", "ddddee", [1, 2, 1, 1, 1, 1], categories)
    kinds = Benchmark(name="kinds", task="class", prompt="a {}", names={"bag": "bags"})
    test = asked(tmp_path, kinds)["kinds"]
    assert test.classes == ["bags", "coat", "hat"], "a class without a test picture is still a possible answer"
    assert test.truth.tolist() == [1, 0] and test.query_ids == ["4", "5"]
    assert test.items.rows.tolist() == [5, 6], "the first picture of each"
    dev = asked(tmp_path, kinds, split="dev")["kinds"]
    assert dev.truth.tolist() == [2, 0, 2, 0] and dev.query_ids == ["0", "1", "2", "3"] and dev.prompts == ("a {}",)


@pytest.mark.parametrize(("splits", "categories"), [("dee", ["hat"] * 3), ("ddd", ["hat", "bag", "bag"])])
def test_a_class_benchmark_without_classes_or_pictures(tmp_path, splits, categories):
    shelf(tmp_path, SPLITS, queries=QUERIES)
    shelf(tmp_path / "benchmarks" / "kinds", splits, categories=categories)
    with pytest.raises(WeftError, match=r"'kinds' has \d categories and \d pictures on test.*columns.category"):
        asked(tmp_path, Benchmark(name="kinds", task="class"))


def test_an_earlier_run_s_queries(tmp_path):
    shelf(tmp_path / "shop", SPLITS, queries=QUERIES)
    shelf(tmp_path / "base", SPLITS, queries=QUERIES)
    earlier = Benchmark(name="base brands", collection=str(tmp_path / "base"))
    found = asked(tmp_path / "shop", earlier)
    names = {"base brands/long", "base brands/log", "base brands/short"}
    assert {name for name, task in found.items() if task.domain == "out-of-domain"} == names
    assert str(found["base brands/short"].corpus.pictures.folder) == str(tmp_path / "base")
    assert "base brands" in asked(tmp_path / "shop", earlier, split="dev"), "a single task needs no second name"


def test_an_earlier_run_that_asks_nothing(tmp_path):
    shelf(tmp_path / "shop", SPLITS, queries=QUERIES)
    shelf(tmp_path / "base", "ttt", queries=[("q", "title", "test", "x", 0, {0: 3})])
    with pytest.raises(WeftError, match="'b' has no test query"):
        asked(tmp_path / "shop", Benchmark(name="b", collection=str(tmp_path / "base")))
    with pytest.raises(WeftError, match="not a curated collection"):
        asked(tmp_path / "shop", Benchmark(name="b", collection=str(tmp_path / "nowhere")))


def test_galleries_of_several_pictures_a_product(tmp_path):
    shelf(tmp_path, "eee", [1, 3, 2], queries=[("a", "in-domain/short", "test", "red", 1, {1: 3})])
    task = asked(tmp_path)["in-domain/short"]
    assert np.array_equal(task.corpus.rows, np.arange(6)) and task.corpus.owner.tolist() == [0, 1, 1, 1, 2, 2]
