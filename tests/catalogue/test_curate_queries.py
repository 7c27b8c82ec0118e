"""What is asked of a curated catalogue: written queries, titles, a query log, benchmarks; every answer is true."""

import dataclasses
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from shop_tables import SETTINGS, lines, run, shelf, table

from weft.catalogue.collection import Collection
from weft.catalogue.sources.spec import SourceSpec
from weft.errors import WeftError
from weft.pairs.queries import SHORT_WORDS, facts, words
from weft.recipe import Benchmark, Pairs


def test_every_query_is_answered_and_every_answer_is_true(plain):
    found, summary, _ = plain
    held = [facts(product) for product in found.products]
    stated = {q["query_id"]: q["stated"] for q in pq.read_table(found.folder / "queries.parquet").to_pylist()}
    tasks = [task for split in ("dev", "test") for task in found.tasks(split)]
    assert {task.name for task in tasks} == {f"{d}/{f}" for d in ("in-domain", "zero-shot") for f in ("short", "long")}
    for task in tasks:
        assert len(set(task.texts)) == len(task.texts) == summary["queries"][f"{task.name} {task.split}"]
        for query_id, text, source, (rows, grades) in zip(
            task.ids, task.texts, task.source, task.relevant, strict=True
        ):
            graded = dict(zip(rows.tolist(), grades.tolist(), strict=True))
            assert graded[int(source)] == 3.0
            part = task.split if task.name.startswith("in-domain") else f"zero-{task.split}"
            assert found.split[source] == part
            assert words(text) <= (SHORT_WORDS if task.name.endswith("short") else 60)
            for row, own in enumerate(held):
                if set(stated[query_id]) <= own:
                    assert graded[row] == 3.0


def test_query_counts_are_limited(plain, tmp_path):
    _, _, source = plain
    few = dataclasses.replace(SETTINGS, dev_queries=3, test_queries=5)
    found, summary = run(tmp_path / "c", source, curate=few)
    for split, most in (("dev", 3), ("test", 5)):
        assert {len(task.ids) for task in found.tasks(split)} == {most}
    assert set(summary["queries"].values()) == {3, 5}


def test_no_query_is_asked_on_dev_and_on_test(plain):
    """Twenty products a brand say much the same: without care some texts would choose alpha and be scored."""
    found, _, _ = plain
    texts = {split: {text for task in found.tasks(split) for text in task.texts} for split in ("dev", "test")}
    assert len(texts["dev"]) > 20 and not texts["dev"] & texts["test"]


def test_titles_as_queries_make_one_task(tmp_path):
    rows = shelf(60)
    rows[0]["title"] = "وردي 👗"
    both = Pairs(short="title", long="title")
    found, summary = run(tmp_path / "c", table(tmp_path / "a.parquet", rows), pairs=both)
    tasks = found.tasks("test")
    assert [task.name for task in tasks] == ["in-domain/title", "zero-shot/title"]
    for task in tasks:
        assert [found.products[row].title for row in task.source] == task.texts and len(set(task.ids)) == len(task.ids)
    assert summary["words"]["in-domain/title"]["min"] >= 1


def test_titles_short_and_attributes_long(tmp_path):
    found, _ = run(tmp_path / "c", table(tmp_path / "a.parquet", shelf(60)), pairs=Pairs(short="title", long=""))
    assert [task.name for task in found.tasks("dev")] == ["in-domain/title", "zero-shot/title"]


def with_log(tmp_path, rows, entries, header="query,product_id,grade", **parts):
    (tmp_path / "log.csv").write_text("\n".join([header, *entries]) + "\n", encoding="utf-8")
    source = table(tmp_path / "a.parquet", rows)
    return run(tmp_path / "c", source, query_log=SourceSpec(path=str(tmp_path / "log.csv")), **parts)


def test_a_query_log(plain, tmp_path):
    found, _, _ = plain
    of = {name: [f"p{row}" for row in np.flatnonzero(found.split == name)] for name in set(found.split)}
    entries = [
        f"warm coat,{of['train'][0]},3", f"Warm COAT,{of['train'][1]},2",
        f"party,{of['dev'][0]},3", f"party,{of['dev'][1]},1",
        f"rain,{of['test'][0]},2", f"unseen,{of['zero-test'][0]},3",
        f"both,{of['train'][0]},3", f"both,{of['test'][0]},3",
        f"weak,{of['test'][1]},1", "gone,nothing,3", f"odd,{of['dev'][0]},7",
    ]  # fmt: skip
    logged, summary = with_log(tmp_path, shelf(150), entries)
    training = lines(tmp_path / "c" / "log.jsonl")
    assert training == [
        {"product_id": of["train"][0], "text": "warm coat", "grade": 3},
        {"product_id": of["train"][1], "text": "warm coat", "grade": 2},
    ]
    asked = {(t.name, t.split): t for split in ("dev", "test") for t in logged.tasks(split) if t.name.endswith("/log")}
    assert set(asked) == {("in-domain/log", "dev"), ("in-domain/log", "test"), ("zero-shot/log", "test")}
    party = asked["in-domain/log", "dev"]
    assert party.texts == ["party"] and party.source.tolist() == [-1] and sorted(party.relevant[0][1]) == [1.0, 3.0]
    reasons = {line["item"]: line["reason"] for line in lines(tmp_path / "c" / "skipped.jsonl")}
    assert "train" in reasons["both"] and "grade 2" in reasons["weak"] and "nothing" in reasons["gone"]
    assert any("not 0, 1, 2 or 3" in reason for reason in reasons.values()) and len(reasons) == 4
    counts = summary["counts"]  # the log's rows are no products
    assert counts["rows"] == counts["kept"] == 150 and counts["skipped"] == 0


def test_a_log_s_queries_are_limited_and_the_others_counted(plain, tmp_path):
    found, _, _ = plain
    dev, test = ([f"p{row}" for row in np.flatnonzero(found.split == name)] for name in ("dev", "test"))
    entries = [f"query {n} of {name},{name},3" for name in (*dev[:6], *test[:6]) for n in range(3)]
    few = dataclasses.replace(SETTINGS, dev_queries=4, test_queries=5)
    logged, summary = with_log(tmp_path, shelf(150), entries, curate=few)
    for split, most in (("dev", 4), ("test", 5)):
        [own] = [task for task in logged.tasks(split) if task.name == "in-domain/log"]
        assert len(own.ids) == most == summary["queries"][f"in-domain/log {split}"]
        assert len({text.split(" of ")[1] for text in own.texts}) > 2, "drawn from all of the log"
    skipped = {line["item"]: line["reason"] for line in lines(tmp_path / "c" / "skipped.jsonl")}
    assert skipped["in-domain/log dev"] == "14 more queries than curate.dev_queries asks"
    assert skipped["in-domain/log test"] == "13 more queries than curate.test_queries asks"
    again, _ = with_log(tmp_path, shelf(150), entries, curate=few)
    assert [task.texts for task in again.tasks("dev")] == [task.texts for task in logged.tasks("dev")]


def test_a_duplicate_of_what_was_clicked_answers_too(plain, tmp_path):
    found, _, _ = plain
    row = int(np.flatnonzero(found.split == "test")[0])
    rows = shelf(150)
    rows.append(rows[row] | {"id": "twin", "title": "an offer"})
    entries = [f"party,p{row},3", "party,twin,1", f"rain,p{row},2"]
    logged, _ = with_log(tmp_path, rows, entries)
    twin = logged.row_of["twin"]
    assert logged.group[twin] == logged.group[row] and logged.split[twin] == "test"
    [task] = [task for task in logged.tasks("test") if task.name == "in-domain/log"]
    graded = {
        text: dict(zip(*map(list, own), strict=True)) for text, own in zip(task.texts, task.relevant, strict=True)
    }
    assert graded == {"party": {row: 3.0, twin: 3.0}, "rain": {row: 2.0, twin: 2.0}}


def test_a_bad_query_log_stops_when_strict(tmp_path):
    strict = dataclasses.replace(SETTINGS, strict=True)
    with pytest.raises(WeftError, match="not 0, 1, 2 or 3"):
        with_log(tmp_path, shelf(40), ["a,p0,9"], curate=strict)


def test_class_benchmarks(tmp_path):
    rows = [row | {"title": "the same title"} for row in shelf(80, seed=4)]
    rows[0]["kind"] = ""
    rows[1]["image"] = b"broken"
    rows[3]["image"] = rows[2]["image"]
    benchmark = Benchmark(name="kinds", task="class", source=table(tmp_path / "b.parquet", rows), dev_share=0.3)
    run(tmp_path / "c", table(tmp_path / "a.parquet", shelf(40)), benchmarks=(benchmark,))
    found = Collection(tmp_path / "c" / "benchmarks" / "kinds")
    shares = {name: int((found.split == name).sum()) for name in set(found.split)}
    assert set(shares) == {"dev", "test"} and 12 <= shares["dev"] <= 36  # one title does not make one family
    assert found.split[found.row_of["p2"]] == found.split[found.row_of["p3"]]
    assert found.tasks("dev") == found.tasks("test") == []
    skipped = lines(found.folder / "skipped.jsonl")
    assert [line["item"] for line in skipped] == ["p0", "p1"] and skipped[0]["reason"] == "no category"
    counts = json.loads((found.folder / "summary.json").read_text())["counts"]
    assert (counts["rows"], counts["kept"], counts["skipped"]) == (80, 78, 2)


def test_title_benchmarks_ask_all_they_hold(tmp_path):
    benchmark = Benchmark(name="titles", source=table(tmp_path / "b.parquet", shelf(50, seed=4)), dev_queries=10)
    run(tmp_path / "c", table(tmp_path / "a.parquet", shelf(40)), benchmarks=(benchmark,))
    found = Collection(tmp_path / "c" / "benchmarks" / "titles")
    (dev,), (test,) = found.tasks("dev"), found.tasks("test")
    assert dev.name == test.name == "title" and len(dev.ids) == 10
    assert len(test.ids) == (found.split == "test").sum() > 10
    assert not set(dev.source.tolist()) & set(test.source.tolist())
