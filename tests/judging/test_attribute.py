"""The attribute judge: the collection's own grades when it knows all, blurred exactly as much as it is told to be."""

import dataclasses
import shutil
from collections import Counter

import numpy as np
import pools
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shelves import png
from weft.catalogue.collection import Collection
from weft.catalogue.layout import PRODUCTS, QRELS, QUERIES, ImageWriter, product_row, write_table
from weft.errors import WeftError
from weft.files import read_json, write_json
from weft.judging.attribute import Blurred, ByCatalogue, ByWords, attribute_words, open_rule
from weft.judging.judge import by_attributes
from weft.judging.judgements import settled
from weft.judging.pool import Pair
from weft.judging.rubric import RUBRICS, Rubric
from weft.pairs.queries import Query, facts
from weft.pairs.relevance import Index
from weft.schema import Product

COLOURS, KINDS, STUFFS = ("red", "blue", "green"), ("dress", "shirt"), ("silk", "wool")


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    """Every colour, kind and stuff twice; each product's query states the three, and its grades are `Index`'s."""
    folder = tmp_path_factory.mktemp("catalogue")
    writer, rows, asked, qrels, products = ImageWriter(folder), [], [], [], []
    for number, (colour, kind, stuff) in enumerate([(c, k, s) for c in COLOURS for k in KINDS for s in STUFFS] * 2):
        product = Product(
            str(number), (), f"{colour} {stuff} {kind} {number}", category=kind,
            attributes={"colour": (colour,), "stuff": (stuff,)},
        )  # fmt: skip
        products.append(product)
        rows.append(product_row(product, [writer.add(str(number), png(number))], "test", number))
        stated = [f"colour={colour}", f"stuff={stuff}", f"category={kind}"]
        asked.append(
            {"query_id": f"q{number}", "task": "in-domain/short", "split": "test", "source": str(number)}
            | {"text": f"{colour} {stuff} {kind}", "stated": stated}
        )
    writer.close()
    index = Index([facts(product) for product in products], np.arange(len(products)))
    for row, query in enumerate(asked):
        for found, grade in zip(*index.grades(Query("", tuple(query["stated"])), row), strict=True):
            qrels.append({"query_id": query["query_id"], "product_id": str(found), "grade": float(grade)})
    write_table(folder / "products.parquet", rows, PRODUCTS)
    write_table(folder / "queries.parquet", asked, QUERIES)
    write_table(folder / "qrels.parquet", qrels, QRELS)
    return folder


def pairs(folder) -> list[Pair]:
    products = Collection(folder).products
    return [
        Pair(
            f"q{a}",
            " ".join(products[a].title.split()[:3]),
            "",
            str(b),
            products[b].title,
            "",
            "in-domain/short",
            "own",
        )
        for a in range(len(products))
        for b in range(len(products))
    ]


def test_knowing_all_it_restates_the_truth(catalogue):
    truth = {
        (r["query_id"], r["product_id"]): r["grade"] for r in pq.read_table(catalogue / "qrels.parquet").to_pylist()
    }
    rule = Blurred(ByCatalogue(catalogue), 3)
    grades = Counter()
    for pair in pairs(catalogue):
        assert rule.grade(pair) == truth.get((pair.query_id, pair.doc_id), 0.0)
        grades[rule.grade(pair)] += 1
    assert set(grades) == {0.0, 1.0, 3.0}
    on_four = Blurred(ByCatalogue(catalogue), 4)
    assert {on_four.grade(pair) for pair in pairs(catalogue)} == {0.0, 1.0, 4.0}


def test_what_it_does_not_know_it_takes_for_granted(catalogue):
    seen = set()
    for seed in range(12):
        rule = ByCatalogue(catalogue, know=2 / 3, seed=seed)
        assert len(rule.known) == 2
        seen.add(frozenset(rule.known))
        for pair in pairs(catalogue)[:200]:
            one, other = (rule._index.titles[int(d)].split("=")[1].split() for d in (pair.query_id[1:], pair.doc_id))
            same = {"colour": one[0] == other[0], "stuff": one[1] == other[1], "category": one[2] == other[2]}
            missing = sum(not same[name] for name in rule.known)
            assert rule.grade(pair) == (3.0 if not missing else 0.0)  # two statements are known: grade 1 needs three
    assert len(seen) == 3
    assert str(ByCatalogue(catalogue, 0.5, 1)) != str(ByCatalogue(catalogue, 0.5, 2))


def test_it_errs_as_often_as_it_is_told_and_the_same_way_again(catalogue):
    sound, wrong = Blurred(ByCatalogue(catalogue), 3), Blurred(ByCatalogue(catalogue), 3, 0.2, seed=3)
    every = pairs(catalogue)
    off = [(sound.grade(pair), wrong.grade(pair)) for pair in every]
    errors = [(a, b) for a, b in off if a != b]
    assert len(errors) / len(every) == pytest.approx(0.2, abs=4 * np.sqrt(0.16 / len(every)))
    assert {b for a, b in errors if a == 0} == {1.0, 2.0, 3.0}
    again = Blurred(ByCatalogue(catalogue), 3, 0.2, seed=3)
    assert [again.grade(pair) for pair in every[::-1]][::-1] == [b for _, b in off]
    assert [again.grade(pair, repeat=1) for pair in every] != [b for _, b in off]
    other = Blurred(ByCatalogue(catalogue), 3, 0.2, seed=4)
    assert [other.grade(pair) for pair in every] != [b for _, b in off]


@pytest.mark.parametrize(
    ("query", "title", "grade"),
    [
        ("Red silk dresses", "Dress, RED, of silk", 3.0),
        ("red silk dress for women", "red silk dress", 1.0),
        ("red silk dress", "blue silk dress", 1.0),
        ("red silk dress", "blue wool dress", 0.0),
        ("red dress", "blue dress", 0.0),
        ("the", "the", None),
        ("", "dress", None),
    ],
)
def test_words_are_statements(query, title, grade):
    assert ByWords().grade(Pair("q", query, "", "d", title, "", "t", "b")) == grade


def test_attributes_of_a_table_count_as_words(tmp_path):
    rows = {"product_id": [1, 2], "colour": ["Red", None], "tags": [["silk", "new"], []], "price": [1.5, 2.0]}
    pq.write_table(pa.table(rows), tmp_path / "a.parquet")
    (tmp_path / "a.csv").write_text("sku,colour\n1,red\n")
    (tmp_path / "a.jsonl").write_text('{"id": "1", "colour": "red"}\n')
    words = attribute_words(str(tmp_path / "a.parquet"))
    assert words == {"1": {"red", "silk", "new"}, "2": frozenset()}
    assert ByWords(words).grade(Pair("q", "red silk", "", "1", "thing", "", "t", "b")) == 3.0
    assert (
        attribute_words(f"{tmp_path / 'a.csv'}?id=sku") == {"1": {"red"}} == attribute_words(str(tmp_path / "a.jsonl"))
    )
    for spec, said in (("a.csv", "say which"), ("none.csv", "cannot be read"), ("a.txt", "ends in")):
        with pytest.raises(WeftError, match=said):
            attribute_words(str(tmp_path / spec))


def test_grades_by_another_table_or_catalogue_are_another_judge_s(tmp_path, catalogue):
    """The name of a folder or column says nothing of what it holds."""
    pool, rubric = pools.pool(tmp_path), RUBRICS["fashion-0-3"]
    table = tmp_path / "shop.csv"
    table.write_text("id,colour\n1,red\n")
    by_attributes(pool, tmp_path / "j", open_rule(pool, str(table), 3), rubric)
    table.write_text("id,colour\n1,blue\n")
    with pytest.raises(WeftError, match=r"another model: .titles and attributes .*, not .titles and attributes"):
        by_attributes(pool, tmp_path / "j", open_rule(pool, str(table), 3), rubric)
    mended = tmp_path / catalogue.name
    shutil.copytree(catalogue, mended)
    assert str(ByCatalogue(mended)) == str(ByCatalogue(catalogue))
    queries = pq.read_table(mended / "queries.parquet").to_pylist()
    write_table(mended / "queries.parquet", queries[1:], QUERIES)
    assert str(ByCatalogue(mended)) != str(ByCatalogue(catalogue))


def test_a_rubric_whose_words_changed_is_another(tmp_path):
    pool, mine = pools.pool(tmp_path), Rubric("mine", 1, 3, 2, "3: yes\n2: nearly\n1: hardly\n0: no")
    rule = open_rule(pool, "", 3)
    by_attributes(pool, tmp_path / "j", rule, mine)
    with pytest.raises(WeftError, match=r"another rubric.s words.*raise the rubric's version"):
        by_attributes(pool, tmp_path / "j", rule, dataclasses.replace(mine, relevant=1))
    held = read_json(tmp_path / "j" / "judge.json")
    del held["settings"]["rubric's words"]  # as an older version left it
    write_json(tmp_path / "j" / "judge.json", held)
    by_attributes(pool, tmp_path / "j", rule, mine)


def test_half_the_words(tmp_path):
    words = [f"word{n}" for n in range(400)]
    rule = ByWords(know=0.5, seed=1)
    known = [rule.grade(Pair("q", word, "", "d", "nothing", "", "t", "b")) is not None for word in words]
    assert sum(known) == pytest.approx(200, abs=40)
    with pytest.raises(WeftError, match="share between 0 and 1"):
        ByWords(know=1.5)


def test_a_pool_is_judged_offline_and_again_without_work(tmp_path, catalogue):
    pool = pools.pool(tmp_path)
    rule = open_rule(pool, "", 3)
    assert "catalogue" in str(rule)  # the pool says where it came from
    found = by_attributes(pool, tmp_path / "j", rule, RUBRICS["fashion-0-3"])
    assert sum(found["counts"].values()) == len(pool)
    rows = settled(tmp_path / "j").values()
    assert all(row["grade"] == 3.0 for row in rows if row["query_id"][1:] == row["doc_id"])
    before = (tmp_path / "j" / "judgements.jsonl").read_bytes()
    by_attributes(pool, tmp_path / "j", rule, RUBRICS["fashion-0-3"])
    assert (tmp_path / "j" / "judgements.jsonl").read_bytes() == before
    with pytest.raises(WeftError, match="another model"):  # else its errors would pass for a repeat
        by_attributes(pool, tmp_path / "j", open_rule(pool, "", 3, wrong=0.5), RUBRICS["fashion-0-3"])
    with pytest.raises(WeftError, match="not of this collection"):
        by_attributes(pool, tmp_path / "other", open_rule(pool, str(catalogue), 3), RUBRICS["fashion-0-3"])
