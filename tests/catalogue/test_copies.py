"""Copies are found however they were changed; other pictures of the same kind are not."""

import io

import numpy as np
import pytest
from PIL import Image

import tiny
from weft.catalogue import copies
from weft.demo.source import products

MIRROR = Image.Transpose.FLIP_LEFT_RIGHT


def drawn(count: int, seed: int) -> list[Image.Image]:
    """The first pictures of drawn products."""
    found = products(products=count, seed=seed, size=80)
    return [Image.open(io.BytesIO(product.images[0])).convert("RGB") for product in found]


def saved(image: Image.Image, quality: int = 70) -> Image.Image:
    return Image.open(io.BytesIO(tiny.jpeg(image, quality)))


def cropped(image: Image.Image, left: float, top: float, right: float, bottom: float) -> Image.Image:
    width, height = image.size
    return image.crop(
        (round(left * width), round(top * height), round((1 - right) * width), round((1 - bottom) * height))
    )


CHANGES = {
    "re-encoded": saved,
    "smaller": lambda image: saved(image.resize((60, 66))),
    "mirrored": lambda image: saved(image.transpose(MIRROR)),
    "cropped on all sides": lambda image: saved(cropped(image, 0.05, 0.05, 0.05, 0.05)),
    "cropped at a corner": lambda image: saved(cropped(image, 0.0, 0.05, 0.05, 0.0)),
    "all at once": lambda image: saved(cropped(image, 0.03, 0.02, 0.02, 0.03).resize((64, 64)).transpose(MIRROR)),
}


def squares(images: list[Image.Image]) -> np.ndarray:
    return np.stack([copies.square(image) for image in images])


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    return drawn(30, 1)


@pytest.fixture(scope="module")
def originals(pictures) -> np.ndarray:
    return squares(pictures)


@pytest.mark.parametrize("change", CHANGES)
def test_every_copy_is_found_and_named(change, pictures, originals):
    changed = squares([CHANGES[change](image) for image in pictures])
    views = copies.views(originals)
    found = copies.find(copies.outlines(changed), views, changed.__getitem__, originals.__getitem__)
    assert [(place, other) for place, other, _, _ in found] == [(place, place) for place in range(30)]
    assert all(structure >= copies.STRUCTURE and colour <= copies.COLOUR for _, _, structure, colour in found)


def test_other_products_of_the_same_kinds_are_no_copies(originals):
    others = squares(drawn(60, 2))
    assert (
        copies.find(copies.outlines(others), copies.views(originals), others.__getitem__, originals.__getitem__) == []
    )


def test_another_colour_is_another_product(originals):
    dyed = originals[..., [1, 2, 0]]
    structure, colour = copies.compare(originals, dyed)
    assert structure.min() > copies.STRUCTURE and np.mean(colour > copies.COLOUR) > 0.9


def test_flat_pictures_and_nothing_are_like_nothing(originals):
    flat = np.full((2, copies.SIDE, copies.SIDE, 3), 255, np.uint8)
    outlines = copies.outlines(flat)
    assert np.allclose(np.linalg.norm(outlines, axis=1), 1)
    views = copies.views(np.concatenate([originals, flat]))
    assert copies.find(outlines, views, flat.__getitem__, [*originals, *flat].__getitem__) == []
    assert copies.find(outlines, copies.views(flat[:0]), flat.__getitem__, None) == []
    assert copies.find(outlines[:0], views, None, None) == []


def test_a_picture_fits_itself_moved():
    """Shifted by two pixels and zoomed by 5%: structure 1 inside the border, no difference of colour to speak of."""
    x, y = np.meshgrid(np.linspace(-1, 1, copies.SIDE), np.linspace(-1, 1, copies.SIDE))

    def wave(x, y):
        grey = 128 + 60 * np.sin(9 * x + 4 * y) + 40 * np.cos(14 * y - 5 * x)
        return np.repeat(grey[None, :, :, None], 3, axis=3).clip(0, 255).astype(np.uint8)

    structure, colour = copies.compare(wave(x, y), wave(0.95 * x + 4 / copies.SIDE, 0.95 * y))
    assert structure[0] > 0.98 and colour[0] < 5
