"""sentence-transformers folders: equal to its own `encode`; SigLIP's padding mended; code and pickles refused."""

import pytest

from beside import run


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return run("sbert", "tiny_sbert", tmp_path_factory.mktemp("sbert") / "models")


@pytest.mark.parametrize("kind", ["siglip", "siglip2"])
def test_a_silent_siglip_folder_embeds_as_transformers_does(found, kind):
    one = found[kind]
    assert max(one["off transformers"]) < 1e-6 and max(one["long"]) < 1e-6
    assert one["mended"] == {
        "padding": "max_length", "max_length": 64, "truncation": True, "return_attention_mask": False
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["siglip", "siglip2"])
def test_the_trap_is_real(found, kind):
    """If sentence-transformers comes to pad SigLIP by itself, what `Sbert` mends can go."""
    images, texts = found[kind]["by hand off transformers"]
    assert images < 1e-6 and texts > 0.1


def test_a_folder_that_says_how_to_pad_is_obeyed(found):
    one = found["told"]
    assert one["mended"] == {}
    assert max(one["off by hand"]) < 1e-6 and max(one["off transformers"]) < 1e-6


def test_clip_and_a_dense_layer_equal_encode(found):
    assert max(found["clip"]["off by hand"]) < 1e-6 and max(found["clip"]["off transformers"]) < 1e-6
    assert max(found["dense"]["off by hand"]) < 1e-6
    assert (found["dense"]["dim"], found["dense"]["family"], found["dense"]["isinstance"]) == (8, "Sbert", True)


def test_the_default_prompt_is_put_before_texts(found):
    assert max(found["prompted"]) < 1e-6 < found["prompt matters"]


def test_a_folder_that_transformers_opens_needs_no_extra(found):
    assert {kind: found[kind]["family"] for kind in ("siglip", "siglip2", "clip")} == {
        "siglip": "Siglip", "siglip2": "Siglip", "clip": "Clip"
    }  # fmt: skip


def test_fingerprint(found):
    one, again, other = found["dense"]["fingerprints"]
    assert one == again != other and len(one) == 64


def test_code_and_pickles_are_refused_before_anything_runs(found):
    for folder in ("own", "routed"):
        assert "evil.Evil among its modules" in found["refusals"][folder] and not found["ran"]
    assert "as a pickle, which can run code" in found["refusals"]["pickled"]
    assert "modules.json of" in found["refusals"]["damaged"]
