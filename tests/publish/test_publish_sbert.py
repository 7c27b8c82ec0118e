"""A published folder embeds alike in transformers and in sentence-transformers, texts and pictures."""

import json

import pytest

import tiny
from beside import run


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return run("sbert", "tiny_published", tmp_path_factory.mktemp("published") / "models")


@pytest.mark.parametrize("kind", tiny.FAMILIES)
def test_both_libraries_embed_alike(found, kind):
    """Also a text alone, without longer ones beside it to pad it by, and after saving from sentence-transformers."""
    one = found[kind]
    assert max(one["off"]) < 1e-6 and one["one at a time"] < 1e-6 and one["off when saved again"] < 1e-6
    assert abs(one["similar"] - 1) < 1e-6


def test_the_folder_stays_one_for_transformers(found):
    assert [found[kind]["family"] for kind in tiny.FAMILIES] == ["Siglip", "Siglip", "NaFlex", "Clip"]


def test_the_padding_is_the_model_s_own(made):
    told = json.loads((made[1] / "sentence_bert_config.json").read_text())["processing_kwargs"]["text"]
    assert told == {"padding": "max_length", "max_length": 64, "truncation": True, "return_attention_mask": False}
