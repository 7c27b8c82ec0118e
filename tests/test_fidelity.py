"""The gate: what counts as reproduced, and that wrong preprocessing does not pass."""

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoProcessor

import tiny
from shelves import shelf
from weft import fidelity
from weft.benchmarks import collection as own
from weft.catalogue.images import decode
from weft.embed import Embedder
from weft.encoders import load
from weft.errors import WeftError
from weft.evaluate import embed_task, score
from weft.fidelity import Published, gate

MODEL = {"name": "ours", "known_as": "siglip", "revision": "abc"}


def published(value=0.5, **changes):
    facts = {
        "model": "siglip", "revision": "", "benchmark": "kagl", "task": "text", "metric": "recall@10", "value": value,
        "tolerance": 0.01, "source": "a paper",
    }  # fmt: skip
    return Published(**(facts | changes))


def row(value=0.5, **changes):
    return {"model": "ours", "benchmark": "kagl", "task": "text", "metric": "recall@10", "value": value} | changes


@pytest.mark.parametrize(("value", "status"), [(0.5, "verified"), (0.51, "verified"), (0.4899, "off"), (0.6, "off")])
def test_within_the_tolerance(value, status):
    (found,) = gate([published()], [MODEL], [row(value)])
    assert (found["status"], found["published"], found["measured"]) == (status, 0.5, value)


def test_every_published_metric_must_be_reproduced_and_the_worst_is_shown():
    said = [published(), published(0.3, metric="mrr@10"), published(0.9, metric="map@10")]
    (found,) = gate(said, [MODEL], [row(), row(0.35, metric="mrr@10")])
    assert found["status"] == "off" and found["metric"] == "mrr@10"
    (found,) = gate(said[:2], [MODEL], [row(), row(0.305, metric="mrr@10")])
    assert found["status"] == "verified" and found["metric"] == "mrr@10"


@pytest.mark.parametrize(
    ("said", "scores", "limited", "reason"),
    [
        ([], [row()], (), "nobody published"),
        ([published(model="clip")], [row()], (), "nobody published"),
        ([published(metric="map@10")], [row()], (), "nobody published"),
        ([published()], [row()], [("kagl", "text")], "limited"),
        ([published(revision="old")], [row()], (), "revision old"),
    ],
)
def test_what_cannot_be_verified_says_why(said, scores, limited, reason):
    (found,) = gate(said, [MODEL], scores, limited)
    assert found["status"] == "not verifiable" and reason in found["reason"] and found["published"] is None


def test_the_revision_that_was_published_counts():
    (found,) = gate([published(0.1, revision="old"), published(revision="abc")], [MODEL], [row()])
    assert found["status"] == "verified"


def test_the_file(tmp_path):
    path = tmp_path / "baselines.toml"
    path.write_text(
        '[[baseline]]\nmodel = "siglip"\nbenchmark = "kagl"\nsource = "a paper"\ntolerance = 0.01\n'
        'scores."text" = { "recall@10" = 0.5, "mrr@10" = 0.25 }\n'
    )
    assert fidelity.read(path) == [published(), published(0.25, metric="mrr@10")]
    for text, told in (("[[baseline]]\nmodel = 'x'", "incomplete"), ("[[", "not valid TOML")):
        path.write_text(text)
        with pytest.raises(WeftError, match=told):
            fidelity.read(path)
    path.write_text('[[baseline]]\nmodel = "siglip"\nbenchmark = "kagl"\nsource = "a"\ntolerance = 0\nscores = {}\n')
    with pytest.raises(WeftError, match="tolerance of siglip is not above 0"):
        fidelity.read(path)
    good = '[[baseline]]\nmodel = "siglip"\nbenchmark = "kagl"\nsource = "a"\ntolerance = {}\n'
    good += 'scores.t = {{"mrr@10" = {}}}\n'
    for numbers, told in (((0.01, 67.9), "mrr@10 of siglip is 67.9: write a fraction"), (("inf", 0.5), "below 1")):
        path.write_text(good.format(*numbers))
        with pytest.raises(WeftError, match=told):
            fidelity.read(path)
    with pytest.raises(WeftError, match="cannot read"):
        fidelity.read(tmp_path / "none.toml")


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """A model, a task whose answers are what the official library's own embeddings find, and its score there: 1."""
    folder = tmp_path_factory.mktemp("reference")
    tiny.encoder().save(folder / "model")
    texts = [f"{text.title()}, {n}" for n, text in enumerate(tiny.TEXTS[:60])]
    bare = [(str(n), "in-domain/short", "test", text, None, {n: 3}) for n, text in enumerate(texts)]
    collection = shelf(folder / "c", "e" * 80, queries=bare)
    model = AutoModel.from_pretrained(folder / "model").eval()
    processor = AutoProcessor.from_pretrained(folder / "model")
    with torch.inference_mode():
        pictures = [decode(collection.image(row)) for row in range(80)]
        images = model.get_image_features(**processor(images=pictures, return_tensors="pt")).pooler_output
        queries = model.get_text_features(**processor(text=texts, return_tensors="pt")).pooler_output
    nearest = (torch.nn.functional.normalize(queries) @ torch.nn.functional.normalize(images).T).argmax(1).tolist()
    asked = [(str(n), "in-domain/short", "test", text, None, {nearest[n]: 3}) for n, text in enumerate(texts)]
    collection = shelf(folder / "d", "e" * 80, queries=asked)
    return folder / "model", own.retrieval(collection, collection.tasks("test")[0])


def unpadded(encoder, texts):
    tokens = encoder.tokenizer(list(texts), padding=True, truncation=True, return_tensors="pt")
    return {"input_ids": tokens["input_ids"]}


def with_capitals(encoder, texts):
    """As a tokenizer without lower-casing would see them: other words."""
    return encoder.tokens([text.replace("a", "A ").replace("e", "E ") for text in texts])


@pytest.mark.parametrize(("wrong", "status"), [(None, "verified"), (unpadded, "off"), (with_capitals, "off")])
def test_wrong_preprocessing_does_not_pass(reference, monkeypatch, wrong, status):
    folder, task = reference
    encoder = load(folder)
    if wrong is not None:
        right = encoder.tokens
        monkeypatch.setattr(encoder, "tokens", lambda texts: wrong(_with(encoder, right), texts))
    value = float(np.mean(score(task, *embed_task(task, Embedder(encoder, None, 16))).values["mrr@10"]))
    said = published(1.0, task=task.name, metric="mrr@10", tolerance=0.005)
    (found,) = gate([said], [MODEL], [row(value, task=task.name, metric="mrr@10")])
    assert found["status"] == status, value


def _with(encoder, tokens):
    """The encoder's tokenizer and its own `tokens`, unpatched."""

    class Plain:
        tokenizer = encoder.tokenizer

        def tokens(self, texts):
            return tokens(texts)

    return Plain()
