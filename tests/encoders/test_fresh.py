"""A fresh model: its head, its tokenizer, its determinism; and what happens with folders that are no model."""

import json
import math
import subprocess
import sys

import pytest
import torch

import tiny
from weft import encoders
from weft.errors import WeftError


def test_head_begins_near_the_prior():
    encoder = tiny.encoder()
    assert math.isclose(encoder.logit_scale.item(), math.log(10), rel_tol=1e-6)
    assert encoder.logit_bias.item() == -10
    assert (encoder.dim, encoder.max_tokens, encoder.head) == (32, 16, "sigmoid")
    assert encoder.preprocess == encoders.Preprocess(32, 32, "bilinear", "none", (0.5,) * 3, (0.5,) * 3)


def test_same_seed_same_model_in_another_process(tmp_path):
    here, other = tiny.encoder(seed=3), tiny.encoder(seed=4)
    assert here.fingerprint() == tiny.encoder(seed=3).fingerprint() != other.fingerprint()
    script = "import tiny; print(tiny.encoder(seed=3).fingerprint())"
    folder = tiny.__file__.rpartition("/")[0]
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=folder, check=True)
    assert done.stdout.strip() == here.fingerprint()


def test_creating_leaves_the_global_random_state_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    tiny.encoder()
    assert torch.equal(before, torch.get_rng_state())


def test_nothing_is_unknown_to_the_tokenizer():
    encoder = tiny.encoder(max_tokens=64)
    tokenizer = encoder.tokenizer
    for text in ("red dress", "👗🧥", "فستان أحمر", "红色连衣裙", "<0x41> <unknown>", "crème brûlée 100 %"):
        ids = tokenizer(text)["input_ids"]
        assert tokenizer.unk_token_id not in ids
        assert ids[-1] == tokenizer.eos_token_id
        assert tokenizer.decode(ids, skip_special_tokens=True) == text.lower()


def test_common_words_are_one_token():
    encoder = tiny.encoder()
    assert encoder.token_lengths(["red dress", "navy scarf, red"]) == [3, 5]


def test_long_texts_are_cut_after_the_last_fitting_token():
    encoder = tiny.encoder()
    ids = encoder.tokens(["red dress " * 1000])["input_ids"][0]
    assert len(ids) == 16 and ids[-1] == encoder.tokenizer.eos_token_id
    assert encoder.token_lengths(["red dress " * 1000]) == [2001]


def test_rare_letters_do_not_crowd_out_words():
    texts = [chr(0x4E00 + i) * 3 for i in range(2000)] + tiny.TEXTS
    encoder = tiny.encoder(texts=texts, vocab_size=600)
    assert len(encoder.tokenizer) <= 600
    assert encoder.tokenizer.unk_token_id not in encoder.tokens([chr(0x4E00 + 1999)])["input_ids"]
    assert encoder.token_lengths(["dress"]) == [2]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"layers": 2}, "knows no layers"),
        ({"family": "clip"}, "family siglip"),
        ({"image_size": 33}, "not a multiple of patch_size"),
        ({"heads": 5}, "not a multiple of heads"),
        ({"projection": 64}, "must equal hidden_size"),
        ({"vocab_size": 300}, "too small"),
    ],
)
def test_impossible_sizes(spec, message):
    with pytest.raises(WeftError, match=message):
        tiny.encoder(**spec)


def test_what_is_no_model(tmp_path):
    with pytest.raises(WeftError, match="cannot open the model"):
        encoders.load(tmp_path / "nowhere")
    (tmp_path / "shop" / "weave" / "model").mkdir(parents=True)
    with pytest.raises(WeftError, match=r"no folder '.*modle'; in .*weave there is model$"):
        encoders.load(tmp_path / "shop" / "weave" / "modle")
    with pytest.raises(WeftError, match="cannot open the model"):
        encoders.load(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(WeftError, match="'bert' model; Weft knows siglip, siglip2, clip"):
        encoders.load(tmp_path)
    with pytest.raises(WeftError, match="no weights as safetensors"):
        encoders.local_folder(tmp_path)


def test_a_config_with_other_weights_is_refused(tmp_path):
    """Without this, transformers would fill the missing layer with random numbers and only warn."""
    tiny.encoder().save(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["text_config"]["num_hidden_layers"] = 3
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(WeftError, match=r"16 parameters are missing.*text_model\.encoder\.layers\.2"):
        encoders.load(tmp_path)


def test_truncated_weights(tmp_path):
    tiny.encoder().save(tmp_path)
    data = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(data[: len(data) // 2])
    with pytest.raises(WeftError, match="cannot open the model"):
        encoders.load(tmp_path)
