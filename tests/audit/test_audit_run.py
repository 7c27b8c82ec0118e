"""`weft audit` from specs to files: ground truths alone, pictures, a model, exit codes, what a user can get wrong."""

import json

import numpy as np
import pytest
import typer
from planted import document, encoded, noise, sound

import tiny
from weft.audit import CHECKS, Subject, truth
from weft.audit import run as audits
from weft.audit.cut import cut_by
from weft.audit.judged import reader
from weft.cli import audit as verb
from weft.embed import Embedder
from weft.errors import WeftError
from weft.judging.attribute import Blurred, ByWords
from weft.judging.gather import Wanted, make
from weft.judging.judge import by_attributes
from weft.judging.pool import Pool
from weft.judging.rubric import RUBRICS


@pytest.fixture
def answers(tmp_path):
    plan = sound(120)
    plan.texts[0] = "possibly a red dress"
    return document(
        tmp_path / "Shop.ground_truth_text-image.json",
        {text: {name: 1} for text, name in zip(plan.texts, plan.ids, strict=True)},
    )


def folder(place, count=24):
    """Products with pictures and titles in Marqo's layout, each title asked for."""
    place.mkdir()
    rows = ["product_id,title,image"]
    for number in range(count):
        (place / f"{number}.png").write_bytes(noise(number % (count - 1)))  # the last picture is there twice
        rows.append(f"{number},wool hat number {number},{number}.png")
    (place / "products.csv").write_text("\n".join(rows))
    texts = {f"wool hat number {number}": {str(number): 1} for number in range(count)}
    document(place / "ground_truth_text-image.json", texts)
    return place / "products.csv"


def test_a_ground_truth_alone(answers, tmp_path):
    results = audits.run([f"truth={answers}"], out=tmp_path / "out")
    assert [row["check"] for row in results["findings"]] == ["hedging captions"]
    assert results["verdict"]["counts"] == {"error": 0, "warning": 0, "note": 1}
    assert results["verdict"]["sentence"] == "Nothing that biases scores was found in Shop."
    (benchmark,) = results["benchmarks"]
    assert benchmark["name"] == "Shop" and benchmark["tasks"][0]["name"] == "text-to-image"
    status = {row["check"]: (row["status"], row["why"]) for row in results["outcomes"]}
    assert set(status) == {check.name for check in CHECKS}
    assert status["duplicate pictures"] == ("not run", "needs pictures of the corpus")
    assert status["near-duplicate queries"] == ("silent", "")
    kept = json.loads((tmp_path / "out" / "audit.json").read_text())
    assert kept["schema"] == "weft-audit/1" and len(kept["findings"]) == 1
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {"audit.html", "audit.md", "audit.json"}


def test_truths_of_lists_and_categories(tmp_path):
    path = document(tmp_path / "ground_truth_season-image+text.json", {"winter": [1.0, "2"], "summer": {"2": 1}})
    benchmark = truth.read(path)
    (task,) = benchmark.tasks
    assert (task.name, task.primary) == ("season-to-image+text", "precision@10")
    assert list(task.corpus.ids) == ["1", "2"] and [rows.tolist() for rows, _ in task.relevant] == [[0, 1], [1]]
    plain = truth.read(document(tmp_path / "mine.json", {"red dress": ["a"]}))
    assert (plain.name, plain.tasks[0].name, plain.tasks[0].primary) == ("mine", "queries", "recall@10")
    assert audits.opened(f"truth={path}?name=Seasons").name == "Seasons"


def test_pictures_titles_and_a_model(tmp_path):
    model = tmp_path / "model"
    tiny.encoder().save(model)
    place = folder(tmp_path / "shop")
    spec = f"kagl={place}"
    results = audits.run([spec], [f"mine={model}"], tmp_path / "out")
    found = {row["check"]: row for row in results["findings"]}
    assert found["duplicate pictures"]["count"] == 2 and found["duplicate pictures"]["severity"] == "note"
    assert {one["ranking"] for one in found["duplicate pictures"]["effect"]} == {"bm25", "mine"}
    assert found["text shortcut"]["count"] == 24
    assert results["models"][0]["name"] == "mine"
    assert results["verdict"]["sentence"] == "Faults blur the scores of kagl."
    kept = sorted(path.name for path in (tmp_path / "out" / "cache").iterdir())
    assert audits.run([spec], [f"mine={model}"], tmp_path / "out")["findings"] == results["findings"]
    assert sorted(path.name for path in (tmp_path / "out" / "cache").iterdir()) == kept


def test_a_text_is_cut_where_its_last_word_changes_nothing():
    encoder = tiny.encoder()  # 16 tokens
    texts = ["red dress", " ".join(["red dress"] * 20), "hat", " ".join(["navy"] * 40)]
    assert cut_by(Embedder(encoder, batch=3), texts).tolist() == [False, True, False, True]
    plan = sound()
    plan.texts[:4] = texts
    subject = Subject(plan.task(), {"mine": Embedder(encoder)})
    (found,) = (check for check in CHECKS if check.name == "cut captions")
    subject.__dict__["rankings"] = {}
    (row,) = found.function(subject)
    inside = cut_by(Embedder(encoder), plan.texts)
    assert row.count == inside.sum() == row.facts["cut by the tokenizer of mine"] >= 2


def test_a_python_object_has_no_tokens_to_compare():
    class Texts:
        def embed_texts(self, texts):
            return np.ones((len(texts), 2))

    from weft.encoders.python import Python

    assert cut_by(Embedder(Python(Texts(), "texts")), ["a b", "c"]).tolist() == [False, False]


@pytest.mark.parametrize(
    ("fail_on", "code"), [("error", None), ("warning", None), ("note", 1), ("never", None), ("grave", "no severity")]
)
def test_exit_codes(answers, tmp_path, fail_on, code, capsys):
    asked = {"benchmark": [f"truth={answers}"], "model": None, "out": tmp_path, "remote_code": None, "batch": 8}
    if code is None:
        verb.audit(**asked, fail_on=fail_on)
        assert "Nothing that biases scores" in capsys.readouterr().out
    elif code == 1:
        with pytest.raises(typer.Exit) as end:
            verb.audit(**asked, fail_on=fail_on)
        assert end.value.exit_code == 1
    else:
        with pytest.raises(WeftError, match=code):
            verb.audit(**asked, fail_on=fail_on)
        assert not (tmp_path / "audit.json").exists()


def test_what_a_user_can_get_wrong(tmp_path, answers):
    with pytest.raises(WeftError, match="cannot be read"):
        audits.opened(f"truth={tmp_path / 'none.json'}")
    nan, far = {"a": {"b": float("nan"), "c": 1}}, {"a": {"b": float("-inf"), "c": 1}}
    for wrong in ([], {"a": 1}, {"a": {"b": "red"}}, {"a": "bc", "d": ["e"]}, {"a": None}, nan, far):
        path = document(tmp_path / "wrong.json", wrong)
        with pytest.raises(WeftError, match="damaged"):
            audits.opened(f"truth={path}")
    with pytest.raises(WeftError, match="holds no answer"):
        audits.opened(f"truth={document(tmp_path / 'empty.json', {})}")
    with pytest.raises(WeftError, match="two benchmarks are called Shop"):
        audits.run([f"truth={answers}", f"truth={answers}?name=Shop"], out=tmp_path)
    with pytest.raises(WeftError, match="no benchmark 'nothing'"):
        audits.run(["nothing"], out=tmp_path)


def test_classes_are_told_not_audited(tmp_path):
    place = tmp_path / "things"
    place.mkdir()
    rows = ["image,label"]
    for number in range(4):
        (place / f"{number}.png").write_bytes(encoded(tiny.pictures(4)[number]))
        rows.append(f"{number}.png,{'hat' if number % 2 else 'bag'}")
    (place / "all.csv").write_text("\n".join(rows))
    results = audits.run([f"classes={place}"], out=tmp_path / "out")
    assert results["verdict"]["sentence"] == f"No check could be run on {results['benchmarks'][0]['name']}."
    assert results["findings"] == [] and {row["status"] for row in results["outcomes"]} == {"not run"}


def test_judgements_of_one_benchmark_say_nothing_of_another(tmp_path):
    """Both call their task, queries and items alike."""
    for name in ("red", "blue"):
        place = tmp_path / name
        (place / "qrels").mkdir(parents=True)
        things = [{"_id": str(number), "text": f"{name} dress {number % 7}"} for number in range(60)]
        for file, rows in (("corpus.jsonl", things), ("queries.jsonl", things[:7])):
            (place / file).write_text("\n".join(map(json.dumps, rows)))
        lines = ["query-id\tcorpus-id\tscore", *(f"{number}\t{number}\t1" for number in range(7))]
        (place / "qrels" / "test.tsv").write_text("\n".join(lines))
    make(f"beir={tmp_path / 'red'}", ["bm25"], tmp_path / "pool", Wanted(depth=10, sample=0))
    by_attributes(Pool(tmp_path / "pool"), tmp_path / "judged", Blurred(ByWords(), 3), RUBRICS["fashion-0-3"])
    specs, judged = [f"beir={tmp_path / name}" for name in ("red", "blue")], tmp_path / "judged"
    results = audits.run(specs, out=tmp_path / "out", judged=reader(tmp_path / "pool", [judged]))
    status = {row["benchmark"]: row["status"] for row in results["outcomes"] if row["check"] == "missing answers"}
    assert status == {"red": "found", "blue": "not run"}
