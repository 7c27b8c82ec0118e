"""A small collection in the layout of `weft curate`, with everything that makes a training batch difficult."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

import tiny
from weft.catalogue.collection import Collection
from weft.catalogue.layout import PRODUCTS, ImageWriter, product_row, write_table
from weft.schema import Product

MATERIALS = ("cotton", "wool", "linen")
ASKED = (
    ("p4", "warm thing", 3), ("p5", "warm thing", 1), ("p6", "gift", 2), ("p7", "gift", 0), ("p6", "wrap", 1),
    ("p8", "gift", 1), ("p9", "warm thing", 2), ("p10", "for winter", 2), ("p11", "for winter", 1),
)  # fmt: skip


def collection(folder: Path, count: int = 24, seed: int = 0, side: int = 40) -> Collection:
    """`count` products, all for training but the last: every third has two pictures, 0 and 1 are duplicates,
    2 and 3 have one title, many share statements, and shoppers asked for 4 to 11 (`ASKED`)."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    images, rows = ImageWriter(folder), []
    for number in range(count):
        colour, kind = tiny.COLOURS[int(random.integers(3))], tiny.KINDS[int(random.integers(2))]
        material = MATERIALS[int(random.integers(3))]
        title = "plain scarf" if number in (2, 3) else f"{colour} {material} {kind} no {number}"
        product = Product(
            id=f"p{number}", images=(), title=title, brand="älva", category=kind,
            attributes={"colour": (colour,), "material": (material,)},
        )  # fmt: skip
        views = []
        for view in range(2 if number % 3 == 0 else 1):
            picture = Image.fromarray(random.integers(0, 256, (5, 4, 3), dtype=np.uint8)).resize((side, side + 4))
            views.append(images.add(f"p{number}/{view}", tiny.jpeg(picture)))
        group = 0 if number == 1 else number
        rows.append(product_row(product, views, "test" if number == count - 1 else "train", group))
    images.close()
    write_table(folder / "products.parquet", rows, PRODUCTS)
    lines = [json.dumps({"product_id": product, "text": text, "grade": grade}) for product, text, grade in ASKED]
    (folder / "log.jsonl").write_text("\n".join(lines) + "\n")
    return Collection(folder)
