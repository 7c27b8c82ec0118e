"""A curated catalogue's own queries: all pictures of a product, graded answers, groups by duplicate and by brand."""

import numpy as np
import pytest
from copies import answers, groups, picture, shown

from weft.benchmarks import collection, open_benchmark
from weft.benchmarks.collection import classification, retrieval
from weft.catalogue.collection import Collection
from weft.catalogue.layout import PRODUCTS, QRELS, QUERIES, ImageWriter, product_row, write_table
from weft.errors import WeftError
from weft.schema import RELEVANT, Product

THINGS = [  # id, brand, category, pictures, duplicate group
    ("a", "Älva", "Hat", 2, 0), ("b", "Älva", "hat", 1, 0), ("c", "Nord", "shoe", 3, 2), ("d", "nord", "shoe", 1, 3),
]  # fmt: skip
ASKED = [  # id, task, split, text, source
    ("q1", "in-domain/short", "test", "red hat", "a"), ("q2", "in-domain/short", "test", "a hat", "b"),
    ("q3", "in-domain/short", "test", "shoe", "c"), ("q4", "zero-shot/short", "test", "low shoe", "c"),
    ("q5", "zero-shot/short", "test", "new shoe", "d"), ("q6", "log", "test", "thing", ""),
    ("q7", "in-domain/short", "dev", "cap", "a"),
]  # fmt: skip
STATED = {"q1": ["colour=red", "category=hat"], "q2": ["category=hat"], "q4": ["height=low", "category=shoe"]}
GRADES = {
    "q1": {"a": 3, "b": 3, "c": 1}, "q2": {"b": 2}, "q3": {"c": 1}, "q4": {"c": 3, "d": 1}, "q5": {"d": 3},
    "q6": {"d": 2, "a": 0}, "q7": {"a": 3},
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    images, rows, number = ImageWriter(tmp_path), [], 0
    for name, brand, category, count, group in THINGS:
        views = [images.add(f"{name}/{view}", picture(number + view)) for view in range(count)]
        number += count
        product = Product(id=name, images=(), title=f"title {name}", brand=brand, category=category)
        rows.append(product_row(product, views, "test", group))
    images.close()
    write_table(tmp_path / "products.parquet", rows, PRODUCTS)
    keys = ("query_id", "task", "split", "text", "source")
    asked = [dict(zip(keys, q, strict=True)) | {"stated": STATED.get(q[0], [])} for q in ASKED]
    write_table(tmp_path / "queries.parquet", asked, QUERIES)
    qrels = [{"query_id": q, "product_id": p, "grade": g} for q, own in GRADES.items() for p, g in own.items()]
    write_table(tmp_path / "qrels.parquet", qrels, QRELS)
    return tmp_path


def test_its_tasks(folder):
    found = open_benchmark(f"own={folder}")
    known, log, unseen = found.tasks
    assert [task.name for task in found.tasks] == ["in-domain/short", "log", "zero-shot/short"]
    assert answers(known) == {"q1": {"a": 3.0, "b": 3.0, "c": 1.0}, "q2": {"b": 2.0}}
    assert known.threshold == RELEVANT and known.counts["queries without a relevant item in the corpus"] == 1
    assert known.source.tolist() == [0, 1] and log.source.tolist() == [-1] and known.domain == "in-domain"
    assert shown(known.corpus) == {
        "a": [picture(0), picture(1)], "b": [picture(2)], "c": [picture(n) for n in (3, 4, 5)], "d": [picture(6)],
    }  # fmt: skip
    assert known.corpus.titles == [f"title {name}" for name in "abcd"]
    # a and b are duplicates, so the queries written from them are one group.
    assert groups(known) == [["q1", "q2"]] and groups(unseen) == []
    assert known.strata["length"].tolist() == ["1-3 words"] * 2 and known.strata["domain"].tolist() == ["in-domain"] * 2
    assert known.strata["category"].tolist() == ["hat", "hat"] and "category" not in log.strata
    assert known.strata["states colour"].tolist() == ["yes", "no"]
    # q5 comes without statements and divides nothing.
    assert not {"states category"} & set(known.strata) and not any(name.startswith("states") for name in unseen.strata)
    assert [t.name for t in open_benchmark(f"own={folder}?split=dev").tasks] == ["in-domain/short"]


def test_unseen_brands_are_resampled_whole_if_there_are_enough(folder, monkeypatch):
    monkeypatch.setattr(collection, "BRANDS", 1)  # c and d share a brand never seen
    (unseen,) = open_benchmark(f"own={folder}?tasks=zero-shot").tasks
    assert groups(unseen) == [["q4", "q5"]]


def test_a_part_of_the_gallery(folder):
    things = Collection(folder)
    (task,) = [task for task in things.tasks("test") if task.name == "zero-shot/short"]
    found = retrieval(things, task, gallery=np.asarray([3, 0]))
    assert found.name == "zero-shot/short (gallery of 2)" and found.limited
    assert found.corpus.ids == ["d", "a"] and answers(found) == {"q5": {"d": 3.0}} and found.source.tolist() == [0]
    assert shown(found.corpus) == {"d": [picture(6)], "a": [picture(0), picture(1)]}
    assert retrieval(things, task, name="mine", gallery=np.asarray([3, 0])).name == "mine"


def test_its_categories(folder):
    task = classification(Collection(folder), np.asarray([1, 2]), "kinds", ("a {}.",))
    assert task.classes == ["hat", "shoe"] and task.truth.tolist() == [0, 1] and task.prompts == ("a {}.",)
    assert shown(task.items) == {"b": [picture(2)], "c": [picture(3)]}


def test_bad_input(folder):
    with pytest.raises(WeftError, match="no train queries"):
        open_benchmark(f"own={folder}?split=train")
    with pytest.raises(WeftError, match=r"no products\.parquet"):
        (folder / "else").mkdir()
        open_benchmark(f"own={folder / 'else'}")
    with pytest.raises(WeftError, match="is a folder: own="):
        open_benchmark("own=hf:some/thing")
