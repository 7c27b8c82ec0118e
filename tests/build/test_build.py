"""A benchmark built from a small catalogue: its own reader, `datasets` and TREC tools read back what was chosen."""

import hashlib
import json
import shutil
from collections import Counter

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from shop_shelf import collection

from weft.audit.text import Texts, near_duplicates
from weft.audit.text import words as tokens
from weft.benchmarks import open_benchmark
from weft.build import Settings, build
from weft.build.ask import Asked, Asker
from weft.build.select import choose
from weft.errors import WeftError
from weft.files import read_json
from weft.pairs.queries import facts, words
from weft.recipe import Pairs

SETTINGS = Settings(queries=120, dev_queries=60, zero_shot=0.5, size=470)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return collection(tmp_path_factory.mktemp("build") / "curate")


@pytest.fixture(scope="module")
def made(shop):
    out = shop.folder.parent / "bench"
    build(shop.folder, out, SETTINGS, "Small shop", "cc-by-4.0")
    return out


def table(folder, name):
    return pq.read_table(folder / "data" / f"{name}-00000-of-00001.parquet").to_pylist()


def answers(task):
    ids = task.corpus.ids
    return {name: {ids[row] for row in rows} for name, (rows, _) in zip(task.query_ids, task.relevant, strict=True)}


def part_of(name, folder):
    return folder if name == "test" else folder / name


def test_our_own_reader_gives_the_same_answers(made, shop):
    for part in ("test", "dev"):
        folder = part_of(part, made)
        truth = {row["query_id"]: set(row["corpus_ids"]) for row in table(folder, "ground_truth")}
        rows = {row["query_id"]: row for row in table(folder, "queries")}
        tasks = open_benchmark(f"zooclaw={folder}").tasks
        assert all(task.counts.keys() <= {"corpus", "queries", "queries read", "relevant ids"} for task in tasks)
        for twin in ("short", "long"):
            own = [task for task in tasks if task.name.startswith(f"text-to-image/{twin}/")]
            found = {query: items for task in own for query, items in answers(task).items()}
            assert found == truth
            told = {q: text for task in own for q, text in zip(task.queries.ids, task.queries.texts, strict=True)}
            assert told == {name: row[f"{twin}_query"] for name, row in rows.items()}
    corpus = tasks[0].corpus
    assert len(corpus) == 470 and len(set(corpus.ids)) == 470
    pictures = {p.id: shop.image(shop.image_rows[row][0]) for row, p in enumerate(shop.products)}
    assert all(
        corpus.pictures.image(int(row)) == pictures[name] for name, row in zip(corpus.ids, corpus.rows, strict=True)
    )


def test_datasets_reads_the_folder_offline(made, tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for name in ("queries", "ground_truth", "qrels_short", "qrels_long", "corpus"):
        data = datasets.load_dataset(str(made), name, split="test", cache_dir=str(tmp_path))
        assert data.num_rows == len(table(made, name))
        if name == "corpus":
            assert data[0]["image"].size == (12, 12) and isinstance(data.features["image"], datasets.Image)
    default = datasets.load_dataset(str(made), cache_dir=str(tmp_path))
    assert list(default) == ["test"] and default["test"].num_rows == len(table(made, "queries"))
    dev = datasets.load_dataset(str(made), "dev_queries", split="dev", cache_dir=str(tmp_path))
    assert dev.num_rows == len(table(made / "dev", "queries"))


def test_trec_tools_read_the_graded_answers(made):
    ir_measures = pytest.importorskip("ir_measures")
    for part in ("test", "dev"):
        for twin in ("short", "long"):
            folder = made / "trec" / f"{part}-{twin}"
            qrels = list(ir_measures.read_trec_qrels(str(folder / "qrels.txt")))
            rows = {(one.query_id, one.doc_id, one.relevance) for one in qrels}
            graded = {tuple(row.values()) for row in table(part_of(part, made), f"qrels_{twin}")}
            assert rows == graded and len(qrels) == len(rows)
            right = {(q, doc) for q, doc, grade in rows if grade >= 2}
            truth = table(part_of(part, made), "ground_truth")
            assert right == {(row["query_id"], doc) for row in truth for doc in row["corpus_ids"]}
            topics = [line.split("\t") for line in (folder / "queries.tsv").read_text().splitlines()]
            assert dict(topics) == {r["query_id"]: r[f"{twin}_query"] for r in table(part_of(part, made), "queries")}


def test_no_listed_fault_is_in_it(made, shop):
    """Word limits, single use of products, the same answers for both twins, and no text that repeats another."""
    sources, used = set(), []
    titles, true = {" ".join(tokens(p.title)) for p in shop.products}, {p.id: facts(p) for p in shop.products}
    said = {"short": [], "long": []}
    for part in ("test", "dev"):
        truth = {row["query_id"]: row["corpus_ids"] for row in table(part_of(part, made), "ground_truth")}
        for row in table(part_of(part, made), "queries"):
            product = shop.products[shop.row_of[row["source_id"]]]
            split = shop.split[shop.row_of[product.id]]
            assert split == ("zero-" if row["query_type"] == "zero-shot" else "") + part
            assert product.id not in sources and product.id in truth[row["query_id"]]
            sources.add(product.id)
            used += truth[row["query_id"]]
            assert 3 <= words(row["short_query"]) <= 8 < 60 >= words(row["long_query"]) > words(row["short_query"])
            assert set(row["short_states"]) < set(row["long_states"]) <= true[product.id]
            for twin in said:
                said[twin].append(row[f"{twin}_query"])
                assert " ".join(tokens(row[f"{twin}_query"])) not in titles
                stated = set(row[f"{twin}_states"])
                held = {name for name, holds in true.items() if stated <= holds}
                assert held <= set(truth[row["query_id"]])
            assert not any(shop.split[shop.row_of[one]] == "train" for one in truth[row["query_id"]])
    assert len(used) == len(set(used))  # no product answers two queries
    for texts in said.values():
        assert not near_duplicates(Texts([tokens(text) for text in texts])).paired.any()
        assert not any(one != other and f" {one} " in f" {other} " for one in texts for other in texts)


def graded(folder, twin, source):
    query = next(row["query_id"] for row in table(folder, "queries") if row["source_id"] == source)
    return {row["corpus-id"]: row["score"] for row in table(folder, f"qrels_{twin}") if row["query-id"] == query}


def test_copies_titles_and_variants_are_answers(made, shop):
    first = int(np.flatnonzero(shop.split == "test")[0])
    asked = {row["source_id"] for row in table(made, "queries")}
    checked = 0
    for one, other, grade in ((0, 1, 3), (2, 3, 3), (4, 5, 2)):
        pair = [str(first + one), str(first + other)]
        for source in asked & set(pair):
            pair.remove(source)
            assert graded(made, "short", source)[pair[0]] == graded(made, "long", source)[pair[0]] == grade
            checked += 1
    assert checked == 3


def test_why_a_product_is_not_asked_for(shop):
    first = int(np.flatnonzero(shop.split == "test")[0])
    asker = Asker(shop, Pairs())
    assert asker.ask(first + 7) == "an answer may be trained on, or belongs to the other part"
    found = Asker(shop, Pairs(), unseen=False).ask(first + 7)
    assert found.answers == [0, first + 7]
    assert set(asker.ask(first).answers) == {first, first + 1}  # a duplicate
    assert asker.ask(first + 1) == "answers another query"
    assert isinstance(asker.ask(first + 8), Asked) and asker.ask(first + 9) == "nearly repeats another query"
    assert Asker(shop, Pairs(), most=1).ask(first) == "more than 1 products fit"


def test_every_answer_is_in_the_smallest_gallery(shop):
    held = int((shop.split != "train").sum())
    chosen = choose(shop, Pairs(), Settings(queries=200, dev_queries=0, zero_shot=0.0, size=held + 1, unseen=False))
    every = {row for one in chosen.questions for row in one.asked.answers}
    assert 0 in every <= chosen.inside and (len(chosen.gallery), chosen.distractors) == (held + 1, 0)


def test_it_passes_its_own_audit_and_says_so(made):
    audit = read_json(made / "audit" / "audit.json")
    assert audit["verdict"]["counts"]["error"] == 0
    told = [(one["name"], one["licence"], one["citation"]) for one in audit["benchmarks"]]
    assert told == [("Small shop", "cc-by-4.0", ""), ("Small shop dev", "cc-by-4.0", "")]
    faults = {"duplicate queries", "near-duplicate queries", "contained queries", "generic queries", "single answers",
              "differing duplicates", "lost data", "other views"}  # fmt: skip
    assert not faults & {row["check"] for row in audit["findings"]}
    readme = (made / "README.md").read_text()
    assert audit["verdict"]["sentence"].split(":")[0][:40] in readme.replace("\\", "")
    assert str(made) not in readme + json.dumps(audit) + (made / "benchmark.json").read_text()


def test_the_card_is_read_by_the_hub(made):
    head = yaml.safe_load((made / "README.md").read_text().split("---\n")[1])
    assert head["license"] == "cc-by-4.0" and head["pretty_name"] == "Small shop"
    paths = [made / file["path"] for config in head["configs"] for file in config["data_files"]]
    assert len(paths) == 9 and all(path.is_file() for path in paths)
    assert [config["config_name"] for config in head["configs"] if config.get("default")] == ["queries"]
    facts_ = read_json(made / "benchmark.json")
    for name, one in facts_["statistics"].items():
        rejected = sum(one["not_asked"].values())
        assert one["queries"] <= one["wanted"] and one["queries"] + rejected <= one["products"], name


def test_the_card_says_how_much_of_a_part_its_largest_brand_has(made):
    """Of what was asked: the limit is on what was wanted, and fewer can be asked."""
    text, facts_ = (made / "README.md").read_text(), read_json(made / "benchmark.json")
    asked = [row for row in table(made, "queries") if row["query_type"] == "zero-shot"]
    brands = Counter(row["brand"] for row in asked)
    share = max(many for name, many in brands.items() if name) / len(asked)
    assert facts_["statistics"]["test, zero-shot"]["most_of_a_brand"] == max(brands.values())
    assert f"{share:.0%} (test, zero-shot)" in text


def test_checksums_hold(made):
    lines = (made / "SHA256SUMS").read_text().splitlines()
    for line in lines:
        digest, _, name = line.partition("  ")
        assert hashlib.sha256((made / name).read_bytes()).hexdigest() == digest
    others = {path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file()}
    assert others - {line.partition("  ")[2] for line in lines} == {"SHA256SUMS", "manifest.json"}


def test_the_same_seed_gives_the_same_bytes(made, shop, tmp_path):
    out = tmp_path / "again"
    build(shop.folder, out, SETTINGS, "Small shop", "cc-by-4.0")
    assert (out / "SHA256SUMS").read_text() == (made / "SHA256SUMS").read_text()


def test_what_is_done_is_kept_and_what_is_not_ours_is_left_alone(made, shop, tmp_path, capsys):
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*")}
    build(shop.folder, made, SETTINGS, "Small shop", "cc-by-4.0")
    assert {path: path.stat().st_mtime_ns for path in made.rglob("*")} == before
    assert "kept" in capsys.readouterr().err
    mine = tmp_path / "mine.txt"
    mine.write_text("precious")
    with pytest.raises(WeftError, match=r"holds mine\.txt"):
        build(shop.folder, tmp_path, SETTINGS)
    (made / "pool").mkdir()
    paid = mine.rename(made / "pool" / "judgements.parquet")
    with pytest.raises(WeftError, match="pool/judgements"):  # what was paid for is not swept away with an old build
        build(shop.folder, made, SETTINGS, "Another name")
    assert paid.read_text() == "precious"
    shutil.rmtree(made / "pool")
