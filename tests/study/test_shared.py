"""Trainings share what they read: a catalogue by a link, the base's embeddings by a second name of one file."""

import numpy as np
import pytest

from weft.artefact import Stage
from weft.catalogue.collection import Collection
from weft.errors import WeftError
from weft.recipe import load
from weft.study.lab import Lab
from weft.study.shared import TARGETS, Lending, Run

RECIPE = """
base = "demo"
[curate]
zero_shot_share = 0.0
dev_share = 0.3
test_share = 0.3
near_duplicates = false
[[sources]]
path = "demo:studio?products=12&seed=1"
"""


@pytest.fixture
def lab(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop.toml").write_text(RECIPE)
    return Lab(tmp_path / "study", load("shop.toml"))


def test_targets_are_embedded_once_and_lent(tmp_path):
    made, store = [], tmp_path / "targets" / "key.npy"

    def work(folder):
        if not (folder / TARGETS).exists():
            made.append(folder)
            np.save(folder / TARGETS, np.arange(3))

    for name in ("a", "b", "a"):
        Lending(tmp_path / name / "train", {"lr": name}, {}, store).run(work)
    assert len(made) == 1 and np.load(tmp_path / "b" / "train" / TARGETS).tolist() == [0, 1, 2]
    assert store.samefile(tmp_path / "a" / "train" / TARGETS), "a second name, not a second file"
    assert Stage(tmp_path / "b" / "train", {"lr": "b"}, {}).done(), "a plain stage sees no difference"


def test_seeds_of_a_row_share_the_catalogue_and_other_sources_do_not(lab):
    one, two = (load("shop.toml", [f"seed={seed}", "train.lr=1e-3"]) for seed in (1, 2))
    assert lab.catalogue(one) is lab.catalogue(two) is lab.catalogue(lab.recipe)
    assert lab.catalogue(one).recipe.seed == 0
    other = load("shop.toml", ["sources.0.path=demo:studio?products=30&seed=1"])
    assert lab.catalogue(other) is not lab.catalogue(one)


def test_a_borrowed_stage_is_a_link_that_moves_along(lab, tmp_path):
    run = Run(load("shop.toml", ["out=study/train/k"]), lab)
    for target in ("first", "second"):
        (tmp_path / "study" / target / "curate").mkdir(parents=True)
        (tmp_path / "study" / target / "curate" / "name").write_text(target)
        run.borrow("curate", tmp_path / "study" / target)
        run.borrow("curate", tmp_path / "study" / target)
        assert (run.folder / "curate" / "name").read_text() == target
    (tmp_path / "study").rename(tmp_path / "moved")
    assert (tmp_path / "moved" / "train" / "k" / "curate" / "name").read_text() == "second"


def test_a_row_must_not_train_on_what_the_study_asks_for(lab):
    lab.catalogue(lab.recipe).curate()
    ours = Collection(lab.curated)
    assert {"dev", "test", "train"} <= set(ours.split)
    leaky = Run(load("shop.toml", ["curate.test_share=0.0", "curate.dev_share=0.3"]), lab)
    leaky.catalogue.curate()
    with pytest.raises(WeftError, match=r"products that this row trains on are asked for.*train_only"):
        lab._refuse_leaks(leaky)
    more = """sources = [{ path = "demo:studio?products=12&seed=1" },
      { path = "demo:studio?products=6&seed=9", id_prefix = "more-", train_only = true }]"""
    sound = Run(load("shop.toml", [more]), lab)
    sound.catalogue.curate()
    lab._asked.add(ours.products[np.flatnonzero(ours.split == "train")[0]].id)  # all rows train on this one
    lab._refuse_leaks(sound)
    assert (Collection(sound.catalogue.folder / "curate").split == "train").sum() == (ours.split == "train").sum() + 6


def test_a_row_s_own_reference_is_shared_and_holds_nothing_that_the_study_asks_for(lab):
    """The row leaves out the study's second shop, and would go on with its pictures instead."""
    general = "[{ path = 'demo:street?products=30&seed=2' }]"
    both = f"sources=[{{ path = 'demo:studio?products=12&seed=1' }}, {general[1:-3]}, id_prefix = 'street-' }}]"
    study = Lab(lab.folder, load("shop.toml", [both]))
    study.catalogue(study.recipe).curate()
    own = [f"reference={general}", "train.reference=own"]
    rows = [Run(load("shop.toml", [*own, f"train.lr={lr}", f"out=study/train/{lr}"]), study) for lr in ("1e-3", "1e-4")]
    rows[0].catalogue.curate()
    assert not (rows[0].catalogue.folder / "reference").exists()
    for run in rows:
        run.borrow("curate", run.catalogue.folder)
        run.curate_reference()
    made = (rows[0].reference_folder / "manifest.json").stat().st_mtime_ns
    other_seed = Run(load("shop.toml", [*own, "seed=9", "out=study/train/seed"]), study)
    other_seed.borrow("curate", other_seed.catalogue.folder)
    other_seed.curate_reference()
    assert (other_seed.reference_folder / "manifest.json").stat().st_mtime_ns == made, "seeds are seeds of training"
    assert (
        rows[0].reference_folder == rows[1].reference_folder
        and rows[0].reference_folder.parent == study.folder / "references"
    )
    asked = Collection(study.curated)
    held = {asked.products[row].id for row in np.flatnonzero(asked.split != "train")} - {
        p.id for p in asked.products[:12]
    }
    reference = Collection(rows[0].reference_folder)
    trained = {f"street-{reference.products[row].id}" for row in np.flatnonzero(reference.split == "train")}
    assert len(held) > 10 and trained and not trained & held
