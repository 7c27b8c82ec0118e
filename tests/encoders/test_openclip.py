"""OpenCLIP folders: equal to OpenCLIP used by hand; pickles and remote code are refused."""

import importlib.util

import pytest

import tiny
from beside import run
from weft import encoders
from weft.errors import WeftError


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return run("openclip", "tiny_openclip", tmp_path_factory.mktemp("openclip") / "models")


@pytest.mark.parametrize(("folder", "dim"), [("clip", 24), ("siglip", 64)])
def test_equal_to_open_clip(found, folder, dim):
    one = found[folder]
    assert (one["family"], one["name"], one["dim"], one["isinstance"]) == ("OpenClip", folder, dim, True)
    assert one["shapes"] == [[3, dim], [4, dim]]
    assert one["off"] < 1e-6
    assert one["half"] > 0.999


@pytest.mark.parametrize("folder", ["clip", "siglip"])
def test_fingerprint_follows_one_weight(found, folder):
    first, again, changed = found[folder]["fingerprints"]
    assert first == again != changed and len(first) == 64


def test_squash_takes_the_whole_picture(found):
    assert found["squash"] < 1e-6


def test_texts_are_padded_and_cut_to_the_context(found):
    for folder, length, end in (("clip", 77, 49407), ("siglip", 16, 1)):
        tokens = found[folder]["tokens"]
        assert {len(row) for row in tokens} == {length}
        assert tokens[1][-1] == end and tokens[0][-1] == 0  # the long text is cut after its end token


def test_capitals_and_marks_go_where_the_config_says(found):
    """The text is "Red DRESS, size 2", and `clean: canonicalize` drops the comma."""
    plain = tiny.encoder().tokenizer("red dress size 2")["input_ids"]
    assert found["siglip"]["tokens"][0][: len(plain)] == plain


def test_a_folder_without_tokenizer_reads_the_one_its_config_names(found):
    ids, own = found["named"]["ids"], found["named"]["own"]
    assert ids[: len(own)] == own and len(ids) == 12


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("pickled", "a pickle (.bin, .pt) can run code and is not read"),
        ("code", "asks for remote code (trust_remote_code), which Weft does not run"),
        ("damaged", "open_clip_config.json of damaged is damaged (KeyError"),
        ("other", "the weights of other do not fit its open_clip_config.json: Missing key(s)"),
    ],
)
def test_refusals(found, folder, message):
    assert message in found["refusals"][folder]


@pytest.mark.skipif(importlib.util.find_spec("open_clip") is not None, reason="OpenCLIP is installed here")
def test_without_the_extra_the_error_says_what_to_install(tmp_path):
    (tmp_path / "open_clip_config.json").write_text("{}")
    with pytest.raises(WeftError, match=r'needs open_clip .*pip install .*"\.\[openclip\]"'):
        encoders.load(tmp_path)
