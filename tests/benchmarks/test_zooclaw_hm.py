"""ZooClaw-Fashion: the release and the evaluator's layout, and H&M, read back with exactly their answers."""

import pytest
from copies import answers, cell, document, groups, picture, shown, table

from weft.benchmarks import open_benchmark
from weft.errors import WeftError


def release(root, folder="data", suffix="-00000-of-00001"):
    def name(part):
        return root / folder / f"{part}{suffix}.parquet"

    table(
        name("corpus"),
        [
            {"corpus_id": n, "image": cell(n), "brand": brand, "title": f"title {n}"}
            for n, brand in ((7, "Älva"), (3, "älva "), (5, "Nord"), (4, "Süd"))
        ],
    )
    kinds = {1: "in-domain", 2: "in-domain", 3: "zero-shot", 4: "zero-shot", 5: "zero-shot", 6: "in-domain"}
    table(
        name("queries"),
        [
            {
                "query_id": n,
                "short_query": f"short {n // 2 if n < 3 else n}",
                "long_query": f"a long one, {n}",
                "query_type": k,
            }
            for n, k in kinds.items()
        ],
    )
    truth = {1: [5], 2: [5, 4], 3: [7], 4: [3, 999], 5: [4], 6: [1000]}
    table(name("ground_truth"), [{"query_id": q, "corpus_ids": items} for q, items in truth.items()])
    return root


@pytest.mark.parametrize(("folder", "suffix"), [("data", "-00000-of-00001"), ("", "")])
def test_the_release(tmp_path, folder, suffix):
    found = open_benchmark(f"zooclaw={release(tmp_path, folder, suffix)}")
    assert [task.name for task in found.tasks] == [
        "text-to-image/short/in-domain", "text-to-image/short/zero-shot",
        "text-to-image/long/in-domain", "text-to-image/long/zero-shot",
    ]  # fmt: skip
    known, unseen, long, _ = found.tasks
    assert answers(known) == answers(long) == {"1": {"5": 1.0}, "2": {"5": 1.0, "4": 1.0}}
    assert answers(unseen) == {"3": {"7": 1.0}, "4": {"3": 1.0}, "5": {"4": 1.0}}
    assert known.queries.texts == ["short 0", "short 1"] and long.queries.texts == ["a long one, 1", "a long one, 2"]
    assert shown(known.corpus) == {str(n): [picture(n)] for n in (7, 3, 5, 4)}
    assert known.corpus.titles[0] == "title 7" and known.corpus is unseen.corpus
    # Zero-shot queries of one brand are resampled together, however it is written.
    assert groups(unseen) == [["3", "4"]] and groups(known) == []
    assert known.primary == "hit_rate@10" and "mrr@20" in known.metrics
    assert unseen.counts["relevant ids not in the corpus"] == 1 and unseen.counts["queries read"] == 3
    assert known.counts["queries without a relevant item in the corpus"] == 1
    assert set(unseen.strata["query_type"]) == {"zero-shot"}
    assert found.licence == "CC-BY-NC-4.0" and any("hit_rate" in note for note in found.notes)


def test_types_together_as_published(tmp_path):
    short, long = open_benchmark(f"zooclaw={release(tmp_path)}?together=1").tasks
    assert (short.name, long.name) == ("text-to-image/short", "text-to-image/long") and len(short.queries) == 5
    assert set(short.strata["query_type"]) == {"in-domain", "zero-shot"}


def local(root):
    document(root / "text2image/corpus.json", [{"corpus_id": n, "image_path": f"images/{n}.jpg"} for n in (1, 2, 3)])
    document(
        root / "text2image/queries.json",
        [{"query_id": 10, "short_query": "red hat"}, {"query_id": 11, "short_query": "red hat"}],
    )
    document(root / "text2image/queries_long.json", [{"query_id": 10, "long_query_llm": "a hat that is red"}])
    document(root / "text2image/ground_truth.json", {"10": [1, 3], "11": [2], "12": [2]})
    document(
        root / "image2text/corpus.json", [{"corpus_id": 1, "short_text": "hat"}, {"corpus_id": 2, "short_text": "shoe"}]
    )
    document(root / "image2text/queries.json", [{"query_id": 5, "image_path": "images/2.jpg"}])
    document(root / "image2text/ground_truth.json", {"5": [2]})
    document(
        root / "text2text/corpus.json",
        [{"corpus_id": "a", "short_text": "hat"}, {"corpus_id": "b", "short_text": "cap"}],
    )
    document(root / "text2text/queries.json", [{"query_id": 1, "short_query": "headwear"}])
    document(root / "text2text/ground_truth.json", {"1": ["a", "b"]})
    (root / "images").mkdir()
    for number in (1, 2, 3):
        (root / "images" / f"{number}.jpg").write_bytes(picture(number))
    return root


def test_the_evaluators_layout(tmp_path):
    found = open_benchmark(f"zooclaw={local(tmp_path)}")
    short, long, to_text, texts = found.tasks
    assert [task.name for task in found.tasks] == [
        "text-to-image/short", "text-to-image/long", "image-to-text", "text-to-text",
    ]  # fmt: skip
    assert answers(short) == {"10": {"1": 1.0, "3": 1.0}, "11": {"2": 1.0}}
    assert answers(long) == {"10": {"1": 1.0, "3": 1.0}} and long.queries.texts == ["a hat that is red"]
    assert shown(short.corpus) == {str(n): [picture(n)] for n in (1, 2, 3)}
    assert groups(short) == [["10", "11"]] and short.counts["answers of queries that are not there"] == 1
    assert answers(to_text) == {"5": {"2": 1.0}} and shown(to_text.queries) == {"5": [picture(2)]}
    assert to_text.queries.texts is None and to_text.corpus.texts == ["hat", "shoe"] and to_text.corpus.pictures is None
    assert answers(texts) == {"1": {"a": 1.0, "b": 1.0}} and texts.queries.texts == ["headwear"]


def test_bad_input(tmp_path):
    root = local(tmp_path)
    (root / "text2text/queries.json").write_text('[{"query_id": 1, "question": "hat"}]')
    with pytest.raises(WeftError, match=r"no field 'short_query'\. Its fields are query_id, question"):
        open_benchmark(f"zooclaw={root}")
    for text in ("[", "{}", "[1]"):
        (root / "text2text/queries.json").write_text(text)
        with pytest.raises(WeftError, match=r"queries\.json is damaged"):
            open_benchmark(f"zooclaw={root}")
    (root / "text2text/queries.json").unlink()
    with pytest.raises(WeftError, match=r"queries\.json is missing"):
        open_benchmark(f"zooclaw={root}")
    with pytest.raises(WeftError, match=r"no table corpus.*There is: notes"):
        (tmp_path / "empty").mkdir()
        (tmp_path / "empty" / "notes").touch()
        open_benchmark(f"zooclaw={tmp_path / 'empty'}")
    other = release(tmp_path / "other")
    table(other / "data/queries-00000-of-00001.parquet", [{"query_id": 1, "text": "x"}])
    with pytest.raises(WeftError, match="no column 'short_query'"):
        open_benchmark(f"zooclaw={other}")


def test_answers_that_are_no_list_are_told(tmp_path):
    """As a string, "35" would be the items 3 and 5."""
    root, truth = release(tmp_path / "release"), tmp_path / "release" / "data" / "ground_truth-00000-of-00001.parquet"
    for wrong in ("35", 35):
        table(truth, [{"query_id": 6, "corpus_ids": wrong}])
        with pytest.raises(WeftError, match=r"ground_truth.*, row 1: the answers of query '6' are '?35'?, not a list"):
            open_benchmark(f"zooclaw={root}")
    table(
        truth,
        [{"query_id": 1, "corpus_ids": [5]}, {"query_id": 2, "corpus_ids": None}, {"query_id": 3, "corpus_ids": [7]}],
    )
    assert answers(open_benchmark(f"zooclaw={root}?tasks=text-to-image/short/in-domain").tasks[0]) == {"1": {"5": 1.0}}
    root = local(tmp_path / "local")
    for wrong in ("13", 1, None):
        document(root / "text2image/ground_truth.json", {"11": [2], "10": wrong})
        with pytest.raises(WeftError, match=r"ground_truth\.json, row 2: the answers of query '10' are .*, not a list"):
            open_benchmark(f"zooclaw={root}")


def hm(path):
    rows = [
        # query_id, label_id, title, type, brand
        ("q1", 10, "Slim jeans", "in-domain", "H&M"), (None, 10, "Slim jeans", None, "H&M"),
        ("q2", 11, "Rib top", "zero-shot", "Divided"), ("q3", 12, "Rib top", "zero-shot", "Conscious"),
        (None, 12, "Rib top", None, "Conscious"),
        ("q4", 13, "Cap", "zero-shot", "Divided"), (None, None, "Lost", None, ""),
    ]  # fmt: skip
    keys = ("query_id", "label_id", "title", "query_type", "brand")
    return table(
        path, [dict(zip(keys, row, strict=True)) | {"category": "c", "image": cell(n)} for n, row in enumerate(rows)]
    )


def test_hm(tmp_path):
    found = open_benchmark(f"hm={hm(tmp_path / 'hm.parquet')}")
    (task,) = found.tasks
    assert answers(task) == {
        "q1": {"row-0": 1.0, "row-1": 1.0}, "q2": {"row-2": 1.0}, "q3": {"row-3": 1.0, "row-4": 1.0},
        "q4": {"row-5": 1.0},
    }  # fmt: skip
    assert task.source.tolist() == [0, 2, 3, 5] and len(task.corpus) == 7 and task.primary == "hit_rate@10"
    assert shown(task.corpus)["row-4"] == [picture(4)]
    assert groups(task) == [["q2", "q3", "q4"]]  # one text, and one brand that was never seen
    assert task.counts["repeated query texts with other answers"] == 1 and task.counts["rows without a label"] == 1
    apart = open_benchmark(f"hm={tmp_path / 'hm.parquet'}?together=0").tasks
    assert [(t.name, len(t.queries)) for t in apart] == [("text-to-image/in-domain", 1), ("text-to-image/zero-shot", 3)]
    (small,) = open_benchmark(f"hm={tmp_path / 'hm.parquet'}?limit=3").tasks
    assert small.name == "text-to-image (gallery of 3)" and answers(small).keys() == {"q1", "q2"}
