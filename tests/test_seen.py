"""What a model was trained on: written beside its weights, read back, and looked up by id, bytes and look."""

import io

import numpy as np
import pytest
from PIL import Image

import tiny
from shelves import shelf
from weft import seen
from weft.benchmarks import collection as own
from weft.catalogue import duplicates
from weft.demo.source import products
from weft.errors import WeftError


def photo(number: int) -> Image.Image:
    """A drawn garment: noise has no look that survives a JPEG."""
    (product,) = products("studio", 1, seed=5, start=number)
    return Image.open(io.BytesIO(product.images[0]))


def jpeg(image: Image.Image, quality: int = 90) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


class Wall:
    """Pictures in memory."""

    def __init__(self, pictures: list[bytes]):
        self.pictures, self.image_count, self.identity = pictures, len(pictures), "wall"
        self.image_hashes = [f"{hash(data) % 2**64:064x}" for data in pictures]

    def image(self, row: int) -> bytes:
        return self.pictures[row]


@pytest.mark.parametrize("most", [0, 5, 15])
def test_alike_equals_brute_force(most):
    random = np.random.default_rng(most)
    others = random.integers(0, 256, (300, 32), dtype=np.uint8)
    looks = random.integers(0, 256, (200, 32), dtype=np.uint8)
    for row in range(100):  # copies with 0 to 24 bits turned
        bits = np.unpackbits(others[row])
        bits[random.permutation(256)[: row // 4]] ^= 1
        looks[row] = np.packbits(bits)
    apart = np.bitwise_count(looks[:, None] ^ others[None]).sum(-1).min(1)
    found = seen.alike(looks, others, most)
    assert np.array_equal(found >= 0, apart <= most) and (found >= 0).sum() == 4 * (most + 1)
    near = found >= 0
    assert (np.bitwise_count(looks[near] ^ others[found[near]]).sum(-1) <= most).all()


def test_flat_pictures_and_empty_lists_are_like_nothing():
    flat, none = np.zeros((2, 32), dtype=np.uint8), np.empty((0, 32), dtype=np.uint8)
    assert (seen.alike(flat, flat) < 0).all()
    swatches = np.stack([duplicates.describe(Image.new("RGB", (200, 300), c)).hash for c in ("red", "blue", "black")])
    assert (seen.alike(swatches[:1], swatches) < 0).all() and (seen.alike(swatches, swatches[1:]) < 0).all()
    assert (seen.alike(flat, none) < 0).all() and len(seen.alike(none, flat)) == 0


def test_looks_survive_what_shops_do_to_pictures():
    originals = [photo(number) for number in range(20)]
    changed = [jpeg(p.resize((128, 128)), 75) for p in originals] + [jpeg(photo(n)) for n in range(300, 340)]
    known = np.stack([duplicates.describe(p).hash for p in originals])
    found = seen.alike(seen.looks_of(Wall(changed)), known) >= 0
    assert found[:20].all() and not found[20:].any()


def test_looks_are_kept_and_a_broken_picture_is_like_nothing(tmp_path):
    wall = Wall([jpeg(photo(0)), b"no picture"])
    looks = seen.looks_of(wall, tmp_path)
    assert looks[0].any() and not looks[1].any()
    wall.pictures = None  # nobody looks again
    assert np.array_equal(seen.looks_of(wall, tmp_path), looks)


def test_what_was_trained_on_is_found_again(tmp_path):
    queries = [("a", "in-domain/short", "test", "x", 2, {2: 3, 0: 1}), ("b", "in-domain/short", "test", "y", 3, {3: 3})]
    collection = shelf(tmp_path / "c", "ttee", [1, 2, 1, 1], queries=queries)
    (task,) = (own.retrieval(collection, one) for one in collection.tasks("test"))
    assert seen.Seen.of(_model(tmp_path / "silent")) is None
    model = _model(tmp_path / "model")
    seen.write(model, collection, None)
    known = seen.Seen.of(model)
    assert known.ids == {"0", "1"} and len(known.exact) == 3 and len(known.looks) == 0
    assert seen.contamination(task, known) == {"id": 0, "exact": 0}, "grade 1 is no answer"
    later = shelf(tmp_path / "d", "eett", [1, 2, 1, 1])  # the same pictures, trained on the other half
    heir = _model(tmp_path / "heir")
    seen.write(heir, later, str(model))
    assert seen.contamination(task, seen.Seen.of(heir)) == {"id": 2, "exact": 2}
    assert seen.Seen.of(heir).ids == {"0", "1", "2", "3"}, "what its base saw is remembered"


def test_a_damaged_list_is_named(tmp_path):
    model = _model(tmp_path / "model")
    (model / seen.FILE).write_bytes(b"no parquet")
    with pytest.raises(WeftError, match=r"weft_trained_on\.parquet is damaged"):
        seen.Seen.of(model)
    with pytest.raises(WeftError, match=r"weft_trained_on\.parquet is damaged"):
        seen.write(_model(tmp_path / "heir"), shelf(tmp_path / "c", "tt", [1, 1]), str(model))
    assert not (tmp_path / "heir" / seen.FILE).exists()


def _model(folder):
    tiny.encoder().save(folder)
    return folder
