"""Embeddings: equal to the plain model's, kept by content, made again when anything that matters changes."""

import errno
import io
import os

import numpy as np
import pytest
import torch
from PIL import Image

import tiny
from shelves import shelf
from weft import embed as module
from weft.embed import Embedder
from weft.errors import WeftError

TEXTS = [f"red dress {n}" for n in range(7)]


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    return shelf(tmp_path_factory.mktemp("c"), "e" * 5, [1, 2, 1, 1, 2])


@pytest.fixture
def encoder():
    return tiny.encoder()


class Counting:
    """Counts forward passes of an encoder."""

    def __init__(self, encoder, monkeypatch):
        self.calls = 0
        for name in ("image_features", "text_features"):
            monkeypatch.setattr(encoder, name, self._counted(getattr(encoder, name)))

    def _counted(self, forward):
        def call(inputs):
            self.calls += 1
            return forward(inputs)

        return call


def test_pictures_equal_the_plain_model(encoder, collection):
    got = Embedder(encoder, batch=3).images(collection, [6, 0, 3, 3])
    pictures = [Image.open(io.BytesIO(collection.image(row))) for row in (6, 0, 3, 3)]
    with torch.no_grad():
        plain = encoder.model.get_image_features(**encoder.image_processor(pictures, return_tensors="pt")).pooler_output
    plain = torch.nn.functional.normalize(plain, dim=-1).numpy()
    assert got.shape == (4, encoder.dim) and got.dtype == np.float32
    assert np.abs(got - plain).max() < 1e-6 and np.allclose(np.linalg.norm(got, axis=1), 1, atol=1e-6)
    assert np.abs(got[2] - got[3]).max() < 1e-6  # in batches of 3 and 1, whose sums may differ in the last bits


def test_texts_equal_the_plain_model(encoder):
    got = Embedder(encoder, batch=4).texts(TEXTS)
    with torch.no_grad():
        plain = encoder.model.get_text_features(**encoder.tokens(TEXTS)).pooler_output
    assert np.abs(got - torch.nn.functional.normalize(plain, dim=-1).numpy()).max() < 1e-6


@pytest.mark.parametrize("batch", [1, 3, 100])
def test_the_batch_changes_nothing(encoder, collection, batch):
    rows = np.arange(collection.image_count)
    assert (
        np.abs(
            Embedder(encoder, batch=batch).images(collection, rows) - Embedder(encoder).images(collection, rows)
        ).max()
        < 1e-6
    )


def test_nothing_to_embed(encoder, collection):
    assert Embedder(encoder).texts([]).shape == (0, encoder.dim)
    assert Embedder(encoder).images(collection, []).shape == (0, encoder.dim)


def test_dropout_is_off_even_if_the_model_was_left_training(collection):
    encoder = tiny.encoder()
    encoder.model.train()
    assert not Embedder(encoder).encoder.model.training


def test_kept_embeddings_are_read_back(encoder, collection, tmp_path, monkeypatch):
    first = Embedder(encoder, tmp_path / "cache", batch=4)
    images, texts = first.images(collection, range(7)), first.texts(TEXTS)
    again = Embedder(tiny.encoder(), tmp_path / "cache", batch=2)  # equal weights, another object
    counting = Counting(again.encoder, monkeypatch)
    assert np.array_equal(again.images(collection, np.arange(7)), images) and np.array_equal(again.texts(TEXTS), texts)
    assert counting.calls == 0
    assert not list((tmp_path / "cache").glob("*.partial*"))


@pytest.mark.parametrize("change", ["weights", "preprocessing", "pictures", "rows", "texts"])
def test_what_changes_the_result_is_computed_again(encoder, collection, tmp_path, change, monkeypatch):
    first = Embedder(encoder, tmp_path / "cache")
    first.images(collection, range(5)), first.texts(TEXTS)
    other, rows, texts = tiny.encoder(), range(5), TEXTS
    if change == "weights":
        with torch.no_grad():
            next(iter(other.model.parameters())).view(-1)[0] += 1e-3
    elif change == "preprocessing":
        other.image_processor.image_mean = [0.4, 0.5, 0.5]
    elif change == "pictures":
        collection = shelf(tmp_path / "other", "e" * 6)
    elif change == "rows":
        rows = [1, 0, 2, 3, 4]
    else:
        texts = TEXTS[::-1]
    again = Embedder(other, tmp_path / "cache")
    counting = Counting(other, monkeypatch)
    again.images(collection, rows), again.texts(texts)
    assert counting.calls >= 1


def test_a_damaged_file_is_computed_again(encoder, collection, tmp_path, capsys):
    images = Embedder(encoder, tmp_path).images(collection, range(7))
    (kept,) = tmp_path.glob("images-*.npy")
    for damage in (kept.read_bytes()[:200], b"", b"no array"):
        kept.write_bytes(damage)
        assert np.array_equal(Embedder(encoder, tmp_path).images(collection, range(7)), images)
        assert "damaged" in capsys.readouterr().err
    assert np.array_equal(np.load(kept), images)


def test_what_is_large_is_mapped_and_stays_as_the_model_gave_it(encoder, collection, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAPPED", 1)
    found = Embedder(encoder, tmp_path, batch=3).images(collection, range(7))
    (kept,) = tmp_path.glob("images-*.npy")
    before = kept.read_bytes()
    assert np.array_equal(np.load(kept), found) and isinstance(found.base, np.memmap)
    found *= 2  # a caller may do as it likes with its own
    assert kept.read_bytes() == before


def test_a_full_disk_leaves_nothing(encoder, tmp_path, monkeypatch):
    def full(file, header):
        file.write(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(module.np.lib.format, "write_array_header_1_0", full)
    with pytest.raises(WeftError, match=r"texts-.*npy: No space left"):
        Embedder(encoder, tmp_path).texts(TEXTS)
    assert not list(tmp_path.iterdir())


def test_a_picture_that_cannot_be_read_is_not_the_disk_s_fault(encoder, collection, tmp_path, monkeypatch):
    read = collection.image

    def gone(row):
        if row == 5:
            raise FileNotFoundError("photos/5.jpg")
        return read(row)

    monkeypatch.setattr(collection, "image", gone)
    with pytest.raises(FileNotFoundError, match="photos/5"):
        Embedder(encoder, tmp_path, batch=2).images(collection, range(7))
    assert not list(tmp_path.iterdir())


def test_a_picture_that_no_longer_decodes_is_named(encoder, tmp_path, monkeypatch):
    monkeypatch.setattr("shelves.png", lambda seed: b"damaged")
    with pytest.raises(WeftError, match="damaged"):
        Embedder(encoder).images(shelf(tmp_path / "c", "e"), [0])


class Given:
    """An encoder by the protocol alone, whose vectors are given: text k is row k of the table."""

    name, device = "given", torch.device("cpu")

    def __init__(self, table, dim=None, key="given"):
        self.table, self.dim, self.key, self.calls = torch.as_tensor(table), dim, key, 0

    def to(self, device):
        self.device = device

    def pixels(self, images):
        return {"rows": torch.arange(len(images)), "modality": "image", "pictures": images}

    def tokens(self, texts):
        return {"rows": torch.tensor([int(text) for text in texts], dtype=torch.long), "modality": "text"}

    def image_features(self, inputs):
        assert inputs["rows"].device == self.device and isinstance(inputs["modality"], str)
        self.calls += 1
        return self.table[inputs["rows"]]

    text_features = image_features

    def fingerprint(self):
        return self.key

    def facts(self):
        return {}


NUMBERS = ["0", "1", "2", "3"]


def test_any_encoder_of_the_protocol(collection):
    from weft.encoders import Embeds

    embedder = Embedder(Given(torch.eye(4, dtype=torch.float16)), batch=3)
    assert isinstance(embedder.encoder, Embeds)
    assert np.array_equal(embedder.texts(NUMBERS), np.eye(4, dtype=np.float32))
    assert np.array_equal(embedder.images(collection, range(3)), np.eye(4, dtype=np.float32)[:3])
    assert embedder.texts([]).shape == (0, 0) and embedder.unnormalised == 0.0


def test_lengths_other_than_one_are_mended_and_said_once(tmp_path, capsys):
    table = torch.eye(4) * torch.tensor([[1.0], [0.5], [1.25], [1.0]])
    for cached in range(2):  # what is read back tells the same
        encoder = Given(table)
        embedder = Embedder(encoder, tmp_path, batch=2)
        assert np.array_equal(embedder.texts(NUMBERS), np.eye(4, dtype=np.float32))
        embedder.texts(NUMBERS[:3])
        assert embedder.unnormalised == 0.5
        assert (
            capsys.readouterr().err.count("given gives vectors whose lengths are off 1 by up to 0.5: normalised") == 1
        )
        assert encoder.calls == (0 if cached else 4)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf"), 1e30])
def test_a_vector_that_is_not_finite_is_named(tmp_path, bad):
    table = torch.eye(4)
    table[2, 1] = bad
    embedder = Embedder(Given(table), tmp_path, batch=2)
    if bad == 1e30:  # large, but a direction all the same
        assert np.isfinite(embedder.texts(NUMBERS)).all()
        return
    with pytest.raises(WeftError, match="given gives a vector that is not finite for text 2, '2', and for 1 of the 2"):
        embedder.texts(NUMBERS)
    assert not list(tmp_path.iterdir())


def test_a_picture_without_a_vector_is_named(collection):
    table = torch.eye(4)
    table[1] = 0
    with pytest.raises(
        WeftError, match=rf"a vector of zeros for picture 5 \(SHA-256 {collection.image_hashes[5][:16]}"
    ):
        Embedder(Given(table)).images(collection, [3, 5])


def test_wrong_shapes():
    with pytest.raises(WeftError, match=r"given gave \(4, 4\) for 4 texts, not \(4, 3\)"):
        Embedder(Given(torch.eye(4), dim=3)).texts(NUMBERS)
    with pytest.raises(WeftError, match=r"given gave \(4,\) for 4 texts, not \(4, D\)"):
        Embedder(Given(torch.ones(4))).texts(NUMBERS)


def test_kept_vectors_that_are_damaged_are_computed_again(tmp_path, capsys):
    embedder = Embedder(Given(torch.eye(4)), tmp_path)
    embedder.texts(NUMBERS)
    (kept,) = tmp_path.glob("texts-*.npy")
    for damage in (np.full((4, 4), np.nan, np.float32), np.eye(4, dtype=np.float32)[:2]):
        np.save(kept, damage)
        assert np.array_equal(embedder.texts(NUMBERS), np.eye(4, dtype=np.float32))
        assert "is damaged" in capsys.readouterr().err
