"""What `[train]` can ask for beyond the plain loop: each does what it says, and all of it survives a kill."""

import pytest
import torch

import tiny_catalogue
from training import fresh, run, state
from training import made as made  # the fixture
from weft import trainer
from weft.rates import LAST

EVERYTHING = {
    "epochs": 2, "probe_epochs": 1, "layer_decay": 0.8, "l2sp": 0.05, "lwf_text_weight": 0.3,
    "lwf_similarity_weight": 0.4, "reference_batch": 6, "vicreg_weight": 0.1, "ema": 0.7, "weave_alpha": (0.4, 0.9),
    "micro_batch": 6, "checkpoint_every": 1,
}  # fmt: skip
ADAPTED = {"epochs": 2, "lora_rank": 2, "reference_batch": 6, "micro_batch": 6, "checkpoint_every": 1}


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    return tiny_catalogue.collection(tmp_path_factory.mktemp("catalogue"))


@pytest.fixture(scope="module")
def general(tmp_path_factory):
    return str(tiny_catalogue.collection(tmp_path_factory.mktemp("general"), seed=5).folder)


class Killed(BaseException):
    """Nothing catches it, as nothing catches a kill."""


@pytest.mark.parametrize(
    ("family", "settings", "calls"),
    [
        ("siglip", EVERYTHING, 3),  # within linear probing, after one of four steps
        ("clip", ADAPTED, 4),
    ],
)
def test_a_killed_run_goes_on_bit_by_bit(made, catalogue, general, tmp_path, monkeypatch, family, settings, calls):
    """Two gradients are taken a step: of the catalogue, of the reference data."""
    if "lora_rank" in settings:
        pytest.importorskip("peft")
    settings = settings | {"reference": general}
    whole = fresh(made, family, dropout=0.2)
    log = run(catalogue, whole, tmp_path / "whole", **settings)
    assert len(log) == 4 and all(entry["reference"] >= 0 for entry in log)
    real, done = trainer.batch_gradient, []

    def fatal(*arguments, **named):
        if len(done) == calls:
            raise Killed
        done.append(1)
        return real(*arguments, **named)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(trainer, "batch_gradient", fatal)
        run(catalogue, fresh(made, family, dropout=0.2), tmp_path / "killed", **settings)
    assert (tmp_path / "killed" / "checkpoint.safetensors").exists()
    resumed = fresh(made, family, dropout=0.2)
    again = run(catalogue, resumed, tmp_path / "killed", **settings)
    files = [tmp_path / name / "model" / "model.safetensors" for name in ("whole", "killed")]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert [{**entry, "seconds": 0} for entry in again] == [{**entry, "seconds": 0} for entry in log]


@pytest.mark.parametrize("family", ["siglip", "clip"])
def test_linear_probing_moves_the_last_layers_first(made, catalogue, tmp_path, monkeypatch, family):
    encoder = fresh(made, family)
    before, moved = state(encoder), []
    real = trainer.batch_gradient

    def watched(*arguments, **named):
        now = encoder.model.state_dict()
        moved.append({name for name, tensor in now.items() if not torch.equal(tensor, before[name])})
        return real(*arguments, **named)

    monkeypatch.setattr(trainer, "batch_gradient", watched)
    run(catalogue, encoder, tmp_path, epochs=2, probe_epochs=1, lwf_weight=0.0, weight_decay=0.5)
    assert moved[2] and all(name.startswith((*LAST, "logit")) for name in moved[2])  # after two of four steps
    assert any(".layers.0." in name for name in moved[3])


def test_a_strong_pull_and_a_slow_average_stay_near_the_base(made, catalogue, tmp_path):
    def distance(name: str, **settings) -> float:
        encoder = fresh(made, "siglip")
        before = state(encoder)
        run(catalogue, encoder, tmp_path / name, epochs=4, lwf_weight=0.0, lr=3e-3, clip=1e9, **settings)
        after = encoder.model.state_dict()
        return sum((after[name] - before[name]).square().sum() for name in before).sqrt().item()

    plain = distance("plain")
    assert distance("pulled", l2sp=300.0) < 0.6 * plain
    assert distance("averaged", ema=0.9) < 0.7 * plain


def test_one_fixed_alpha_is_plain_training_in_other_coordinates(made, catalogue, tmp_path):
    """At alpha a and the rate lr / a the woven model is the plainly trained one: Adam does not see the scale."""
    how = {"lwf_weight": 0.0, "weight_decay": 0.0, "clip": 1e9, "warmup": 0.0, "epochs": 1}
    plain, woven = fresh(made, "siglip"), fresh(made, "siglip")
    before = state(plain)
    run(catalogue, plain, tmp_path / "plain", lr=1e-3, **how)
    run(catalogue, woven, tmp_path / "woven", lr=2e-3, weave_alpha=(0.5, 0.5), **how)
    ends, far = plain.model.state_dict(), woven.model.state_dict()
    apart = torch.cat([(ends[n] - torch.lerp(before[n], far[n], 0.5)).flatten() for n in before])
    moved = torch.cat([(ends[n] - before[n]).flatten() for n in before])
    assert apart.norm() < 0.05 * moved.norm()


def test_a_frozen_tower_is_run_once_a_micro_batch(made, catalogue, tmp_path, monkeypatch):
    encoder, calls = fresh(made, "siglip"), []
    for side in ("image_features", "text_features"):
        real = getattr(encoder, side)
        monkeypatch.setattr(encoder, side, lambda x, real=real, side=side: calls.append(side) or real(x))
    run(catalogue, encoder, tmp_path, epochs=1, micro_batch=6, image_lr=0.0, lwf_weight=0.0)
    steps = len((tmp_path / "log.jsonl").read_text().splitlines())
    assert calls.count("image_features") == 2 * steps  # two micro-batches, no second pass
    assert calls.count("text_features") == 2 * 2 * 2 * steps  # two tasks, both passes
