"""Texts about drawn products, honest ones and ones with one invented attribute, as a language model words them."""

from dataclasses import dataclass

import numpy as np

from weft.demo.vocabulary import VALUES, WORDS
from weft.demo.world import garment, worlds
from weft.pairs.checking import Asked
from weft.schema import Product

SHORT = (
    "{0} {kind}", "{kind} in {0}", "{brand} {kind} {0}", "{0} {1} {kind}", "looking for a {0} {kind}",
    "{kind}, {0} and {1}", "{0} {kind} for work", "{0} {kinds} for women", "new {brand} {0} {1} {kind}",
    "cheap {kind} {0} {1}",
)  # fmt: skip
LONG = (
    "This {kind} from {brand} is made for long days and short nights alike. It comes in {0} and {1}, sits comfortably, "
    "and goes with nearly everything that you may already own, at work, on holiday or at home.",
    "A {0} {kind} that you will reach for again and again. {brand} has given it {1} details and a clean finish, so "
    "that it looks as good on a busy street as it does at a dinner with friends, whatever the season.",
    "The {brand} {kind} keeps things simple: {0}, {1}, and nothing that does not belong. Soft to the touch and easy to "
    "care for, it is one of those pieces that you can wear through most of the year.",
    "With its {0} look and {1} character this {kind} is hard to miss. Designed by {brand} for everyday use, it holds "
    "its shape after many washes and travels well, which makes it a good choice for the weekend.",
    "Made to last, this {kind} by {brand} shows {0} and {1} where others show nothing at all. Wear it in the morning, "
    "wear it in the evening; it asks for very little, and it is as fit for regular use as anything else in the shop.",
)  # fmt: skip


@dataclass(frozen=True)
class Text:
    """text, and the name and value of what it invents, "" for an honest one."""

    text: str
    asked: Asked
    name: str = ""
    value: str = ""


def shop(count: int = 800, words: str = "plain", world: str = "studio", seed: int = 7) -> list[Product]:
    """Drawn products without their pictures."""
    found = [garment(world, seed, index, words) for index in range(count)]
    return [
        Product(
            id=one.id, images=(), title=one.title, brand=one.words["brand"], category=one.words["kind"],
            attributes={name: (word,) for name, word in one.words.items() if name not in ("kind", "brand")},
        )
        for one in found
    ]  # fmt: skip


def texts(products: list[Product], count: int, seed: int, words: str, plant: bool, outside: str = "") -> list[Text]:
    """`count` texts; with `plant` each has one value more, which its product does not have.

    Args:
        outside: the vocabulary that inventions are worded in, the catalogue's own by default.
    """
    random, found = np.random.default_rng(seed), []
    while len(found) < count:
        product = products[int(random.integers(len(products)))]
        form = ("short", "long")[len(found) % 2]
        templates = SHORT if form == "short" else LONG
        template = templates[int(random.integers(len(templates)))]
        own = [(name, values[0]) for name, values in product.attributes.items()]
        said = [own[n] for n in random.permutation(len(own))[:2]]
        name, value = _other(product, words, outside or words, random)
        if plant:
            said[int(random.integers(2)) if "{1}" in template else 0] = (name, value)
        kind = product.category
        text = template.format(
            *(_worded(value, random) for _, value in said), kind=kind, kinds=kind + "s", brand=product.brand
        )
        if form == "short" and len(text.split()) > 8:
            continue
        stated = tuple(f"{one}={value}" for one, value in said if (one, value) in own)
        asked = Asked(form, product, stated or (f"category={product.category}",))
        found.append(Text(text, asked, *((name, value) if plant else ())))
    return found


def _other(product: Product, words: str, outside: str, random: np.random.Generator) -> tuple[str, str]:
    """A value that neither the product has nor its title says: of its own attributes, of others, or a brand."""
    place = worlds["studio"]
    while True:
        name = str(random.choice([*VALUES, "brand"]))
        if name == "brand":
            value = str(random.choice(place.brands)).lower()
        else:
            canonical = str(random.choice(list(place.kinds) if name == "kind" else VALUES[name]))
            if WORDS[words][name][canonical] in (product.category, *product.attributes.get(name, ("",))):
                continue
            value = WORDS[outside][name][canonical]
        own = f"{product.title} {product.brand} {product.category} {product.attributes}".lower()
        if value.lower() not in own:
            return name, value


def _worded(value: str, random: np.random.Generator) -> str:
    """As a writer may spell it: with spaces for hyphens, or with a capital."""
    return (value, value.replace("-", " "), value.capitalize())[int(random.integers(3))]
