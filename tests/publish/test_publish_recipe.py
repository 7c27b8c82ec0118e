"""The recipe comes back from the manifests: what is read again is what was run."""

import dataclasses
import json

import pytest
from finished import plain

from weft.publish.recipe import toml_of
from weft.publish.run import Run
from weft.recipe import Recipe, load
from weft.tables import settings

TEXT = """
name = "sh\\"op"
base = "new:siglip"
seed = 11
baselines = ["clip-b32"]
[[sources]]
path = "hf:someone/something"
split = "train"
columns = { id = "sku", title = "na me", attributes = { "b c" = "d", colour = "é" } }
where = { gender = "women" }
[[sources]]
path = "demo:studio?products=10"
limit = 5
[query_log]
path = "log.csv"
[[reference]]
path = "general.parquet"
columns = { image = "image", title = "caption" }
[[benchmarks]]
name = "by kind"
task = "class"
prompt = "a photo of a {}."
names = { dress = "a dress" }
source = { path = "x.parquet", columns = { category = "label" } }
[[benchmarks]]
name = "earlier"
collection = "runs/base/curate"
[curate]
near_duplicates = false
test_share = 0.25
[pairs]
long = ""
order = ["brand"]
[new]
hidden_size = 64
[train]
lr = 1e-3
negative_weights = [1.0, 1.0, 0.25, 0.0]
[weave]
rule = "margin"
full = true
"""


def run_of(recipe: Recipe, tmp_path) -> Run:
    """Manifests as the pipeline writes them."""
    names = ("sources", "query_log", "reference", "curate", "pairs")
    curate = {name: plain(getattr(recipe, name)) for name in names}
    curate["benchmarks"] = [plain(dataclasses.replace(b, prompt="", names={})) for b in recipe.benchmarks]
    train = {"train": settings(recipe.train), "pairs": settings(recipe.pairs), "base": recipe.base}
    prompts = {b.name: (b.prompt, b.names) for b in recipe.benchmarks if b.task == "class"}
    parts = {
        "curate": curate, "train": train | {"new": settings(recipe.new)}, "weave": {"weave": settings(recipe.weave)},
        "evaluate": {"baselines": recipe.baselines, "prompts": prompts},
    }  # fmt: skip
    manifests = {stage: {"settings": part | {"seed": recipe.seed}} for stage, part in parts.items()}
    return Run(tmp_path, json.loads(json.dumps(manifests)), {"recipe": recipe.name, "seed": recipe.seed}, {}, {})


def again(text: str, tmp_path) -> tuple[Recipe, Recipe]:
    (tmp_path / "one.toml").write_text(text, encoding="utf-8")
    first = load(tmp_path / "one.toml")
    (tmp_path / "two.toml").write_text(toml_of(run_of(first, tmp_path)), encoding="utf-8")
    return first, load(tmp_path / "two.toml")


def test_everything_comes_back(tmp_path):
    first, second = again(TEXT, tmp_path)
    assert first == second


@pytest.mark.parametrize("local", ['local = "/srv/here.parquet"\npath = "hf:a/b"', 'local = "/srv/here.parquet"'])
def test_a_local_copy_is_named_by_the_place_that_others_have(tmp_path, local):
    """As long as its columns are the hub's own; else only the copy's bare name can be right."""
    text = f'base = "demo"\ndata = "/mnt/data"\n[[sources]]\n{local}\n'
    _, second = again(text, tmp_path)
    assert second.sources[0].path == ("hf:a/b" if "hf:" in local else "here.parquet")
    _, second = again(text + 'local_columns = { id = "i" }\n', tmp_path)
    assert second.sources[0].path == "here.parquet" and second.sources[0].columns.id == "i"


@pytest.mark.parametrize(
    ("base", "told"),
    [
        ("new:siglip", ""),
        ("demo", "demo"),
        ("siglip2-base-384", "google/siglip2-base-patch16-384"),
        ("someone/something", "someone/something"),
        ("/mnt/models/ours", "ours"),
        ("/mnt/runs/shop-base/train/model", "shop-base"),
    ],
)
def test_a_base_is_called_what_others_can_find(tmp_path, base, told):
    assert run_of(Recipe("x", base), tmp_path).base == told
