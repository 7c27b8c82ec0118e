"""A shop's table, its curation, and pictures like no other, for tests of curation."""

import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from weft.catalogue.collection import Collection
from weft.catalogue.curate import curate
from weft.catalogue.sources.spec import Columns, SourceSpec
from weft.recipe import Curate, Recipe

COLUMNS = Columns(
    id="id", image="image", title="title", brand="brand", category="kind",
    attributes={"colour": "colour", "ground": "ground"}, variant="variant",
)  # fmt: skip


SETTINGS = Curate(zero_shot_share=0.2, dev_share=0.2, test_share=0.2)


def table(path, rows):
    pq.write_table(pa.Table.from_pylist([{"variant": ""} | row for row in rows]), path)
    return SourceSpec(path=str(path), columns=COLUMNS)


def recipe(*sources, **parts):
    return Recipe(**({"name": "shop", "base": "demo", "sources": sources, "curate": SETTINGS} | parts))


def run(folder, *sources, **parts):
    folder.mkdir(exist_ok=True)
    curate(recipe(*sources, **parts), folder)
    return Collection(folder), json.loads((folder / "summary.json").read_text())


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def photo(seed, side=96):
    """A picture like no other, with structure of every size, as the near-duplicate finder expects of photographs."""
    random, picture = np.random.default_rng(seed), np.full((side, side, 3), 128.0)
    for cells in (3, 6, 12, 24):
        noise = Image.fromarray(random.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
        picture += (np.asarray(noise.resize((side, side), Image.Resampling.BICUBIC)) - 128.0) / 2
    return Image.fromarray(picture.clip(0, 255).astype(np.uint8))


def coded(image, form="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def shelf(count, seed=0):
    """Products with pictures and titles of their own."""
    random = np.random.default_rng(seed)
    return [
        {
            "id": f"p{n}",
            "image": coded(photo((seed, n))),
            "title": f"Thing number {n} of {seed}",
            "brand": f"brand{random.integers(20)}",
            "kind": str(random.choice(["dress", "coat", "hat"])),
            "colour": str(random.choice(["red", "navy", "green", "black"])),
            "ground": str(random.choice(["wool", "silk"])),
        }
        for n in range(count)
    ]
