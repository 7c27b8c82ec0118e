"""Interpolation against its formula, its ends, its refusals; and writes that leave nothing behind."""

import json
import resource
import shutil

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import tiny
from weft import encoders
from weft.errors import WeftError
from weft.weights import alphas_of, interpolate, layers, save_tensors


@pytest.fixture(scope="module")
def ends(tmp_path_factory):
    """Two SigLIP folders that differ in every weight."""
    root = tmp_path_factory.mktemp("ends")
    return tiny.siglip2(root / "base", seed=0), tiny.siglip2(root / "tuned", seed=1)


def weights(folder):
    return load_file(folder / "model.safetensors")


def folder_of(folder, tensors):
    """A model folder of just these tensors."""
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    save_file(tensors, folder / "model.safetensors")
    return folder


@pytest.mark.parametrize("alpha", [0.0, 0.4, 1.0])
def test_formula(ends, tmp_path, alpha):
    base, tuned = map(weights, ends)
    interpolate(*ends, alpha, tmp_path / "out")
    got = weights(tmp_path / "out")
    assert got.keys() == base.keys()
    for name, tensor in got.items():
        expected = (1 - alpha) * base[name].double() + alpha * tuned[name].double()
        np.testing.assert_allclose(tensor.double(), expected, rtol=1e-6, atol=1e-7)
    assert not (tmp_path / "out.partial").exists()


def test_the_ends_are_exact(ends, tmp_path):
    negative = torch.tensor([-0.0, 1e-45, 3.0])
    small = folder_of(tmp_path / "a", {"a": negative}), folder_of(tmp_path / "b", {"a": -negative})
    for both in (ends, small):
        for alpha, folder in zip((0, 1), both, strict=True):
            interpolate(*both, alpha, tmp_path / "out")
            old, new = weights(folder), weights(tmp_path / "out")
            assert all(torch.equal(old[name].view(torch.int32), new[name].view(torch.int32)) for name in old)


def test_result_is_a_model_between_the_ends(ends, tmp_path):
    interpolate(*ends, 0.5, tmp_path / "out")
    first, second = (encoders.load(folder) for folder in ends)
    woven = encoders.load(tmp_path / "out")
    middle = (first.logit_scale + second.logit_scale) / 2
    torch.testing.assert_close(woven.logit_scale, middle)  # the policy: linear in the logarithm
    assert woven.tokens(["A Dress"])["input_ids"].tolist() == second.tokens(["a dress"])["input_ids"].tolist()


def test_half_precision_base_gives_float32(ends, tmp_path):
    base = shutil.copytree(ends[0], tmp_path / "base")
    half = {name: tensor.bfloat16() for name, tensor in weights(base).items()}
    save_file(half, base / "model.safetensors", {"format": "pt"})
    config = json.loads((base / "config.json").read_text()) | {"dtype": "bfloat16"}
    (base / "config.json").write_text(json.dumps(config))
    interpolate(base, ends[1], 0, tmp_path / "out")
    got = weights(tmp_path / "out")
    assert all(t.dtype == torch.float32 and torch.equal(t, half[name].float()) for name, t in got.items())
    assert json.loads((tmp_path / "out" / "config.json").read_text())["dtype"] == "float32"


def test_sharded_folders(ends, tmp_path):
    sharded = tmp_path / "sharded"
    encoders.load(ends[0]).model.save_pretrained(sharded, max_shard_size="60KB")
    assert (sharded / "model.safetensors.index.json").exists()
    interpolate(sharded, ends[1], 0.3, tmp_path / "a")
    interpolate(*ends, 0.3, tmp_path / "b")
    one, other = ((tmp_path / name / "model.safetensors").read_bytes() for name in "ab")
    assert one == other


def test_integer_buffers_are_copied_or_refused(tmp_path):
    weight, ids = torch.ones(2), torch.arange(3)
    base = folder_of(tmp_path / "base", {"w": weight, "ids": ids})

    def halfway(name, tuned):
        interpolate(base, folder_of(tmp_path / name, tuned), 0.5, tmp_path / "out")
        return weights(tmp_path / "out")

    got = halfway("tripled", {"w": weight * 3, "ids": ids})
    assert got["ids"].tolist() == [0, 1, 2] and got["ids"].dtype == torch.int64
    assert got["w"].tolist() == [2.0, 2.0]
    with pytest.raises(WeftError, match="buffer ids differs"):
        halfway("other", {"w": weight, "ids": ids + 1})
    # Older CLIP files store position ids, newer ones derive them.
    assert halfway("newer", {"w": weight}).keys() == {"w"}


def test_another_architecture_is_named(ends, tmp_path):
    folder = tmp_path / "wide"
    tiny.encoder(hidden_size=64).save(folder)
    with pytest.raises(WeftError) as caught:
        interpolate(ends[0], folder, 0.5, tmp_path / "out")
    message = str(caught.value)
    assert "differ in shape" in message and "text_config.hidden_size 32 against 64" in message
    assert message.count(" against ") <= 10 and len(message) < 1500
    tiny.clip(tmp_path / "clip")
    with pytest.raises(WeftError, match=r"tensors are in one of them alone.*model_type siglip against clip"):
        interpolate(ends[0], tmp_path / "clip", 0.5, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("alpha", [-0.1, 1.01, float("nan")])
def test_alpha_out_of_range(ends, tmp_path, alpha):
    with pytest.raises(WeftError, match="alpha"):
        interpolate(*ends, alpha, tmp_path / "out")


def test_missing_and_damaged_weights(ends, tmp_path):
    with pytest.raises(WeftError, match=r"holds no model\.safetensors"):
        interpolate(tmp_path, ends[1], 0.5, tmp_path / "out")
    broken = shutil.copytree(ends[0], tmp_path / "broken")
    data = (broken / "model.safetensors").read_bytes()
    (broken / "model.safetensors").write_bytes(data[: len(data) // 2])
    with pytest.raises(WeftError, match="cannot read the weights"):
        interpolate(broken, ends[1], 0.5, tmp_path / "out")


def test_full_disk_leaves_nothing(ends, tmp_path):
    path = tmp_path / "a.safetensors"
    save_tensors(path, {"x": torch.zeros(4)})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (32_768, limits[1]))  # the system refuses larger files
    try:
        with pytest.raises(WeftError, match=r"400,000 bytes are needed and [\d,]+ are free"):
            save_tensors(path, {"x": torch.ones(100_000)})
        with pytest.raises(WeftError, match="cannot write"):
            interpolate(*ends, 0.5, tmp_path / "out")
        with pytest.raises(WeftError, match="cannot write"):
            encoders.load(ends[0]).save(tmp_path / "saved")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert load_file(path)["x"].tolist() == [0.0] * 4
    assert sorted(p.name for p in tmp_path.iterdir()) in (["a.safetensors"], ["a.safetensors", "saved"])


def test_metadata_is_kept(tmp_path):
    save_tensors(tmp_path / "b.safetensors", {"x": torch.eye(2).T, "n": torch.tensor(3)}, {"step": "7"})
    with safe_open(tmp_path / "b.safetensors", "pt") as stored:
        assert stored.metadata() == {"step": "7"}
    assert load_file(tmp_path / "b.safetensors")["n"].item() == 3
    assert (tmp_path / "b.safetensors").stat().st_mode & 0o077


def test_alpha_by_tower(ends, tmp_path):
    alphas = {"image": 0.8, "text": 0.25, "head": 1.0}
    interpolate(*ends, alphas, tmp_path / "out")
    (base, tuned), got = map(weights, ends), weights(tmp_path / "out")
    for name, tensor in got.items():
        alpha = 0.8 if name.startswith("vision") else 0.25 if name.startswith("text") else 1.0
        np.testing.assert_allclose(tensor, (1 - alpha) * base[name] + alpha * tuned[name], rtol=1e-5, atol=1e-6)
    for name, alpha in (("one", 0.4), ("three", dict.fromkeys(alphas, 0.4))):
        interpolate(*ends, alpha, tmp_path / name)
    one, three = weights(tmp_path / "one"), weights(tmp_path / "three")
    assert all(torch.equal(one[name], tensor) for name, tensor in three.items())


def test_alpha_by_depth(ends):
    """Two layers a tower: places 0 to 3 of 3; the middle of the way has no bend."""
    names = weights(ends[0])
    places = {name: place for name, (place, _) in layers(names).items()}
    assert places["text_model.encoder.layers.1.mlp.fc1.weight"] == 2
    assert places["vision_model.embeddings.patch_embedding.weight"] == 0
    assert places["vision_model.post_layernorm.weight"] == places["text_model.head.weight"] == 3
    for depth in (-1.0, 0.5, 1.0):
        alphas = alphas_of(names, 0.36, depth)
        for name, alpha in alphas.items():
            power = 1.0 if name.startswith("logit") else 1 + depth * (1 - 2 * places[name] / 3)
            assert alpha == pytest.approx(0.36**power)
    lower, upper = "text_model.encoder.layers.0.mlp.fc1.weight", "text_model.encoder.layers.1.mlp.fc1.weight"
    assert alphas_of(names, 0.5, 0.5)[lower] < 0.5 < alphas_of(names, 0.5, 0.5)[upper]
    assert set(alphas_of(names, 0.0, -1.0).values()) == {0.0} and set(alphas_of(names, 1.0, -1.0).values()) == {1.0}
    assert set(alphas_of(names, 0.3).values()) == {0.3}
