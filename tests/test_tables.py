"""Tables: every typo is refused by name, and what is accepted arrives with its type."""

import dataclasses

import pytest

from small_recipe import SMALL
from small_recipe import recipe as recipe  # the fixture
from weft.errors import WeftError
from weft.recipe import Train
from weft.tables import settings


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("epoch = 3", ["mine.toml", "'epoch'"]),
        ("[train]\nepoch = 3", ["mine.toml: train", "'epoch'", "'epochs'"]),
        ("[wieve]\ndelta = 1.0", ["'wieve'", "'weave'"]),
        ("[train]\nxyzzy = 3", ["'xyzzy'", "epochs"]),  # nothing is near: all are named
        ("[reference]\npath = 'x'", ["write [[reference]]"]),
        ("[[benchmarks]]\nname = 'b'\nsource = { pth = 'x' }", ["benchmarks[0]: source", "'pth'", "'path'"]),
    ],
)
def test_an_unknown_key_names_the_nearest_one_and_the_place(recipe, text, told):
    top, _, tables = text.partition("[")
    with pytest.raises(WeftError) as caught:
        recipe(top + "\n" + SMALL + ("[" + tables if tables else ""))
    assert all(word in str(caught.value) for word in told), caught.value


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("train.epochs='three'", "train: epochs: expected int"),
        ("train.epochs=3.5", "expected int"),
        ("train.flip=1", "expected bool"),
        ("train.lr=true", "expected float"),
        ("sources.0.columns.attributes={colour = 3}", "attributes.colour: expected str"),
        ("sources.0.keep_brands=[0.5]", "expected 2 values"),
        ("train.positive_weights=[0, 'a', 1, 1]", "positive_weights[1]: expected float"),
        ("train=3", "train: expected a table"),
        ("baselines='one'", "baselines: expected"),
        ("weave.rule='detla'", "'delta', 'margin'"),
        ("pairs.short='titel'", "'title'"),
        ("train.precision='fp16'", "'auto', 'bf16', 'fp32'"),
    ],
)
def test_a_wrong_type_or_word_says_what_is_expected(recipe, override, told):
    with pytest.raises(WeftError) as caught:
        recipe(SMALL, override)
    assert told in str(caught.value) and "mine.toml" in str(caught.value), caught.value


def test_how_a_training_is_computed_is_no_part_of_its_key(recipe):
    plain = recipe()
    other = recipe(SMALL, "train.compile=true", "train.checkpointing=true", "train.checkpoint_every=20")
    assert other.train.compile and settings(other.train) == settings(plain.train)
    assert settings(plain.train)["compile"] is False, "as older folders have it"
    assert settings(plain.train)["checkpoint_every"] == 200, "as older folders have it"


def test_a_later_setting_is_part_of_a_key_only_where_it_is_used(recipe):
    """A folder that was made before the setting existed stays valid for whoever does not use it."""
    plain, used = recipe(), recipe(SMALL, "train.lora_rank=8", "weave.towers=true")
    later = {field.name for field in dataclasses.fields(Train) if field.metadata.get("later")}
    assert {"lora_rank", "weave_alpha"} <= later and "epochs" not in later
    assert not later & settings(plain.train).keys() and "towers" not in settings(plain.weave)
    assert later & settings(used.train).keys() == {"lora_rank"} and settings(used.weave)["towers"] is True
    assert settings(plain.train)["lr"] == plain.train.lr  # an older one always is


def test_overrides(recipe):
    loaded = recipe(SMALL, "train.epochs=9", "train.lr=1", "base=some/model", "sources.0.limit=5", "weave.full=true")
    assert (loaded.train.epochs, loaded.base, loaded.sources[0].limit, loaded.weave.full) == (9, "some/model", 5, True)
    assert loaded.train.lr == 1.0 and type(loaded.train.lr) is float
    assert recipe(SMALL, "data=").data == ""


@pytest.mark.parametrize("override", ["train.epochs", "sources.5.path=x", "sources.x.path=y", "base.deep.er=1"])
def test_an_override_that_leads_nowhere(recipe, override):
    with pytest.raises(WeftError, match="override"):
        recipe(SMALL, override)


def test_an_override_is_checked_like_the_file(recipe):
    with pytest.raises(WeftError, match="'epochs'"):
        recipe(SMALL, "train.epoch=9")


def test_settings_are_plain_data(recipe):
    plain = settings(recipe(SMALL).sources[0])
    assert plain["columns"]["attributes"] == {} and plain["path"].startswith("demo:")
