"""BEIR, MTEB, M-BEIR, TREC and zero-shot classification: the layouts that anyone may bring."""

import numpy as np
import pytest
from copies import answers, cell, lines, picture, shown, table

from weft.benchmarks import open_benchmark
from weft.errors import WeftError


def beir(root, pictures=False):
    corpus = [
        {"_id": "d1", "title": "Hat", "text": "red"},
        {"_id": "d2", "title": "", "text": "shoe"},
        {"_id": "d3", "text": "x"},
    ]
    if pictures:
        (root / "images").mkdir(parents=True)
        for number, item in enumerate(corpus):
            (root / "images" / f"{number}.jpg").write_bytes(picture(number))
            item["image"] = f"images/{number}.jpg"
    lines(root / "corpus.jsonl", corpus)
    lines(
        root / "queries.jsonl",
        [{"_id": "1", "text": "a hat"}, {"_id": "2", "text": "no answer"}, {"_id": "3", "text": "y"}],
    )
    (root / "qrels").mkdir(exist_ok=True)
    (root / "qrels/test.tsv").write_text(
        "query-id\tcorpus-id\tscore\n1\td1\t2\n1\td2\t1\n1\td9\t1\n3\td2\t0\n9\td1\t1\n"
    )
    return root


def test_beir(tmp_path):
    found = open_benchmark(f"beir={beir(tmp_path / 'mine')}")
    (task,) = found.tasks
    assert found.name == "mine" and task.name == "text-to-text"
    assert answers(task) == {"1": {"d1": 2.0, "d2": 1.0}} and task.corpus.texts == ["Hat red", "shoe", "x"]
    assert task.corpus.titles == task.corpus.texts
    assert task.counts == {
        "corpus": 3, "queries read": 3, "qrels of queries that are not there": 1, "relevant ids": 3,
        "relevant ids not in the corpus": 1, "queries without a relevant item in the corpus": 1,
        "queries that the qrels do not ask": 1, "queries": 1,
    }  # fmt: skip


def test_beir_with_pictures(tmp_path):
    (task,) = open_benchmark(f"beir={beir(tmp_path, pictures=True)}?weight=0.7").tasks
    assert task.name == "text-to-image+text" and task.corpus.image_weight == 0.7
    assert shown(task.corpus) == {f"d{n + 1}": [picture(n)] for n in range(3)} and task.corpus.texts[0] == "Hat red"


def test_beir_bad_input(tmp_path):
    root = beir(tmp_path)
    with pytest.raises(WeftError, match=r"dev\.tsv is missing.*there is test\.tsv"):
        open_benchmark(f"beir={root}?split=dev")
    for grade in ("yes", "nan", "inf"):
        (root / "qrels/test.tsv").write_text(f"query-id\tcorpus-id\tscore\n1\td1\t{grade}\n1\td2\t1\n")
        with pytest.raises(
            WeftError, match=rf"test\.tsv: column 'score' holds something that is not a number.*{grade}"
        ):
            open_benchmark(f"beir={root}")
    (root / "qrels/test.tsv").write_text("query\tcorpus-id\tscore\n1\td1\t1\n")
    with pytest.raises(WeftError, match=r"no column 'query-id'.*query, corpus-id, score"):
        open_benchmark(f"beir={root}")
    (root / "corpus.jsonl").write_text('{"_id": "d1", "text": "a"}\n{"_id": \n')
    with pytest.raises(WeftError, match="line 2: not JSON"):
        open_benchmark(f"beir={root}")
    (root / "corpus.jsonl").write_text("")
    with pytest.raises(WeftError):
        open_benchmark(f"beir={root}")
    (root / "corpus.jsonl").unlink()
    with pytest.raises(WeftError, match=r"corpus\.jsonl is missing"):
        open_benchmark(f"beir={root}")


def mteb(root, backwards=False):
    pictures = [{"id": f"i{n}", "image": cell(n), "modality": "image", "text": None} for n in range(3)]
    texts = [{"id": f"t{n}", "image": None, "modality": "text", "text": f"text {n}"} for n in range(2)]
    schema_like = [{"id": "x", "image": cell(9), "modality": "text", "text": "y"}]  # gives null columns their type
    corpus, queries = (texts, pictures) if backwards else (pictures, texts)
    table(root / "corpus" / "corpus-00000-of-00001.parquet", corpus + (schema_like if backwards else []))
    table(root / "query" / "test-00000-of-00001.parquet", queries)
    one, two = ("i0", "t1") if backwards else ("t0", "i2")
    rows = [{"query-id": one, "corpus-id": two, "score": 1}, {"query-id": one, "corpus-id": "gone", "score": 1}]
    table(root / "qrels" / "test-00000-of-00001.parquet", rows)
    return root


def test_mteb_and_mbeir(tmp_path):
    (task,) = open_benchmark(f"mteb={mteb(tmp_path / 'a')}").tasks
    assert task.name == "text-to-image" and answers(task) == {"t0": {"i2": 1.0}}
    assert shown(task.corpus)["i2"] == [picture(2)] and task.corpus.texts is None and task.queries.pictures is None
    (task,) = open_benchmark(f"mbeir-fashion200k-i2t={mteb(tmp_path / 'b', backwards=True)}").tasks
    assert task.name == "image-to-text" and answers(task) == {"i0": {"t1": 1.0}}
    assert task.corpus.texts == ["text 0", "text 1", "y"] and task.corpus.pictures is None
    assert shown(task.queries) == {"i0": [picture(0)]} and task.counts["relevant ids not in the corpus"] == 1
    marqo = open_benchmark(f"mbeir-fashion200k-t2i={mteb(tmp_path / 'c')}")
    assert marqo.name == "mbeir-fashion200k-t2i" and any("Marqo" in note for note in marqo.notes)
    assert any("task 0" in note for note in marqo.notes) and "M-BEIR task" not in marqo.tasks[0].counts


def test_mteb_with_a_config_and_texts_only(tmp_path):
    lines(
        tmp_path / "en-corpus.jsonl", [{"_id": 1, "title": "Hat", "text": ""}, {"_id": 2, "title": "", "text": "shoe"}]
    )
    lines(tmp_path / "en-queries.jsonl", [{"_id": 5, "text": "shoe"}])
    lines(tmp_path / "en-qrels.jsonl", [{"query-id": "5", "corpus-id": 2.0, "score": 1}])
    (task,) = open_benchmark(f"mteb={tmp_path}?config=en&primary=ndcg@10").tasks
    assert answers(task) == {"5": {"2": 1.0}} and task.corpus.texts == ["Hat", "shoe"] and task.primary == "ndcg@10"


def judged(path, *queries):
    lines(path, [{"query-id": name, "corpus-id": f"d{name[1:]}", "score": 1} for name in queries])


def parted(root, *parts):
    """Five queries and documents; a file of qrels for each part."""
    lines(root / "corpus.jsonl", [{"_id": f"d{n}", "text": f"text {n}"} for n in range(5)])
    lines(root / "queries.jsonl", [{"_id": f"q{n}", "text": f"text {n}"} for n in range(5)])
    for number, part in enumerate(parts):
        judged(root / part, f"q{number}")
    return root


@pytest.mark.parametrize(
    "way", ["qrels/{}.jsonl", "qrels/{}-00000-of-00001.jsonl", "qrels-{}.jsonl", "data/qrels-{}.jsonl"]
)
def test_mteb_reads_the_split_that_was_asked_for_and_no_other(tmp_path, way):
    root = parted(tmp_path, *(way.format(split) for split in ("train", "test", "test_hard")))
    for query, found in (("", "q1"), ("?split=test", "q1"), ("?split=train", "q0"), ("?split=test_hard", "q2")):
        assert list(answers(open_benchmark(f"mteb={root}{query}").tasks[0])) == [found]
    for split in ("dev", "t", "validation"):
        with pytest.raises(WeftError, match=f"qrels has no split '{split}'; there is test, test_hard, train"):
            open_benchmark(f"mteb={root}?split={split}")
    (root / way.format("test")).unlink()
    with pytest.raises(WeftError, match="qrels has the splits test_hard, train; choose one"):
        open_benchmark(f"mteb={root}")


def test_a_copy_of_the_hub_whose_qrels_are_its_default_config(tmp_path):
    root = parted(tmp_path, "data/train-00000-of-00001.jsonl", "data/test-00000-of-00001.jsonl")
    (root / "data" / "corpus-00000-of-00001.jsonl").write_bytes((root / "corpus.jsonl").read_bytes())
    for query, found in (("", "q1"), ("?split=train", "q0")):
        assert list(answers(open_benchmark(f"mteb={root}{query}").tasks[0])) == [found]
    with pytest.raises(WeftError, match="default has no split 'dev'; there is test, train"):
        open_benchmark(f"mteb={root}?split=dev")


def test_the_only_split_is_taken_unless_another_was_asked_for(tmp_path):
    root = parted(tmp_path / "dev", "qrels/dev.jsonl")
    for query in ("", "?split=dev"):
        assert list(answers(open_benchmark(f"mteb={root}{query}").tasks[0])) == ["q0"]
    with pytest.raises(WeftError, match="no split 'test'; there is dev"):
        open_benchmark(f"mteb={root}?split=test")
    root = parted(tmp_path / "whole", "qrels/0.jsonl", "qrels/1.jsonl")  # two pieces of one table
    assert list(answers(open_benchmark(f"mteb={root}").tasks[0])) == ["q0", "q1"]
    with pytest.raises(WeftError, match="no split 'test'; it is one table; leave the option split"):
        open_benchmark(f"mteb={root}?split=test")


def test_queries_and_corpora_that_are_parted(tmp_path):
    """As MTEB's datasets of pictures keep them: every table parted alike."""
    for number, split in enumerate(("train", "test")):
        for folder, rows in (
            ("corpus", [{"id": f"d{number}", "text": "x"}]), ("queries", [{"id": f"q{number}", "text": "y"}]),
            ("qrels", [{"query-id": f"q{number}", "corpus-id": f"d{number}", "score": 1}]),
        ):  # fmt: skip
            table(tmp_path / folder / f"{split}-00000-of-00001.parquet", rows)
    for query, found in (("", "1"), ("?split=train", "0")):
        (task,) = open_benchmark(f"mteb={tmp_path}{query}").tasks
        assert answers(task) == {f"q{found}": {f"d{found}": 1.0}} and len(task.corpus) == 1


def test_things_of_several_kinds_are_refused(tmp_path):
    """Without its picture one would never be found, and without its text an empty one would be mixed in."""
    things = [{"id": f"i{n}", "image": cell(n), "text": f"thing {n}", "modality": "image,text"} for n in range(5)]
    lines(tmp_path / "queries.jsonl", [{"_id": "q", "text": "hat"}])
    lines(tmp_path / "qrels.jsonl", [{"query-id": "q", "corpus-id": "i0", "score": 1}])

    def corpus(*changes, modality=True):
        rows = [thing | change for thing, change in zip(things, [*changes, *[{}] * 5], strict=False)]
        table(tmp_path / "corpus.parquet", [row if modality else row | {"modality": None} for row in rows])
        return open_benchmark(f"mteb={tmp_path}").tasks[0]

    assert corpus().name == corpus(modality=False).name == "text-to-image+text"
    bare, dumb = {"image": None, "modality": "text"}, {"text": None, "modality": "image"}
    for changes, told in (
        ([bare, bare, dumb], "2 have no picture and 1 no text"),
        ([dumb], "0 have no picture and 1 no"),
    ):
        for modality in (True, False):
            with pytest.raises(WeftError, match=rf"corpus\.parquet: of 5 rows {told}.*\?images=none"):
                corpus(*changes, modality=modality)
    assert open_benchmark(f"mteb={tmp_path}?images=none").tasks[0].name == "text-to-text"
    whole = corpus({"image": {"bytes": b"damaged", "path": None}})
    assert whole.name == "text-to-image+text", "a picture that cannot be read is no missing one: it is counted"


def trec(root):
    root.mkdir(exist_ok=True)
    (root / "qrels.txt").write_text("q1 0 A 3\nq1 0 B 1\nq2 Q0 B 1\n\n")
    (root / "topics.tsv").write_text("q1\tred hat\nq2\tblue\tshoe\n")
    table(
        root / "documents.parquet",
        [{"docno": name, "image": cell(n), "title": name * 2} for n, name in enumerate("ABC")],
    )
    return root


def test_trec(tmp_path):
    (task,) = open_benchmark(f"trec={trec(tmp_path)}?tasks=text-to-image").tasks
    assert answers(task) == {"q1": {"A": 3.0, "B": 1.0}, "q2": {"B": 1.0}}
    assert task.queries.texts == ["red hat", "blue\tshoe"] and task.corpus.titles == ["AA", "BB", "CC"]
    (strict,) = open_benchmark(f"trec={tmp_path}?threshold=2").tasks
    assert answers(strict) == {"q1": {"A": 3.0, "B": 1.0}} and strict.threshold == 2.0


def test_trec_bad_input(tmp_path):
    root = trec(tmp_path)
    (root / "qrels.txt").write_text("q1 A 3\n")
    with pytest.raises(WeftError, match=r"qrels\.txt, line 1: 'q1 A 3' is not of the form query 0 document grade"):
        open_benchmark(f"trec={root}")
    for grade in ("high", "nan", "-inf"):
        (root / "qrels.txt").write_text(f"q1 0 A {grade}\nq1 0 B 1\n")
        with pytest.raises(WeftError, match=f"grade of 'q1 0 A {grade}' is not a number"):
            open_benchmark(f"trec={root}")
    (root / "qrels.old").touch()
    with pytest.raises(WeftError, match="which one"):
        open_benchmark(f"trec={root}")
    (root / "topics.tsv").unlink()
    with pytest.raises(WeftError, match="no file topics"):
        open_benchmark(f"trec={root}?qrels=qrels.txt")


def test_classes(tmp_path):
    rows = [
        {"img": cell(n), "label": label, "split": part}
        for n, (label, part) in enumerate(
            [("t_shirt", "test"), ("hat", "test"), ("hat", "train"), (None, "test"), ("hat", "test"), ("shoe", "test")]
        )
    ]
    path = table(tmp_path / "mine.parquet", rows)
    (task,) = open_benchmark(f"classes={path}?prompts=a photo of a {{}}.,one {{}}&classes=hat:cap").tasks
    assert task.classes == ["cap", "shoe", "t shirt"] and task.truth.tolist() == [2, 0, 0, 1]
    assert list(shown(task.items).values()) == [[picture(n)] for n in (0, 1, 4, 5)]
    assert task.prompts == ("a photo of a {}.", "one {}") and task.counts["pictures without a label"] == 1
    assert task.primary == "balanced_accuracy" and np.asarray(task.strata["true class"])[1] == "hat"
    assert len(open_benchmark(f"cifar10={path}").tasks[0].prompts) > 3
    for query, complaint in (
        ("?prompts=a photo", "no {}"), ("?classes=cat:x", "no class 'cat'"), ("?split=dev", "whose split is 'dev'"),
        ("?label=kind", r"no column 'kind'.*img, label, split"), ("?image=photo", "no column 'photo'"),
    ):  # fmt: skip
        with pytest.raises(WeftError, match=complaint):
            open_benchmark(f"classes={path}{query}")
    one = table(tmp_path / "one.parquet", [{"image": cell(1), "label": "x"}])
    with pytest.raises(WeftError, match="1 classes among 1 pictures"):
        open_benchmark(f"classes={one}")


@pytest.mark.parametrize(
    "way", ["plain_text/{}-00000-of-00001.parquet", "{}.parquet", "{}-0.parquet", "plain_text/{}/0000.parquet"]
)
def test_a_copy_of_the_hub_s_files_is_read_split_by_split(tmp_path, way):
    root = tmp_path / "test"  # what lies above the copy says nothing
    for split, count in (("train", 6), ("test", 4)):
        table(root / way.format(split), [{"img": cell(n), "label": n % 2} for n in range(count)])
    for query, count in (("", 4), ("?split=test", 4), ("?split=train", 6)):
        assert len(open_benchmark(f"cifar10={root}{query}").tasks[0].truth) == count
    with pytest.raises(WeftError, match=r"no split 'dev'.*no column is called 'split'.*names say test, train"):
        open_benchmark(f"cifar10={root}?split=dev")
    (root / way.format("test")).unlink()
    with pytest.raises(WeftError, match=r"no split 'test'.*names say train"):
        open_benchmark(f"cifar10={root}")
    assert len(open_benchmark(f"cifar10={root / way.format('train')}").tasks[0].truth) == 6, "a file is meant"


def test_a_split_that_nothing_tells_is_refused_where_it_was_asked_for(tmp_path):
    path = table(tmp_path / "mine.parquet", [{"image": cell(n), "label": "ab"[n % 2]} for n in range(4)])
    for place in (path, tmp_path):
        assert len(open_benchmark(f"classes={place}").tasks[0].truth) == 4
        with pytest.raises(WeftError, match=r"no split 'test'.*no file's name says one"):
            open_benchmark(f"classes={place}?split=test")


def test_pictures_that_share_an_id_are_all_classified(tmp_path):
    path = table(
        tmp_path / "t.parquet", [{"image": cell(n), "image_id": "same", "label": "ab"[n % 2]} for n in range(4)]
    )
    assert len(open_benchmark(f"classes={path}").tasks[0].items) == 4


def test_tables_in_several_folders_that_name_pictures_by_path_are_refused(tmp_path):
    """A path begins at its own table; read from one folder, it would be another's picture or none."""
    for part in ("a", "b"):
        (tmp_path / part).mkdir()
        (tmp_path / part / "t.csv").write_text("image,label\n0.jpg,x\n1.jpg,y\n")
        for number in (0, 1):
            (tmp_path / part / f"{number}.jpg").write_bytes(picture(number))
    assert len(open_benchmark(f"classes={tmp_path / 'a'}").tasks[0].truth) == 2
    with pytest.raises(WeftError, match="name their pictures by path: read one folder at a time"):
        open_benchmark(f"classes={tmp_path}")
