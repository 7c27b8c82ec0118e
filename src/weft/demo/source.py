"""The drawn catalogue as a source of products, one at a time, and the uris that name it."""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qsl

from weft.demo.draw import jpeg
from weft.demo.vocabulary import ATTRIBUTES, VOCABULARIES
from weft.demo.world import Garment, garment, known, random, worlds
from weft.errors import WeftError
from weft.progress import progress
from weft.schema import Product

SECOND_VIEW = 0.12
"""Share of products with two pictures."""


PRODUCTS = 1000
"""How many are drawn where nothing else is said."""


def products(
    world: str = "studio",
    products: int = PRODUCTS,
    seed: int = 0,
    words: str | None = None,
    start: int = 0,
    size: int = 160,
    keep: Callable[[Garment], bool] = lambda garment: True,
) -> Iterator[Product]:
    """Draws products `start` to `start + products` of a catalogue; memory does not grow with their number.

    Args:
        words: the vocabulary, "plain", "house" or "street"; None takes the world's own.
        size: side of the pictures in pixels.
        keep: garments that it refuses are not drawn, which is the slow part.

    Raises:
        WeftError: unknown world or vocabulary, negative seed or start.
    """
    for index in range(start, start + products):
        one = garment(world, seed, index, words or "")
        if keep(one):
            yield product(one, size)


def product(garment: Garment, size: int = 160) -> Product:
    """A garment as the catalogue sells it; the kind is the category, the rest are attributes."""
    words = {name: (word,) for name, word in garment.words.items() if name not in ("kind", "brand")}
    return Product(
        id=garment.id,
        images=tuple(jpeg(garment, view, size) for view in range(views(garment))),
        title=garment.title,
        brand=garment.words["brand"],
        category=garment.words["kind"],
        attributes=words,
        variant=garment.variant,
    )


def views(garment: Garment) -> int:
    """How many pictures a product has: 1 or 2; a relisted product as many as the original."""
    chance = random(garment.world, garment.seed, garment.photo, "images").random()
    return 2 if chance < SECOND_VIEW else 1


def write_folder(uri: str, folder: Path) -> str:
    """Draws a catalogue into `folder`: `images/` and `products.csv`, which is itself a source. Returns a summary."""
    images = folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    arguments = parse(uri)
    count = 0
    with (folder / "products.csv").open("w", newline="", encoding="utf-8") as handle:
        table = csv.writer(handle)
        table.writerow(["id", "image", "title", "brand", "category", "variant", *ATTRIBUTES[1:-1]])
        for item in progress(products(**arguments), "drawing", total=arguments.get("products"), unit="product"):
            names = [f"{item.id}-{number}.jpg" for number in range(len(item.images))]
            for name, data in zip(names, item.images, strict=True):
                (images / name).write_bytes(data)
            told = ["|".join(item.attributes.get(name, ())) for name in ATTRIBUTES[1:-1]]
            table.writerow([item.id, "|".join(names), item.title, item.brand, item.category, item.variant, *told])
            count += 1
    return f"{count} products in {folder / 'products.csv'}, pictures in {images}"


_NUMBERS = {"products": 1, "seed": 0, "start": 0, "size": 16}
"""Key of a uri -> its smallest value."""


def parse(uri: str) -> dict:
    """Reads `demo:studio?products=2000&seed=7&words=house` into the arguments of `products`.

    Raises:
        WeftError: another scheme, an unknown world, key or vocabulary (the nearest known one is named),
            or a value that is not a whole number in range.
    """
    scheme, sign, rest = uri.partition(":")
    if scheme != "demo" or not sign:
        raise WeftError(f"{uri!r} is no demo catalogue; write for instance demo:studio?products=2000&seed=7")
    world, _, query = rest.partition("?")
    found: dict = {"world": known(world, worlds, f"demo world in {uri!r}:")}
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise WeftError(f"{uri!r}: expected key=value after '?', with '&' between pairs") from None
    for key, value in pairs:
        known(key, [*_NUMBERS, "words"], f"key in {uri!r}:")
        if key in found:
            raise WeftError(f"{uri!r}: {key} is given twice")
        if key == "words":
            found[key] = known(value, VOCABULARIES, f"vocabulary in {uri!r}:")
        else:
            found[key] = _number(uri, key, value)
    return found


def _number(uri: str, key: str, text: str) -> int:
    least = _NUMBERS[key]
    if not (text.isascii() and text.isdigit()) or int(text) < least:
        raise WeftError(f"{uri!r}: {key} must be a whole number of at least {least}, not {text!r}")
    return int(text)
