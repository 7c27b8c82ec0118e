"""Small hand-made collections on disk."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from weft.catalogue.collection import Collection
from weft.catalogue.layout import PRODUCTS, QRELS, QUERIES, ImageWriter, product_row, write_table
from weft.schema import Product


def png(seed: int, side: int = 12) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def shelf(folder: Path, splits: str, pictures=None, categories=None, queries=(), brand="") -> Collection:
    """A collection of len(splits) products called "0", "1", ...

    Args:
        splits: a letter a product: "t"rain, "d"ev, "e" for test, "z" for zero-test.
        pictures: how many each has; one by default.
        categories: one each.
        queries: (id, task, split, text, source, {product number: grade}).
    """
    folder.mkdir(parents=True, exist_ok=True)
    writer, rows = ImageWriter(folder), []
    names = {"t": "train", "d": "dev", "e": "test", "z": "zero-test"}
    for number, letter in enumerate(splits):
        count = pictures[number] if pictures else 1
        images = [writer.add(f"{number}/{n}", png(100 * number + n)) for n in range(count)]
        category = categories[number] if categories else "thing"
        product = Product(id=str(number), images=(), title=f"title {number}", category=category, brand=brand)
        rows.append(product_row(product, images, names[letter], number))
    writer.close()
    write_table(folder / "products.parquet", rows, PRODUCTS)
    asked, grades = [], []
    for name, task, split, text, source, judged in queries:
        source = "" if source is None else str(source)
        asked.append({"query_id": name, "task": task, "split": split, "text": text, "source": source, "stated": []})
        grades += [{"query_id": name, "product_id": str(row), "grade": float(g)} for row, g in judged.items()]
    write_table(folder / "queries.parquet", asked, QUERIES)
    write_table(folder / "qrels.parquet", grades, QRELS)
    return Collection(folder)


def angles(*degrees: float) -> np.ndarray:
    """(N, 2) unit vectors: nearer angles are more alike."""
    radians = np.deg2rad(np.asarray(degrees, dtype=np.float64))
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)
