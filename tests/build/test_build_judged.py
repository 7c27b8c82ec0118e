"""Judgements override grades by attributes, holes are counted; a benchmark that fails its audit is not written."""

import dataclasses
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from shop_shelf import collection

from weft.build import Settings, build, render
from weft.build.facts import statistics
from weft.build.judged import Judged, apply, on_our_scale, read
from weft.build.select import choose
from weft.catalogue.collection import Collection
from weft.cli import building
from weft.errors import WeftError
from weft.files import read_json
from weft.judging.attribute import Blurred, ByWords
from weft.judging.gather import Wanted, make
from weft.judging.judge import by_attributes
from weft.judging.judgements import SCHEMA
from weft.judging.pool import Pool
from weft.judging.rubric import RUBRICS, Rubric
from weft.recipe import Pairs

ALLOWED = ["few queries", "contradictions"]  # a judge that is wrong contradicts titles
SETTINGS = Settings(queries=40, dev_queries=0, zero_shot=0.0, unseen=False)
APART = Settings(queries=40, dev_queries=20, zero_shot=0.0)
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
    assert told["queries_answered_elsewhere"] == 0
    readme = (second / "README.md").read_text()
    assert f"{told['used']:,} pairs were graded by words" in readme
    seen = {one for keys in both for query, one in keys if query in truth} & trained(Collection(judged / "curate"))
    assert f"own training: {len(seen)}." in readme and "No answer, nor" not in readme


def trained(shelf):
    return {product.id for product, split in zip(shelf.products, shelf.split, strict=True) if split == "train"}


def test_a_query_whose_answer_training_or_the_other_part_may_see_is_taken_out(tmp_path):
    shelf = collection(tmp_path / "curate", FEW | {"dev": 60})
    (seen, copied, dropped), shared = range(3), int(np.flatnonzero(shelf.split == "test")[-1])
    shelf.split = shelf.split.astype(object)  # longer words than those that are there
    shelf.split[[copied, dropped]] = "dropped"
    shelf.group[copied] = shelf.group[seen]
    chosen = choose(shelf, Pairs(), APART)
    test, dev = chosen.of("test"), chosen.of("dev")
    both, short = ("short", "long"), ("short",)
    out = [(test[0], seen, both), (test[1], seen, short), (test[2], copied, both), (dev[0], shared, both)]
    out.append((dev[1], dropped, both))  # test[3], which comes first, has it already
    given = [*out, (test[3], dropped, both), (test[4], shared, short)]
    grades = {(twin, one.id, shelf.products[row].id): 3.0 for one, row, twins in given for twin in twins}
    grades |= {(twin, test[5].id, shelf.products[seen].id): 1.0 for twin in both}
    new, told = apply(chosen, shelf, Judged(grades, {}))
    assert {one.id for one in chosen.questions} - {one.id for one in new.questions} == {one.id for one, *_ in out}
    assert (told["queries_answered_elsewhere"], told["queries_left_out"], told["answers_gained"]) == (5, 0, 1)
    gallery = statistics(shelf, new, ["test", "dev"])["gallery"]
    assert (gallery["open_to_training"], gallery["answers_of_several"]) == (0, 0)
    new, told = apply(chosen, shelf, Judged(grades, {}), unseen=False)
    assert len(new.questions) == len(chosen.questions) and told["queries_answered_elsewhere"] == 0
    gallery = statistics(shelf, new, ["test", "dev"])["gallery"]
    assert (gallery["open_to_training"], gallery["answers_of_several"]) == (2, 1)
    every = {("short", one.id, shelf.products[seen].id): 3.0 for one in test}
    with pytest.raises(WeftError, match=f"no test query has an answer; {len(test)} have one that training"):
        apply(chosen, shelf, Judged(every, {}))


def test_the_card_says_of_the_final_answers_whether_they_were_open_to_training(judged, tmp_path):
    shelf, settings = Collection(judged / "curate"), dataclasses.replace(SETTINGS, unseen=True)
    asked = choose(shelf, Pairs(), settings).questions
    fixed = dict.fromkeys(SCHEMA.names) | {"doc_id": min(trained(shelf)), "judge": "j", "rubric": "fashion-0-3@1"}
    given = [(one, twin) for one in asked[:2] for twin in ("short", "long")]
    table = [fixed | {"query_id": one.id, "task": f"text-to-image/{twin}/x", "grade": 3.0} for one, twin in given]
    pq.write_table(pa.Table.from_pylist(table, schema=SCHEMA), tmp_path / "j.parquet")
    facts = build(shelf.folder, tmp_path / "b", settings, judged=[tmp_path / "j.parquet"], allow=["few queries"])
    answers = {one for row in rows(tmp_path / "b", "ground_truth") for one in row["corpus_ids"]}
    readme = (tmp_path / "b" / "README.md").read_text()
    assert not answers & trained(shelf) and len(rows(tmp_path / "b", "queries")) == len(asked) - 2
    assert "No answer, nor" in readme and "2 more because what is right for them" in readme
    assert "asked for once, and no product answers two queries" in readme
    assert "2 with one that training or the other part may see" in render(facts)
    build(shelf.folder, tmp_path / "c", SETTINGS, judged=[tmp_path / "j.parquet"], allow=["few queries"])
    readme = (tmp_path / "c" / "README.md").read_text()
    assert (
        "No answer, nor" not in readme and "asked for once, and products that answer several queries number 1" in readme
    )


def test_of_a_folder_that_file_is_keyed_which_is_read(judged, tmp_path):
    """A first run that was killed leaves lines alone; a later one more lines than its table has."""
    (tmp_path / "j").mkdir()
    lines = (judged / "judged" / "judgements.jsonl").read_text().splitlines(keepends=True)
    used = []
    for count in (len(lines) // 2, len(lines)):
        (tmp_path / "j" / "judgements.jsonl").write_text("".join(lines[:count]))
        facts = build(judged / "curate", tmp_path / "b", SETTINGS, judged=[tmp_path / "j"], allow=["few queries"])
        used.append(facts["judged"]["used"])
    assert 0 < used[0] < used[1]


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
        ({"judged": ["nowhere.parquet"]}, "there is no nowhere.parquet"),
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
    settings = {"queries": 40, "dev_queries": 0, "zero_shot": 0.0, "seen": True}
    building.build(judged / "curate", judged / "first", name="Judged", allow=["few queries"], **settings)
    said = capsys.readouterr()
    assert "kept" in said.err and "test, in-domain" in said.out and str(judged / "first") in said.out
