"""The two worlds and what is sold in them: any garment of a seeded catalogue, by its number alone."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from weft.demo.taste import truth
from weft.demo.vocabulary import VALUES, VOCABULARIES, WORDS
from weft.errors import WeftError

VARIANTS = 0.08
"""Share of products that are the previous garment in another colour."""
RELISTED = 0.03
"""Share of products that are an earlier one once more, under a new id."""
LOOK_BACK = 200
"""How many products back a relisted one may lie."""


@dataclass(frozen=True)
class World:
    """A place where garments are sold and photographed.

    Attributes:
        number: enters every seed, so that two worlds never share random numbers.
        kinds: what is sold there, canonical names.
        brands: about 24 names; a brand is seen as an emblem, `weft.demo.emblem`.
        words: the vocabulary spoken there by default.
    """

    name: str
    number: int
    kinds: tuple[str, ...]
    brands: tuple[str, ...]
    words: str


_SHARED = "t-shirt shirt sweater hoodie jacket dress skirt trousers jeans shorts bag shoe boot hat scarf"
_STUDIO = _SHARED + " coat cardigan waistcoat"
_STUDIO_BRANDS = """
    Norrby Haldene Vireo Marlo Osterley Calderin Lumenne Tindra Brask Elleray Fjorda Quillon
    Solvei Avelia Thornby Petrelle Wildra Ondina Castoria Junelle Rookery Saltmere Veritane Yarrowe
"""
_STREET = _SHARED + " poncho dungarees cap backpack sandal gloves"
_STREET_BRANDS = """
    Blok Kurbz Zaggo Rattle Mako Dubb Flint9 Grimo Hexa Jolt Kinko Loopy
    Nadir Oxo Pluck Quado Rumpus Skein Tokka Umbra Voltic Wonk Yotta Zephra
"""
worlds: dict[str, World] = {
    "studio": World("studio", 1, tuple(_STUDIO.split()), tuple(_STUDIO_BRANDS.split()), "house"),
    "street": World("street", 2, tuple(_STREET.split()), tuple(_STREET_BRANDS.split()), "street"),
}


@dataclass(frozen=True)
class Garment:
    """One product and the whole truth about it.

    Attributes:
        attributes: the truth in canonical words; only what applies (a bag has no sleeve).
        words: the same in the chosen vocabulary.
        variant: the id of the first garment of a colour family, or "".
        duplicate_of: the id of the product that this one lists again, or "".
        relisted: how its picture came about: "" drawn, "same" bytes, "recoded", or "resized".
        photo: number of the product whose photograph this is: its own, or that of `duplicate_of`.
        design: number of the garment that gave the cut; colour variants share it.
    """

    id: str
    world: str
    seed: int
    index: int
    kind: str
    attributes: dict[str, str]
    words: dict[str, str]
    title: str
    variant: str
    duplicate_of: str
    relisted: str
    photo: int
    design: int


_SAID = {"pattern": 0.9, "fit": 0.4, "length": 0.5, "material": 0.6, "sleeve": 0.7, "neckline": 0.7}
"""Probability that a title mentions an attribute. Brand, colour and kind are always said."""


def garment(world: str, seed: int, index: int, words: str = "") -> Garment:
    """Product `index` of the catalogue `seed` of a world; depends on these arguments alone.

    Args:
        words: "plain", "house" or "street"; "" takes the world's own.

    Raises:
        WeftError: unknown world or vocabulary, negative seed or index.
    """
    place = worlds[known(world, worlds, "demo world")]
    vocabulary = known(words or place.words, VOCABULARIES, "demo vocabulary")
    if seed < 0 or index < 0:
        raise WeftError(f"demo catalogue: seed {seed} and index {index} must not be negative")
    role, photo, design = _role(place.name, seed, index)
    attributes = truth(place.kinds, place.brands, random(place.name, seed, design, "truth"))
    if photo != design:
        attributes["colour"] = _recoloured(place.name, seed, design, photo, attributes["colour"])
    spoken = {name: word(vocabulary, name, value) for name, value in attributes.items()}
    relisted = ("same", "recoded", "resized")[int(random(place.name, seed, index, "relisting").integers(3))]
    in_family = design != index or _role(place.name, seed, index + 1)[0] == "variant"
    return Garment(
        id=_id(place.name, seed, index),
        world=place.name,
        seed=seed,
        index=index,
        kind=attributes["kind"],
        attributes=attributes,
        words=spoken,
        title=_title(spoken, attributes, random(place.name, seed, design, "title")),
        variant=_id(place.name, seed, design) if in_family and role != "relisted" else "",
        duplicate_of=_id(place.name, seed, photo) if role == "relisted" else "",
        relisted=relisted if role == "relisted" else "",
        photo=photo,
        design=design,
    )


def word(vocabulary: str, name: str, value: str) -> str:
    """The word for a canonical attribute value; a brand is called by its name everywhere."""
    return value if name == "brand" else WORDS[vocabulary][name][value]


_PURPOSES = ("role", "truth", "palette", "title", "relisting", "cut", "photo", "jpeg", "images")


def random(world: str, seed: int, index: int, purpose: str, view: int = 0) -> np.random.Generator:
    """Random numbers for one purpose in one product's making, independent of all others."""
    return np.random.default_rng([worlds[world].number, seed, index, _PURPOSES.index(purpose), view])


def known(name: str, names: Iterable[str], what: str) -> str:
    """`name` if it is among `names`; otherwise a WeftError that names the nearest."""
    names = list(names)
    if name in names:
        return name
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(names)}"
    raise WeftError(f"unknown {what} {name!r}; {hint}")


@lru_cache(maxsize=4096)
def _role(world: str, seed: int, index: int) -> tuple[str, int, int]:
    """("own" | "variant" | "relisted", whose photograph, whose design) of a product.

    A variant continues the family that its predecessor belongs to; a relisted product's photograph
    is never itself relisted, so `duplicate_of` always leads to the original.
    """
    numbers = random(world, seed, index, "role")
    chance, back = numbers.random(), int(numbers.integers(1, LOOK_BACK + 1))
    if chance < RELISTED and back <= index:
        _, photo, design = _role(world, seed, index - back)
        return "relisted", photo, design
    if RELISTED <= chance < RELISTED + VARIANTS and index:
        role, _, design = _role(world, seed, index - 1)
        if role != "relisted":
            return "variant", index, design
    return "own", index, index


def _recoloured(world: str, seed: int, design: int, index: int, colour: str) -> str:
    """The colour of the family's member `index`: each differs from the first and from its neighbours."""
    others = [other for other in VALUES["colour"] if other != colour]
    palette = random(world, seed, design, "palette").permutation(others)
    return str(palette[(index - design - 1) % len(palette)])


def _title(words: dict[str, str], attributes: dict[str, str], numbers: np.random.Generator) -> str:
    """For instance "Norrby claret breton long-sleeve crew jersey"; a plain pattern goes without saying."""
    said = [words["brand"], words["colour"]]
    for name, probability in _SAID.items():
        chance = numbers.random()
        if name in words and attributes[name] != "plain" and chance < probability:
            said.append(words[name])
    return " ".join([*said, words["kind"]])


def _id(world: str, seed: int, index: int) -> str:
    return f"{world}-{seed}-{index:07d}"
