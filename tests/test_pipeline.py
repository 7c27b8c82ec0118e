"""A whole run on the toy catalogue: what it leaves, what a second one does, what its model is."""

import json
import os
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

import tiny
import tiny_recipe
from command import weft
from weft import encoders
from weft.catalogue.collection import Collection
from weft.embed import Embedder
from weft.errors import WeftError
from weft.files import read_json
from weft.pipeline import STAGES, Pipeline
from weft.recipe import load


@pytest.fixture(scope="module")
def results(toy_run) -> dict:
    return read_json(toy_run / "runs" / "shop" / "evaluate" / "results.json")


def means(results, metric="recall@10") -> dict:
    return {(r["model"], r["task"]): r["value"] for r in results["scores"] if r["metric"] == metric}


def test_the_table_is_on_stdout_and_the_progress_is_not(toy_run):
    out, err = (toy_run / "shop.out").read_text(), (toy_run / "shop.err").read_text()
    for word in ("base", "tuned", "woven", "bm25+woven", "plain titles", "Recall@10", "loss  "):
        assert word in out
    assert "report.html" in out.splitlines()[-2] and out.splitlines()[-1].endswith("runs/shop/weave/model")
    assert "writing" not in out and "Recall@10" not in err
    assert "shop: 800 rows = 800 kept + 0 skipped + 0 not asked for" in err


def test_every_stage_has_a_manifest(toy_run):
    for recipe in ("base", "shop"):
        for stage in STAGES:
            folder = toy_run / "runs" / recipe / stage
            assert read_json(folder / "manifest.json")["stage"] == stage
            assert not folder.with_name(stage + ".partial").exists()


def test_a_second_run_does_nothing_and_says_so(toy_run):
    times = {path: path.stat().st_mtime_ns for path in (toy_run / "runs").rglob("*")}
    done = weft("run", "shop.toml", folder=toy_run)
    assert done.code == 0 and done.out == (toy_run / "shop.out").read_text()
    assert [line.split(":")[0] for line in done.err.splitlines()] == list(STAGES)
    assert all("nothing changed" in line for line in done.err.splitlines())
    assert {path: path.stat().st_mtime_ns for path in (toy_run / "runs").rglob("*")} == times


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (["weave.soup=['nowhere']"], "nowhere"),
        (["benchmarks=[]", "weave.mean_delta=-0.01"], "name [[benchmarks]] to tell by"),
    ],
)
def test_what_cannot_be_woven_is_told_before_anything_is_done(toy_copy, change, told):
    with pytest.raises(WeftError) as caught:
        Pipeline(load(toy_copy / "shop.toml", [f"out={toy_copy / 'none'}", *change])).run()
    assert told in str(caught.value) and not (toy_copy / "none").exists()


def test_without_dev_queries_nothing_is_trained(toy_copy):
    done = weft("run", "shop.toml", "--set", "curate.dev_share=0", "--set", "out=none", folder=toy_copy)
    assert done.code == 2 and "has no in-domain dev query, so no alpha could be chosen: raise" in done.err
    assert (toy_copy / "none" / "curate").exists() and not (toy_copy / "none" / "train.partial").exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [("weave.soup=['nowhere']", "nowhere"), ("seed=5", "has no in-domain dev query, so no alpha could be chosen")],
)
def test_who_trains_alone_is_told_first_what_could_not_be_woven(tmp_path, capsys, change, told):
    """As under torchrun, where curation and training are verbs of their own."""
    pipeline = Pipeline(load(tiny_recipe.recipe(tmp_path, epochs=1), [change]))
    pipeline.curate()
    pipeline.train()
    said = capsys.readouterr().err
    assert told in said.partition("could not be woven: ")[2].splitlines()[0]
    assert said.index("could not be woven") < said.index("trained 3 steps")
    pipeline.train()  # finished: nothing is in vain
    assert "could not be woven" not in capsys.readouterr().err


def test_training_taught_the_shop_s_words_and_weaving_kept_the_others(toy_run, results):
    """The toy's point: the tuned end forgets, and the woven model forgets less than it."""
    recall = means(results)
    assert recall["tuned", "in-domain/long"] > recall["base", "in-domain/long"] + 0.1
    assert recall["base", "plain titles"] > 0.5 > recall["tuned", "plain titles"]
    assert recall["woven", "plain titles"] > recall["tuned", "plain titles"] + 0.2
    assert 0 < results["alpha"]["chosen"] < 1
    called = {(d["model"], d["task"]): d["call"] for d in results["differences"] if d["against"] == "base"}
    assert called["tuned", "in-domain/long"] == "better" and called["tuned", "plain titles"] == "worse"


def test_the_record_of_alpha(toy_run):
    alpha = read_json(toy_run / "runs" / "shop" / "weave" / "alpha.json")
    assert len(alpha["curve"]) == 11 and alpha["chosen"] in alpha["measured"] and "3.0 points" in alpha["rule"]
    assert {0.0, 1.0} <= set(alpha["measured"]) and len(alpha["measured"]) <= 6
    for place in alpha["curve"]:
        for told in place["tasks"].values():
            assert (told["score"] is not None) == (place["alpha"] in alpha["measured"])
    for end in (alpha["curve"][0], alpha["curve"][-1]):
        assert all(told["score"] == told["estimate"] for told in end["tasks"].values())


def test_tables_of_every_model_and_what_does_not_count(results):
    assert results["models"] == ["base", "tuned", "woven", "bm25", "bm25+woven"]
    tasks = {task["name"]: task for task in results["tasks"]}
    assert tasks["in-domain/short"]["counts"] and not tasks["in-domain/short (test-only gallery)"]["counts"]
    assert tasks["in-domain/short"]["gallery"] == 800 > tasks["in-domain/short (test-only gallery)"]["gallery"]
    assert tasks["plain titles"]["domain"] == "out-of-domain" and tasks["plain titles"]["contaminated"] == 0
    recall = means(results)
    for name, task in tasks.items():
        for model in ("base", "tuned", "woven", "bm25"):
            if task["kind"] == "retrieval":
                assert 0 <= recall[model, name] <= task["ceiling"] + 1e-9
    losses = results["verdict"]["losses"]
    lost = [d for d in results["differences"] if d["model"] == "woven" and d["difference"] < 0]
    assert len(losses) == len(lost) and all(any(d["task"] in loss for loss in losses) for d in lost)


def test_per_query_rows_and_runs_agree_with_the_table(toy_run, results):
    folder = toy_run / "runs" / "shop" / "evaluate"
    rows = pq.read_table(folder / "per_query.parquet").to_pylist()
    own = [
        r["value"] for r in rows if (r["model"], r["task"], r["metric"]) == ("woven", "in-domain/short", "recall@10")
    ]
    assert np.mean(own) == pytest.approx(means(results)["woven", "in-domain/short"])
    run = (folder / "runs" / "woven.in-domain_short.trec").read_text()
    lines = [line.split(" ") for line in run.splitlines()]
    assert all(len(line) == 6 and line[1] == "Q0" for line in lines) and lines[0][3] == "1"


def test_the_report_is_there(toy_run, results):
    folder = toy_run / "runs" / "shop" / "report"
    page, record = (folder / "report.html").read_text(), json.loads((folder / "report.json").read_text())
    assert results["verdict"]["sentence"].split(";")[0][:60] in page and "data:image/" in page
    assert record["verdict"] == results["verdict"] and record["alpha"]["chosen"] == results["alpha"]["chosen"]
    assert record["scores"]["woven"]["plain titles"]["recall@10"]["n"] > 50
    assert record["curate"]["counts"]["in"] == record["curate"]["counts"]["kept"] == 800


def test_a_fresh_base_claims_nothing(toy_run):
    results = read_json(toy_run / "runs" / "base" / "evaluate" / "results.json")
    assert results["models"] == ["base", "bm25", "bm25+base"] and results["differences"] == []
    assert "nothing is claimed" in results["verdict"]["sentence"] and not results["verdict"]["holds"]
    assert read_json(toy_run / "runs" / "base" / "weave" / "alpha.json")["chosen"] == 1.0


PLAIN = """
import sys
import numpy as np
import torch
from transformers import AutoModel, AutoProcessor

model, processor = AutoModel.from_pretrained(sys.argv[1]).eval(), AutoProcessor.from_pretrained(sys.argv[1])
given = np.load(sys.argv[2])
with torch.no_grad():
    inputs = processor(text=list(given["texts"]), images=list(given["pictures"]), return_tensors="pt")
    out = model(**inputs)
assert "weft" not in sys.modules and "torchvision" not in sys.modules
print(np.abs(out.image_embeds.numpy() - given["image_embeddings"]).max())
print(np.abs(out.text_embeds.numpy() - given["text_embeddings"]).max())
"""


def test_the_model_opens_without_weft_and_embeds_the_same(toy_run, tmp_path):
    model = toy_run / "runs" / "shop" / "weave" / "model"
    collection = Collection(toy_run / "runs" / "shop" / "curate")
    embedder, texts = Embedder(encoders.load(model)), ["ruby orb on chalk", "Brio COBALT", ""]
    from weft.catalogue.images import decode

    np.savez(
        tmp_path / "given.npz", texts=np.asarray(texts), text_embeddings=embedder.texts(texts),
        pictures=np.stack([np.asarray(decode(collection.image(row))) for row in range(3)]),
        image_embeddings=embedder.images(collection, range(3)),
    )  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", PLAIN, str(model), str(tmp_path / "given.npz")],
        capture_output=True, text=True, cwd=tmp_path, check=False, env=os.environ | {"HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert all(float(line) < 1e-6 for line in done.stdout.splitlines()) and len(done.stdout.splitlines()) == 2


def test_a_base_of_another_architecture_is_named(toy_copy):
    """The tuned weights are of another size than the base: no interpolation, and no traceback."""
    tiny.encoder(image_size=24, hidden_size=16).save(toy_copy / "runs" / "shop" / "train" / "model")
    done = weft("weave", "shop.toml", "--set", "weave.full=true", folder=toy_copy)
    assert done.code == 2 and len(done.err.strip().splitlines()[-1]) > 50
    told = done.err.strip().splitlines()[-1]
    assert "cannot be interpolated" in told and "text_model." in told and "hidden_size" in told


def test_a_model_of_another_family_is_refused(toy_copy):
    folder = toy_copy / "other"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "bert", "architectures": ["BertModel"]}')
    done = weft("run", "shop.toml", "--set", f"base={folder}", folder=toy_copy)
    assert done.code == 2 and "'bert' model" in done.err and "siglip" in done.err


def test_baselines_enter_every_table_under_names_of_their_own(toy_run):
    recipe = load(toy_run / "shop.toml", ["baselines=['a/model', 'b/model', 'c/other', 'd/base']"])
    assert list(Pipeline(recipe).models()) == ["base", "tuned", "woven", "a/model", "b/model", "other", "d/base"]


def test_the_weave_stage_keeps_no_trial_models(toy_run):
    assert {p.name for p in (toy_run / "runs" / "shop" / "weave").iterdir()} == {"model", "alpha.json", "manifest.json"}
    weights = toy_run / "runs" / "shop" / "weave" / "model" / "model.safetensors"
    from safetensors.torch import load_file

    alpha = read_json(toy_run / "runs" / "shop" / "weave" / "alpha.json")["chosen"]
    ends = [load_file(toy_run / "runs" / p / "model" / weights.name) for p in ("base/weave", "shop/train")]
    for name, tensor in load_file(weights).items():
        assert torch.allclose(tensor, torch.lerp(ends[0][name], ends[1][name], alpha), atol=1e-7), name
