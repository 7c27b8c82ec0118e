"""Paths of this machine leave texts and data; everything else stays as it was."""

from pathlib import Path

import pytest

from weft.errors import WeftError
from weft.publish import private


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ("/mnt/my shop/products.parquet", "products.parquet"),
        ("/mnt/shop/", "shop"),
        ("C:\\data\\shop\\a.csv", "a.csv"),
        ("cannot open /mnt/shop/photos/1.jpg: damaged", "cannot open 1.jpg: damaged"),
        ("/mnt/a/b.csv, /mnt/c/d.csv", "b.csv, d.csv"),
        (f"{Path.cwd()}/runs/demo", "runs/demo"),
        ("hf:owner/name", "hf:owner/name"),
        ("https://example.com/a/b/c", "https://example.com/a/b/c"),
        ("in-domain/short", "in-domain/short"),
        ("black/white 50/50", "black/white 50/50"),
        ("../shared/data/x.parquet", "../shared/data/x.parquet"),
        ("demo:studio?products=6&words=house", "demo:studio?products=6&words=house"),
        ("/", "/"),
    ],
)
def test_paths_become_names(given, left):
    assert private.without_paths({given: [given, 1, None]}) == {left: [left, 1, None]}


def test_the_last_look_finds_what_was_missed(tmp_path):
    (tmp_path / "ok.json").write_text('{"path": "shop"}')
    (tmp_path / "model.safetensors").write_bytes(str(Path.cwd()).encode() + b"/x")  # a weight may look like anything
    private.check(tmp_path)
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence/bad.json").write_text(f'"{Path.cwd()}/x"')
    with pytest.raises(WeftError, match=r"evidence/bad\.json would publish a path"):
        private.check(tmp_path)
