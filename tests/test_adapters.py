"""LoRA: what is wrapped, that nothing changes at first, what learns, and that merging leaves a plain model."""

import re
import sys

import pytest
import torch
from safetensors.torch import load_file

import tiny
import tiny_catalogue
from training import fresh, run, state
from training import made as made  # the fixture
from weft import adapters, encoders
from weft.errors import WeftError
from weft.weights import interpolate

pytest.importorskip("peft")


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    return tiny_catalogue.collection(tmp_path_factory.mktemp("catalogue"))


def outputs(encoder) -> torch.Tensor:
    encoder.model.eval()
    with torch.no_grad():
        images = encoder.image_features(encoder.pixels(tiny.pictures(4)))
        return torch.cat([images, encoder.text_features(encoder.tokens(tiny.TEXTS[:4]))])


@pytest.mark.parametrize("family", ["siglip", "clip"])
def test_every_matrix_of_the_layers_is_wrapped_and_nothing_else(made, family):
    encoder = fresh(made, family)
    matrices = [n for n, m in encoder.model.named_modules() if isinstance(m, torch.nn.Linear) and ".layers." in n]
    before, adapted = outputs(encoder), adapters.adapt(encoder, 3, 6.0, seed=1)
    wrapped = {name.partition(".lora_A")[0] for name, _ in encoder.model.named_parameters() if ".lora_A" in name}
    assert wrapped == set(matrices) and len(wrapped) == 2 * 2 * 6  # towers, layers, q k v out fc1 fc2
    assert torch.equal(outputs(encoder), before)  # B is zero
    with torch.no_grad():
        for name, parameter in encoder.model.named_parameters():
            if ".lora_B" in name:
                parameter.fill_(0.05)
    moved = outputs(encoder)
    one = dict(encoder.model.named_parameters())
    place = matrices[0]
    expected = one[f"{place}.base_layer.weight"] + 2.0 * (  # alpha / rank
        one[f"{place}.lora_B.default.weight"] @ one[f"{place}.lora_A.default.weight"]
    )
    expected = expected.detach().clone()
    adapters.merge(encoder, adapted)
    assert not any("lora" in name for name in encoder.model.state_dict())
    torch.testing.assert_close(encoder.model.get_submodule(place).weight.detach(), expected)
    assert (moved - before).abs().max() > 1e-3
    torch.testing.assert_close(outputs(encoder), moved, atol=1e-5, rtol=0)
    assert all(parameter.requires_grad for parameter in encoder.model.parameters())


def test_the_seed_decides_how_they_begin(made):
    def first(seed: int) -> torch.Tensor:
        encoder = fresh(made, "clip")
        adapters.adapt(encoder, 2, 0.0, seed)
        return next(p.detach() for name, p in encoder.model.named_parameters() if ".lora_A" in name)

    torch.manual_seed(5)
    again = first(1)
    assert torch.equal(first(1), again) and not torch.equal(first(2), again)


def test_a_missing_library_is_told_before_the_base_is_asked(made, catalogue, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(WeftError, match=r"train.lora_rank needs peft"):
        run(catalogue, fresh(made, "siglip"), tmp_path / "run", lora_rank=2)
    assert not list((tmp_path / "run").iterdir())


@pytest.mark.parametrize("family", ["siglip", "clip"])
def test_training_leaves_a_plain_folder_whose_layers_alone_have_moved(made, catalogue, tmp_path, family):
    encoder = fresh(made, family)
    before, names = state(encoder), list(encoder.model.state_dict())
    encoder.save(tmp_path / "base")
    run(catalogue, encoder, tmp_path / "run", lora_rank=2, lr=1e-2, micro_batch=4)
    after = load_file(tmp_path / "run" / "model" / "model.safetensors")
    assert not [file.name for file in (tmp_path / "run" / "model").iterdir() if "adapter" in file.name]
    for name in names:
        update = after[name] - before[name]
        if re.fullmatch(rf"({adapters.LAYERS})\.weight", name):
            assert 0 < torch.linalg.matrix_rank(update, rtol=1e-3) <= 2, name
        else:
            assert bool(update.any()) == name.startswith("logit"), name
    interpolate(tmp_path / "base", tmp_path / "run" / "model", 0.5, tmp_path / "half")
    encoders.load(tmp_path / "half")


def test_a_frozen_tower_gets_no_adapters_trained(made, catalogue, tmp_path):
    encoder = fresh(made, "siglip")
    before = state(encoder)
    run(catalogue, encoder, tmp_path, lora_rank=2, lr=1e-2, text_lr=0.0)
    moved = {
        name.partition(".")[0] for name, t in encoder.model.state_dict().items() if not torch.equal(t, before[name])
    }
    assert moved == {"vision_model", "logit_scale", "logit_bias"}
