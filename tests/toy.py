"""A toy catalogue that a pico model learns in seconds: coloured figures on coloured grounds, in two vocabularies."""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageDraw

COLOURS = {
    "red": (220, 30, 30), "green": (30, 160, 50), "blue": (40, 70, 220), "yellow": (235, 210, 40),
    "black": (20, 20, 20), "white": (245, 245, 245), "pink": (240, 140, 190), "brown": (120, 75, 40),
}  # fmt: skip
FIGURES = ("disc", "box", "cross", "ring", "bar", "wedge")
BRANDS = ("acme", "brio", "corso", "dolce", "ember", "fable", "gusto", "hydra", "iris", "jazz", "kite", "luna")
HOUSE = {
    "red": "ruby", "green": "moss", "blue": "cobalt", "yellow": "honey", "black": "onyx", "white": "chalk",
    "pink": "blush", "brown": "cocoa",
}  # fmt: skip
"""The shop's own colours; the base knows only the plain ones."""


def picture(figure: str, colour: str, ground: str, random: np.random.Generator, side: int = 24) -> Image.Image:
    """A figure a little off the middle, with noise."""
    image = Image.new("RGB", (side, side), COLOURS[ground])
    draw, (x, y) = ImageDraw.Draw(image), random.integers(-3, 4, 2) + side // 2
    r, ink = side // 3, COLOURS[colour]
    if figure == "disc":
        draw.ellipse((x - r, y - r, x + r, y + r), ink)
    elif figure == "ring":
        draw.ellipse((x - r, y - r, x + r, y + r), outline=ink, width=3)
    elif figure == "box":
        draw.rectangle((x - r + 1, y - r + 1, x + r - 1, y + r - 1), ink)
    elif figure == "bar":
        draw.rectangle((x - r, y - 2, x + r, y + 2), ink)
    elif figure == "cross":
        draw.rectangle((x - r, y - 2, x + r, y + 2), ink)
        draw.rectangle((x - 2, y - r, x + 2, y + r), ink)
    else:
        draw.polygon([(x - r, y + r), (x + r, y + r), (x, y - r)], ink)
    noise = random.normal(0, 6, (side, side, 3))
    return Image.fromarray((np.asarray(image) + noise).clip(0, 255).astype(np.uint8))


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def rows(count: int, seed: int, words: dict[str, str] | None = None) -> list[dict]:
    """Products with id, image, title, brand, kind, colour and ground, in plain words or in `words`."""
    random, spoken = np.random.default_rng(seed), words or {}
    found = []
    for number in range(count):
        figure = str(random.choice(FIGURES))
        colour, ground = map(str, random.choice(list(COLOURS), 2, replace=False))
        brand = str(random.choice(BRANDS))
        kind, ink, back = (spoken.get(word, word) for word in (figure, colour, ground))
        found.append(
            {
                "id": f"{seed}-{number}",
                "image": png(picture(figure, colour, ground, random)),
                "title": f"{brand} {ink} {kind} on {back}",
                "brand": brand,
                "kind": kind,
                "colour": ink,
                "ground": back,
            }
        )
    return found


def write(path: Path, count: int, seed: int, words: dict[str, str] | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows(count, seed, words)), path)
    return path


COLUMNS = """{ id = "id", image = "image", title = "title", brand = "brand", category = "kind", \
attributes = { colour = "colour", ground = "ground" } }"""

BASE = """
base = "new:siglip"
sources = [{ path = "plain.parquet", columns = COLUMNS }]
curate = { zero_shot_share = 0.0, near_duplicates = false }
pairs = { long = "" }
[new]
image_size = 24
patch_size = 8
hidden_size = 32
vision_layers = 2
text_layers = 1
heads = 2
vocab_size = 420
max_tokens = 16
[train]
epochs = 30
batch = 64
lr = 3e-3
crop = 1.0
flip = false
lwf_weight = 0.0
precision = "fp32"
""".replace("COLUMNS", COLUMNS)

SHOP = """
base = "runs/base/weave/model"
sources = [{ path = "house.parquet", columns = COLUMNS }]
curate = { zero_shot_share = 0.12, dev_share = 0.3, test_share = 0.2, near_duplicates = false }
weave = { delta = 0.03 }
[[benchmarks]]
name = "plain titles"
source = { path = "titles.parquet", columns = COLUMNS }
[[benchmarks]]
name = "plain kinds"
task = "class"
prompt = "{}"
source = { path = "kinds.parquet", columns = COLUMNS }
[train]
epochs = 12
batch = 64
lr = 2e-3
crop = 1.0
flip = false
precision = "fp32"
""".replace("COLUMNS", COLUMNS)


def shop(folder: Path) -> Path:
    """Tables and recipes in `folder`: `base.toml` first, then `shop.toml`."""
    write(folder / "plain.parquet", 600, 1)
    write(folder / "house.parquet", 800, 2, HOUSE)
    write(folder / "titles.parquet", 400, 3)
    write(folder / "kinds.parquet", 200, 4)
    (folder / "base.toml").write_text(BASE, encoding="utf-8")
    (folder / "shop.toml").write_text(SHOP, encoding="utf-8")
    return folder
