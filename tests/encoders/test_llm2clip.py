"""LLM2CLIP from plain parts: equal to the same computed by hand, text by text; what does not fit is refused."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, CLIPImageProcessorPil, CLIPVisionModelWithProjection, LlamaModel

import tiny
from tiny_llm2clip import DIM, TEMPLATE, llm2clip
from weft import encoders
from weft.embed import Embedder
from weft.encoders import KNOWN, KnownModel
from weft.errors import WeftError

TEXTS = ["red dress", "A HAT, size 2", "", "navy coat by Älva 👗"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return llm2clip(tmp_path_factory.mktemp("llm2clip") / "pico")


@pytest.fixture(scope="module")
def encoder(folder):
    return encoders.load(folder)


def norm(x, weight, bias):
    return (x - x.mean()) / np.sqrt(x.var() + 1e-5) * weight + bias


def gelu(x):
    return x * 0.5 * (1 + torch.erf(torch.from_numpy(x) / 2**0.5).numpy())


def by_hand(folder, text):
    """One text alone, so no padding; transformers' own switch for two-way attention; the adapter in numpy."""
    model = LlamaModel.from_pretrained(folder / "language", attn_implementation="eager")
    model.config.is_causal = False
    tokenizer = AutoTokenizer.from_pretrained(folder / "language")
    ids = tokenizer(TEMPLATE["before"] + text + TEMPLATE["after"])["input_ids"]
    own = tokenizer(text + TEMPLATE["after"], add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        hidden = model(input_ids=torch.tensor([ids])).last_hidden_state[0]
    x = hidden[-len(own) :].mean(0).double().numpy()
    w = {
        name.removeprefix("text_adapter.adaptor."): value.double().numpy()
        for name, value in load_file(folder / "adapter.safetensors").items()
    }
    for k in (0, 1):
        inner = gelu(w[f"{k}.fn.0.weight"] @ norm(x, w[f"{k}.ln.weight"], w[f"{k}.ln.bias"]) + w[f"{k}.fn.0.bias"])
        x = x + w[f"{k}.fn.3.weight"] @ inner + w[f"{k}.fn.3.bias"]
    x = w["3.weight"] @ norm(x, w["2.weight"], w["2.bias"])
    return x / np.linalg.norm(x)


def test_texts_equal_the_composition_by_hand(folder, encoder):
    with torch.no_grad():
        got = encoder.text_features(encoder.tokens(TEXTS)).numpy()
    assert got.shape == (len(TEXTS), DIM) and encoder.dim == DIM
    for text, vector in zip(TEXTS, got, strict=True):
        assert np.abs(vector - by_hand(folder, text)).max() < 1e-5


def test_attention_goes_both_ways_and_leaves_the_head_of_the_template_out(folder, encoder):
    """Causal attention, or a mean over everything, would give quite other vectors: the comparison can fail."""
    inputs = encoder.tokens(TEXTS[:1])
    with torch.no_grad():
        right = encoder.text_features(inputs)
        everything = encoder.text_features(inputs | {"pooled": inputs["known"]})
        ids = inputs["input_ids"]
        causal = encoder.model["language"](input_ids=ids).last_hidden_state[0]
        causal = encoder.model["adapter"](causal[inputs["pooled"][0]].mean(0))
    assert torch.cosine_similarity(right, everything).item() < 0.999
    assert torch.cosine_similarity(right[0], causal, dim=0).item() < 0.999


def test_images_equal_transformers(folder, encoder):
    processor = CLIPImageProcessorPil.from_pretrained(folder / "vision")
    model = CLIPVisionModelWithProjection.from_pretrained(folder / "vision").eval()
    with torch.no_grad():
        plain = model(**processor(tiny.pictures(3), return_tensors="pt")).image_embeds
        got = encoder.image_features(encoder.pixels(tiny.pictures(3)))
    torch.testing.assert_close(got, torch.nn.functional.normalize(plain, dim=-1), atol=1e-6, rtol=0)


def test_the_batch_changes_nothing(encoder):
    one, many = Embedder(encoder, batch=1).texts(TEXTS), Embedder(encoder, batch=4).texts(TEXTS)
    assert np.abs(one - many).max() < 1e-5


def test_long_texts_are_cut_by_words_and_keep_what_follows(encoder):
    inputs = encoder.tokens(["red dress " * 500, "x" * 5000])
    assert inputs["input_ids"].shape[1] <= TEMPLATE["max_tokens"]
    end = encoder.tokenizer(TEMPLATE["after"])["input_ids"]
    row = inputs["input_ids"][0][inputs["known"][0]].tolist()
    assert row[-len(end) :] == end and len(row) > TEMPLATE["max_tokens"] - 3


def test_a_linear_map_alone_is_an_adapter_too(tmp_path):
    encoder = encoders.load(llm2clip(tmp_path / "plain", blocks=0))
    assert [type(part).__name__ for part in encoder.model["adapter"]] == ["Linear"]
    assert Embedder(encoder).texts(TEXTS).shape == (len(TEXTS), DIM)


def test_fingerprint_follows_weights_and_template(folder, encoder, tmp_path):
    assert encoders.load(folder).fingerprint() == encoder.fingerprint()
    other = llm2clip(tmp_path / "other")
    (other / "llm2clip.json").write_text(json.dumps(TEMPLATE | {"before": "blue: "}))
    assert encoders.load(other).fingerprint() != encoder.fingerprint()
    assert encoders.load(llm2clip(tmp_path / "seed", seed=1)).fingerprint() != encoder.fingerprint()


def test_what_does_not_fit(tmp_path):
    folder = llm2clip(tmp_path / "pico")
    weights = load_file(folder / "adapter.safetensors")
    cut = {name: value for name, value in weights.items() if not name.startswith("text_adapter.adaptor.3")}
    save_file(cut, folder / "adapter.safetensors")
    with pytest.raises(WeftError, match=r"adapter.safetensors is no adapter of LLM2CLIP: .*linear map"):
        encoders.load(folder)
    save_file({"weight": torch.zeros(DIM, 8)}, folder / "adapter.safetensors")
    with pytest.raises(WeftError, match="maps 8 to 24 dimensions, but its language model has 32"):
        encoders.load(folder)
    (folder / "llm2clip.json").write_text('{"prefix": ""}')
    with pytest.raises(WeftError, match=r"llm2clip.json is damaged: .*prefix"):
        encoders.load(folder)


def test_the_hub_model_is_refused_without_leave(tmp_path):
    (tmp_path / "config.json").write_text(
        json.dumps({"model_type": "clip", "auto_map": {"AutoModel": "modeling_clip.LLM2CLIPModel"}})
    )
    with pytest.raises(WeftError, match=r"by explicit leave only.*remote_code="):
        encoders.load(tmp_path)
    with pytest.raises(WeftError, match=r"remote_code=\('microsoft/LLM2CLIP-Openai-L-14-336',\)"):
        encoders.load("llm2clip")


CODE = """
import torch
from transformers import PretrainedConfig, PreTrainedModel


class PicoConfig(PretrainedConfig):
    model_type = "pico_llm2clip"


class Pico(PreTrainedModel):
    config_class = PicoConfig

    def __init__(self, config):
        super().__init__(config)
        self.image, self.text_adapter = torch.nn.Linear(3, 24), torch.nn.Linear(32, 24, bias=False)
        self.post_init()

    def get_image_features(self, pixels):
        return self.image(pixels.mean((2, 3)))

    def get_text_features(self, pooled):
        return self.text_adapter(pooled)
"""


def test_with_leave_its_own_code_gives_images_and_adapter(tmp_path, monkeypatch):
    """As the hub's layout: its class maps pictures and pooled states; the language model lies elsewhere."""
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    plain, hub = llm2clip(tmp_path / "plain", blocks=0), tmp_path / "hub"
    hub.mkdir()
    (hub / "pico.py").write_text(CODE)
    auto = {"AutoConfig": "pico.PicoConfig", "AutoModel": "pico.Pico"}
    (hub / "config.json").write_text(json.dumps({"model_type": "pico_llm2clip", "auto_map": auto}))
    weight = load_file(plain / "adapter.safetensors")["weight"]
    image = {"image.weight": torch.randn(DIM, 3), "image.bias": torch.zeros(DIM)}
    save_file(image | {"text_adapter.weight": weight}, hub / "model.safetensors")
    with pytest.raises(WeftError, match="does not say which language model it reads"):
        encoders.load(hub, remote_code=(str(hub),))
    record = KnownModel(str(hub), "llm2clip", 1, "", also=(str(plain / "language"), str(plain / "vision")))
    monkeypatch.setitem(KNOWN, "pico", record)
    with pytest.raises(WeftError, match="by explicit leave only"):
        encoders.load("pico")
    got, same = encoders.load("pico", remote_code=("pico",)), encoders.load(plain)
    got.template = same.template
    assert np.abs(Embedder(got).texts(TEXTS) - Embedder(same).texts(TEXTS)).max() < 1e-6
    pixels = got.pixels(tiny.pictures(3))
    expected = pixels["pixel_values"].mean((2, 3)) @ image["image.weight"].T
    with torch.no_grad():
        torch.testing.assert_close(got.image_features(pixels), torch.nn.functional.normalize(expected, dim=-1))
