"""Marqo's layout: tasks by its configuration, two-field documents, repeated ids, and KAGL for real."""

import json
from pathlib import Path

import numpy as np
import pytest
from copies import answers, cell, document, shown, table

from weft.benchmarks import open_benchmark
from weft.errors import WeftError

DATA = Path(__file__).parents[3] / "shared" / "data" / "kagl"


def polyvore(tmp_path):
    rows = [
        {"item_ID": "10_1", "text": "red hat", "category": "Hats", "image": cell(0)},
        {"item_ID": "10_2", "text": "blue shoe", "category": "Shoes", "image": cell(1)},
        {"item_ID": "10_1", "text": "red hat", "category": "Hats", "image": cell(0)},
        {"item_ID": "11_1", "text": "print", "category": "Hats", "image": cell(3)},
        {"item_ID": "10_2", "text": "another shoe", "category": "Shoes", "image": cell(4)},
    ]
    table(tmp_path / "data.parquet", rows)
    truth = tmp_path / "gt_query_doc"
    document(truth / "ground_truth_text-image.json", {"red hat": {"10_1": 1}, "print": {"11_1": 1, "99_9": 1}})
    document(truth / "ground_truth_category-image+text.json", {"Hats": {"10_1": 1, "11_1": 1}, "Shoes": {"10_2": 1}})
    return tmp_path


def test_its_two_kinds_of_task(tmp_path):
    found = open_benchmark(f"polyvore={polyvore(tmp_path)}")
    texts, categories = found.tasks
    assert [task.name for task in found.tasks] == ["text-to-image", "category-to-product"]
    assert answers(texts) == {"text-0": {"10_1": 1.0}, "text-1": {"11_1": 1.0}}
    assert texts.queries.texts == ["red hat", "print"]
    assert answers(categories) == {"category-0": {"10_1": 1.0, "11_1": 1.0}, "category-1": {"10_2": 1.0}}
    assert texts.primary == "recall@10" and {"precision@1", "precision@10", "mrr@10"} <= set(categories.metrics)
    assert texts.corpus.texts is None and texts.corpus.titles == ["red hat", "blue shoe", "print"]
    assert categories.corpus.texts == ["red hat", "blue shoe", "print"] and categories.corpus.image_weight == 0.9
    assert categories.corpus.pictures is texts.corpus.pictures
    assert shown(texts.corpus)["11_1"] == [cell(3)["bytes"]]
    assert texts.counts["repeated corpus ids"] == 2
    assert texts.counts["repeated corpus ids that are different things"] == 1
    assert texts.counts["relevant ids not in the corpus"] == 1
    assert categories.strata["query type"].tolist() == ["category", "category"]
    assert found.citation.startswith("marqo-ai") and found.revision == "" and found.licence


def test_a_missing_category_file_is_made_and_a_missing_text_file_is_said(tmp_path):
    for path in polyvore(tmp_path).rglob("*.json"):
        path.unlink()
    found = open_benchmark(f"polyvore={tmp_path}")
    assert [task.name for task in found.tasks] == ["category-to-product"]
    assert sorted(map(sorted, answers(found.tasks[0]).values())) == [["10_1", "11_1"], ["10_2"]]
    assert any("text-to-image is left out" in note for note in found.notes)
    assert any("made from the table" in note for note in found.notes)


def test_ground_truths_elsewhere_and_with_the_dataset_in_front(tmp_path):
    polyvore(tmp_path / "copy")
    truth = tmp_path / "truth"
    document(truth / "Polyvore.ground_truth_text-image.json", {"blue shoe": {"10_2": 1}})
    document(truth / "Atlas.ground_truth_text-image.json", {"wrong": {"10_1": 1}})
    (task,) = open_benchmark(f"polyvore={tmp_path / 'copy'}?ground_truth={truth}&tasks=text-to-image").tasks
    assert task.queries.texts == ["blue shoe"]


def test_bad_input(tmp_path):
    root = polyvore(tmp_path)
    bad = root / "gt_query_doc" / "ground_truth_text-image.json"
    good = bad.read_text()
    for text in ("{", "[1]", '{"a": 5}', '{"a": {"10_1": "x"}}', '{"red hat": {"10_1": NaN, "10_2": 1}}'):
        bad.write_text(text)
        with pytest.raises(WeftError, match=r"text-image\.json is damaged"):
            open_benchmark(f"polyvore={root}")
    bad.write_text(good)
    table(root / "data.parquet", [{"product": "1", "text": "x", "image": cell(1)}])
    with pytest.raises(WeftError, match=r"no column 'item_ID'.*product, text, image"):
        open_benchmark(f"polyvore={root}")
    table(root / "data.parquet", [{"item_ID": "1", "text": "x"}])
    with pytest.raises(WeftError, match="no column 'image'"):
        open_benchmark(f"polyvore={root}")
    for path in root.rglob("*.json"):
        path.unlink()
    table(root / "data.parquet", [{"item_ID": "1", "text": "x", "image": cell(1)}])
    with pytest.raises(WeftError, match=r"data/Polyvore/gt_query_doc"):
        open_benchmark(f"polyvore={root}")


QUERIES = {
    "text-to-image": (2000, 2774, 2749), "category-to-product": (7, 44434, 44072),
    "sub-category-to-product": (45, 44434, 44072), "fine-category-to-product": (142, 44434, 44072),
    "color-to-product": (46, 44424, 44072), "season-to-product": (4, 44413, 44072),
    "usage-to-product": (8, 44122, 44072),
}  # fmt: skip


@pytest.mark.skipif(not DATA.exists(), reason="the KAGL copy is not here")
def test_all_of_kagl():
    found = open_benchmark(f"kagl={DATA}")
    assert [task.name for task in found.tasks] == list(QUERIES)
    for task in found.tasks:
        queries, relevant, inside = QUERIES[task.name]
        assert len(task.corpus) == 44072 and task.counts["queries read"] == queries
        assert task.counts["relevant ids"] == relevant
        assert task.counts["relevant ids not in the corpus"] == relevant - inside
        assert sum(len(rows) for rows, _ in task.relevant) == inside
    texts = found.tasks[0]
    assert texts.counts["relevant ids not in the corpus"] == 25
    assert len(texts.queries) == 1977 and texts.counts["queries without a relevant item in the corpus"] == 23
    assert len(np.unique(texts.groups)) == 1976
    # The ceiling of R@1 that BENCHMARKS.md gives counts the answers as they were published.
    truth = json.loads((DATA / "marqo_ground_truth" / "ground_truth_text-image.json").read_text())
    assert round(float(np.mean([1 / len(items) for items in truth.values()])), 3) == 0.901
    # Each query is the title of what it finds, so the rows belong to their ids.
    titles = texts.corpus.titles
    assert all(
        titles[row] == text for text, (rows, _) in zip(texts.queries.texts, texts.relevant, strict=True) for row in rows
    )
    assert found.tasks[1].corpus.image_weight == 0.9 and found.tasks[1].corpus.texts == titles
    assert texts.corpus.pictures.image(44071)[:2] == b"\xff\xd8"
