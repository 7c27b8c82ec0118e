"""Judgements override grades by attributes, holes are counted; a benchmark that fails its audit is not written."""

import dataclasses
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from shop_shelf import collection

from weft.artefact import read_json
from weft.build import Settings, build
from weft.build.judged import Judged, apply, on_our_scale, read
from weft.build.select import choose
from weft.catalogue.collection import Collection
from weft.cli import building
from weft.errors import WeftError
from weft.judging.attribute import Blurred, ByWords
from weft.judging.gather import Wanted, make
from weft.judging.judge import by_attributes
from weft.judging.pool import Pool
from weft.judging.rubric import RUBRICS, Rubric
from weft.recipe import Pairs

ALLOWED = ["few queries", "contradictions"]  # a judge that is wrong contradicts titles
SETTINGS = Settings(queries=40, dev_queries=0, zero_shot=0.0)
FEW = {"train": 20, "test": 60, "dev": 0, "zero-test": 0, "zero-dev": 0}


def rows(folder, name):
    return pq.read_table(folder / "data" / f"{name}-00000-of-00001.parquet").to_pylist()


def qrels(folder, twin):
    return {(row["query-id"], row["corpus-id"]): row["score"] for row in rows(folder, f"qrels_{twin}")}


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """A first build, a pool of BM25's results on it, and grades by titles, wrong in three of ten."""
    root = tmp_path_factory.mktemp("judged")
    shelf = collection(root / "curate", FEW)
    build(shelf.folder, root / "first", SETTINGS, "Judged", allow=["few queries"])
    make(f"zooclaw={root / 'first'}", ["bm25"], root / "pool", Wanted(depth=10, sample=0))
    by_attributes(Pool(root / "pool"), root / "judged", Blurred(ByWords(), 3, 0.3), RUBRICS["fashion-0-3"], "words")
    build(shelf.folder, root / "second", SETTINGS, "Judged", judged=[root / "judged"], allow=ALLOWED)
    return root


def test_judged_grades_count_and_others_stay(judged):
    first, second = judged / "first", judged / "second"
    table = pq.read_table(judged / "judged" / "judgements.parquet").to_pylist()
    graded = [row for row in table if row["grade"] is not None]
    given = {(row["task"].split("/")[1], row["query_id"], row["doc_id"]): row["grade"] for row in graded}
    expected = {twin: qrels(first, twin) for twin in ("short", "long")}
    for (twin, query, product), grade in given.items():
        expected[twin][query, product] = int(grade)
    truth = {row["query_id"]: set(row["corpus_ids"]) for row in rows(second, "ground_truth")}
    both = [{key for key, grade in expected[twin].items() if grade >= 2} for twin in ("short", "long")]
    assert {(query, one) for query, items in truth.items() for one in items} == both[0] & both[1]
    for twin in ("short", "long"):
        assert qrels(second, twin) == {key: grade for key, grade in expected[twin].items() if key[0] in truth}
    before = {(row["query_id"], one) for row in rows(first, "ground_truth") for one in row["corpus_ids"]}
    told = read_json(second / "benchmark.json")["judged"]
    assert told["used"] == len(given) and told["unknown"] == 0
    assert told["answers_lost"] - told["answers_gained"] == len(before) - len(both[0] & both[1]) > 0
    assert told["answers_unjudged"] == sum((twin, *key) not in given for key in before for twin in ("short", "long"))
    assert told["queries_left_out"] == len(rows(first, "queries")) - len(truth)
    assert f"{told['used']:,} pairs were graded by words" in (second / "README.md").read_text()


def test_a_rubric_of_one_s_own_is_read_as_it_says(judged, tmp_path):
    rubric, pool = Rubric("ten", 1, 10, 1, "10: yes"), Pool(judged / "pool")
    by_attributes(pool, tmp_path / "ten", Blurred(ByWords(), 10), rubric)
    table = pq.read_table(tmp_path / "ten" / "judgements.parquet")
    given = {row["grade"] for row in table.to_pylist()} - {None}
    assert given == {0, 1, 10} and set(read([tmp_path / "ten"]).grades.values()) == {0, 2, 3}
    pq.write_table(table.replace_schema_metadata(None), tmp_path / "old.parquet")
    with pytest.raises(WeftError, match="ten@1 mean is not written"):
        read([tmp_path / "old.parquet"])


def test_judgements_of_other_queries_are_refused(judged):
    shelf = Collection(judged / "curate")
    strangers = Judged({("short", "test-of-another-build", "0"): 3.0}, {})
    with pytest.raises(WeftError, match="no judgement is of a query"):
        apply(choose(shelf, Pairs(), SETTINGS), shelf, strangers)


@pytest.mark.parametrize(("name", "maps"), [("fashion-0-3", [0, 1, 2, 3]), ("fashion-0-4", [0, 1, 1, 2, 3])])
def test_relevant_means_what_the_rubric_means(name, maps):
    rubric = RUBRICS[name]
    assert [on_our_scale(grade, rubric) for grade in range(rubric.top + 1)] == maps
    assert [grade >= 2 for grade in maps] == [grade >= rubric.relevant for grade in range(rubric.top + 1)]


def test_a_benchmark_that_fails_its_audit_is_not_written(judged, tmp_path):
    few = dataclasses.replace(SETTINGS, queries=12)
    with pytest.raises(WeftError, match=r"(?s)does not pass its own audit.*few queries.*--allow \"few queries\""):
        build(judged / "curate", tmp_path / "bench", few)
    assert not (tmp_path / "bench").exists() and (tmp_path / "bench.partial" / "audit" / "audit.html").exists()
    build(judged / "curate", tmp_path / "bench", few, allow=["few queries"])
    assert not (tmp_path / "bench.partial").exists()
    assert "let pass by whoever built it: few queries" in (tmp_path / "bench" / "README.md").read_text()


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ({"allow": ["few querys"]}, "no check 'few querys'"),
        ({"name": "a?b=c"}, "no name for a benchmark"),
        ({"settings": Settings(queries=40, size=10)}, "too small"),
        ({"judged": ["nowhere.parquet"]}, "no judgements nowhere.parquet"),
    ],
)
def test_mistakes_are_told(judged, tmp_path, said, what):
    said = said | {"judged": [Path(one) for one in said.get("judged", ())]}
    with pytest.raises(WeftError, match=what):
        build(judged / "curate", tmp_path / "bench", **({"settings": SETTINGS} | said))
    assert not (tmp_path / "bench").exists()


def test_settings_that_mean_nothing_are_refused():
    for bad in ({"queries": 0}, {"most": 0}, {"zero_shot": 1.5}, {"brand_share": 0.0}, {"size": -1}):
        with pytest.raises(WeftError):
            Settings(**bad)


def test_the_verb_prints_what_was_built(judged, capsys):
    settings = {"queries": 40, "dev_queries": 0, "zero_shot": 0.0}
    building.build(judged / "curate", judged / "first", name="Judged", allow=["few queries"], **settings)
    said = capsys.readouterr()
    assert "kept" in said.err and "test, in-domain" in said.out and str(judged / "first") in said.out
