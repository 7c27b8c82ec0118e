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
        ("/home/ann/My Shop, new/products.parquet", "products.parquet"),
        ("cannot read /data/shop/My Pictures (2)/a.jpg now", "cannot read a.jpg now"),
        ("x: /srv/ann & bob/geheim/x.csv failed", "x: x.csv failed"),
        ("no access: '/srv/Ann's/ünï/x.csv'", "no access: 'x.csv'"),
        ("file:///home/ann/shop/x", "x"),
        ("~/shop/private/x.csv", "x.csv"),
        ("path:/srv/ann/x.csv", "path:x.csv"),
        (r"\\nas\share\a.csv", "a.csv"),
        (f"/mnt{Path.cwd()}/x.csv", "x.csv"),
        (f"{Path.home()}/secret/x.csv", "x.csv"),
        ("weft audit own=/srv/a/curate --out runs/b/audit", "weft audit own=curate --out runs/b/audit"),
        ("/mnt/a/b.csv, hf:owner/name", "b.csv, hf:owner/name"),
        ("/mnt/a.csv: see https://example.com/a/b", "a.csv: see https://example.com/a/b"),
    ],
)
def test_paths_become_names(given, left):
    assert private.without_paths({given: [given, 1, None]}) == {left: [left, 1, None]}


def test_the_catalogue_s_own_words_stay():
    dress = {"product_id": "/shop/a/1", "title": "black /white /red/ blue dress", "reason": "/srv/shop/1.jpg is blank"}
    found = private.without_paths({"skipped": [dress], "examples": [dress]})
    assert found == {"skipped": [dress | {"reason": "1.jpg is blank"}], "examples": [dress]}
    columns = {"path": "/srv/shop/x.csv", "columns": {"id": "/net/price/eur"}, "where": {"a": "/red/blue/"}}
    assert private.without_paths(columns) == columns | {"path": "x.csv"}


def test_no_key_takes_another_s_place():
    found = private.without_paths({"/a/b/x": 1, "/c/d/x": 2, "x": 3, "/a/b/y": 4})
    assert found == {"x (2)": 1, "x (3)": 2, "x": 3, "y": 4}


def test_the_last_look_finds_what_was_missed(tmp_path):
    (tmp_path / "ok.json").write_text('{"path": "shop"}')
    (tmp_path / "model.safetensors").write_bytes(str(Path.cwd()).encode() + b"/x")  # a weight may look like anything
    private.check(tmp_path)
    (tmp_path / "run.trec").write_text(f"q 0 img{Path.cwd()}/0001.jpg 1")  # a product's id, of which it is a part
    private.check(tmp_path)
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence/bad.json").write_text(f'"{Path.cwd()}/x"')
    with pytest.raises(WeftError, match=r"evidence/bad\.json would publish a path"):
        private.check(tmp_path)
