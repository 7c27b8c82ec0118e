"""How much weights matter: against squared gradients, and what weaving makes of it."""

import copy

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import tiny
import tiny_catalogue
from training import CPU, PAIRS, fresh, run, state, train_with
from training import made as made  # the fixture
from weft import fisher, gradient
from weft.batch import Loader
from weft.weights import DAMPING, FISHER, interpolate

SETTINGS = train_with(fisher_batches=2, lwf_weight=0.0, vicreg_weight=0.5, micro_batch=4)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    return tiny_catalogue.collection(tmp_path_factory.mktemp("catalogue"))


@pytest.mark.parametrize("family", ["siglip", "clip"])
def test_mean_squared_gradients_of_the_pairs_loss(made, catalogue, tmp_path, family):
    encoder = fresh(made, family, dropout=0.3)
    held, named = encoder.towers()["text"], dict(encoder.model.named_parameters())
    for name in held:
        named[name].requires_grad_(False)
    loader = Loader(catalogue, encoder, PAIRS, SETTINGS, seed=3)
    before = state(encoder)
    fisher.write(tmp_path / "f.safetensors", encoder, loader, SETTINGS, CPU)
    found = load_file(tmp_path / "f.safetensors")
    other = copy.deepcopy(made[family])  # without dropout, all of it trained
    squares = {name: 0.0 for name in found}
    for number in range(2):
        gradient.batch_gradient(other, loader.prepare(number), train_with(lwf_weight=0.0))
        for name, parameter in other.model.named_parameters():
            squares[name] = squares[name] + parameter.grad**2
        other.model.zero_grad()
    mean = torch.cat([square.flatten() for square in squares.values()]).mean()
    for name, value in found.items():
        torch.testing.assert_close(value, squares[name] / mean, rtol=1e-3, atol=1e-6)
    assert torch.cat([value.flatten() for value in found.values()]).mean().item() == pytest.approx(1, rel=1e-4)
    assert all(torch.equal(tensor, before[name]) for name, tensor in encoder.model.state_dict().items())
    assert {name for name, parameter in named.items() if not parameter.requires_grad} == set(held)
    assert encoder.model.training and all(p.grad is None for p in encoder.model.parameters())


@pytest.mark.parametrize("more", [{}, {"lora_rank": 2}])
def test_a_training_measures_base_and_tuned(made, catalogue, tmp_path, more):
    if more:
        pytest.importorskip("peft")
    general = tiny_catalogue.collection(tmp_path / "general", seed=5)
    settings = {"reference": str(general.folder), "reference_batch": 6, "fisher_batches": 1, "epochs": 1, **more}
    plain, measured = fresh(made, "siglip"), fresh(made, "siglip")
    run(catalogue, plain, tmp_path / "plain", **settings | {"fisher_batches": 0})
    run(catalogue, measured, tmp_path / "run", **settings)
    base, tuned = (load_file(tmp_path / "run" / name) for name in FISHER)
    assert base.keys() == tuned.keys() == dict(plain.model.named_parameters()).keys()
    assert not torch.equal(base["text_model.head.weight"], tuned["text_model.head.weight"])
    ends = plain.model.state_dict(), measured.model.state_dict()
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])  # measuring disturbs nothing


def test_what_matters_to_one_end_follows_it(tmp_path):
    ends = tiny.siglip2(tmp_path / "base", seed=0), tiny.siglip2(tmp_path / "tuned", seed=1)
    base, tuned = (load_file(end / "model.safetensors") for end in ends)
    random, files = torch.Generator().manual_seed(2), [tmp_path / name for name in FISHER]
    importance = [{name: torch.rand(t.shape, generator=random) * 3 for name, t in base.items()} for _ in ends]
    only = "vision_model.post_layernorm.weight"
    importance[0][only], importance[1][only] = torch.zeros(32), torch.full((32,), 1e4)
    for path, one in zip(files, importance, strict=True):
        save_file(one, path)
    interpolate(*ends, 0.3, tmp_path / "out", fisher=files)
    got = load_file(tmp_path / "out" / "model.safetensors")
    for name, tensor in got.items():
        first, second = 0.7 * (importance[0][name] + DAMPING), 0.3 * (importance[1][name] + DAMPING)
        np.testing.assert_allclose(
            tensor, (first * base[name] + second * tuned[name]) / (first + second), rtol=1e-4, atol=1e-5
        )
    torch.testing.assert_close(got[only], tuned[only], atol=1e-4, rtol=1e-4)
    for alpha, end in ((0.0, base), (1.0, tuned)):
        interpolate(*ends, alpha, tmp_path / "end", fisher=files)
        exact = load_file(tmp_path / "end" / "model.safetensors")
        assert all(torch.equal(exact[name], end[name]) for name in end)
    for path in files:
        save_file({name: torch.ones_like(t) for name, t in base.items()}, path)
    interpolate(*ends, 0.3, tmp_path / "even", fisher=files)
    interpolate(*ends, 0.3, tmp_path / "plain")
    even, plain = (load_file(tmp_path / name / "model.safetensors") for name in ("even", "plain"))
    assert all(torch.allclose(even[name], plain[name], atol=1e-6) for name in plain)
