"""What is drawn: every kind, every attribute visible, the same bytes for the same garment."""

import io
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from PIL import Image

from weft.demo.draw import draw, jpeg
from weft.demo.fabric import COLOURS
from weft.demo.taste import APPLIES
from weft.demo.vocabulary import VALUES
from weft.demo.world import garment, worlds


def example(world: str, **wanted: str):
    """An original garment of a kind, with other attributes set as wanted."""
    found = next(
        g
        for g in (garment(world, 11, index) for index in range(2000))
        if g.kind == wanted["kind"] and not g.duplicate_of and g.photo == g.design
    )
    return replace(found, attributes={**found.attributes, **wanted})


def small(picture: Image.Image, size: int = 64) -> np.ndarray:
    return np.asarray(picture.resize((size, size), Image.Resampling.BOX), dtype=np.float64)


def test_same_arguments_same_bytes_in_any_order():
    numbers = [(world, index) for world in worlds for index in (0, 5, 9)]
    first = {place: jpeg(garment(place[0], 1, place[1])) for place in numbers}
    again = {place: jpeg(garment(place[0], 1, place[1], "plain")) for place in reversed(numbers)}
    assert first == again
    assert len(set(first.values())) == len(numbers)


@pytest.mark.parametrize("world", worlds)
def test_every_kind_draws_at_any_size(world):
    for kind in worlds[world].kinds:
        for size in (16, 64, 200, 300):
            picture = draw(example(world, kind=kind), view=size % 3, size=size)
            assert picture.size == (size, size) and picture.mode == "RGB"
            assert np.asarray(picture).std() > 8


def test_another_view_is_another_photograph():
    shirt = example("street", kind="shirt")
    assert np.abs(small(draw(shirt, 0)) - small(draw(shirt, 1))).mean() > 10


@pytest.mark.parametrize(("world", "least"), [("studio", 0.95), ("street", 0.8)])
def test_the_named_colour_is_the_nearest_to_what_is_seen(world, least):
    names, known = list(COLOURS), np.array(list(COLOURS.values()), dtype=np.float64)
    right = []
    for kind in ("t-shirt", "sweater", "skirt", "jacket"):
        for photo, colour in enumerate(names * 2):
            bare = example(world, kind=kind, colour=colour, pattern="plain", material="cotton", length="mid-length")
            seen = np.asarray(draw(replace(bare, photo=photo)))[65:95, 50:110].reshape(-1, 3)
            distance = ((known - np.median(seen, axis=0)) ** 2).sum(1)
            right.append(names[int(distance.argmin())] == colour)
    assert np.mean(right) >= least


CASES = [
    ("colour", "hat"), ("pattern", "skirt"), ("pattern", "shoe"), ("material", "dress"), ("material", "bag"),
    ("brand", "t-shirt"), *((name, kind) for kind, names in APPLIES.items() for name in names),
]  # fmt: skip


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_any_two_values_of_an_attribute_look_different(name, kind):
    """Same garment, same photograph, one attribute changed, seen at 64 x 64 where it is a major one."""
    world = "studio" if kind in worlds["studio"].kinds else "street"
    values = worlds[world].brands if name == "brand" else VALUES[name]
    size = 160 if name in ("material", "brand") else 64
    seen = {v: small(draw(example(world, kind=kind, **{name: v})), size) for v in values}
    for one, other in combinations(values, 2):
        change = np.abs(seen[one] - seen[other]).max(axis=2)
        # The change is large in a patch, not spread thin: 0.6% of the pixels (an emblem's ink is less).
        share = 0.001 if name == "brand" else 0.006
        assert np.quantile(change, 1 - share) > 12, (one, other)


def test_stripes_vary_down_the_cloth_and_pinstripes_across_it():
    def variation(pattern):
        g = example("studio", kind="skirt", pattern=pattern, material="cotton", fit="loose", length="full-length")
        cloth = small(draw(g), 160)[75:125, 55:105].mean(axis=2)
        return cloth.mean(axis=1).std(), cloth.mean(axis=0).std()

    plain, striped, pinstriped = (variation(p) for p in ("plain", "striped", "pinstriped"))
    assert striped[0] > 3 * striped[1] and striped[0] > 3 * plain[0]
    assert pinstriped[1] > 2 * pinstriped[0] and pinstriped[1] > 2 * plain[1]


def test_longer_sleeves_make_it_wider_and_longer_skirts_taller():
    def shape(**wanted):
        """Height over width of what is dark."""
        g = example("studio", colour="black", pattern="plain", material="cotton", **wanted)
        dark = small(draw(g), 160).mean(axis=2) < 90
        return dark.any(axis=1).sum() / dark.any(axis=0).sum()

    sleeves = [shape(kind="t-shirt", sleeve=sleeve, length="mid-length") for sleeve in VALUES["sleeve"]]
    assert sleeves == sorted(sleeves, reverse=True) and sleeves[0] > 1.5 * sleeves[-1]
    lengths = [shape(kind="dress", sleeve="sleeveless", fit="slim", length=length) for length in VALUES["length"]]
    assert lengths == sorted(lengths) and lengths[-1] > 1.3 * lengths[0]


@pytest.mark.parametrize("how", ["same", "recoded", "resized"])
def test_a_relisted_product_has_the_originals_picture(how):
    copy = next(g for g in (garment("street", 2, i) for i in range(3000)) if g.relisted == how)
    first = garment("street", 2, int(copy.duplicate_of.split("-")[-1]))
    one, other = jpeg(first), jpeg(copy)
    assert (one == other) == (how == "same")
    sizes = [Image.open(io.BytesIO(data)).size[0] for data in (one, other)]
    assert (sizes[0] == sizes[1]) == (how != "resized")
    one, other = (small(Image.open(io.BytesIO(data))) for data in (one, other))
    assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.95
