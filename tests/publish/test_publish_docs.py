"""What docs/publishing.md shows: its Python runs on a published folder, and its tables name what is written."""

import json
import re
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch.nn.functional import normalize as unit

import tiny
from weft import encoders
from weft.catalogue.images import decode
from weft.publish import card, onnx

PAGE = (Path(__file__).parents[2] / "docs" / "publishing.md").read_text(encoding="utf-8")


def blocks(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)


def ran(page: str, without: str = "") -> dict:
    """The names that a page's Python leaves, run in order; blocks that import a missing library are left out."""
    names: dict = {}
    for block in blocks(page):
        if not without or without not in block:
            exec(compile(block, "page", "exec"), names)
    return names


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """A working folder with a picture that Pillow alone shows otherwise than Weft: a cut-out on its side."""
    picture = tiny.pictures(1)[0].convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn by 90 degrees to the right
    picture.save(tmp_path / "dress.jpg", format="PNG", exif=exif)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_page_runs_on_siglip(place):
    encoder = encoders.load_base(str(tiny.siglip2(place / "base")))
    encoder.save(place / "runs/my_shop/publish")
    names = ran(PAGE, without="onnxruntime")
    assert (names["same_image"] - names["image"]).abs().max() < 1e-6
    assert (names["same_text"] - names["text"]).abs().max() < 1e-6
    right = encoder.text_features(encoder.tokens(["red wool dress"]))
    assert (names["text"] - unit(right)).abs().max() < 1e-6
    seen = [decode((place / "dress.jpg").read_bytes()), Image.open(place / "dress.jpg").convert("RGB")]
    ours, bare = unit(encoder.image_features(encoder.pixels(seen))).detach()
    assert (names["image"][0] - ours).abs().max() < 1e-6 and (bare - ours).abs().max() > 0.01


def test_the_page_runs_on_clip(place, exported):
    shutil.copytree(exported[1].parent, place / "runs/my_shop/publish")
    names = ran(PAGE)
    assert (names["same_image"] - names["image"]).abs().max() < 1e-6
    assert (names["same_text"] - names["text"]).abs().max() < 1e-6
    assert (torch.from_numpy(names["by_onnx"]) - names["text"]).abs().max() < onnx.PARITY


def test_the_card_runs(place, monkeypatch, exported):
    """Its vectors by onnxruntime are those of int8: near the others, which is more than a wrong padding gives."""
    shutil.copytree(exported[1].parent, place / "published")
    (place / "dress.jpg").rename(place / "published/dress.jpg")
    monkeypatch.chdir(place / "published")
    names = ran(card.use(onnx.OPSET), without="sentence_transformers")
    assert names["cosines"].shape == (1, 1) and abs(float(names["cosines"])) <= 1
    assert float((torch.from_numpy(names["vectors"]) * names["found"].text_embeds).sum()) > 0.99


def test_every_field_of_compact_json_is_on_the_page(made):
    told = set(re.findall(r"`([\w.\[\]*]+)`", PAGE.partition("| field | type | meaning |")[2]))
    compact = json.loads((made[1] / "compact.json").read_text())
    rows = {f"rows[].{key}" for row in compact["rows"] for key in row if key != "tasks"} | {"rows[].tasks.*"}
    plain = {key for key in compact if key not in ("rows", "off", "left_out", "note")}
    assert rows | plain | {"off.*", "left_out[]"} <= told
    one = compact["rows"][0]["tasks"]["in-domain/short"]
    assert set(one) <= told


def test_every_file_is_on_the_page(made):
    table = PAGE.partition("## What is in the folder")[2].partition("##")[0]
    for name in ("modules.json", "sentence_bert_config.json", "README.md", "figures/", "compact.json", "evidence/"):
        assert f"`{name}`" in table and (made[1] / name).exists(), name
