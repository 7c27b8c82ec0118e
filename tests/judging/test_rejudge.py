"""Re-judging: an order that is wrong by construction is righted, one that is right stays, and what is said is so."""

import dataclasses

import judged_evaluation as toy
import numpy as np
import pytest

from weft.errors import WeftError
from weft.judging.evaluated import open_evaluation
from weft.judging.rejudge import rejudge

PICTURES = {f"d_{n}": f"{n:064x}" for n in range(toy.DOCS)}


@pytest.fixture(scope="module")
def biased(tmp_path_factory):
    folder, rows = toy.source_biased(tmp_path_factory.mktemp("biased"))
    record, qrels = rejudge(open_evaluation(folder), rows, images=PICTURES)
    return folder, rows, record, qrels


def systems(record: dict) -> dict[str, dict]:
    return {row["system"]: row for row in record["tasks"][0]["systems"]}


def pair(record: dict, a: str, b: str) -> dict:
    return next(row for row in record["pairs"] if {row["a"], row["b"]} == {a, b})


def test_an_order_wrong_by_construction_is_righted(biased):
    _, _, record, _ = biased
    rows = systems(record)
    assert rows["finder"]["original"][0] == 0 and rows["copier"]["original"][0] > 0.8
    assert rows["copier"]["rank"] == rows["both"]["rank"] == 1 and rows["finder"]["rank"] == 3
    assert [rows[name]["new_rank"] for name in ("finder", "both", "copier", "noise")] == [1, 2, 3, 4]
    luck = rows["copier"]["original"][0]  # else the source is in no pool, and four right ones are all there are
    assert rows["finder"]["rejudged"][0] == pytest.approx(luck * 5 / 6 + (1 - luck))
    turned = pair(record, "copier", "finder")
    assert turned["kind"] == "reversed" and turned["a"] == "copier" and turned["robust"]
    assert turned["original"]["low"] > 0 > turned["rejudged"]["high"] and turned["rejudged"]["call"] == "worse"
    assert "finder is above copier" in record["verdict"][0] and pair(record, "copier", "noise")["kind"] == "confirmed"


def test_every_kind_of_correction_was_tried(biased):
    _, rows, record, _ = biased
    tried = set(pair(record, "copier", "finder")["corrections"])
    assert {"relevant from 3", "same pictures merged", "unjudged left out of the lists", "unjudged all right"} <= tried
    assert list(record["tasks"][0]["impossible"]) == ["another judge"]
    second, _ = rejudge(open_evaluation(biased[0]), rows + [row | {"judge": "other"} for row in rows])
    assert {"truth alone", "other alone"} <= set(pair(second, "copier", "finder")["corrections"])
    assert list(second["tasks"][0]["impossible"]) == ["same pictures merged"]


def test_where_the_answers_were_right_nothing_changes(tmp_path):
    rng = np.random.default_rng(1)
    runs = {"good": [], "bad": []}
    for query in range(30):
        docs = rng.permutation(np.arange(100, 200))[:10]
        runs["good"].append([query, *docs[1:]])
        runs["bad"].append([query, *docs[1:]] if rng.random() < 0.3 else docs)
    runs = {name: np.asarray(rows) for name, rows in runs.items()}
    folder = toy.evaluation(tmp_path / "e", runs, [{q: 1.0} for q in range(30)], 200, "mrr@10")
    pool = {(q, int(doc)) for ranking in runs.values() for q, row in enumerate(ranking) for doc in row}
    rows = [toy.judgement(q, doc, 3.0 if doc == q else 0.0) for q, doc in pool]
    record, _ = rejudge(open_evaluation(folder), rows)
    (only,) = record["pairs"]
    assert only["kind"] == "confirmed" and only["original"] == only["rejudged"]
    for row in record["tasks"][0]["systems"]:
        assert row["original"] == row["rejudged"] == row["original_all"] and row["rank"] == row["new_rank"]
        assert row["unjudged"] == 0 and row["all_right"] == row["rejudged"][0]
    assert record["tasks"][0]["original_answers_unjudged"] == 0 and only["robust"]
    assert "another lowest grade" in record["tasks"][0]["impossible"]  # 0 and 3 were given, and nothing between


def test_holes_and_bounds(tmp_path):
    """One query, ten documents: the judge saw four of A's and two of B's, one of them right."""
    runs = {"A": np.arange(10)[None], "B": np.asarray([[0, 20, *range(30, 38)]])}
    folder = toy.evaluation(tmp_path / "e", runs, [{0: 1.0}], 50, "precision@10")
    rows = [toy.judgement(0, doc, 3.0 if doc in (0, 1, 2) else 0.0) for doc in (0, 1, 2, 3, 20)]
    record, qrels = rejudge(open_evaluation(folder), rows)
    a, b = systems(record)["A"], systems(record)["B"]
    assert a["unjudged"] == pytest.approx(0.6) and b["unjudged"] == pytest.approx(0.8)
    assert a["holes"] == {"1": 0.0, "5": pytest.approx(0.2), "10": pytest.approx(0.6)}
    assert a["rejudged"][0] == pytest.approx(0.3) and a["all_right"] == pytest.approx(0.9)
    assert b["rejudged"][0] == pytest.approx(0.1) and b["all_right"] == pytest.approx(0.9)
    (only,) = record["pairs"]
    assert only["worst_case"] == pytest.approx(0.3 - 0.9)  # B's eight unjudged ones right, A's six wrong
    assert a["corrections"]["unjudged left out of the lists"] == pytest.approx(0.3)
    assert list(qrels.values()) == [{"q_0": {"d_0": 3.0, "d_1": 3.0, "d_2": 3.0, "d_3": 0.0, "d_20": 0.0}}]


def test_a_system_without_what_only_it_contributed(biased):
    """Of the six right ones `finder` alone brought three: without them its five found ones are two of three."""
    row = systems(biased[2])["finder"]
    assert row["left_out"]["queries"] == toy.QUERIES
    assert row["left_out"]["with"] == pytest.approx(row["rejudged"][0])
    assert row["left_out"]["without"] == pytest.approx(2 / 3, abs=0.1) and row["left_out"]["without"] < 0.75
    assert systems(biased[2])["noise"]["left_out"]["without"] == 0


def test_equal_pictures_count_once(tmp_path):
    """A fills its list with copies of the one right picture, which B has once."""
    runs = {"A": np.arange(10)[None].repeat(5, 0), "B": np.asarray([[0, *range(20, 29)]]).repeat(5, 0)}
    folder = toy.evaluation(tmp_path / "e", runs, [{0: 1.0}] * 5, 50, "precision@10")
    rows = [toy.judgement(q, doc, 3.0 * (doc < 10)) for q in range(5) for doc in (*range(10), *range(20, 29))]
    images = {f"d_{n}": "same" if n < 10 else str(n) for n in range(50)}
    record, _ = rejudge(open_evaluation(folder), rows, images=images)
    (only,) = record["pairs"]
    assert only["rejudged"]["difference"] == pytest.approx(0.9)
    assert only["corrections"]["same pictures merged"]["difference"] == 0
    assert only["against"] == ["same pictures merged"] and not only["robust"]
    assert record["tasks"][0]["merged_pictures"] == 9


def test_the_benchmarks_own_threshold_is_found(tmp_path):
    runs = {"A": np.arange(10)[None], "B": np.arange(5, 15)[None]}
    folder = toy.evaluation(tmp_path / "e", runs, [{0: 1.0, 7: 2.0}], 50)
    assert open_evaluation(folder)[0].threshold() == 1.0
    (folder / "qrels" / "thresholds.json").unlink()  # as an older version left it
    assert open_evaluation(folder)[0].threshold() == 1.0


def test_the_threshold_of_a_metric_that_reads_grades_is_the_benchmark_s(tmp_path):
    """Its values are the same with every threshold: what is an answer is what the evaluation says."""
    runs = {"A": np.arange(10)[None].repeat(4, 0), "B": np.arange(5, 15)[None].repeat(4, 0)}
    folder = toy.evaluation(tmp_path / "e", runs, [{0: 3.0, 7: 1.0, 8: 1.0}] * 4, 50, "ndcg@10", threshold=2.0)
    (task,) = open_evaluation(folder)
    assert task.threshold() == 3.0
    rows = [toy.judgement(query, 0, 3.0) for query in range(4)]
    record, _ = rejudge([task], rows)
    assert record["tasks"][0]["original_answers_unjudged"] == 0, "two of grade 1 are none"


def test_missing_grades_are_no_grades(biased):
    folder, rows, *_ = biased
    some = [row | {"grade": None, "status": "refused"} if row["doc_id"] == "d 1" else row for row in rows]
    again, qrels = rejudge(open_evaluation(folder), some)
    assert again["missing"] == 1 and "d_1" not in next(iter(qrels.values()))["q_0"]
    assert systems(again)["finder"]["unjudged"] == pytest.approx(1 / (10 * toy.QUERIES))


def test_files_that_do_not_belong_together_are_refused(tmp_path):
    folder, rows = toy.source_biased(tmp_path / "e")
    run = folder / "runs" / "copier.shop.text_to_image.trec"
    lines = run.read_text().splitlines()
    run.write_text("\n".join(line for line in lines if " 1 " not in line) + "\n")
    with pytest.raises(WeftError, match="do not give the recall@10 that"):
        rejudge(open_evaluation(folder), rows)
    run.unlink()
    with pytest.raises(WeftError, match="missing or damaged"):
        open_evaluation(folder)


def test_what_cannot_be_done_is_said(biased, tmp_path):
    folder, rows, _, _ = biased
    tasks = open_evaluation(folder)
    with pytest.raises(WeftError, match="no judgement is of this evaluation: it has shop: text to image, they other"):
        rejudge(tasks, [row | {"task": "other"} for row in rows])
    with pytest.raises(WeftError, match="no judged query has a document of grade 4"):
        rejudge(tasks, rows, relevant=4)
    with pytest.raises(WeftError, match="several rubrics"):
        rejudge(tasks, [*rows, rows[0] | {"rubric": "other@1"}])
    with pytest.raises(WeftError, match="has no task nothing; it has text to image"):
        open_evaluation(folder, ["nothing"])
    with pytest.raises(WeftError, match="name a folder that weft evaluate wrote"):
        open_evaluation(tmp_path)


def test_a_graded_metric_takes_every_grade_as_an_outside_tool_does(tmp_path):
    ir_measures = pytest.importorskip("ir_measures")
    rng = np.random.default_rng(4)
    runs = {name: np.stack([rng.permutation(40)[:10] for _ in range(12)]) for name in ("A", "B")}
    folder = toy.evaluation(tmp_path / "e", runs, [{0: 1.0, 1: 2.0}] * 12, 40, "ndcg@10")
    rows = [toy.judgement(q, d, float(rng.integers(0, 4))) for q in range(12) for d in range(30)]
    record, qrels = rejudge(open_evaluation(folder), rows)
    answers = [ir_measures.Qrel(q, d, int(g)) for of in qrels.values() for q, ds in of.items() for d, g in ds.items()]
    for name, row in systems(record).items():
        run = list(ir_measures.read_trec_run(str(folder / "runs" / f"{name}.shop.text_to_image.trec")))
        outside = ir_measures.calc_aggregate([ir_measures.nDCG @ 10], answers, run)[ir_measures.nDCG @ 10]
        assert row["rejudged"][0] == pytest.approx(outside, abs=1e-9)
        assert {"relevant from 2", "relevant from 3"} <= set(row["corrections"])
        assert "relevant from 1" not in row["corrections"]  # that is how it was scored


def test_judgements_that_two_benchmarks_could_mean_are_refused(tmp_path):
    folder, rows = toy.source_biased(tmp_path / "e")
    first = open_evaluation(folder)
    second = [dataclasses.replace(task, benchmark="other") for task in first]
    with pytest.raises(WeftError, match="could be of shop: text to image or other: text to image"):
        rejudge(first + second, rows)
    record, _ = rejudge(first + second, [row | {"task": "other: text to image"} for row in rows])
    assert [task["task"] for task in record["tasks"]] == ["other: text to image"]


def test_the_label_with_the_benchmark_also_names_the_task(biased):
    folder, rows, record, _ = biased
    named = [row | {"task": "shop: text to image"} for row in rows]
    again, _ = rejudge(open_evaluation(folder, ["shop: text to image"]), named)
    assert [row["rejudged"] for row in again["pairs"]] == [row["rejudged"] for row in record["pairs"]]
