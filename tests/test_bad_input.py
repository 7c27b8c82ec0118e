"""Whatever a catalogue holds, `weft curate` ends well: what cannot be used is listed, and the counts add up."""

import io
import json
import re
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from command import weft
from weft.catalogue.collection import Collection

RECIPE = """
base = "demo"
[[sources]]
path = "shop.csv"
image_folder = "pictures"
[sources.columns]
id = "sku"
image = "photos"
title = "name"
description = "about"
brand = "maker"
category = "kind"
attributes = { colour = "colour" }
[curate]
zero_shot_share = 0.0
dev_share = 0.2
test_share = 0.2
near_duplicates = true
"""
HEADER = ["sku", "photos", "name", "about", "maker", "kind", "colour"]


def photo(seed, mode="RGB", size=(40, 50)) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (6, 5, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC).convert(mode)


def coded(image, form="JPEG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def png_claiming(width, height) -> bytes:
    """A small file whose header claims enormous sides: a decompression bomb."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 9999)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def sixteen_bits() -> bytes:
    return coded(Image.fromarray(np.linspace(0, 65535, 40 * 50).reshape(50, 40).astype(np.uint16)), "PNG")


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return coded(photo(7), exif=exif)


GOOD = {
    "cmyk": coded(photo(1, "CMYK")),
    "sixteen bits": sixteen_bits(),
    "palette": coded(photo(2, "P"), "PNG"),
    "animated": coded(photo(3), "GIF", save_all=True, append_images=[photo(4)]),
    "turned": turned(),
    "grey": coded(photo(5, "L"), "PNG"),
    "transparent": coded(photo(6, "RGBA"), "PNG"),
    "webp": coded(photo(8), "WEBP"),
}
BAD = {
    "corrupt": (b"\xff\xd8\xff not a picture at all", "damaged"),
    "truncated": (coded(photo(9, size=(400, 400)))[:3000], "truncated|damaged|Premature|end"),
    "empty": (b"", "empty"),
    "one pixel": (coded(photo(10, size=(1, 1)), "PNG"), "too small"),
    "20,000 pixels": (png_claiming(20_000, 20_000), "too (large|many)|pixels"),
    "bomb": (png_claiming(200_000, 200_000), "too (large|many)|pixels"),
    "a text": (b"<html>404</html>", "damaged"),
}
WORDS = {
    "emoji": "👗💃 Summer dress 👩‍👩‍👧",
    "right to left": "فستان أحمر طويل",
    "hebrew": "שמלה אדומה",
    "long": "very " * 2000,
    "one long word": "x" * 10_000,
    "quotes": 'He said "nice", then; left',
    "newline": "two\nlines",
    "controls": "bell\x07 and null-ish \x1b[31m",
    "formula": "=HYPERLINK(1)",
    "percent and braces": "100% {cotton} %s {0}",
}


def cell(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


@pytest.fixture
def shop(tmp_path):
    """A folder with `shop.toml`, forty plain products, and a function that adds rows of any kind."""
    (tmp_path / "pictures").mkdir()
    (tmp_path / "shop.toml").write_text(RECIPE, encoding="utf-8")
    rows = [HEADER]

    def add(sku, data, title="Thing", **cells):
        if data is not None:
            name = f"{len(rows)}.bin"
            (tmp_path / "pictures" / name).write_bytes(data)
        else:
            name = cells.pop("photos", "")
        row = {"sku": sku, "photos": name, "name": title, "maker": "acme", "kind": "dress", "colour": "red"} | cells
        rows.append([row.get(column, "") for column in HEADER])

    def curate(*arguments):
        table = "\n".join(",".join(map(cell, row)) for row in rows) + "\n"
        (tmp_path / "shop.csv").write_text(table, encoding="utf-8")
        return weft("curate", "shop.toml", *arguments, folder=tmp_path)

    for n in range(40):
        add(f"p{n}", coded(photo(100 + n)), f"Thing {n}")
    shop.add, shop.curate, shop.folder, shop.rows = add, curate, tmp_path, rows
    return shop


def skipped(folder) -> dict[str, str]:
    lines = (folder / "runs/shop/curate/skipped.jsonl").read_text(encoding="utf-8").splitlines()
    return {line["item"]: line["reason"] for line in map(json.loads, lines)}


def told_counts(result) -> tuple[int, ...]:
    """(rows, kept, skipped, not asked for) as they were printed."""
    (line,) = [line for line in result.err.splitlines() if line.startswith("  shop: ")]
    return tuple(map(int, re.findall(r"\d+", line.partition(";")[0])))


def test_pictures_and_texts_of_every_kind(shop):
    for name, data in GOOD.items():
        shop.add(f"good {name}", data, f"A good {name} one")
    for name, (data, _) in BAD.items():
        shop.add(f"bad {name}", data, f"A bad {name} one")
    for n, (name, text) in enumerate(WORDS.items()):
        shop.add(f"words {name}", coded(photo(500 + n)), text)
    shop.add("no title", coded(photo(600)), "")
    shop.add("nothing", coded(photo(601)), "", kind="", colour="")
    shop.add("", coded(photo(602)), "No id")
    shop.add("p3", coded(photo(603)), "Taken id")
    shop.add("no picture", None, "No picture")
    shop.add("gone", None, "Missing file", photos="nowhere.jpg")
    shop.add("outside", None, "Outside", photos="../shop.toml")
    shop.add("half", None, "One of two", photos="1.bin|nowhere.jpg")
    result = shop.curate()
    assert result.code == 0, result.err
    assert "Traceback" not in result.err and result.out == ""

    rows, kept, lost, unasked = told_counts(result)
    reasons = skipped(shop.folder)
    found = Collection(shop.folder / "runs/shop/curate")
    assert rows == len(shop.rows) - 1 == kept + lost and unasked == 0 and kept == len(found)
    ids = {product.id for product in found.products}
    assert {f"good {name}" for name in GOOD} | {f"words {name}" for name in WORDS} | {"no title", "half"} <= ids
    for name, (_, reason) in BAD.items():
        assert re.search(reason, reasons.pop(f"bad {name}")), name
    assert reasons.pop("nothing") == "no text" and reasons.pop("p3") == "duplicate id"
    assert "no picture" in reasons.pop("no picture") and "nowhere.jpg" in reasons.pop("gone")
    assert "outside the image folder" in reasons.pop("outside") and "nowhere.jpg" in reasons.pop("half#2")
    assert list(reasons.values()) == ["no id"]
    assert lost == len(BAD) + 6

    titles = {product.id: product.title for product in found.products}
    assert titles["words emoji"] == WORDS["emoji"] and titles["words right to left"] == WORDS["right to left"]
    assert len(titles["words one long word"]) == 10_000 and titles["words newline"] == "two lines"
    assert titles["words quotes"] == WORDS["quotes"] and "\x1b" not in titles["words controls"]
    summary = json.loads((shop.folder / "runs/shop/curate/summary.json").read_text())["counts"]
    assert (summary["rows"], summary["kept"], summary["skipped"]) == (rows, kept, lost)
    assert sum(summary["splits"].values()) == kept
    for split in ("dev", "test"):
        for task in found.tasks(split):
            assert all(len(text.split()) <= (8 if task.name.endswith("short") else 60) for text in task.texts)


def test_broken_lines_of_a_table(shop):
    result = shop.curate()
    with (shop.folder / "shop.csv").open("ab") as table:
        table.write(b"too,few\n")
        table.write(b"p100,1.bin,caf\xe9,,acme,dress,red\n")  # Latin-1
        table.write(b"p101,1.bin,Fine,,acme,dress,red\n")
    result = weft("curate", "shop.toml", folder=shop.folder)
    assert result.code == 0 and told_counts(result) == (43, 41, 2, 0)
    assert sorted(reason.partition(": ")[2][:9] for reason in skipped(shop.folder).values()) == [
        "2 fields ",
        "not UTF-8",
    ]


def test_counts_of_rows_that_are_not_asked_for(shop):
    shop.add("blue", coded(photo(300)), "Blue", colour="blue")
    result = shop.curate("--set", "sources.0.where={colour = 'red'}")
    assert result.code == 0 and told_counts(result) == (41, 40, 0, 1)


@pytest.mark.parametrize("bad", ["corrupt", "empty", "bomb"])
def test_strict_stops_at_the_first_bad_picture(shop, bad):
    shop.add("bad", BAD[bad][0], "Bad")
    result = shop.curate("--set", "curate.strict=true")
    assert result.code == 2 and "strict" in result.err.splitlines()[-1] and "bad" in result.err.splitlines()[-1]
    assert not (shop.folder / "runs/shop/curate").exists()


def test_strict_stops_at_a_duplicate_id(shop):
    shop.add("p1", coded(photo(300)), "Again")
    result = shop.curate("--set", "curate.strict=true")
    assert result.code == 2 and "duplicate id" in result.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("sources.0.columns.title=nam", "no column 'nam' (did you mean 'name'?)"),
        ("sources.0.columns.image=picture", "no column 'picture'"),
        ("sources.0.columns.atributes={}", "did you mean 'attributes'?"),
        ("sources.0.image_folder=nowhere", "there is no folder 'nowhere', which image_folder names"),
        ("sources.0.path=missing.csv", "there is no file 'missing.csv'"),
        ("curate.strct=true", "did you mean 'strict'?"),
    ],
)
def test_a_recipe_that_does_not_fit_the_table(shop, change, told):
    result = shop.curate("--set", change)
    assert result.code == 2 and told in result.err.splitlines()[-1] and "Traceback" not in result.err
    assert not (shop.folder / "runs").exists(), "nothing was made, so nothing is left behind"


def test_only_bad_products(tmp_path):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "shop.toml").write_text(RECIPE)
    (tmp_path / "shop.csv").write_text(",".join(HEADER) + "\n1,none.jpg,A,,b,c,d\n2,none.jpg,B,,b,c,d\n")
    result = weft("curate", "shop.toml", folder=tmp_path)
    assert result.code == 2 and "of 2 rows 0 are not asked for" in result.err and "none.jpg" in result.err
    (tmp_path / "shop.csv").write_text(",".join(HEADER) + "\n")
    assert "it is empty" in weft("curate", "shop.toml", folder=tmp_path).err
    (tmp_path / "shop.csv").write_text("")
    result = weft("curate", "shop.toml", folder=tmp_path)
    assert result.code == 2 and "no header" in result.err
