"""No picture is embedded twice, and whatever kills an update, the last whole version serves."""

import io
import json
from importlib import import_module
from typing import ClassVar

import numpy as np
import pytest

import galleries
import tiny
from galleries import shop, table
from weft.catalogue.images import decode, fingerprint
from weft.embed import Embedder
from weft.encoders import load
from weft.encoders.base import Encoder
from weft.errors import WeftError
from weft.files import write_json
from weft.index import build as make
from weft.index import open_index
from weft.index import update as module
from weft.index.folder import CURRENT, Index
from weft.index.version import Version
from weft.schema import Product


@pytest.fixture
def embedded(monkeypatch) -> list[int]:
    """How many pictures each forward pass was given."""
    seen, forward = [], Encoder.image_features

    def counted(self, inputs):
        seen.append(len(inputs["pixel_values"]))
        return forward(self, inputs)

    monkeypatch.setattr(Encoder, "image_features", counted)
    return seen


def test_vectors_are_the_model_s_own(shelf_index, model):
    index = open_index(shelf_index)
    products = shop(40)
    numbers = [number for own in products.values() for number in own]
    data = [galleries.picture(number) for number in numbers]
    assert [index.sha(row) for row in range(len(numbers))] == [fingerprint(one) for one in data]
    encoder = load(model)
    with_pixels = encoder.pixels([decode(one) for one in data])
    expected = encoder.image_features(with_pixels).detach().numpy()
    assert np.abs(index.vectors - expected).max() < 1e-5
    assert index.owner.tolist() == [row for row, own in enumerate(products.values()) for _ in own]
    assert np.abs(index.vector(0) - unit_mean(expected[:2])).max() < 1e-5
    assert index.manifest["fingerprint"] == encoder.fingerprint() and index.label == "ours"


def unit_mean(vectors):
    mean = vectors.mean(axis=0)
    return mean / np.linalg.norm(mean)


def test_only_what_is_new_is_embedded(model, tmp_path, embedded):
    products, out = shop(12), tmp_path / "index"
    source = table(tmp_path / "shop", products)
    built = make(str(model), source, out)
    assert (built.new, built.products, built.embedded) == (12, 12, sum(map(len, products.values()))) == (12, 12, 16)
    before = open_index(out)
    embedded.clear()
    assert make(str(model), source, out).unchanged == 12 and embedded == []

    del products["p2"]
    products["p4"] = [900]  # another picture
    products |= {"new": [901, 902], "twin": [901]}  # two products may share a picture: one forward pass
    source = table(tmp_path / "shop", products, {"p5": "another title"})
    embedded.clear()
    built = make(str(model), source, out)
    assert sum(embedded) == built.embedded == 3
    after = open_index(out)
    assert "p2" not in after.row_of and after.row_of["twin"] == 12
    same = after.images_of(after.row_of["p9"]), before.images_of(before.row_of["p9"])
    np.testing.assert_array_equal(after.vectors[list(same[0])], before.vectors[list(same[1])])
    assert built.removed == 1 and built.new == 2 and built.products == 13
    assert sorted(path.name for path in out.glob("v*")) == [after.folder.name]
    assert before.thumbnail(0)  # what was open stays readable although its files are gone


def test_a_title_alone_changes_a_product_but_embeds_nothing(model, tmp_path, embedded):
    source, out = table(tmp_path / "shop", shop(5)), tmp_path / "index"
    make(str(model), source, out)
    embedded.clear()
    table(tmp_path / "shop", shop(5), {"p3": "renamed"})
    built = make(str(model), source, out)
    assert (built.changed, built.unchanged, built.new, built.removed, embedded) == (1, 4, 0, 0, [])
    assert open_index(out).product(3)["title"] == "renamed"


def test_two_models_are_never_mixed(model, tmp_path):
    source, out = table(tmp_path / "shop", shop(3)), tmp_path / "index"
    make(f"mine={model}", source, out)
    other = tmp_path / "other"
    tiny.encoder(seed=1).save(other)
    with pytest.raises(WeftError, match=r"never mixed: choose another --out, or delete"):
        make(str(other), source, out)
    assert open_index(out).label == "mine" and len(open_index(out)) == 3


def test_half_precision_takes_half_the_room(model, tmp_path, embedded):
    source, out = table(tmp_path / "shop", shop(6)), tmp_path / "index"
    make(str(model), source, out)
    whole = np.array(open_index(out).vectors)
    built = make(str(model), source, out, half=True)
    half = open_index(out)
    assert half.vectors.dtype == np.float16 and built.embedded == len(whole)
    assert np.abs(half.vectors.astype(np.float32) - whole).max() < 1e-3
    embedded.clear()
    assert make(str(model), source, out, half=True).embedded == 0 and embedded == []


def test_another_size_of_thumbnails_embeds_nothing(model, tmp_path, embedded):
    source, out = table(tmp_path / "shop", shop(6)), tmp_path / "index"
    make(str(model), source, out)
    embedded.clear()
    assert make(str(model), source, out, side=16).embedded == 0 and embedded == []
    assert max(decode(open_index(out).thumbnail(0)).size) == 16


class Killed(BaseException):
    """Not an `Exception`, as a kill is none."""


POINTS = {
    "while vectors are kept": ("weft.index.kept.np.savez", 2),
    "while products are written": ("weft.index.version.Version.add", 3),
    "while files are closed": ("weft.index.version.Version.close", 1),
    "while examples are written": ("weft.index.update.write_table", 1),
    "before the manifest": ("weft.index.update.write_json", 1),
    "before the version counts": ("weft.index.update.write_json", 2),
    "before the old one goes": ("weft.index.kept.Kept.forget", 1),
}


@pytest.mark.parametrize("where", POINTS)
def test_killed_anywhere_the_last_whole_version_serves_and_nothing_is_embedded_twice(
    where, model, tmp_path, monkeypatch, embedded
):
    monkeypatch.setattr(module, "CHUNK", 4)
    out = tmp_path / "index"
    first = make(str(model), table(tmp_path / "shop", shop(4)), out)
    embedded.clear()
    source = table(tmp_path / "shop", shop(16))
    name, count = POINTS[where]
    with monkeypatch.context() as patch:
        real, calls = resolve(name), []

        def dies(*arguments, **named):
            calls.append(1)
            if len(calls) == count:
                raise Killed
            return real(*arguments, **named)

        patch.setattr(name, dies)
        with pytest.raises(Killed):
            make(str(model), source, out)
    lost = 4 + 1 if where == "while vectors are kept" else 0  # a chunk may end with a product of two pictures
    served = open_index(out)
    assert len(served) == (16 if where == "before the old one goes" else 4)
    assert len(served.vectors) == len(served.owner) and served.product(0)["title"]
    again = make(str(model), source, out)
    assert again.products == 16 and sum(embedded) <= again.pictures - first.pictures + lost
    assert [path.name for path in out.glob("v*")] == [open_index(out).folder.name] and not (out / "pending").exists()
    np.testing.assert_allclose(np.linalg.norm(open_index(out).vectors, axis=1), 1, atol=1e-5)


def resolve(name: str):
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        try:
            found = import_module(".".join(parts[:cut]))
        except ImportError:
            continue
        for part in parts[cut:]:
            found = getattr(found, part)
        return found
    raise AssertionError(name)


def test_two_runs_at_once_are_one_too_many(model, tmp_path):
    out = tmp_path / "index"
    with module._alone(out), pytest.raises(WeftError, match="another process is writing"):
        make(str(model), table(tmp_path / "shop", shop(3)), out)


def test_a_folder_of_other_things_is_left_alone(model, tmp_path):
    out = tmp_path / "home"
    (out / "venv").mkdir(parents=True)
    (out / "v1").mkdir()
    with pytest.raises(WeftError, match="holds other things"):
        make(str(model), table(tmp_path / "shop", shop(3)), out)
    assert (out / "venv").exists() and (out / "v1").exists() and not (out / "lock").exists()


@pytest.mark.parametrize("name", ["v0.9", "pending", "lock"])
def test_what_only_looks_like_an_index_is_left_alone(model, tmp_path, name):
    """A folder of somebody's models, say; with a `lock` of its own beside them at that."""
    out = tmp_path / "models"
    (out / "v0.9").mkdir(parents=True)
    (out / name).mkdir(exist_ok=True)
    with pytest.raises(WeftError, match="holds other things"):
        make(str(model), table(tmp_path / "shop", shop(3)), out)
    assert (out / "v0.9").exists() and (out / name).exists()


def test_a_gallery_of_nothing_changes_nothing(model, tmp_path):
    source, out = table(tmp_path / "shop", shop(3)), tmp_path / "index"
    make(str(model), source, out)
    for picture in (tmp_path / "shop").glob("*.jpg"):
        picture.write_bytes(b"\xff\xd8 no picture")
    with pytest.raises(WeftError, match=r"gives no product: .*; nothing was changed"):
        make(str(model), source, out)
    assert len(open_index(out)) == 3


def test_what_is_skipped_is_listed(model, tmp_path):
    source = table(tmp_path / "shop", {"a": [0], "b": [1], "c": []})
    built = make(str(model), source, tmp_path / "index")
    lines = (open_index(tmp_path / "index").folder / "skipped.jsonl").read_text().splitlines()
    assert built.skipped == 1 and json.loads(lines[0]) == {"source": source, "item": "c", "reason": "no picture"}


def test_a_damaged_index_says_so(model, tmp_path):
    out = tmp_path / "index"
    with pytest.raises(WeftError, match="is no index"):
        open_index(out)
    make(str(model), table(tmp_path / "shop", shop(3)), out)
    vectors = open_index(out).folder / "vectors.npy"
    vectors.write_bytes(vectors.read_bytes()[:-7])
    with pytest.raises(WeftError, match="is damaged"):
        open_index(out)
    write_json(out / CURRENT, {"version": "v000099"})
    with pytest.raises(WeftError, match="does not exist"):
        open_index(out)


class Planted:
    """What runs when it is unpickled."""

    ran: ClassVar[list[str]] = []

    def __reduce__(self):
        return Planted.ran.append, ("run",)


def test_a_planted_pickle_is_never_run(model, tmp_path):
    source, out = table(tmp_path / "shop", shop(3)), tmp_path / "index"
    make(str(model), source, out)
    index, bad = open_index(out), np.array([Planted()], dtype=object)
    pending = out / "pending" / f"{index.fingerprint[:16]}-float32"
    pending.mkdir(parents=True)
    np.savez(pending / "000000.npz", hashes=bad, vectors=bad)
    assert make(str(model), source, out).unchanged == 3  # what lies there is passed over
    np.save(open_index(out).folder / "vectors.npy", bad, allow_pickle=True)
    with pytest.raises(WeftError, match="is damaged"):
        open_index(out)
    assert Planted.ran == []


def test_pictures_are_found_by_hashes_of_any_kind(tmp_path):
    """Also by one that ends in zeros, which numpy's byte strings drop."""
    hashes = ["00" * 31 + "01", "ff" * 31 + "00", "ab" * 32, "00" * 32, "ab" * 30 + "0000"]
    version = Version(tmp_path, 4, np.dtype(np.float32))
    product = Product(id="a", images=(b"",) * 5, title="a")
    version.add([product], [hashes], np.eye(5, 4, dtype=np.float32) + 1, [bytes([n]) for n in range(5)])
    version.close()
    write_json(tmp_path / "manifest.json", {})
    index = Index(tmp_path)
    assert [index.picture(sha) for sha in hashes] == [bytes([n]) for n in range(5)]
    for strange in ("ab" * 31, "cd" * 32, "", "../" * 20, "é" * 64, "ab" * 33):
        assert index.picture(strange) is None
    assert index.product(0)["pictures"] == hashes


def test_embedder_and_index_agree_on_a_picture_that_is_no_jpeg(model, tmp_path):
    buffer = io.BytesIO()
    tiny.pictures(1)[0].convert("P").save(buffer, "PNG")
    folder = tmp_path / "pictures" / "Red things"
    folder.mkdir(parents=True)
    (folder / "small_red-dress.png").write_bytes(buffer.getvalue())
    (folder / "notes.txt").write_text("no picture")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    built = make(str(model), str(tmp_path / "pictures"), tmp_path / "index")
    index = open_index(tmp_path / "index")
    product = index.product(0)
    assert built.products == 1 and built.skipped == 1
    assert (product["product_id"], product["title"], product["category"]) == (
        "Red things/small_red-dress.png", "small red dress", "red things",
    )  # fmt: skip
    assert index.thumbnail(0)[:2] == b"\xff\xd8"
    assert Embedder(load(model)).images(module._Bytes(["x"], {"x": buffer.getvalue()}), [0]) == pytest.approx(
        np.asarray(index.vectors), abs=1e-5
    )
