"""Grading over real HTTP: which pairs are asked about, what their grades become, what is missing stays missing."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import wordsmith

from scripted import Reply, Server, chat, words
from weft.catalogue.collection import Collection
from weft.catalogue.images import fingerprint
from weft.curation import pairing, render
from weft.curation.grade import grade, scaled
from weft.curation.pairing import named_pairs, near_misses, own_pairs, query_id, write_pool
from weft.curation.write import Options, write
from weft.endpoint import Asked, Endpoint, Ledger
from weft.errors import WeftError
from weft.judging.attribute import Blurred, ByWords
from weft.judging.judge import by_attributes
from weft.judging.pool import Pool
from weft.judging.rubric import RUBRICS, Rubric
from weft.pairs.grades import Grades
from weft.pairs.queries import Query, facts
from weft.pairs.relevance import Index
from weft.pairs.writing import WRITTEN

RUBRIC = RUBRICS["fashion-0-3"]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    run = wordsmith.shop(tmp_path_factory.mktemp("graded"))
    write(run, run / "write", Asked(), Options(versions=1))
    return run


def graded(run: Path, out: Path, server: Server | None, **more) -> tuple[dict, list[dict]]:
    where = Endpoint(server.url, "toy", first_wait=0.01, tries=2) if server else None
    asked = Asked(where, **{name: more.pop(name) for name in ("ledger", "dry_run") if name in more})
    found = grade(run, run / "write", out, asked, more.pop("rubric", RUBRIC), **{"side": 0} | more)
    return found, pq.read_table(out / "grades.parquet").to_pylist() if "status" in found else []


def attributes(body: dict, time: int = 1) -> str:
    """Grades by words: 3 where the product's text has them all, 2 where one is missing, else 1."""
    query, title = re.findall(r'\{"(?:query|title)": "(.*)"\}', words(body))
    missing = [word for word in re.findall(r"\w+", query.lower()) if word not in title.lower()]
    return json.dumps({"reason": "words", "grade": max(1, 3 - len(missing))})


def test_texts_are_graded_with_their_products_and_with_near_misses(run, tmp_path):
    collection = Collection(run / "curate")
    with Server(attributes) as server:
        found, rows = graded(run, tmp_path, server, near=2)
    own = list(own_pairs(collection, run / "write"))
    pairs = {(row["query"], row["product_id"]) for row in rows if row["own"]}
    assert pairs == {(query.text, collection.products[row].id) for query, row in own}
    assert all(row["grade"] == 3.0 and row["status"] == "graded" for row in rows if row["own"])
    assert found["positives"] == {"3": len(pairs)} and found["status"] == {"graded": len(rows)} == {
        "graded": found["pairs"]
    }
    train = {
        product.id for product, split in zip(collection.products, collection.split, strict=True) if split == "train"
    }
    assert {row["product_id"] for row in rows} <= train
    grades = Grades(tmp_path)
    assert len(grades) == len(rows) and all(
        grades.own(Query(row["query"], ()), row["product_id"], -1.0) == row["grade"] for row in rows
    )
    assert "positives" in render.graded(found)
    shown = [words(body) for body in server.seen]
    assert all("colour: " in text for text in shown)  # what the shop says, for judges without pictures


def test_a_text_is_looked_for_once_whatever_asks_it(run, monkeypatch):
    collection = Collection(run / "curate")
    [(query, row), *_] = own_pairs(collection, run / "write")
    others = np.flatnonzero(collection.split == "train")[:3].tolist()
    asked, really = [], pairing.BM25.top_k
    monkeypatch.setattr(pairing.BM25, "top_k", lambda one, texts, k: asked.extend(texts) or really(one, texts, k))
    found = list(near_misses(collection, [(query, row), *((query, other) for other in others)], 2))
    assert asked == [query.text] and len(found) == 2 * 4


def test_near_misses_are_none_of_the_answers(run):
    collection = Collection(run / "curate")
    own = list(own_pairs(collection, run / "write"))
    found = list(near_misses(collection, own, 3))
    index = Index([facts(product) for product in collection.products], collection.group)
    answers = {}
    for query, row in own:
        rows, values = index.grades(query, row)
        answers.setdefault(query.text, set()).update(rows[values >= 3].tolist())
    assert len(found) > 2 * len(own)
    for _, row, is_own in found:
        assert not is_own and collection.split[row] == "train"
    only = {query.text: [r for q, r in own if q.text == query.text] for query, _ in own}
    assert all(row not in answers[text] for text, row, _ in found if len(only[text]) == 1)


def test_missing_is_missing_and_a_second_run_pays_nothing(run, tmp_path):
    def script(body, time):
        size = len(words(body)) % 4
        return {0: Reply(body=chat(None, refusal="no")), 1: "nice"}.get(size) or attributes(body)

    with Server(script) as server:
        found, rows = graded(run, tmp_path, server, near=1)
        before = len(server.seen)
        again, same = graded(run, tmp_path, server, near=1)
        assert len(server.seen) == before and same == rows
    missing = [row for row in rows if row["grade"] is None]
    assert {row["status"] for row in missing} == {"refused", "unparsed"} and again["status"] == found["status"]
    grades = Grades(tmp_path)
    assert grades.missing == len(missing) and len(grades) == len(rows) - len(missing)
    lost = missing[0]
    assert grades.own(Query(lost["query"], ()), lost["product_id"], 3.0) == 3.0
    assert "have no grade" in render.graded(found)


def test_pairs_from_a_file_and_a_budget(run, tmp_path):
    collection = Collection(run / "curate")
    product = collection.products[int(np.flatnonzero(collection.split == "train")[0])].id
    (tmp_path / "pairs.csv").write_text(f"query,product_id\nsomething else,{product}\n")
    with Server(attributes) as server:
        more = {"pairs": tmp_path / "pairs.csv"}
        found, _ = graded(run, tmp_path, server, dry_run=True, ledger=Ledger(1000, 1000), **more)
        assert not server.seen and "requests" in render.graded(found) and not list(tmp_path.rglob("*.parquet"))
        found, _ = graded(run, tmp_path, None, dry_run=True)  # without an endpoint, too
        assert "there would be" in render.graded(found) and not [p for p in tmp_path.rglob("*") if p.suffix != ".csv"]
        with pytest.raises(WeftError):
            graded(run, tmp_path, None, dry_run=True, judgements=tmp_path / "nowhere")
        found, rows = graded(run, tmp_path, server, ledger=Ledger(1000, 1000, 1.0), **more)
        assert found["left"] > 0 and found["status"]["not asked"] == found["left"]
        assert all((row["grade"] is None) == (row["status"] == "not asked") for row in rows)
        found, rows = graded(run, tmp_path, server, **more)
        assert len(server.seen) == len(rows)
    (judged,) = {path.parent for path in tmp_path.rglob("judgements.parquet")}
    tried, _ = graded(run, tmp_path / "other", None, dry_run=True, judgements=judged, **more)
    assert f"{len(rows)} of {len(rows)} pairs would have" in render.graded(tried)
    assert not (tmp_path / "other").exists() and not list(run.glob("tmp*"))
    assert [row["product_id"] for row in rows if not row["own"]] == [product] and "not asked" not in found["status"]


def pairs_of(collection: Collection, path: Path, data: bytes) -> list:
    path.write_bytes(data)
    return list(named_pairs(collection, path))


def test_named_pairs_are_read_as_a_catalogue_is(run, tmp_path):
    collection = Collection(run / "curate")
    row = int(np.flatnonzero(collection.split == "train")[0])
    collection.row_of = {"007": row, "7": row + 1}
    for name, data in (
        ("a.csv", b"query,product_id\n2024,007\n"), ("b.csv", b"query;product_id\n2024;007\n"),
        ("c.tsv", b"query\tproduct_id\n2024\t007\n"), ("d.jsonl", b'{"query": 2024, "product_id": "007"}\n'),
    ):  # fmt: skip
        assert pairs_of(collection, tmp_path / name, data) == [("2024", row, False)], name
    pq.write_table(pa.table({"query": [2024], "product_id": ["007"]}), tmp_path / "e.parquet")
    assert list(named_pairs(collection, tmp_path / "e.parquet")) == [("2024", row, False)]


@pytest.mark.parametrize(
    ("name", "lines", "told"),
    [
        ("a.csv", "query,product_id\nx,nobody", "row 1 names product 'nobody', which is not in .*: leave the row out"),
        ("a.csv", "query,product_id\nx,TRAIN\nx,TEST", "row 2 names product '.*', which is not trained on but test"),
        ("a.csv", "query,product_id\n ,TRAIN", "row 1 has no query"),
        ("a.jsonl", '{"query": null, "product_id": "TRAIN"}', "row 1 has no query"),
        ("a.jsonl", '{"query": "x", "product_id": ["TRAIN"]}', "row 1 names product .*, which is not in"),
        ("a.jsonl", '{"query": "x", "product_id": null}', "row 1 names product '', which is not in"),
        ("a.csv", "query,product_id\nr\xe9d,TRAIN", "line 2: not UTF-8; mend the row"),
        ("a.csv", "text,product_id\nx,TRAIN", "no column 'query'"),
        ("a.txt", "query,product_id\nx,TRAIN", "its name must end in"),
    ],
)
def test_rows_that_name_no_pair_for_training_are_told(run, tmp_path, name, lines, told):
    collection = Collection(run / "curate")
    for split in ("train", "test"):
        first = collection.products[int(np.flatnonzero(collection.split == split)[0])].id
        lines = lines.replace(split.upper(), first)
    with pytest.raises(WeftError, match=told):
        pairs_of(collection, tmp_path / name, lines.encode("latin-1"))


def test_a_written_text_of_a_product_that_is_not_trained_on_is_told(run, tmp_path):
    collection = Collection(run / "curate")
    table = pq.read_table(run / "write" / "written.parquet").to_pylist()
    other = collection.products[int(np.flatnonzero(collection.split == "test")[0])].id
    own = next(row for row in table if not row["query_id"])
    pq.write_table(pa.Table.from_pylist([own | {"product_id": other}], schema=WRITTEN), tmp_path / "written.parquet")
    with pytest.raises(WeftError, match="not trained on but test: run weft write again"):
        list(own_pairs(collection, tmp_path))


def test_a_pool_of_other_pictures_or_other_words_is_another(run, tmp_path):
    def seen() -> tuple[list[tuple], str]:
        pool = write_pool(collection, given, tmp_path / "pool", {}, 0)
        assert all(fingerprint(pool.image(pair.image)) == pair.image for pair in pool.pairs())
        return sorted((pair.query_text, pair.doc_id, pair.title, pair.image) for pair in pool.pairs()), pool.key

    collection = Collection(run / "curate")
    one, other = np.flatnonzero(collection.split == "train")[:2].tolist()
    given = [("red dress", one, True), ("red dress", other, False)]
    first, again = seen(), seen()
    assert first == again
    collection.image_rows[one] = collection.image_rows[other]
    pictures, told = seen()
    assert {image for *_, image in pictures} == {collection.image_hashes[collection.image_rows[other][0]]}
    collection.products[one] = replace(collection.products[one], title="another title")
    words, key = seen()
    assert "another title" in words[[row[1] for row in words].index(collection.products[one].id)][2]
    assert len({first[1], told, key}) == 3


def test_another_judges_judgements_of_the_pool_do_as_well(run, tmp_path):
    found, _ = graded(run, tmp_path, None)
    assert "--judgements" in render.graded(found)
    by_attributes(Pool(tmp_path / "pool"), tmp_path / "people", Blurred(ByWords(), 4), RUBRICS["fashion-0-4"])
    found, rows = graded(run, tmp_path, None, judgements=tmp_path / "people")
    assert {row["rubric"] for row in rows} == {"fashion-0-4@1"} and found["positives"]["3"] > 0
    assert all(row["grade"] == min(row["given"], 3) for row in rows if row["given"] is not None)


def test_judgements_by_a_rubric_of_one_s_own_are_read_as_it_says(run, tmp_path):
    graded(run, tmp_path, None)
    pool, rule = Pool(tmp_path / "pool"), Blurred(ByWords(), 10)
    by_attributes(pool, tmp_path / "ten", rule, Rubric("ten", 1, 10, 7, "10: yes"))
    with pytest.raises(WeftError, match="ten@1 go to 10"):
        graded(run, tmp_path, None, judgements=tmp_path / "ten")
    own = Rubric("own", 1, 3, 1, "3: yes")
    by_attributes(pool, tmp_path / "own", Blurred(ByWords(), 3), own)
    _, rows = graded(run, tmp_path, None, judgements=tmp_path / "own")
    assert {row["rubric"] for row in rows} == {"own@1"} and all(row["grade"] == row["given"] for row in rows)
    path = tmp_path / "own" / "judgements.parquet"
    pq.write_table(pq.read_table(path).replace_schema_metadata(None), path)  # as older versions wrote them
    with pytest.raises(WeftError, match="own@1 mean is not written"):
        graded(run, tmp_path, None, judgements=tmp_path / "own")


def test_rubrics_without_a_place_on_the_scale_are_refused(run, tmp_path):
    assert [scaled(RUBRICS["fashion-0-4"], float(g)) for g in range(5)] == [0, 1, 2, 3, 3]
    assert scaled(Rubric("mine", 1, 3, 2, ""), 2.0) == 2
    with pytest.raises(WeftError, match="0 to 3 alone"):
        graded(run, tmp_path, None, rubric=Rubric("mine", 1, 10, 5, ""))
    with pytest.raises(WeftError, match="0 to 3 alone"):
        graded(run, tmp_path, None, rubric=Rubric("fashion-0-3", 2, 10, 5, ""))
    with pytest.raises(WeftError, match="weft write"):
        grade(run, tmp_path / "nothing", tmp_path, Asked(), RUBRIC)
    assert query_id("Red  dress") == query_id("red dress") != query_id("dress red")
