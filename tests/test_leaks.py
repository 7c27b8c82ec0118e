"""The leak guard: what a benchmark contains is kept out of training whole, and what it does not contain is not."""

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import tiny
from weft import leaks
from weft.catalogue import duplicates
from weft.catalogue.collection import Collection
from weft.catalogue.images import decode, fingerprint
from weft.demo.source import products
from weft.errors import WeftError
from weft.pipeline import Pipeline
from weft.recipe import load
from weft.schema import Product

RECIPE = """
base = "new:siglip"
out = "run"
[[sources]]
path = "shop.parquet"
columns = { id = "id", image = "image", title = "title", category = "kind" }
[curate]
zero_shot_share = 0.0
near_duplicates = false
keep_out = ["classes=shown.parquet?image=image&label=kind&name=shown"]
"""
LONG = "a light summer dress of washed linen with wide straps and two deep pockets at the sides"


def changed(data: bytes, number: int) -> bytes:
    """Resized, re-encoded, cropped by 5% and, every other one, mirrored."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    width, height = image.size
    image = image.crop((round(0.03 * width), round(0.02 * height), round(0.98 * width), round(0.97 * height)))
    image = image.resize((round(0.9 * width), round(0.9 * height)))
    return tiny.jpeg(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if number % 2 else image, 80)


@pytest.mark.slow
def test_the_false_alarms_on_kagl(tmp_path):
    """`pytest -m slow -n 0 -s tests/test_leaks.py`: 50 copies among 10,000 KAGL products, a benchmark of 2,000 others.
    Minutes long, and needs a local copy of the data."""
    file = Path(__file__).parents[2] / "shared" / "data" / "kagl" / "products.parquet"
    if not file.exists():
        pytest.skip(f"{file} is not there")
    table = pq.read_table(file, columns=["image", "title", "article_type"]).to_pylist()
    order = np.random.default_rng(0).permutation(len(table))[:12_000]
    things = [table[place] for place in order]
    shown, own = things[:2000], things[2000:]
    columns = [{"id": str(n), "image": one["image"]["bytes"], "kind": "a" if n else "b"} for n, one in enumerate(shown)]
    pq.write_table(pa.Table.from_pylist(columns), tmp_path / "shown.parquet")
    pictures = [one["image"]["bytes"] for one in own] + [changed(shown[n]["image"]["bytes"], n) for n in range(50)]
    catalogue = [Product(str(n), (), title=f"thing {n}") for n in range(len(pictures))]
    hashes = [fingerprint(data) for data in pictures]
    spec = f"classes={tmp_path}/shown.parquet?image=image&label=kind&name=shown"
    found = leaks.find([leaks.Known(spec)], catalogue, np.arange(len(pictures)), hashes, pictures.__getitem__)
    signatures = duplicates.describe_all(decode(data) for data in [one["image"]["bytes"] for one in shown] + pictures)
    group = duplicates.group(*signatures, [str(n) for n in range(2000 + len(pictures))]).group
    same = set((np.flatnonzero(np.isin(group[2000:], group[:2000]))).tolist())
    alarms = [leak for leak in found if leak.row < 10_000 and leak.row not in same and leak.how != "file"]
    planted = sum(leak.row >= 10_000 for leak in found)
    print(f"planted found {planted} of 50, false alarms {len(alarms)} of 10,000, true duplicates {len(same)}")
    assert planted == 50 and len(alarms) <= 100


def row(product: Product, name: str, title: str, image: bytes) -> dict:
    return {"id": name, "image": image, "title": title, "kind": product.category}


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A shop of 40 products of its own and re-captioned copies of 20 of the 30 pictures in the benchmark "shown"."""
    folder = tmp_path_factory.mktemp("shop")
    known = list(products(products=30, seed=1, size=80))
    own = list(products(products=40, seed=2, size=80))
    rows = [row(p, f"own-{n}", p.title, p.images[0]) for n, p in enumerate(own)]
    rows += [row(p, f"copy-{n}", f"new words {n}", changed(p.images[0], n)) for n, p in enumerate(known[:20])]
    pq.write_table(pa.Table.from_pylist(rows), folder / "shop.parquet")
    pq.write_table(pa.Table.from_pylist([row(p, p.id, "", p.images[0]) for p in known]), folder / "shown.parquet")
    (folder / "recipe.toml").write_text(RECIPE)
    return folder


def test_a_planted_leak_is_kept_out_whole_and_nothing_else(shop, monkeypatch):
    monkeypatch.chdir(shop)
    Pipeline(load("recipe.toml")).curate()
    found = Collection("run/curate")
    trained = {found.products[place].id for place in np.flatnonzero(found.split == "train")}
    copied = {product.id for product in found.products if product.id.startswith("copy")}
    assert len(copied) == 20 and not trained & copied and len(trained) > 25
    dropped = [json.loads(line) for line in (shop / "run/curate/dropped.jsonl").read_text().splitlines()]
    assert {one["product_id"] for one in dropped} <= copied
    assert all(one["reason"].startswith("in shown as ") for one in dropped)
    summary = json.loads((shop / "run/curate/summary.json").read_text())
    assert summary["leaks"] == {"shown": {"picture": 20}}
    before = Pipeline(load("recipe.toml", ["curate.keep_out=[]"])).curate_stage()
    assert not before.done(), "another guard curates again"


def test_a_benchmark_that_is_not_there_is_told_before_anything_is_read(shop, monkeypatch):
    monkeypatch.chdir(shop)
    monkeypatch.setattr("weft.catalogue.curate.curate", lambda *told: pytest.fail("it began"))
    with pytest.raises(WeftError, match="lost"):
        Pipeline(load("recipe.toml", ["curate.keep_out=['own=lost']", "out=elsewhere"])).curate()


class Worded(leaks.Known):
    """Of a benchmark with one picture-less task."""

    def __init__(self, titles: dict[str, str], texts: dict[str, str]):
        self.titles, self.words, self.files, self.first = titles, leaks._Words(texts), {}, {}


def signs(known: Worded, *catalogue: Product) -> list:
    return list(known.signs(catalogue, np.empty(0, int), [], None))


def test_words():
    known = Worded({}, {LONG: "b7", "red dress": "b8"})
    nearly = LONG.removesuffix("s").upper() + "!"
    other = "a light summer dress of washed cotton with thin straps and no pockets at all, made in Italy"
    found = signs(
        known, Product("1", (), title=nearly), Product("2", (), description=LONG), Product("3", (), title=other),
        Product("4", (), title="red dress"), Product("5", (), texts={"en": LONG}),
    )  # fmt: skip
    assert found == [(0, "text", "b7"), (1, "text", "b7"), (4, "text", "b7")]


def test_the_same_words_are_found_whatever_shares_their_runs():
    """Among longer texts that hold all of it, and where every run of it is common."""
    longer = {f"{LONG} {' '.join(f'{n}{k}' for k in range(20))}": f"l{n}" for n in range(150)}
    nearly = LONG.removesuffix("sides") + "back"
    assert signs(Worded({}, longer | {LONG: "b7"}), Product("1", (), title=LONG)) == [(0, "text", "b7")]
    few = dict(list(longer.items())[:20])
    assert signs(Worded({}, few | {LONG: "b7"}), Product("1", (), title=nearly)) == [(0, "text", "b7")]
    assert signs(Worded({}, few), Product("1", (), title=nearly)) == []


def test_words_of_a_script_without_spaces():
    text = "黑色羊毛长款连衣裙带有宽肩带和两个深口袋"
    shown = (text, f"新款{text}", "红色连衣裙", "蓝色棉质短袖衬衫带有小立领和一个胸前口袋")
    found = signs(
        Worded({}, {text: "b7", "红色连衣裙": "b8"}), *[Product(str(n), (), title=one) for n, one in enumerate(shown)]
    )
    assert found == [(0, "text", "b7"), (1, "text", "b7")], "the third is short, the fourth is another shirt"


def test_an_id_alone_is_chance():
    known = Worded({"17": "red dress", "18": ""}, {})
    found = signs(known, Product("17", (), title="Red  dress"), Product("17", (), title="boots"), Product("18", ()))
    assert found == [(0, "id", "17")]


def test_reasons_say_where_and_how():
    assert leaks.Leak(3, "kagl", "picture", "1163").reason == "in kagl as 1163 (a copy of its picture)"
    assert "nearly its words" in leaks.Leak(3, "kagl", "text", "1163").reason
