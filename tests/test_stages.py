"""What a stage is made from: a change makes again what depends on it, and nothing else."""

import contextlib
import os
import shutil

import pyarrow.parquet as pq
import pytest

import tiny
import tiny_recipe
from command import weft
from weft.artefact import Stage, file_key
from weft.errors import WeftError
from weft.pipeline import STAGES, Pipeline
from weft.recipe import load
from weft.stages import Stages


@pytest.mark.parametrize(
    ("recipe", "change", "again"),
    [
        ("shop", "weave.delta=0.5", {"weave": "weave.delta", "evaluate": "delta, weave", "report": "evaluate"}),
        (
            "base",
            "baselines=['runs/base/train/model']",
            {"evaluate": "baseline runs/base/train/model, baselines", "report": "evaluate"},
        ),
    ],
)
def test_a_change_makes_only_what_depends_on_it_again(toy_copy, recipe, change, again):
    done = weft("run", f"{recipe}.toml", "--set", change, folder=toy_copy)
    assert done.code == 0, done.err
    stages = dict(line.split(": ", 1) for line in done.err.splitlines() if line.startswith(STAGES))
    assert {name for name, said in stages.items() if "nothing changed" not in said} == set(again)
    for name, why in again.items():
        assert f"again ({why} changed)" in stages[name]


def test_texts_and_grades_are_an_input_by_the_one_file_that_is_read(tmp_path, monkeypatch):
    pipeline = Pipeline(load(tiny_recipe.recipe(tmp_path)))
    pipeline.curate()
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "texts").mkdir()
    for name in ("written.parquet", "grades.parquet"):
        (tmp_path / "texts" / name).write_bytes(name.encode())

    def read(given: str) -> list[str]:
        changes = [f"train.{name}='{given}'" for name in ("written", "grades")]
        inputs = Stages(load(tmp_path / "recipe.toml", changes)).train_stage().inputs
        return [inputs["written"], inputs["grades"]]

    before = read(str(tmp_path / "texts"))
    (tmp_path / "texts" / "write.json").write_text("{}")  # as weft write does at its end
    os.utime(tmp_path / "texts" / "written.parquet", (1, 1))
    assert read(str(tmp_path / "texts")) == read("~/texts") == before
    assert before == [file_key(tmp_path / "texts" / f"{name}.parquet") for name in ("written", "grades")]
    (tmp_path / "texts" / "grades.parquet").write_bytes(b"others")
    assert [a == b for a, b in zip(read("~/texts"), before, strict=True)] == [True, False]


def test_a_changed_table_makes_everything_again_from_curation(toy_copy):
    table = pq.read_table(toy_copy / "house.parquet")
    pq.write_table(table.slice(0, 300), toy_copy / "house.parquet")
    said = weft("curate", "shop.toml", folder=toy_copy).err
    assert "again (house.parquet changed)" in said and "300 rows" in said
    late = weft("report", "shop.toml", folder=toy_copy)
    assert late.code == 2 and "runs/shop/train was made from" in late.err and "`weft train` first" in late.err


def test_globs_and_image_folders_are_inputs(tmp_path):
    (tmp_path / "tables").mkdir()
    (tmp_path / "pictures").mkdir()
    for n in range(40):
        (tmp_path / "pictures" / f"{n}.png").write_bytes(tiny.jpeg(tiny.pictures(1, seed=n)[0]))
    for part in range(2):
        rows = "\n".join(f"{n},{n}.png,Thing {n}" for n in range(part, 40, 2))
        (tmp_path / "tables" / f"{part}.csv").write_text(f"id,image,title\n{rows}\n")
    (tmp_path / "r.toml").write_text(
        "base = 'demo'\n[[sources]]\npath = 'tables/*.csv'\nimage_folder = 'pictures'\n"
        "columns = { id = 'id', image = 'image', title = 'title' }\n[curate]\nzero_shot_share = 0.0"
    )
    assert weft("curate", "r.toml", folder=tmp_path).code == 0
    assert "nothing changed" in weft("curate", "r.toml", folder=tmp_path).err
    (tmp_path / "pictures" / "3.png").write_bytes(tiny.jpeg(tiny.pictures(1, seed=99)[0]))
    assert "again (pictures changed)" in weft("curate", "r.toml", folder=tmp_path).err
    with (tmp_path / "tables" / "1.csv").open("a") as table:
        table.write("40,0.png,Thing 40\n")
    assert "again (tables/1.csv changed)" in weft("curate", "r.toml", folder=tmp_path).err


def test_pictures_beside_a_table_are_inputs_and_training_needs_none_of_it(tmp_path):
    """A shop's table with paths and no `image_folder`; then the run's folder alone, as on a machine that trains."""
    (tmp_path / "photos").mkdir()
    for n in range(40):
        (tmp_path / "photos" / f"{n}.png").write_bytes(tiny.jpeg(tiny.pictures(1, seed=n)[0]))
    (tmp_path / "photos" / "7.png").rename(tmp_path / "7.png")
    rows = "\n".join(f"{n},photos/{n}.png,Thing {n}" for n in range(40))
    (tmp_path / "shop.csv").write_text(f"id,image,title\n{rows}\n")
    (tmp_path / "r.toml").write_text(
        "base = 'demo'\n[[sources]]\npath = 'shop.csv'\n"
        "columns = { id = 'id', image = 'image', title = 'title' }\n[curate]\nzero_shot_share = 0.0"
    )
    assert "39 kept + 1 skipped" in weft("curate", "r.toml", folder=tmp_path).err
    (tmp_path / "7.png").rename(tmp_path / "photos" / "7.png")
    said = weft("curate", "r.toml", folder=tmp_path).err
    assert "again (pictures beside shop.csv changed)" in said and "40 kept + 0 skipped" in said
    (tmp_path / "shop.csv").unlink()
    shutil.rmtree(tmp_path / "photos")
    done = weft("curate", "r.toml", folder=tmp_path)
    assert done.code == 0 and "nothing changed" in done.err and "not on this machine (shop.csv)" in done.err
    assert weft("curate", "r.toml", "--set", "seed=1", folder=tmp_path).code == 2


def test_a_stage_asked_for_too_early_says_what_to_run(tmp_path, toy_run):
    recipe = load(toy_run / "shop.toml", [f"out={tmp_path / 'new'}", f"base={toy_run / 'runs/base/weave/model'}"])
    for stage, before in (("train", "curate"), ("weave", "curate"), ("evaluate", "curate"), ("report", "curate")):
        with pytest.raises(WeftError, match=f"run `weft {before}` first"):
            getattr(Pipeline(recipe), stage)()


def test_a_baseline_of_this_disk_is_its_weights(toy_copy):
    """A hub id is a name alone: stages made before folders were looked at keep their keys."""
    other, files = toy_copy / "other", toy_copy / "runs" / "base" / "train" / "model"
    shutil.copytree(files, other / "0_Transformer")  # where sentence-transformers has them

    def stage(name: str, rule: str = "delta") -> Stage:
        changes = [f"baselines=['{other.as_posix()}', 'a/hub-id']", f"weave.rule='{rule}'"]
        return getattr(Stages(load(toy_copy / "shop.toml", changes)), f"{name}_stage")()

    with contextlib.chdir(toy_copy):
        before = [stage("weave"), stage("evaluate"), stage("weave", "margin")]
        named = [[key for key in one.inputs if key.startswith("baseline")] for one in before]
        assert named == [[], [f"baseline {other.as_posix()}"], [f"baseline {other.as_posix()}"]]
        tiny.encoder(seed=9).save(other / "0_Transformer")
        after = [stage("weave"), stage("evaluate"), stage("weave", "margin")]
    assert [one.key == two.key for one, two in zip(before, after, strict=True)] == [True, False, False]
