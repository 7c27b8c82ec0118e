"""Which parameters are trained, in which group and at which rate."""

import copy
from itertools import pairwise

import pytest

import tiny
from weft import encoders, rates
from weft.options import Train


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Family -> a pico encoder of two layers a tower."""
    folder = tmp_path_factory.mktemp("models")
    return {"siglip": tiny.encoder(), "clip": encoders.load(str(tiny.clip(folder / "clip")))}


def groups_of(encoder, settings: Train) -> dict[str, dict]:
    """Parameter's name -> its group; each is in one."""
    names = {id(parameter): name for name, parameter in encoder.model.named_parameters()}
    groups = rates.parameter_groups(encoder, settings)
    members = [(names[id(p)], group) for group in groups for p in group["params"]]
    assert len({name for name, _ in members}) == len(members)
    return dict(members)


def test_parameter_groups(made):
    encoder = copy.deepcopy(made["siglip"])
    settings = Train(lr=1e-3, image_lr=0.1, text_lr=2.0, head_lr=5.0, weight_decay=0.2)
    found, named = groups_of(encoder, settings), dict(encoder.model.named_parameters())
    assert found.keys() == named.keys()
    expected = {"image": 1e-4, "text": 2e-3, "head": 5e-3}
    for tower, own in encoder.towers().items():
        for name in own:
            vector = named[name].ndim < 2
            assert found[name]["peak"] == found[name]["lr"] == pytest.approx(expected[tower])
            assert found[name]["weight_decay"] == (0.0 if vector or tower == "head" else 0.2)


@pytest.mark.parametrize("family", ["siglip", "clip"])
def test_lower_layers_learn_slower(made, family):
    """Of two layers: the head 1, layer 1 a half, layer 0 a quarter, embeddings an eighth of their tower's rate."""
    found = groups_of(copy.deepcopy(made[family]), Train(lr=1.0, text_lr=0.1, layer_decay=0.5))
    for name, group in found.items():
        share = 1.0
        for part, value in {
            ".layers.1.": 0.5,
            ".layers.0.": 0.25,
            ".embeddings.": 0.125,
            ".pre_layrnorm.": 0.125,
        }.items():
            share = value if part in name else share
        assert group["peak"] == pytest.approx(share * (0.1 if name.startswith("text") else 1.0)), name
    assert len({group["peak"] for group in found.values()}) == 8  # four a tower; the head shares the image tower's 1


def test_a_frozen_tower_has_no_dropout_either(made):
    encoder = copy.deepcopy(made["clip"])
    encoder.model.train()
    rates.parameter_groups(encoder, Train(image_lr=0.0))
    assert not encoder.model.vision_model.training and not encoder.model.visual_projection.training
    assert encoder.model.text_model.training


def test_what_linear_probing_holds(made):
    for family, last in (
        ("siglip", ("vision_model.head.", "text_model.head.", "logit_")),
        ("clip", ("visual_projection.weight", "text_projection.weight", "logit_scale")),
    ):
        encoder = copy.deepcopy(made[family])
        named = {id(parameter): name for name, parameter in encoder.model.named_parameters()}
        held = {named[id(parameter)] for parameter in rates.before_the_last(encoder)}
        left = set(named.values()) - held
        assert held and left and all(name.startswith(last) for name in left)
        assert not any(name.startswith(last) for name in held)


def test_schedule_rises_and_falls():
    values = [rates.schedule(step, 100, 0.1) for step in range(100)]
    assert values[:10] == pytest.approx([(i + 1) / 10 for i in range(10)])
    assert max(values) == values[9] == values[10] == 1.0
    assert all(a > b for a, b in pairwise(values[10:]))
    assert values[55] == pytest.approx(0.5)
    assert 0 < values[-1] < 0.001
    assert rates.schedule(0, 1, 0.1) == 1.0
    assert rates.schedule(0, 100, 0.0) == 1.0
