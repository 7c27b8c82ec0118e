"""Weaving in its variants: an alpha for each tower, bent by depth, and merged models, on a drawn catalogue."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import tiny_recipe
from weft import encoders, merge, sweep
from weft.benchmarks.record import Retrieval
from weft.embed import Embedder, Passes
from weft.encoders.registry import KNOWN, KnownModel
from weft.errors import WeftError
from weft.evaluate import embed_task, score
from weft.pipeline import Pipeline
from weft.recipe import load
from weft.weave import weave
from weft.weights import interpolate

MORE = ["curate.dev_share=0.3", "curate.test_share=0.1", "train.epochs=2", "weave.grid=3", "weave.delta=1.0"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The arguments of `load` for a recipe that is trained, and that pipeline."""
    path = tiny_recipe.recipe(tmp_path_factory.mktemp("weave"))
    pipeline = Pipeline(load(path, MORE))
    pipeline.curate()
    pipeline.train()
    return path, pipeline


def woven(trained, *settings: str) -> tuple[dict, dict[str, torch.Tensor], Pipeline]:
    """alpha.json and the weights under these settings."""
    pipeline = Pipeline(load(trained[0], [*MORE, *settings]))
    shutil.rmtree(pipeline.folder / "weave", ignore_errors=True)
    pipeline.weave()
    folder = pipeline.folder / "weave"
    assert not list(folder.glob("trial*"))
    return json.loads((folder / "alpha.json").read_text()), load_file(folder / "model" / "model.safetensors"), pipeline


def test_the_margin_rule_asks_a_baseline_with_its_own_prefix(trained, monkeypatch):
    place, asked = str(trained[1].base_folder), []
    monkeypatch.setitem(KNOWN, "asks", KnownModel(place, "transformers", 1, "", query_prefix="a photo of a "))

    def spy(task, embedder, prefix=""):
        asked.append(prefix)
        return embed_task(task, embedder, prefix)

    monkeypatch.setattr("weft.weave.embed_task", spy)
    _, _, pipeline = woven(trained, "weave.rule='margin'", f"baselines=['{place}']")
    tasks = len(pipeline.tasks("dev"))
    assert asked[:tasks] == [""] * tasks, "the base, which says what counts"
    assert asked[tasks : 2 * tasks] == ["a photo of a "] * tasks and set(asked[2 * tasks :]) <= {""}


def test_an_alpha_for_each_tower(trained, tmp_path):
    record, weights, pipeline = woven(trained, "weave.towers=true")
    base, tuned = pipeline.base_folder, pipeline.folder / "train" / "model"
    tasks = pipeline.tasks("dev")
    assert len(record["surface"]) == 9 and [step["alpha"] for step in record["curve"]] == [0.0, 0.5, 1.0]
    step = next(s for s in record["surface"] if (s["image"], s["text"]) == (0.5, 1.0))
    interpolate(base, tuned, {"image": 0.5, "text": 1.0, "head": 0.3}, tmp_path / "one")  # the head ranks nothing
    one = Embedder(encoders.load(tmp_path / "one"))
    for task in tasks:
        true = score(task, *embed_task(task, one)).values[task.primary].mean()
        assert step["tasks"][task.name]["score"] == pytest.approx(true, abs=1e-9)
    best = max(record["surface"], key=lambda s: (round(s["in_domain"], 9), -s["image"] - s["text"]))
    assert record["towers"] == {"image": best["image"], "text": best["text"]}
    assert record["chosen"] == pytest.approx(sum(record["towers"].values()) / 2)
    assert f"{best['text']:g} for the text tower" in record["note"]
    interpolate(base, tuned, record["towers"] | {"head": record["chosen"]}, tmp_path / "two")
    expected = load_file(tmp_path / "two" / "model.safetensors")
    assert all(torch.equal(weights[name], tensor) for name, tensor in expected.items())


def test_alphas_in_between_are_embedded_once_where_they_are_kept(trained, tmp_path, monkeypatch):
    _, pipeline = trained
    tuned, tasks = pipeline.folder / "train" / "model", pipeline.tasks("dev")
    scalar = load(trained[0], [*MORE, "weave.full=true"])
    weave(scalar, tuned, tasks, tmp_path / "cache", tmp_path / "first", tmp_path / "cache")
    monkeypatch.setattr(Passes, "_forward", lambda *_: pytest.fail("embedded again"))
    towers = load(trained[0], [*MORE, "weave.towers=true"])
    weave(towers, tuned, tasks, tmp_path / "cache", tmp_path / "towers", tmp_path / "cache")
    curves = [json.loads((tmp_path / name / "alpha.json").read_text())["curve"] for name in ("first", "towers")]
    first, towers = ([step["in_domain"] for step in curve] for curve in curves)
    assert first == towers and len(first) == 3


def test_the_places_lead_from_base_to_tuned(trained):
    _, pipeline = trained
    base, tuned = (Embedder(encoders.load(m)) for m in (pipeline.base_folder, pipeline.folder / "train" / "model"))
    places, rows = sweep.of_towers(pipeline.tasks("dev")[:1], base, tuned, None, np.asarray([0.0, 1.0]))
    assert places == [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)]
    for place, embedder in ((0, base), (3, tuned)):
        for task in pipeline.tasks("dev")[:1]:
            true = score(task, *embed_task(task, embedder)).values[task.primary]
            assert np.array_equal(rows[place][task.name], true)


def test_a_bend_by_depth_is_measured_and_written(trained, tmp_path):
    record, weights, pipeline = woven(trained, "weave.depth=0.7", "weave.full=true")
    tuned = pipeline.folder / "train" / "model"
    interpolate(pipeline.base_folder, tuned, record["chosen"], tmp_path / "bent", depth=0.7)
    expected = load_file(tmp_path / "bent" / "model.safetensors")
    assert all(torch.equal(weights[name], tensor) for name, tensor in expected.items())
    interpolate(pipeline.base_folder, tuned, 0.5, tmp_path / "half", depth=0.7)
    embedder = Embedder(encoders.load(tmp_path / "half"))
    for task in pipeline.tasks("dev"):
        true = score(task, *embed_task(task, embedder)).values[task.primary].mean()
        assert record["curve"][1]["tasks"][task.name]["score"] == pytest.approx(true, abs=1e-9)


@pytest.mark.parametrize(("known", "chosen"), [(0.3, 1.0), (1.0, 0.0)])
def test_a_benchmark_that_does_not_count_has_no_part_in_the_choice(trained, tmp_path, known, chosen):
    """By hand: in domain the tuned model alone finds the answers. Of the benchmark's, the base alone finds the known
    share, and nobody the others. Chance is 10 / 48, so 0.3 is below twice that."""
    _, pipeline = trained
    tuned, task = pipeline.folder / "train" / "model", pipeline.tasks("dev")[0]
    models = [Embedder(encoders.load(model)) for model in (pipeline.base_folder, tuned)]
    ranked = [score(task, *embed_task(task, model)).ranking[:, :10].tolist() for model in models]
    first, second = ([set(row) for row in rows] for rows in ranked)
    gained, lost = ([min(a - b) for a, b in zip(*ends, strict=True)] for ends in ((second, first), (first, second)))
    neither = [min(set(range(48)) - a - b) for a, b in zip(first, second, strict=True)]
    unfound = [gone if place < known * len(lost) else neither[place] for place, gone in enumerate(lost)]

    def asking(rows: list[int], **more) -> Retrieval:
        return dataclasses.replace(task, relevant=[(np.asarray([row]), np.asarray([3.0])) for row in rows], **more)

    tasks = [asking(gained), asking(unfound, name="photos", domain="out-of-domain")]
    recipe = load(trained[0], [*MORE, "weave.delta=0.0", "weave.grid=2"])
    weave(recipe, tuned, tasks, tmp_path / "cache", tmp_path / "out")
    record = json.loads((tmp_path / "out" / "alpha.json").read_text())
    assert record["chosen"] == chosen
    assert ("photos decided nothing: the base is below twice chance" in record["note"]) == (known < 1)
    if known < 1:
        recipe = load(trained[0], [*MORE, "weave.mean_delta=-0.01"])
        with pytest.raises(WeftError, match="nothing counts in it: photos decided nothing"):
            weave(recipe, tuned, tasks, tmp_path / "cache", tmp_path / "none")


@pytest.mark.parametrize("rule", ["average", "stock"])
def test_a_soup_is_merged_then_woven(trained, tmp_path, rule):
    _, first = trained
    base, tuned, other = first.base_folder, first.folder / "train" / "model", tmp_path / "other"
    interpolate(base, tuned, 0.4, other)  # stands for a run by another seed
    _, _, pipeline = woven(trained, f"weave.soup=['{other.as_posix()}']", f"weave.soup_rule='{rule}'")
    merged = pipeline.folder / "weave" / "tuned"
    if rule == "stock":
        merge.model_stock(base, [tuned, other], tmp_path / "merged")
    else:
        merge.average([tuned, other], tmp_path / "merged")
    expected = load_file(tmp_path / "merged" / "model.safetensors")
    got = load_file(merged / "model.safetensors")
    assert all(torch.equal(got[name], tensor) for name, tensor in expected.items())
    assert pipeline.models()["tuned"] == str(merged) and (merged / "weft_trained_on.parquet").exists()
    key = pipeline.weave_stage().key
    interpolate(base, tuned, 0.6, other)
    assert pipeline.weave_stage().key != key  # another model is another soup
    shutil.rmtree(other)
    with pytest.raises(WeftError):
        pipeline.weave()
