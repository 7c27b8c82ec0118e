"""Scores against a collection small enough to rank by hand: unit vectors on a circle, nearer angles first."""

import dataclasses

import numpy as np
import pytest

from shelves import angles, shelf
from weft.benchmarks import collection as own
from weft.benchmarks.record import Classification, Side
from weft.errors import WeftError
from weft.evaluate import Scored, bm25_ranking, classification_metrics, describe, embed_task, fused, score, unit


def retrieval(collection, split="test", gallery=None, domain="in-domain"):
    (task,) = collection.tasks(split)
    return own.retrieval(collection, task, domain=domain, gallery=None if gallery is None else np.asarray(gallery))


def kinds(collection, rows, truth, classes=("bag", "hat"), prompts=("{}",)):
    items = Side([str(row) for row in rows], pictures=collection, rows=np.asarray(rows))
    return Classification("kinds", items, classes, np.asarray(truth), prompts, domain="out-of-domain")


@pytest.fixture
def circle(tmp_path):
    """Twelve products at 0, 10, 20 ... degrees; the query of product 3 stands at 31, that of product 5 at 78."""
    queries = [
        ("a", "short", "test", "one", 3, {3: 3, 8: 3, 2: 1}),
        ("b", "short", "test", "two", 5, {5: 3}),
    ]
    return shelf(tmp_path / "circle", "t" * 3 + "e" * 9, queries=queries)


def test_metrics_by_hand(circle):
    task = retrieval(circle)
    scored = score(task, angles(31, 78), angles(*range(0, 120, 10)))
    assert scored.ranking[0, :6].tolist() == [3, 4, 2, 5, 1, 6] and scored.ranking[1, :3].tolist() == [8, 7, 9]
    assert scored.ranking[:, 12:].tolist() == [[-1] * 88] * 2
    values = {name: row.tolist() for name, row in scored.values.items()}
    assert values["hit_rate@1"] == [1, 0] and values["hit_rate@10"] == [1, 1]
    assert values["recall@10"] == [1, 1]  # 8 is the tenth nearest to 31 degrees
    assert values["mrr@10"] == [1, pytest.approx(1 / 6)]  # 8 7 9 6 10 then 5
    assert scored.ranking[0].tolist().index(8) == 8 and scored.ranking[1].tolist().index(5) == 5
    gain = 3 + 1 / np.log2(4) + 3 / np.log2(10)
    ideal = 3 + 3 / np.log2(3) + 1 / np.log2(4)
    assert values["ndcg@10"] == [pytest.approx(gain / ideal), pytest.approx(1 / np.log2(7))]
    assert values["source_found@10"] == [1, 1] and set(values) == {*own.METRICS, "source_found@10"}
    assert np.allclose(scored.scores[0, 0], np.cos(np.deg2rad(1)))


def test_the_source_found_is_not_a_hit(circle):
    """Another relevant product is a hit although the source itself is far away."""
    task = retrieval(circle)
    embeddings = angles(*range(0, 120, 10))
    embeddings[3] = -angles(31)[0]
    values = score(task, angles(31, 78), embeddings).values
    assert values["hit_rate@10"][0] == 1 and values["source_found@10"][0] == 0 and values["recall@10"][0] == 0.5


def test_grade_one_is_worth_something_to_ndcg_alone(circle):
    task = retrieval(circle)
    embeddings = np.tile(angles(200), (12, 1))
    embeddings[2] = angles(31)[0]
    values = score(task, angles(31, 31), embeddings).values
    assert values["hit_rate@1"][0] == values["mrr@10"][0] - 1 / 4 == 0  # 2, then 0, 1, 3 by their order
    assert values["ndcg@10"][0] > 1 / (3 + 3 / np.log2(3) + 1 / 2)


def test_a_product_is_as_near_as_its_best_picture(tmp_path):
    queries = [("a", "short", "test", "x", 1, {1: 3})]
    collection = shelf(tmp_path / "c", "eee", [2, 3, 1], queries=queries)
    pictures = angles(60, 70, 180, 10, 270, 30)  # products 0 0 1 1 1 2
    scored = score(retrieval(collection), angles(12), pictures)
    assert scored.ranking[0, :4].tolist() == [1, 2, 0, -1]
    assert np.allclose(scored.scores[0, :3], np.cos(np.deg2rad([2, 18, 48])))
    assert scored.values["mrr@10"].tolist() == [1.0]


def test_a_smaller_gallery_is_scored_by_its_own_products(circle):
    task = retrieval(circle, gallery=range(3, 12))
    assert [(rows.tolist(), grades.tolist()) for rows, grades in task.relevant] == [([0, 5], [3, 3]), ([2], [3])]
    scored = score(task, angles(31, 78), angles(*range(30, 120, 10)))
    assert scored.ranking[0, :4].tolist() == [0, 1, 2, 3] and scored.ranking[0, 9] == -1
    assert scored.values["ndcg@10"][0] == pytest.approx((3 + 3 / np.log2(7)) / (3 + 3 / np.log2(3)))


def test_ties_never_favour_the_target(tmp_path):
    """All embeddings equal: a model that knows nothing scores chance, not one."""
    count = 200
    queries = [(str(n), "short", "test", f"t{n}", n, {n: 3}) for n in range(count)]
    task = retrieval(shelf(tmp_path / "c", "e" * count, queries=queries))
    same = np.tile(angles(40), (count, 1))
    values = score(task, same, same).values
    assert values["recall@10"].mean() == values["source_found@10"].mean() == pytest.approx(10 / count)
    assert values["hit_rate@1"].mean() == pytest.approx(1 / count)


def test_classes_by_their_nearest_prompt(tmp_path):
    collection = shelf(tmp_path / "c", "eeee", categories=["bag", "hat", "hat", "hat"])
    task = kinds(collection, range(4), [0, 1, 1, 1])
    values = score(task, angles(0, 90), angles(10, 80, 70, 20)).values
    assert values["accuracy"].tolist() == [1, 1, 1, 0]
    assert values["balanced_accuracy"].mean() == pytest.approx((1 + 2 / 3) / 2)


def test_balanced_accuracy_of_any_constant_answer_is_chance():
    truth = np.asarray([0] * 90 + [1] * 9 + [2])
    for answer in range(3):
        values = classification_metrics(np.full(100, answer), truth, 3)
        assert values["balanced_accuracy"].mean() == pytest.approx(1 / 3)
    assert classification_metrics(truth, truth, 3)["balanced_accuracy"].mean() == pytest.approx(1)


def test_balanced_accuracy_is_the_mean_over_classes_that_occur():
    random = np.random.default_rng(0)
    truth, answer = random.integers(0, 4, 500), random.integers(0, 5, 500)  # nothing is of class 4
    own = [np.mean(answer[truth == c] == c) for c in range(4)]
    assert classification_metrics(answer, truth, 5)["balanced_accuracy"].mean() == pytest.approx(np.mean(own))


def test_equal_embeddings_classify_by_chance(tmp_path):
    collection = shelf(tmp_path / "c", "e" * 30, categories=["a"] * 20 + ["b"] * 7 + ["c"] * 3)
    truth = np.repeat([0, 1, 2], [20, 7, 3])
    task = kinds(collection, range(30), truth, ["a", "b", "c"])
    same = np.tile(angles(40), (30, 1))
    assert score(task, same[:3], same).values["balanced_accuracy"].mean() == pytest.approx(1 / 3)


def test_bm25_over_titles(circle):
    task = retrieval(circle)
    task = dataclasses.replace(task, queries=dataclasses.replace(task.queries, texts=["title 7", "nothing"]))
    ranking, _ = bm25_ranking(task)
    assert ranking[0, 0] == 7 and set(ranking[0][ranking[0] >= 0].tolist()) == set(range(12))
    assert (ranking[1] == -1).all()
    both = fused(task, [ranking, np.asarray([[7, 3], [5, 3]])])
    assert both.ranking[0, 0] == 7 and both.ranking[1, :2].tolist() == [5, 3]
    assert both.values["hit_rate@1"].tolist() == [0, 1]


def test_describe_says_ceiling_and_chance(tmp_path):
    many = {n: 3 for n in range(20)} | {n: 1 for n in range(20, 40)}
    queries = [("a", "short", "test", "x", 0, many), ("b", "short", "test", "y", 1, {1: 3})]
    task = retrieval(shelf(tmp_path / "c", "e" * 50, queries=queries))
    facts = describe(task)
    assert facts["ceiling"] == pytest.approx((0.5 + 1) / 2) and facts["chance"] == pytest.approx(10 / 50)
    assert facts["relevant_per_query"] == pytest.approx(10.5) and (facts["queries"], facts["gallery"]) == (2, 50)


@pytest.mark.parametrize(("primary", "ceiling"), [
    ("map_all@10", 0.5), ("map@10", 1.0), ("rbp@10", 1 - 0.8**10), ("ndcg@10", 1.0), ("mrr@10", 1.0),
    ("err@1", (2**3 - 1) / 2**4),
])  # fmt: skip
def test_the_ceiling_is_what_a_perfect_ranking_scores(tmp_path, primary, ceiling):
    queries = [("a", "short", "test", "x", 0, {n: 3 for n in range(20)} | {n: 1 for n in range(20, 40)})]
    task = retrieval(shelf(tmp_path / "c", "e" * 50, queries=queries))
    task = dataclasses.replace(task, primary=primary, metrics=(primary,))
    assert describe(task)["ceiling"] == pytest.approx(ceiling)


@pytest.mark.parametrize("primary", ["judged@10", "ceiling_recall@10", "recall@101", "foo@10", "recall"])
def test_a_metric_that_cannot_decide_is_refused_with_the_task(tmp_path, primary):
    queries = [("a", "short", "test", "x", 0, {0: 3})]
    task = retrieval(shelf(tmp_path / "c", "e" * 5, queries=queries))
    with pytest.raises(WeftError, match="recall@"):
        dataclasses.replace(task, primary=primary, metrics=(primary,))


@pytest.mark.parametrize(("domain", "hits", "counts"), [
    ("out-of-domain", 3, False), ("out-of-domain", 4, True), ("in-domain", 0, True), ("zero-shot", 0, True),
])  # fmt: skip
def test_only_what_the_base_never_knew_out_of_domain_does_not_count(tmp_path, domain, hits, counts):
    queries = [(str(n), "short", "test", f"t{n}", n, {n: 3}) for n in range(10)]
    task = retrieval(shelf(tmp_path / "c", "e" * 50, queries=queries), domain=domain)
    away, near = angles(180), angles(0)
    embeddings = np.concatenate([np.tile(away, (10, 1)), np.tile(near, (40, 1))])
    embeddings[:hits] = near
    base = score(task, np.tile(near, (10, 1)), embeddings)
    assert base.values["recall@10"].mean() == pytest.approx(hits / 10)  # chance is 0.2
    facts = describe(task, base)
    assert facts["counts"] is counts and bool(facts["note"]) is not counts


@pytest.mark.parametrize(
    ("classes", "right", "note"),
    [
        (2, 0.76, ""),  # twice chance would be 1, which nobody passes
        (2, 0.74, "half way from chance to 1"),
        (3, 0.67, ""),  # the two lines meet here
        (3, 0.66, "twice chance"),
        (10, 0.21, ""),
        (10, 0.19, "twice chance"),
    ],
)
def test_what_counts_of_few_classes(classes, right, note):
    truth = np.repeat(np.arange(classes), 100)
    answer = np.where(np.arange(100 * classes) % 100 < 100 * right, truth, (truth + 1) % classes)
    side = Side([str(n) for n in range(len(truth))], texts=["x"] * len(truth))
    task = Classification("t", side, [str(n) for n in range(classes)], truth, domain="out-of-domain")
    base = Scored(classification_metrics(answer, truth, classes))
    assert base.values["balanced_accuracy"].mean() == pytest.approx(right)
    facts = describe(task, base)
    assert facts["counts"] is not bool(note) and facts["note"] == (note and f"the base is below {note}")


def test_a_second_row_in_an_easier_gallery_does_not_count(circle):
    facts = describe(retrieval(circle, gallery=range(3, 12)))
    assert facts["counts"] is False and "easier gallery" in facts["note"] and facts["gallery"] == 9


def test_a_query_that_nothing_answers_is_an_error(tmp_path):
    lost = ("lost", "short", "test", "x", None, {1: 1})
    with pytest.raises(WeftError, match="none of its 1 queries has a relevant item"):
        retrieval(shelf(tmp_path / "c", "eee", queries=[lost]))
    task = retrieval(shelf(tmp_path / "d", "eee", queries=[lost, ("found", "short", "test", "y", None, {1: 3})]))
    assert task.query_ids == ["found"] and task.counts["queries without a relevant item in the corpus"] == 1


class Plane:
    """An embedder of two dimensions: texts by number, pictures by row."""

    def texts(self, texts):
        return angles(*map(float, texts))

    def images(self, pictures, rows):
        return angles(*(10 * int(row) for row in rows))


def test_a_document_of_two_fields_is_their_weighted_sum(circle):
    side = Side(["a", "b"], ["90", "180"], circle, np.asarray([0, 9]), image_weight=0.9)
    task = dataclasses.replace(retrieval(circle), corpus=side, relevant=[([0], [3])] * 2, source=None)
    task = dataclasses.replace(task, queries=dataclasses.replace(task.queries, texts=["0", "90"]))
    queries, corpus = embed_task(task, Plane())
    assert np.allclose(queries, angles(0, 90)) and np.allclose(np.linalg.norm(corpus, axis=1), 1)
    assert np.allclose(corpus[0], unit(np.asarray([0.9, 0.1])))
    assert np.allclose(corpus[1], unit(np.asarray([-0.1, 0.9])))


def test_several_prompts_are_one_class_embedding(circle):
    task = kinds(circle, [0, 9], [0, 1], ["0", "9"], ("{}0", "{}20"))
    classes, pictures = embed_task(task, Plane())  # prompts "00", "020" and "90", "920" degrees
    assert np.allclose(classes[0], angles(10)[0], atol=1e-6) and pictures.shape == (2, 2)
    assert np.allclose(classes, unit(np.stack([angles(0, 20).mean(0), angles(90, 920).mean(0)])), atol=1e-6)
