"""Recipes: what could not work is refused at once, and sources are read from where they lie."""

import math
from pathlib import Path

import pytest

from small_recipe import SMALL
from small_recipe import recipe as recipe  # the fixture
from weft.catalogue.sources.spec import Columns
from weft.errors import WeftError
from weft.recipe import RANGES, Recipe, load

RECIPES = sorted((Path(__file__).parents[1] / "recipes").glob("*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_shipped_recipe_loads(path):
    loaded = load(path)
    assert loaded.sources and loaded.name
    for benchmark in loaded.benchmarks:
        assert benchmark.collection or benchmark.source.place


def test_there_are_shipped_recipes():
    assert {"demo", "demo_base", "kagl", "kagl_base", "kagl_paper"} <= {path.stem for path in RECIPES}


def test_defaults_and_the_file_s_name(recipe):
    loaded = recipe()
    assert loaded.name == "mine" and loaded.folder == Path("runs/mine")
    assert loaded.train == Recipe(name="", base="").train
    assert loaded.sources[0].path == "demo:studio?products=10"


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (["curate.dev_share=0.6", "curate.test_share=0.4"], "nothing to train on"),
        (["train.positive_weights=[1.0]"], "four numbers"),
        (["pairs.short=''", "pairs.long=''"], "both empty"),
        (["benchmarks=[{name = 'b'}]"], "either `source` or `collection`"),
        (["benchmarks=[{name = 'a', collection = 'x'}, {name = 'a', collection = 'y'}]"], "two benchmarks"),
        (["benchmarks=[{name = '../b', collection = 'x'}]"], "'../b'"),
        (["benchmarks=[{name = '', collection = 'x'}]"], "''"),
        (["benchmarks=[{name = 'b', collection = 'x', dev_share = 0.0}]"], "both dev and test"),
        (["benchmarks=[{name = 'b', collection = 'x', prompt = 'a photo'}]"], "{}"),
        (["sources=[]"], "[[sources]]"),
        (["sources=[{path = 'x', limit = -1}]"], "sources.limit is -1"),
        (["sources=[{path = 'x', share = 10}]"], "sources.share is 10; it must be above 0 and at most 1"),
        (
            ["sources=[{path = 'x'}, {path = 'y'}]"],
            "x and y have no columns.id, so both would call their first product",
        ),
        (["train.ema=1"], "train.ema is 1"),
        (["train.lr=inf"], "train.lr is inf"),
        (["train.weight_decay=nan"], "train.weight_decay is nan"),
        (["train.l2sp=inf"], "train.l2sp is inf"),
        (["train.negative_weights=[1, 1, -0.5, 0]"], "negative_weights is [1.0, 1.0, -0.5, 0.0]"),
        (["train.positive_weights=[0, 0, 0, nan]"], "at least 0 and at most 1"),
        (["train.positive_weights=[0, 0, 0, 0]"], "no pair would be learnt"),
        (["train.lora_alpha=16"], "train.lora_rank"),
        (
            ["sources.0.columns.attributes={Title = 'sub'}"],
            "mine.toml: sources[0]: columns: an attribute cannot be called 'Title'",
        ),
        (["sources.0.columns.attributes={'a=b' = 'sub'}"], "'a=b'"),
        (["train.clip=0"], "train.clip is 0"),
        (["train.epochs=3", "train.probe_epochs=3"], "3 of 3 epochs"),
        (["train.ema=0.9", "train.average_from=0.5"], "two ways"),
        (["train.weave_alpha=[0.0, 1.0]"], "train.weave_alpha is [0, 1]"),
        (["train.weave_alpha=[0.8, 0.4]"], "train.weave_alpha is [0.8, 0.4]"),
        (["train.lora_rank=8", "train.l2sp=0.1"], "train.l2sp does not go with"),
        (["train.lora_rank=8", "train.weave_alpha=[0.5, 1.0]"], "train.weave_alpha does not go with"),
        (["weave.soup_rule='stock'"], "weave.soup"),
        (["train.reference=own"], "[[reference]]"),
        (["train.vicreg_weight=1", "train.batch=1"], "set train.batch to two or more"),
        (["train.replay_weight=1"], "name some in train.reference"),
        (["train.reference=x", "train.reference_weight=0"], "read by nothing"),
        (["reference=[{path = 'x', limit = -1}]"], "reference.limit is -1"),
    ],
)
def test_what_would_fail_after_hours_is_refused_at_once(recipe, overrides, told):
    with pytest.raises(WeftError) as caught:
        recipe(SMALL, *overrides)
    assert told in str(caught.value), caught.value


@pytest.mark.parametrize("name", RANGES)
def test_ranges(recipe, name):
    low, high = RANGES[name]
    for value in [low - 1] + [high + 1] * (high < math.inf):
        with pytest.raises(WeftError, match=f"{name} is {value:g}"):
            recipe(SMALL, f"{name}={value}")
    part, _, key = name.rpartition(".")
    loaded = recipe(SMALL, f"{name}={low}")
    assert getattr(getattr(loaded, part) if part else loaded, key) == low


def test_missing_and_unreadable(tmp_path, recipe):
    with pytest.raises(WeftError, match=r"mine.toml: missing base"):
        recipe("name = 'x'")
    with pytest.raises(WeftError, match="not valid TOML"):
        recipe("base = = 3")
    with pytest.raises(WeftError, match="there is no recipe"):
        load(tmp_path / "none.toml")
    with pytest.raises(WeftError, match="cannot read"):
        load(tmp_path)
    (tmp_path / "bytes.toml").write_bytes(b"base = '\xff'")
    with pytest.raises(WeftError, match="not valid TOML"):
        load(tmp_path / "bytes.toml")


LOCAL = """
base = "demo"
[[sources]]
path = "hf:owner/name"
local = "a/table.parquet"
columns = { image = "image", title = "hub_title" }
local_columns = { image = "picture" }
[[sources]]
path = "demo:studio"
[query_log]
path = "hf:owner/log"
local = "log.csv"
[[benchmarks]]
name = "b"
source = { path = "hf:owner/other", local = "b.parquet", columns = { title = "t" } }
[[reference]]
path = "hf:owner/general"
local = "c.parquet"
"""


def places_of(loaded) -> list[str]:
    sources = (*loaded.sources, loaded.query_log, loaded.benchmarks[0].source, *loaded.reference)
    return [source.place for source in sources]


def test_without_data_the_addresses_are_read(recipe):
    loaded = recipe(LOCAL)
    addresses = ["hf:owner/name", "demo:studio", "hf:owner/log", "hf:owner/other", "hf:owner/general"]
    assert places_of(loaded) == addresses
    assert loaded.sources[0].columns.title == "hub_title"


def test_with_data_the_local_copies_are_read_with_their_columns(recipe):
    loaded = recipe(LOCAL, "data=/somewhere")
    inside = [str(Path("/somewhere") / name) for name in ("a/table.parquet", "log.csv", "b.parquet", "c.parquet")]
    assert places_of(loaded) == [inside[0], "demo:studio", *inside[1:]]
    assert loaded.sources[0].columns == Columns(image="picture")
    assert loaded.benchmarks[0].source.columns.title == "t"  # no local_columns: the same ones hold


def test_a_source_with_local_alone_needs_no_data_folder(recipe):
    text = LOCAL.replace('path = "hf:owner/name"\n', "")
    assert recipe(text).sources[0].place == "a/table.parquet"
