"""What is left for others: runs that an outside tool scores as Weft does, and records of broken things."""

import json
from dataclasses import replace

import ir_measures
import numpy as np
import pytest
import pytrec_eval

from weft.benchmarks.record import Retrieval, Side
from weft.benchmarks.trec import words
from weft.evaluate import Scored, retrieval_metrics
from weft.results import item, training_cost, write_qrels, write_runs

THINGS = 40


@pytest.fixture
def tied(tmp_path):
    """Twelve queries whose scores take three values, and things whose ids sort against their rows."""
    rng = np.random.default_rng(0)
    ids = [f"d{THINGS - n:02d}" for n in range(THINGS)]
    relevant = [(np.sort(rng.choice(THINGS, 5, replace=False)), np.ones(5)) for _ in range(12)]
    queries = Side([f"q {n}" for n in range(12)], texts=["x"] * 12)
    task = Retrieval("t", queries, Side(ids, texts=["y"] * THINGS), relevant)
    scores = -np.sort(-rng.integers(0, 3, (12, THINGS)).astype(np.float32), axis=1)
    ranking = np.stack([rng.permutation(THINGS) for _ in range(12)])
    return task, Scored(retrieval_metrics(task, ranking), ranking, scores)


def test_trec_eval_breaks_no_tie_of_ours(tied, tmp_path):
    task, scored = tied
    for _ in range(2):  # what an earlier call left goes
        (tmp_path / "runs").mkdir(exist_ok=True)
        (tmp_path / "runs" / "gone.b.t.trec").write_text("old")
        write_runs(tmp_path / "runs", {("b", "t"): task}, {"m": {("b", "t"): scored}}, 100)
        write_qrels(tmp_path / "qrels", {("b", "t"): task})
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["m.b.t.trec"]
    run = pytrec_eval.parse_run((tmp_path / "runs" / "m.b.t.trec").open())
    qrel = pytrec_eval.parse_qrel((tmp_path / "qrels" / "b.t.qrels").open())
    found = pytrec_eval.RelevanceEvaluator(qrel, {"recall_10", "ndcg_cut_10"}).evaluate(run)
    for name, theirs in (("recall@10", "recall_10"), ("ndcg@10", "ndcg_cut_10")):
        outside = [found[f"q_{n}"][theirs] for n in range(12)]
        assert outside == pytest.approx(scored.values[name].tolist(), abs=1e-9), name


@pytest.mark.parametrize(
    ("grades", "threshold", "told", "exact"),
    [
        ([1.0, 2.0, 3.0], 2.0, {"relevant": 2, "scale": 1}, True),  # as a catalogue's own answers
        ([1.0, 2.0, 3.0], 1.5, {"relevant": 2, "scale": 1}, True),
        ([1 / 3, 0.5, 1.0], 1e-6, {"relevant": 1, "scale": 6}, True),  # LookBench's shares
        ([1 / 3, 0.5, 1.0], 0.5, {"relevant": 3, "scale": 6}, True),
        ([2**-0.5, 0.0004, 0.25], 0.25, {"relevant": 250, "scale": 1000}, False),
    ],
)
def test_outside_tools_give_our_scores_from_the_threshold_that_stands_beside_the_qrels(
    tied, tmp_path, grades, threshold, told, exact
):
    """They read whole grades alone, and call everything from 1 on relevant unless told otherwise."""
    task, scored = tied
    relevant = [(rows, np.resize(grades, 5)) for rows, _ in task.relevant]
    task = replace(task, relevant=relevant, threshold=threshold)
    values = retrieval_metrics(task, scored.ranking)
    write_runs(tmp_path / "runs", {("b", "t"): task}, {"m": {("b", "t"): scored}}, 100)
    write_qrels(tmp_path / "qrels", {("b", "t"): task})
    assert json.loads((tmp_path / "qrels" / "thresholds.json").read_text()) == {"b.t.qrels": told}
    qrels = tmp_path / "qrels" / "b.t.qrels"
    run, qrel = pytrec_eval.parse_run((tmp_path / "runs" / "m.b.t.trec").open()), pytrec_eval.parse_qrel(qrels.open())
    assert min(grade for of in qrel.values() for grade in of.values()) >= 1
    measures = {"recall_10", "success_10", "ndcg_cut_10"}
    found = pytrec_eval.RelevanceEvaluator(qrel, measures, relevance_level=told["relevant"]).evaluate(run)
    for name, theirs in (("recall@10", "recall_10"), ("hit_rate@10", "success_10"), ("ndcg@10", "ndcg_cut_10")):
        outside, near = [found[f"q_{n}"][theirs] for n in range(12)], 1e-9 if exact or name[0] != "n" else 2e-3
        assert outside == pytest.approx(values[name].tolist(), abs=near), name
    measure = ir_measures.R(rel=told["relevant"]) @ 10
    lines = ir_measures.read_trec_qrels(str(qrels)), ir_measures.read_trec_run(str(tmp_path / "runs" / "m.b.t.trec"))
    assert ir_measures.calc_aggregate([measure], *lines)[measure] == pytest.approx(values["recall@10"].mean())


def test_the_rate_of_training_is_of_the_products_that_there_were(tmp_path):
    lines = [{"step": step, "products": 42, "seconds": 0.5 * (step + 1)} for step in range(2)]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert training_cost(tmp_path / "log.jsonl", 64) == {"train_seconds": 1.0, "steps": 2, "products_per_second": 84.0}
    old = [{name: value for name, value in line.items() if name != "products"} for line in lines]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in old))
    assert training_cost(tmp_path / "log.jsonl", 64)["products_per_second"] == 128.0


def test_ids_that_lose_their_spaces_stay_apart():
    assert words(["a b", "a_b", "a  b", "a_b_2", "c"]) == ["a_b", "a_b_2", "a_b_3", "a_b_2_2", "c"]


def test_a_thing_without_a_picture_that_can_be_read_has_no_picture():
    class Pictures:
        image_hashes = ("aa", "bb")

    side = Side(["x", "y"], pictures=Pictures(), rows=np.array([1]), owner=np.array([1]))
    assert item(side, 0, 3.0) == {"product_id": "x", "title": "x", "grade": 3.0, "image": None}
    assert item(side, 1, 0.0)["image"] == "bb"
