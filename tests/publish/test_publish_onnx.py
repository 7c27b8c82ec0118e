"""The exported towers: equal to PyTorch for any batch, valid for ONNX's own checker, without paths of this machine."""

import onnx as library
import pytest
import torch

import tiny
from weft import encoders
from weft.embed import Embedder
from weft.errors import Unable, WeftError
from weft.publish import onnx

TEXTS = ["Red DRESS", "a navy coat by Älva", "", "hat", "white boots, size 2"]


def test_what_is_there(exported):
    _, folder, told = exported
    names = {"text_model.onnx", "text_model_int8.onnx", "vision_model.onnx", "vision_model_int8.onnx"}
    assert set(told["files"]) == {file.name for file in folder.iterdir()} == names
    for name in names:
        model = library.load(folder / name)
        library.checker.check_model(model)
        assert next(one.version for one in model.opset_import if not one.domain) == onnx.OPSET == told["opset"]
        assert b"/site-packages/" not in (folder / name).read_bytes()
    assert told["files"]["text_model_int8.onnx"] < told["files"]["text_model.onnx"]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_float32_is_pytorch_for_any_batch(exported, count):
    encoder, folder, told = exported
    tower = onnx.OnnxEncoder(encoder, folder, "fp32")
    with torch.no_grad():
        for prepare, forward in (("pixels", "image_features"), ("tokens", "text_features")):
            given = tiny.pictures(count, seed=7) if prepare == "pixels" else TEXTS[:count]
            inputs = getattr(encoder, prepare)(given)
            right, found = getattr(encoder, forward)(inputs), getattr(tower, forward)(inputs)
            assert found.shape == right.shape and (found - right).abs().max() < onnx.PARITY
    assert max(told["parity"][f"{kind} fp32"] for kind in onnx.TOWERS) < onnx.PARITY


def test_int8_is_near(exported):
    encoder, folder, told = exported
    tower = onnx.OnnxEncoder(encoder, folder, "int8")
    right, found = (Embedder(one).texts(TEXTS) for one in (encoder, tower))
    assert (right * found).sum(axis=1).min() > 0.99
    assert onnx.PARITY < told["parity"]["text int8"] < 0.1


def test_its_vectors_are_kept_by_its_own_name(exported, tmp_path):
    """Two precisions of one model must never read each other's embeddings back."""
    encoder, folder, _ = exported
    keys = {encoder.fingerprint(), *(onnx.OnnxEncoder(encoder, folder, one).fingerprint() for one in ("fp32", "int8"))}
    assert len(keys) == 3
    tower = onnx.OnnxEncoder(encoder, folder, "int8")
    assert isinstance(tower, encoders.Embeds)
    first, second = (Embedder(tower, tmp_path).texts(TEXTS) for _ in range(2))
    assert (first == second).all() and len(list(tmp_path.glob("*.npy"))) == 1


def test_siglip_reads_no_mask(tmp_path):
    encoder = tiny.encoder(vision_layers=1, text_layers=1)
    onnx._export(encoder, "text", tmp_path / "text.onnx")
    session = onnx.open_session(tmp_path / "text.onnx")
    assert [one.name for one in session.get_inputs()] == ["input_ids"]
    assert onnx.parity(encoder, "text", tmp_path / "text.onnx") < onnx.PARITY


def test_a_tower_that_differs_is_not_published(exported, tmp_path, monkeypatch):
    monkeypatch.setattr(onnx, "_export", lambda encoder, kind, path: None)
    monkeypatch.setattr(onnx, "_quantise", lambda path, out: None)
    monkeypatch.setattr(onnx, "parity", lambda *_: 2e-5)
    with pytest.raises(WeftError, match="the ONNX image tower differs from PyTorch by 2e-05"):
        onnx.export(exported[0], tmp_path)


def test_pictures_of_any_shape_have_no_onnx_yet(tmp_path):
    with pytest.raises(Unable, match="NaFlex"):
        onnx.export(encoders.load_base(str(tiny.naflex(tmp_path / "naflex"))), tmp_path / "onnx")
    assert not (tmp_path / "onnx").exists()
