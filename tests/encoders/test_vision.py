"""Image towers alone: equal to transformers by hand; asked for texts they say so; other code runs by leave only."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from transformers import BitImageProcessorPil, Dinov2Config, Dinov2Model, DINOv3ViTConfig, DINOv3ViTModel

import tiny
from weft import encoders
from weft.embed import Embedder
from weft.errors import WeftError

CODE = """
import torch
from transformers import PretrainedConfig, PreTrainedModel

open({mark!r}, "w").close()


class PicoConfig(PretrainedConfig):
    model_type = "pico_gr"


class Pico(PreTrainedModel):
    config_class = PicoConfig

    def __init__(self, config):
        super().__init__(config)
        self.map = torch.nn.Linear(3, 256)
        self.post_init()

    def forward(self, x):
        return self.map(x)

    {method}
"""
SEARCH = """def search(self, image_paths, feature_dim):
        means = torch.tensor([[sum(channel.getdata()) / len(channel.getdata()) for channel in p.split()]
                              for p in image_paths])
        return image_paths, self.map(means)[:, :feature_dim].detach().numpy()
"""


def dino(folder: Path, version: int) -> Path:
    kind, config = (Dinov2Model, Dinov2Config) if version == 2 else (DINOv3ViTModel, DINOv3ViTConfig)
    torch.manual_seed(0)
    kind(config(**tiny.TOWER, image_size=32, patch_size=8)).save_pretrained(folder)
    BitImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("version", [2, 3])
def test_equal_to_transformers(tmp_path, version):
    folder = dino(tmp_path / "dino", version)
    encoder = encoders.load(folder)
    model = (Dinov2Model if version == 2 else DINOv3ViTModel).from_pretrained(folder).eval()
    pixels = BitImageProcessorPil.from_pretrained(folder)(tiny.pictures(3), return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        plain = model(pixel_values=pixels).last_hidden_state[:, 0]
        got = encoder.image_features(encoder.pixels(tiny.pictures(3)))
    torch.testing.assert_close(got, torch.nn.functional.normalize(plain, dim=-1), atol=1e-6, rtol=0)
    assert got.shape == (3, encoder.dim) and isinstance(encoder, encoders.Embeds)
    assert encoders.load(folder).fingerprint() == encoder.fingerprint()


def test_asked_for_texts(tmp_path):
    encoder = encoders.load(dino(tmp_path / "dino", 2))
    with pytest.raises(WeftError, match="dino embeds pictures only and was asked for texts"):
        Embedder(encoder).texts(["red dress"])


def test_missing_weights(tmp_path):
    folder = dino(tmp_path / "dino", 2)
    config = json.loads((folder / "config.json").read_text()) | {"num_hidden_layers": 3}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(WeftError, match=r"do not fit its config\.json"):
        encoders.load(folder)


@pytest.fixture
def remote(tmp_path, monkeypatch):
    """A folder in GR-Lite's manner, whose code leaves a mark when it runs."""
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))

    def build(method: str, name: str) -> tuple[Path, Path]:
        folder, mark = tmp_path / name, tmp_path / f"{name}-ran"
        folder.mkdir()
        (folder / f"{name}.py").write_text(CODE.format(mark=str(mark), method=method))
        auto = {"AutoConfig": f"{name}.PicoConfig", "AutoModel": f"{name}.Pico"}
        (folder / "config.json").write_text(json.dumps({"model_type": "pico_gr", "auto_map": auto}))
        torch.manual_seed(0)
        save_file({"map.weight": torch.randn(256, 3), "map.bias": torch.zeros(256)}, folder / "model.safetensors")
        return folder, mark

    return build


def test_its_own_code_runs_only_for_the_model_that_is_named(remote):
    folder, mark = remote(SEARCH, "pico_gr")
    for leave in ((), ("gr-lite",), ("pico_gr",), (str(folder) + "2",)):
        with pytest.raises(WeftError, match="runs code from its own repository"):
            encoders.load(folder, remote_code=leave)
        assert not mark.exists()
    encoder = encoders.load(folder, remote_code=(str(folder),))
    assert mark.exists()
    with torch.no_grad():
        got = encoder.image_features(encoder.pixels(tiny.pictures(3)))
    pixels = [torch.tensor(list(p.getdata()), dtype=torch.float32).mean(0) for p in tiny.pictures(3)]
    plain = torch.stack(pixels) @ encoder.model.map.weight.T + encoder.model.map.bias
    torch.testing.assert_close(got, plain, atol=1e-3, rtol=1e-5)
    assert got.shape == (3, 256) == (3, encoder.dim)


def test_code_that_weft_cannot_call_is_an_error_that_shows_the_way(remote):
    folder, _ = remote("", "pico_other")
    with pytest.raises(WeftError, match=r"does not know how to call Pico .*python:package.module:NAME"):
        encoders.load(folder, remote_code=(str(folder),))


def test_a_known_type_with_code_of_its_own_is_refused_too(tmp_path):
    tiny.siglip2(tmp_path / "model")
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    config["auto_map"] = {"AutoModel": "evil.Evil"}
    (tmp_path / "model" / "config.json").write_text(json.dumps(config))
    (tmp_path / "model" / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()")
    with pytest.raises(WeftError, match="runs code from its own repository"):
        encoders.load(tmp_path / "model")
    assert not (tmp_path / "ran").exists()
