"""Every family keeps the same promises, and agrees with transformers used by hand."""

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

import tiny
from weft import encoders

SHORT = ["red dress", "A HAT, size 2", "", "emoji 👗 و شلوار", "navy coat " * 60]


@pytest.fixture(scope="module", params=tiny.FAMILIES)
def family(request, tmp_path_factory):
    folder = tiny.FAMILIES[request.param](tmp_path_factory.mktemp("models") / request.param)
    return request.param, folder, encoders.load(folder)


def embed(encoder, images, texts):
    with torch.no_grad():
        return encoder.image_features(encoder.pixels(images)), encoder.text_features(encoder.tokens(texts))


def test_every_registered_family_is_built():
    assert {"siglip", "siglip2", "clip"} == set(encoders.FAMILIES)
    assert set(tiny.FAMILIES) == {"siglip", "siglip2", "naflex", "clip"}


def test_unit_norm_and_shape(family):
    _, _, encoder = family
    images, texts = embed(encoder, tiny.pictures(3), SHORT)
    assert images.shape == (3, encoder.dim)
    assert texts.shape == (len(SHORT), encoder.dim)
    for vectors in (images, texts):
        torch.testing.assert_close(vectors.norm(dim=1), torch.ones(len(vectors)), atol=1e-6, rtol=0)


def test_equal_to_transformers(family):
    kind, folder, encoder = family
    model = AutoModel.from_pretrained(folder)
    processor = AutoImageProcessor.from_pretrained(folder, backend="pil")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    pictures = tiny.pictures(3)
    texts = [text if kind == "clip" else text.lower() for text in SHORT]
    inputs = tokenizer(
        texts, padding="max_length", truncation=True, max_length=77 if kind == "clip" else 64,
        return_attention_mask=kind == "clip", return_tensors="pt",
    )  # fmt: skip
    with torch.no_grad():
        outputs = model(**inputs, **processor(pictures, return_tensors="pt"))
        got_images, got_texts = embed(encoder, pictures, SHORT)
        logits = encoder.logit_scale.exp() * got_texts @ got_images.T
        if encoder.logit_bias is not None:
            logits = logits + encoder.logit_bias
    torch.testing.assert_close(got_images, outputs.image_embeds, atol=1e-6, rtol=0)
    torch.testing.assert_close(got_texts, outputs.text_embeds, atol=1e-6, rtol=0)
    torch.testing.assert_close(logits, outputs.logits_per_text, atol=1e-5, rtol=0)
    assert (encoder.logit_bias is None) == (encoder.head == "softmax")


def test_batch_size_changes_nothing(family):
    _, _, encoder = family
    pictures = tiny.pictures(5)
    images, texts = embed(encoder, pictures, SHORT)
    for i in range(5):
        image, text = embed(encoder, pictures[i : i + 1], SHORT[i : i + 1])
        torch.testing.assert_close(image[0], images[i], atol=1e-6, rtol=0)
        torch.testing.assert_close(text[0], texts[i], atol=1e-6, rtol=0)


def test_capitals_do_not_matter_but_words_do(family):
    _, _, encoder = family
    tokens = encoder.tokens(["A Red DRESS", "a red dress", "a hat"])["input_ids"]
    assert torch.equal(tokens[0], tokens[1])
    assert not torch.equal(tokens[0], tokens[2])


def test_texts_are_padded_and_cut_to_the_last_position(family):
    kind, _, encoder = family
    inputs = encoder.tokens(SHORT)
    assert set(inputs) == ({"input_ids", "attention_mask"} if kind == "clip" else {"input_ids"})
    assert encoder.max_tokens == (77 if kind == "clip" else 64)
    assert inputs["input_ids"].shape == (len(SHORT), encoder.max_tokens)
    assert inputs["input_ids"].dtype == torch.int64
    lengths = encoder.token_lengths(SHORT)
    assert lengths[0] < encoder.max_tokens < lengths[-1]
    assert lengths[2] <= 2 < lengths[0]  # only marks
    assert encoder.token_lengths([]) == []


def test_a_thread_that_counts_tokens_changes_no_other_s(family, monkeypatch):
    """A service counts what it was sent while its model reads, both by one tokenizer whose cut and padding are set."""
    _, _, encoder = family
    if not encoder.tokenizer.is_fast:
        pytest.skip("a tokenizer in Python sets nothing")
    expected, lengths = encoder.tokens(SHORT)["input_ids"], encoder.token_lengths(SHORT)
    both, sets = threading.Barrier(2), encoder.tokenizer.set_truncation_and_padding

    def meets_the_other(*told, **named):
        sets(*told, **named)
        with contextlib.suppress(threading.BrokenBarrierError):  # the other rightly waits
            both.wait(0.2)

    monkeypatch.setattr(encoder.tokenizer, "set_truncation_and_padding", meets_the_other)
    with ThreadPoolExecutor(1) as pool:
        counted = pool.submit(encoder.token_lengths, SHORT)
        assert torch.equal(encoder.tokens(SHORT)["input_ids"], expected)
        assert counted.result() == lengths


def test_saved_and_loaded_is_the_same(family, tmp_path):
    _, _, encoder = family
    encoder.save(tmp_path / "copy")
    again = encoders.load(tmp_path / "copy")
    assert again.fingerprint() == encoder.fingerprint()
    assert again.preprocess == encoder.preprocess
    assert torch.equal(again.tokens(SHORT)["input_ids"], encoder.tokens(SHORT)["input_ids"])
    for new, old in zip(embed(again, tiny.pictures(2), SHORT), embed(encoder, tiny.pictures(2), SHORT), strict=True):
        torch.testing.assert_close(new, old, atol=1e-6, rtol=0)


def test_towers_hold_every_parameter_once(family):
    kind, _, encoder = family
    towers = encoder.towers()
    names = [name for part in towers.values() for name in part]
    assert sorted(names) == sorted(name for name, _ in encoder.model.named_parameters())
    assert set(towers["head"]) == ({"logit_scale"} if kind == "clip" else {"logit_scale", "logit_bias"})
    named = dict(encoder.model.named_parameters())
    encoder.model.zero_grad()
    encoder.image_features(encoder.pixels(tiny.pictures(2))).sum().backward()
    assert all(named[name].grad is None for name in towers["text"] + towers["head"])
    assert any(named[name].grad is not None for name in towers["image"])
    encoder.model.zero_grad()


def test_fingerprint_follows_one_weight(family):
    _, folder, encoder = family
    other = encoders.load(folder)
    assert other.fingerprint() == encoder.fingerprint()
    with torch.no_grad():
        next(other.model.parameters()).view(-1)[0] += 1e-3
    assert other.fingerprint() != encoder.fingerprint()


def test_preprocess_facts_are_those_of_the_pixels(family):
    kind, _, encoder = family
    facts = encoder.preprocess
    if kind == "naflex":
        assert facts is None
        return
    pixels = encoder.pixels(tiny.pictures(2))["pixel_values"]
    assert pixels.shape == (2, 3, facts.height, facts.width)
    assert facts.resample == ("bilinear" if kind == "siglip2" else "bicubic")
    assert facts.crop == ("center" if kind == "clip" else "none")
    from PIL import Image

    grey = encoder.pixels([Image.new("RGB", (40, 30), (51, 102, 204))])["pixel_values"][0]
    for channel, level in enumerate((0.2, 0.4, 0.8)):
        expected = (level - facts.mean[channel]) / facts.std[channel]
        torch.testing.assert_close(grey[channel], torch.full_like(grey[channel], expected), atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", [(1, 1), (3, 1), (1, 3), (3, 3), (900, 2)])
def test_odd_shapes_and_modes(family, size):
    from PIL import Image

    _, _, encoder = family
    for mode in ("RGB", "L", "RGBA", "P"):
        pixels = encoder.pixels([Image.new(mode, size)])
        assert torch.isfinite(encoder.image_features(pixels)).all()


def test_half_precision_weights_still_give_unit_float32(family):
    _, folder, encoder = family
    half = encoders.load(folder, torch.bfloat16)
    assert {parameter.dtype for parameter in half.model.parameters()} == {torch.bfloat16}
    for got, exact in zip(embed(half, tiny.pictures(2), SHORT), embed(encoder, tiny.pictures(2), SHORT), strict=True):
        assert got.dtype == torch.float32
        torch.testing.assert_close(got.norm(dim=1), torch.ones(len(got)), atol=1e-6, rtol=0)
        assert (got * exact).sum(1).min() > 0.99
