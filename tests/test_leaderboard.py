"""Any models on any benchmarks: what is written agrees, nothing is embedded twice, and nothing odd passes unseen."""

import json
import sys
import textwrap

import numpy as np
import pyarrow.parquet as pq
import pytest
import pytrec_eval

import command
import tiny
from shelves import shelf
from weft import leaderboard, standings
from weft.benchmarks import open_benchmark
from weft.benchmarks.record import Benchmark, Classification, Retrieval, Side
from weft.compare import compare
from weft.embed import Passes
from weft.errors import WeftError
from weft.evaluate import Scored, classification_metrics

TITLES = [f"title {n}" for n in range(24)]
QUERIES = [
    (f"q{n}", "in-domain/short", "test", f"title {n} {'in red' * (n % 2)}", n, {n: 3, (n + 1) % 24: 1, (n + 5) % 24: 2})
    for n in range(16)
]

OBJECTS = """
import numpy as np

class Halves:
    '''Not of unit length, the same for the same input.'''
    fingerprint = "halves"
    def embed_images(self, images):
        return np.stack([np.asarray(i.resize((4, 4)), dtype=np.float32).mean(2).ravel() for i in images])
    def embed_texts(self, texts):
        return np.stack([np.random.default_rng(len(t)).random(16, dtype=np.float32) for t in texts])

class Broken(Halves):
    fingerprint = "broken"
    def embed_texts(self, texts):
        return np.full((len(texts), 16), np.nan, dtype=np.float32)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two tiny models, two objects and a collection of 24 products, whose classes are asked for as well."""
    folder = tmp_path_factory.mktemp("board")
    for seed in (0, 1):
        tiny.encoder(seed).save(folder / f"model{seed}")
    kinds = [("hat", "bag", "coat")[n % 3] for n in range(24)]
    shelf(folder / "shop", "e" * 24, [1 + (n == 3) for n in range(24)], kinds, QUERIES, brand="ours")
    (folder / "board_objects.py").write_text(textwrap.dedent(OBJECTS))
    return folder


@pytest.fixture(scope="module")
def board(place):
    sys.path.insert(0, str(place))
    models = [f"first={place / 'model0'}", f"second={place / 'model1'}", "halves=python:board_objects:Halves"]
    results = leaderboard.evaluate(models, [f"own={place / 'shop'}"], place / "out", seed=3)
    return place / "out", results


def test_every_model_and_row_is_there(board):
    out, results = board
    roles = {model["name"]: model["role"] for model in results["models"]}
    assert roles == {
        "first": "candidate", "second": "baseline", "halves": "baseline", "bm25": "lexical", "bm25+first": "fusion"
    }  # fmt: skip
    (task,) = results["tasks"]
    assert (task["benchmark"], task["name"], task["queries"], task["gallery"]) == ("own", "in-domain/short", 16, 24)
    assert task["counts"]["queries"] == 16 and task["ceiling"] == 1.0 and task["chance"] == pytest.approx(10 / 24)
    assert {row["against"] for row in results["differences"]} == set(roles) - {"first"}
    assert {row["status"] for row in results["fidelity"]} == {"not verifiable"}
    assert all(row["low"] <= row["value"] <= row["high"] for row in results["scores"])
    assert results["models"][2]["unnormalised"] > 1 and results["models"][0]["unnormalised"] == 0
    for name in ("leaderboard.html", "leaderboard.md", "leaderboard.json", "per_query.parquet"):
        assert (out / name).exists()
    assert json.loads((out / "leaderboard.json").read_text())["verdict"] == results["verdict"]


def test_an_outside_tool_gives_the_same_scores_from_the_runs(board):
    """trec_eval orders a run by score, so its ties are broken here as Weft broke them."""
    out, results = board
    qrels: dict = {}
    for line in (out / "qrels" / "own.in-domain_short.qrels").read_text().splitlines():
        query, _, thing, grade = line.split()
        qrels.setdefault(query, {})[thing] = int(float(grade))
    for model in ("first", "second", "bm25", "bm25+first"):
        run: dict = {query: {} for query in qrels}
        for line in (out / "runs" / f"{model}.own.in-domain_short.trec").read_text().splitlines():
            query, _, thing, rank, _, tag = line.split()
            run[query][thing] = 1 / int(rank)
            assert tag == model
        graded = pytrec_eval.RelevanceEvaluator(qrels, {"ndcg_cut_10"}).evaluate(run)
        binary = pytrec_eval.RelevanceEvaluator(qrels, {"recall_10"}, relevance_level=2).evaluate(run)
        for metric, theirs, found in (("ndcg@10", "ndcg_cut_10", graded), ("recall@10", "recall_10", binary)):
            values = [found.get(query, {}).get(theirs, 0) for query in qrels]
            (row,) = (r for r in results["scores"] if (r["model"], r["metric"]) == (model, metric))
            assert row["value"] == pytest.approx(np.mean(values), abs=1e-6), (model, metric)


def test_per_query_rows_are_the_means(board):
    out, results = board
    rows = pq.read_table(out / "per_query.parquet").to_pylist()
    assert {row["benchmark"] for row in rows} == {"own"} and {row["primary"] for row in rows} == {True, False}
    for score in results["scores"]:
        own = [r["value"] for r in rows if (r["model"], r["metric"]) == (score["model"], score["metric"])]
        assert len(own) == 16 and np.mean(own) == pytest.approx(score["value"])


def test_compare_reads_what_was_written_and_agrees(board):
    out, results = board
    found = compare(out, out, "first", "second")
    (row,) = found["tasks"]
    (same,) = (r for r in results["differences"] if r["against"] == "second")
    assert row["task"] == "own: in-domain/short" and row["metric"] == "recall@10"
    assert row["difference"] == pytest.approx(same["difference"])


def test_a_second_evaluation_embeds_nothing(board, place, monkeypatch):
    out, results = board

    monkeypatch.setattr(Passes, "_forward", lambda *_: pytest.fail("embedded again"))
    models = [f"first={place / 'model0'}", f"second={place / 'model1'}", "halves=python:board_objects:Halves"]
    again = leaderboard.evaluate(models, [f"own={place / 'shop'}"], out, seed=3)
    assert again["scores"] == results["scores"] and again["models"] == results["models"]


def test_worst_queries_show_what_was_wanted_and_what_came(board):
    _, results = board
    worst = [row for row in results["worst"] if row["model"] == "first"]
    assert len(worst) == 3 and worst[0]["value"] <= worst[2]["value"]
    assert all(len(row["relevant"]) == 2 and len(row["returned"]) == 6 for row in worst)
    assert all(thing["grade"] >= 2 and len(thing["image"]) == 64 for row in worst for thing in row["relevant"])
    assert all(row["relevant_count"] == 2 and row["relevant_grade"] == 2 for row in worst)


def test_a_worst_query_says_how_many_answers_are_right_beyond_those_it_keeps():
    """40 right answers, of which the best grade has 10: six are kept, and grade 2 is right all the same."""
    side = Side([f"d{n}" for n in range(60)], texts=[f"d{n}" for n in range(60)])
    answers = (np.arange(50), np.repeat([1.0, 2.0, 3.0], [10, 30, 10]))
    task = Retrieval("t", Side(["q"], texts=["x"]), side, [answers], threshold=2.0)
    found = np.asarray([[0, 10, 55]])
    scored = {"m": leaderboard.Entrant({"name": "m"}, {("b", "t"): Scored({"recall@10": np.zeros(1)}, found)})}
    (row,) = standings.standings([Benchmark("b", (task,))], scored, [])["worst"]
    assert (row["relevant_count"], row["relevant_grade"]) == (40, 2.0)
    assert [thing["grade"] for thing in row["relevant"]] == [3.0] * 6
    assert [thing["grade"] for thing in row["returned"]] == [1.0, 2.0, 0.0]


def test_parts_of_a_classification_are_told_in_plain_accuracy():
    """Of 240 a and 60 b nine in ten are right: balanced accuracy's weights would make that 56% and 225%."""
    truth = np.repeat([0, 1], [240, 60])
    answer = np.where(np.arange(300) % 10, truth, 1 - truth)
    strata = {"true class": np.asarray(["a", "b"])[truth]}
    side = Side([str(n) for n in range(300)], texts=["x"] * 300)
    task = Classification("class", side, ["a", "b"], truth, strata=strata)
    scored = {("b", "class"): Scored(classification_metrics(answer, truth, 2))}
    entrants = {"m": leaderboard.Entrant({"name": "m"}, scored)}
    rows = standings.standings([Benchmark("b", (task,))], entrants, [])["strata"]
    assert [(row["label"], row["metric"]) for row in rows] == [("a", "accuracy"), ("b", "accuracy")]
    assert [row["value"] for row in rows] == pytest.approx([0.9, 0.9])


@pytest.mark.parametrize(
    ("models", "on", "told"),
    [
        (["a={0}/model0", "a={0}/model1"], ["own={0}/shop"], "two models have one name"),
        (["a b={0}/model0", "a/b={0}/model1"], ["own={0}/shop"], "one name, as a file"),
        (["{0}/model0"], ["own={0}/shop", "own={0}/shop"], "two benchmarks are called own"),
        (["bm25={0}/model0"], ["own={0}/shop"], "name of a row of its own"),
        (["{0}/nothing"], ["own={0}/shop"], "cannot open the model"),
        (["{0}/model0"], ["own={0}/nothing"], "no file or folder"),
        (["{0}/model0"], ["owm={0}/shop"], "did you mean 'own'"),
        (["python:board_objects:Broken"], ["own={0}/shop"], "that is not finite for text 0"),
    ],
)
def test_what_cannot_be_done_is_said(board, place, models, on, told):
    with pytest.raises(WeftError, match=told):
        leaderboard.evaluate([m.format(place) for m in models], [b.format(place) for b in on], place / "other")


def test_a_model_without_a_text_tower_does_what_it_can(place, monkeypatch, tmp_path):
    from weft.encoders.protocol import one_tower
    from weft.encoders.siglip import Siglip

    monkeypatch.setattr(Siglip, "text_features", lambda self, inputs: one_tower(self.name, "pictures", "texts"))
    results = leaderboard.evaluate([f"blind={place / 'model0'}"], [f"own={place / 'shop'}"], tmp_path)
    assert {row["model"] for row in results["scores"]} == {"bm25"} and results["differences"] == []
    assert "stands alone" in results["verdict"]["sentence"] and results["verdict"]["holds"] is None, "no badge says so"


def test_a_task_that_only_a_baseline_can_do_is_an_exception(place):
    benchmark = open_benchmark(f"own={place / 'shop'}")
    (task,) = [one for one in benchmark.tasks if one.kind == "retrieval"]
    values = {name: np.ones(len(task.queries)) for name in task.metrics}
    ours, theirs = Scored(values), Scored({name: 0 * one for name, one in values.items()})
    entrants = {
        "ours": leaderboard.Entrant({"name": "ours"}, {("b", "one"): ours}),
        "theirs": leaderboard.Entrant({"name": "theirs"}, {("b", "one"): theirs, ("b", "two"): theirs}),
    }
    rows, verdict = standings._family({("b", "one"): task, ("b", "two"): task}, entrants, 0)
    assert len(rows) == 1 and rows[0]["call"] == "better" and not verdict["holds"]
    assert verdict["exceptions"] == ["b: two: was not measured against theirs"]


def test_from_the_command_line(place, tmp_path):
    models = [f"first={place / 'model0'}", f"second={place / 'model1'}"]
    done = command.weft("evaluate", *models, "--on", f"own={place / 'shop'}", "--out", "board", folder=tmp_path)
    assert done.code == 0, done.err
    assert "Recall@10" in done.out and "bm25+first" in done.out and "leaderboard.html" in done.out
    done = command.weft("compare", "board", "board", "--model-a", "first", "--model-b", "second", folder=tmp_path)
    assert done.code == 0 and "A  first" in done.out and "Holm" in done.out
    done = command.weft("compare", "board", "board", folder=tmp_path)
    assert done.code == 2 and "holds 4 models" in done.err
    assert "hf" not in command.weft("benchmarks", folder=tmp_path).err
    done = command.weft("encoders", folder=tmp_path)
    assert done.code == 0 and "zooclaw-fashionsiglip2" in done.out.lower() and "not pinned" in done.out
    done = command.weft("evaluate", *models, folder=tmp_path)
    assert done.code == 2 and "--on BENCHMARK" in done.err
