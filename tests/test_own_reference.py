"""A recipe's own `[[reference]]`: a stage of its own, learnt along, without what queries ask for."""

import dataclasses
import json

import numpy as np
import pyarrow.parquet as pq
import pytest

import tiny_recipe
from weft.catalogue.collection import Collection
from weft.errors import WeftError
from weft.pipeline import Pipeline
from weft.recipe import load


@pytest.fixture
def with_reference(tmp_path):
    """A recipe of 48 studio products and 24 street ones to go on with; three steps."""
    path = tiny_recipe.recipe(tmp_path, epochs=1)
    path.write_text(path.read_text() + '[[reference]]\npath = "demo:street?products=24&seed=3&size=32"\n')
    own = ["train.reference=own", "train.reference_batch=8", "train.replay_weight=1", "curate.near_duplicates=true"]
    return lambda *changes: Pipeline(load(path, [*own, *changes]))


def test_a_recipe_s_own_reference_is_curated_and_learnt_along(with_reference):
    pipeline = with_reference()
    pipeline.run("train")
    reference = Collection(pipeline.folder / "reference")
    assert len(reference) == 24 and set(reference.split) == {"train"}
    lines = [json.loads(line) for line in (pipeline.folder / "train" / "log.jsonl").read_text().splitlines()]
    assert len(lines) == 3 and all(line["reference"] >= 0 and line["replay"] > 0 for line in lines)
    seen = pq.read_table(pipeline.folder / "train" / "model" / "weft_trained_on.parquet")["product_id"].to_pylist()
    assert {product.id for product in reference.products} < set(seen), "audits know that these were trained on"
    (other,) = with_reference("train.lr=2e-3").recipe.reference
    moved = dataclasses.replace(pipeline.recipe, reference=(dataclasses.replace(other, limit=20),))
    assert not Pipeline(moved).reference_stage().done() and Pipeline(moved).curate_stage().done()


def test_what_is_asked_for_is_left_out_of_the_reference(with_reference, tmp_path):
    """Where it is the shop itself, all but what the shop is trained on is refused; where it is a benchmark, all."""
    shares = ("curate.dev_share=0.2", "curate.test_share=0.2")
    other = "benchmarks=[{name = 'street', source = {path = 'demo:street?products=30&seed=8&size=32'}}]"
    reference = "reference=[{path = 'demo:studio?products=48&size=32', id_prefix = 'r-'}]"
    pipeline = with_reference(reference, *shares, "name=street", other, "curate.near_duplicates=false")
    pipeline.curate()
    own, reference = (Collection(pipeline.folder / part) for part in ("curate", "reference"))
    held = {f"r-{own.products[row].id}" for row in np.flatnonzero(own.split != "train")}
    assert (pipeline.recipe.name, pipeline.recipe.curate.near_duplicates) == ("street", False), "neither may matter"
    dropped = {reference.products[row].id for row in np.flatnonzero(reference.split == "dropped")}
    assert len(held) > 5 and held <= dropped and (reference.split == "train").sum() > 20
    source = "{path = 'demo:street?products=24&seed=3&size=32'}"
    asked = with_reference(f"benchmarks=[{{name = 'street', source = {source}}}]", f"out={tmp_path / 'other'}")
    with pytest.raises(
        WeftError, match=r"\[\[reference\]\]: of 24 rows of demo:street.* 0 were skipped and 24 are asked for"
    ):
        asked.curate()


def test_a_reference_that_nobody_reads_is_told(with_reference, capsys):
    pipeline = with_reference("train.reference=''", "train.replay_weight=0")
    pipeline.run("train")
    assert "[[reference]] is left alone; train.reference = 'own' would read it" in capsys.readouterr().err
    assert "replay" not in (pipeline.folder / "train" / "log.jsonl").read_text()


def test_a_reference_folder_that_is_none_is_told(with_reference):
    pipeline = with_reference("train.reference=ownn")
    pipeline.curate()
    with pytest.raises(WeftError, match=r"train.reference = 'ownn' is no finished curate folder; 'own' is"):
        pipeline.train()


def test_a_borrowed_benchmark_that_changed_makes_the_reference_again(with_reference, tmp_path):
    def earlier(seed: int) -> None:
        shares = ("curate.dev_share=0.3", "curate.test_share=0.3", "train.reference=''", "train.replay_weight=0")
        with_reference(*shares, f"out={tmp_path / 'earlier'}", f"seed={seed}").curate()

    earlier(1)
    borrowed = f"benchmarks=[{{name = 'earlier', collection = '{tmp_path / 'earlier' / 'curate'}'}}]"
    pipeline = with_reference(borrowed)
    pipeline.curate()
    assert pipeline.reference_stage().done()
    folder = with_reference(borrowed, f"train.reference={tmp_path / 'earlier' / 'curate'}").train_stage().key
    earlier(2)
    assert not with_reference(borrowed).reference_stage().done()
    again = with_reference(borrowed, f"train.reference={tmp_path / 'earlier' / 'curate'}").train_stage()
    assert again.key != folder and again.inputs["earlier"] != "", "what a folder leaves out depends on it, too"


def test_no_test_query_is_no_reason_to_stop(with_reference):
    """What curation said is that there will be no verdict."""
    pipeline = with_reference("curate.dev_share=0.2", "weave.grid=2", "train.epochs=1")
    pipeline.run()
    assert (pipeline.folder / "report" / "report.html").exists()
    assert "The reference" in (pipeline.folder / "report" / "report.html").read_text()
