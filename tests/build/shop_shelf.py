"""A small curated catalogue whose benchmark passes its audit: many brands, many words, planted copies and variants."""

from pathlib import Path

import numpy as np

from shelves import png
from weft.catalogue.collection import Collection
from weft.catalogue.layout import PRODUCTS, ImageWriter, product_row, write_table
from weft.schema import Product

KINDS = ("gown",) * 6 + ("stole",) * 3 + ("brooch",) * 2 + ("parasol",)
WORDS = {
    "hue": "amber azure blush cerise fawn heather jade lilac ochre pearl russet sable teal umber violet wheat",
    "cloth": "cotton damask felt jacquard linen muslin organdie piqué ramie sateen twill voile",
    "weave": "checked dotted flowered marbled plain quilted ribbed striped",
    "make": "bias draped fluted gathered hemmed looped pleated ruched scalloped smocked tucked",
}
SPLITS = (("train", 160), ("test", 110), ("dev", 110), ("zero-test", 110), ("zero-dev", 60))


def collection(folder: Path, count: dict[str, int] | None = None) -> Collection:
    """Products in every split, zero-shot ones of a brand each.

    Of test, product 1 is a duplicate of 0 by picture, 2 has the title of 3, 4 is a variant of 5, 6 has two pictures, 7
    has the very attributes of a training product, and 9 those of 8 but for one word more.
    """
    folder.mkdir(parents=True, exist_ok=True)
    random, images, rows = np.random.default_rng(3), ImageWriter(folder), []
    for split, many in SPLITS:
        for place in range((count or {}).get(split, many)):
            number, kind = len(rows), str(random.choice(KINDS))
            brand = f"maison{number}" if split.startswith("zero") else f"house{number % 45}"
            told = {name: (str(random.choice(words.split())),) for name, words in WORDS.items()}
            title = f"{brand} {told['weave'][0]} {told['cloth'][0]} {kind} no {number}"
            told["make"] += ("hand finished",)
            rows.append(
                {
                    "product": Product(str(number), (), title, "", brand, kind, told),
                    "views": [number] + [5000] * (split == "test" and place == 6),
                    "split": split,
                    "group": number,
                }
            )
    first = next(place for place, row in enumerate(rows) if row["split"] == "test")
    _plant(rows, first)
    written = []
    for row in rows:
        views = [images.add(f"{row['product'].id}/{n}", png(seed)) for n, seed in enumerate(row["views"])]
        written.append(product_row(row["product"], views, row["split"], row["group"]))
    images.close()
    write_table(folder / "products.parquet", written, PRODUCTS)
    return Collection(folder)


def _plant(rows: list[dict], first: int) -> None:
    def change(place: int, **fields: object) -> None:
        product = rows[place]["product"]
        kept = {name: getattr(product, name) for name in Product.__slots__}
        rows[place]["product"] = Product(**(kept | fields))

    rows[first + 1] |= {"views": rows[first]["views"], "group": first}
    change(first + 2, title=rows[first + 3]["product"].title)
    change(first + 4, variant="v")
    change(first + 5, variant="v")
    near = rows[first + 8]["product"]
    darker = near.attributes | {"hue": (f"{near.attributes['hue'][0]} dark",)}
    change(first + 9, brand=near.brand, category=near.category, attributes=darker)
    like = rows[first + 7]["product"]
    change(0, brand=like.brand, category=like.category, attributes=like.attributes)
