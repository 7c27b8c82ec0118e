"""Small tables of products for tests of sources, and what is read of them."""

import csv
import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from weft.catalogue.sources import Columns, SourceSpec, open_source
from weft.schema import Product, Skipped


def picture(seed: int = 0, format: str = "JPEG", side: int = 16) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format=format)
    return buffer.getvalue()


COLUMNS = Columns(id="sku", image="image", title="title", attributes={"colour": "colour"})


def parquet(path, rows: list[dict], columns: Columns = COLUMNS, **spec) -> SourceSpec:
    pq.write_table(pa.Table.from_pylist(rows), path / "products.parquet")
    return SourceSpec(path=str(path / "products.parquet"), columns=columns, **spec)


def shirt(sku="a", **more) -> dict:
    return {"sku": sku, "image": picture(), "title": "Red shirt", "colour": "Red"} | more


def take(spec: SourceSpec, **options):
    """(products, skips), after checking that no row was lost or counted twice."""
    source = open_source(spec, **options)
    items = list(source)
    products = [item for item in items if isinstance(item, Product)]
    skips = [item for item in items if isinstance(item, Skipped)]
    rows = [skip for skip in skips if "#" not in skip.item]
    counts = source.counts
    assert (counts.products, counts.skipped) == (len(products), len(rows))
    assert counts.bad_images == len(skips) - len(rows)
    assert counts.rows == counts.products + counts.skipped + counts.left_out
    return products, skips


def write_csv(file, header, rows):
    with file.open("w", newline="", encoding="utf-8") as handle:
        csv.writer(handle).writerows([header, *rows])


def image_folder(tmp_path):
    folder = tmp_path / "pictures"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.jpg").write_bytes(picture(1))
    (folder / "sub" / "b.png").write_bytes(picture(2, "PNG"))
    (tmp_path / "secret.jpg").write_bytes(picture(3))
    (folder / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    return str(folder)
