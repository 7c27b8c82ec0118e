"""Duplicates: planted copies found, look-alikes kept apart, stars instead of chains, linear work."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from weft.catalogue import duplicates
from weft.catalogue.duplicates import CELLS, Signature, compare, describe, describe_all, group

COLOURS = ["navy", "crimson", "olive", "teal", "orange", "purple", "grey", "black"]


def garment(seed, colour=None, print_seed=None, size=(240, 320)):
    """A T-shirt on a white ground; `seed` moves its cut, `print_seed` draws what is on its chest."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    x, y, width = rng.uniform(50, 75), rng.uniform(40, 75), rng.uniform(90, 120)
    colour = colour or COLOURS[seed % len(COLOURS)]
    sleeve, hem = rng.uniform(15, 45), rng.uniform(230, 300)
    draw.rectangle([x, y, x + width, hem], fill=colour)
    for side in (x, x + width):
        draw.polygon([(side, y), (side + (sleeve if side > x else -sleeve), y + 70), (side, y + 60)], fill=colour)
    draw.ellipse([x + width / 3, y - 12, x + 2 * width / 3, y + 14], fill="white")
    if print_seed is not None:
        own = np.random.default_rng(1000 + print_seed)
        for _ in range(6):
            a, b = own.uniform(0.15, 0.7, size=2)
            left, top = x + a * width, y + 30 + b * 100
            shape = draw.ellipse if own.random() < 0.5 else draw.rectangle
            shape([left, top, left + own.uniform(12, 30), top + own.uniform(12, 50)], fill=COLOURS[own.integers(8)])
    return image


def encoded(image, quality):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


def copies(image):
    width, height = image.size
    yield from (encoded(image, quality) for quality in (95, 75, 50))
    yield from (
        encoded(image.resize((round(width * s), round(height * s)), Image.Resampling.BICUBIC), 90) for s in (0.9, 1.1)
    )


def digests(count):
    return [f"sha-{i}" for i in range(count)]


def test_planted_copies_join_their_original_and_nothing_else():
    originals = [garment(seed, print_seed=seed) for seed in range(60)]
    images = originals + [copy for original in originals for copy in copies(original)]
    groups = group(*describe_all(images), digests(len(images)))
    np.testing.assert_array_equal(groups.group[:60], np.arange(60))
    found = groups.group[60:] == np.repeat(np.arange(60), 5)
    assert found.mean() >= 0.98
    assert (groups.group[60:][~found] >= 60).all()  # a copy that was missed stands alone, it joins no stranger


def test_one_cut_with_other_prints_or_colours_stays_apart():
    images = [garment(3, "white" if i % 2 else "navy", print_seed=i) for i in range(24)]
    images += [garment(3, colour) for colour in COLOURS]
    groups = group(*describe_all(images), digests(len(images)))
    assert len(groups.pairs) == 0


def test_exact_copies_need_no_look_and_are_marked():
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 256, (6, 32), dtype=np.uint8)
    thumbs = rng.integers(0, 256, (6, 192), dtype=np.uint8)
    hashes[4], thumbs[4] = hashes[1], thumbs[1]
    groups = group(hashes, thumbs, ["a", "b", "a", "c", "d", "a"])
    assert groups.group.tolist() == [0, 1, 0, 3, 1, 0]
    assert groups.pairs.tolist() == [[0, 2], [1, 4], [0, 5]]
    assert groups.exact.tolist() == [True, False, True]
    assert groups.distance[1] == 0 and groups.colour[1] == 0


def chain(links, step):
    """Hashes that each differ from the one before in `step` further bits; equal thumbnails."""
    bits = np.zeros((links, 256), dtype=np.uint8)
    for i in range(1, links):
        bits[i:, (i - 1) * step : i * step] = 1
    return np.packbits(bits, axis=1), np.full((links, 192), 128, dtype=np.uint8)


def test_near_misses_do_not_chain():
    hashes, thumbs = chain(9, 10)
    groups = group(hashes, thumbs, digests(9), max_distance=20)
    assert groups.group.tolist() == [0, 0, 0, 3, 3, 3, 6, 6, 6]
    assert groups.distance.tolist() == [10, 20, 10, 20, 10, 20]


def test_every_member_is_verified_against_its_representative():
    rng = np.random.default_rng(1)
    centres = rng.integers(0, 2, (8, 256), dtype=np.uint8)
    bits = centres[rng.integers(0, 8, 600)] ^ (rng.random((600, 256)) < 0.05)
    hashes, thumbs = np.packbits(bits.astype(np.uint8), axis=1), rng.integers(120, 126, (600, 192), dtype=np.uint8)
    groups = group(hashes, thumbs, digests(600), max_distance=26, max_colour=40)
    assert len(groups.pairs) > 100
    distance, colour = compare(
        Signature(hashes[groups.pairs[:, 0]], thumbs[groups.pairs[:, 0]]),
        Signature(hashes[groups.pairs[:, 1]], thumbs[groups.pairs[:, 1]]),
    )
    assert (distance <= 26).all() and (colour <= 40).all()
    np.testing.assert_array_equal(distance, groups.distance)
    np.testing.assert_array_equal(groups.group[groups.pairs[:, 1]], groups.pairs[:, 0])
    np.testing.assert_array_equal(groups.group[groups.pairs[:, 0]], groups.pairs[:, 0])
    assert (groups.pairs[:, 0] < groups.pairs[:, 1]).all()


def test_a_placeholder_saved_many_times_is_one_group_with_linear_work(monkeypatch):
    rng = np.random.default_rng(2)
    picture = rng.integers(0, 2, 256, dtype=np.uint8)
    bits = picture ^ (rng.random((1200, 256)) < 0.01)
    bits[0] = picture
    compared = []
    plain = duplicates.compare
    monkeypatch.setattr(duplicates, "compare", lambda a, b: compared.append(len(a.hash)) or plain(a, b))
    groups = group(np.packbits(bits.astype(np.uint8), axis=1), np.full((1200, 192), 200, np.uint8), digests(1200))
    assert (groups.group == 0).mean() > 0.999
    # All with all would be 719,400.
    assert sum(compared) < 1200 * (duplicates.TABLES * duplicates.NEIGHBOURS + 10)


def test_recall_of_near_hashes_among_many_strangers():
    rng = np.random.default_rng(3)
    strangers = rng.integers(0, 256, (20_000, 32), dtype=np.uint8)
    flips = np.packbits(rng.random((2000, 256)) < 0.06, axis=1)
    hashes = np.concatenate([strangers, strangers[:2000] ^ flips])
    near = np.bitwise_count(flips).sum(axis=1) <= 20
    groups = group(hashes, np.full((22_000, 192), 99, np.uint8), digests(22_000), max_distance=20)
    assert (groups.group[20_000:] == np.arange(2000))[near].mean() > 0.95
    assert not (groups.group[20_000:] == np.arange(2000))[~near].any()
    assert (groups.group[:20_000] == np.arange(20_000)).all()


def test_distances_are_symmetric_and_see_colour_where_the_shape_is_the_same():
    signatures = describe_all([garment(1, "navy"), garment(1, "crimson"), garment(2, "navy")])
    first, second = ([0, 0, 1], [1, 2, 2])
    a = Signature(signatures.hash[first], signatures.thumb[first])
    b = Signature(signatures.hash[second], signatures.thumb[second])
    for forth, back in zip(compare(a, b), compare(b, a), strict=True):
        np.testing.assert_allclose(forth, back, rtol=1e-4)
    assert compare(a, b)[1][0] > 3 * duplicates.MAX_COLOUR
    assert compare(a, a)[0].tolist() == [0, 0, 0] and compare(a, a)[1].tolist() == [0, 0, 0]


def test_a_small_crop_is_explained_but_a_print_is_not():
    plain, printed = garment(5, "navy"), garment(5, "navy", print_seed=1)
    crop = plain.resize(plain.size, Image.Resampling.BICUBIC, box=(2, 3, 237, 317))
    signatures = describe_all([plain, crop, printed])
    origin = Signature(signatures.hash[[0, 0]], signatures.thumb[[0, 0]])
    _, colour = compare(origin, Signature(signatures.hash[1:], signatures.thumb[1:]))
    unmoved = np.abs(signatures.thumb[0].astype(int) - signatures.thumb[1]).max()
    assert colour[0] < 0.7 * unmoved and colour[0] < 0.5 * colour[1]


def test_flat_pictures_are_told_apart_by_colour_alone():
    images = [Image.new("RGB", (50, 80), colour) for colour in ((200, 30, 40), (30, 200, 40), (202, 31, 41))]
    signatures = describe_all(images)
    assert (signatures.hash == signatures.hash[0]).all()
    assert group(*signatures, digests(3)).group.tolist() == [0, 1, 0]


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "1", "I;16"])
def test_any_mode_and_size_is_described(mode):
    image = Image.new("L", (3, 1)) if mode == "I;16" else garment(4).convert(mode)
    signature = describe(image.convert("I;16") if mode == "I;16" else image)
    assert signature.hash.shape == (32,) and signature.hash.dtype == np.uint8
    assert signature.thumb.shape == (CELLS * CELLS * 3,) and signature.thumb.dtype == np.uint8


def test_batches_do_not_change_a_signature_and_nothing_is_fine():
    images = [garment(seed) for seed in range(5)]
    one, many = describe_all(images, batch=2), describe_all(images)
    np.testing.assert_array_equal(one.hash, many.hash)
    np.testing.assert_array_equal(one.thumb, many.thumb)
    np.testing.assert_array_equal(describe(images[3]).hash, many.hash[3])
    empty = describe_all([])
    assert empty.hash.shape == (0, 32) and group(*empty, []).group.shape == (0,)
    assert group(*describe_all(images[:1]), ["a"]).group.tolist() == [0]


def test_the_order_of_strangers_decides_nothing():
    originals = [garment(seed, print_seed=seed) for seed in range(12)]
    images = [*originals, *(encoded(image, 60) for image in originals)]
    signatures = describe_all(images)
    names = digests(24)
    before = group(*signatures, names).group
    order = np.random.default_rng(4).permutation(24)
    after = group(signatures.hash[order], signatures.thumb[order], [names[i] for i in order]).group

    def partition(labels, place):
        return {frozenset(place[labels == label].tolist()) for label in labels}

    assert partition(before, np.arange(24)) == partition(after, order)
