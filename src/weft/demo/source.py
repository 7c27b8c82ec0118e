"""The drawn catalogue as a source of products, one at a time, and the uris that name it."""

from collections.abc import Iterator
from urllib.parse import parse_qsl

from weft.demo.draw import jpeg
from weft.demo.vocabulary import VOCABULARIES
from weft.demo.world import Garment, garment, known, random, worlds
from weft.errors import WeftError
from weft.schema import Product

SECOND_VIEW = 0.12
"""Share of products with two pictures."""


def products(
    world: str = "studio",
    products: int = 1000,
    seed: int = 0,
    words: str | None = None,
    start: int = 0,
    size: int = 160,
) -> Iterator[Product]:
    """Draws products `start` to `start + products` of a catalogue; memory does not grow with their number.

    Args:
        words: the vocabulary, "plain", "house" or "street"; None takes the world's own.
        size: side of the pictures in pixels.

    Raises:
        WeftError: unknown world or vocabulary, negative seed or start.
    """
    for index in range(start, start + products):
        yield product(garment(world, seed, index, words or ""), size)


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
