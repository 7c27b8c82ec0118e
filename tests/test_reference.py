"""Reference data: what a step draws, what the base made of it, and training with it."""

import numpy as np
import pytest
import torch

import tiny
import tiny_catalogue
from training import CPU, fresh, run, train_with
from training import made as made  # the fixture
from weft.errors import WeftError
from weft.reference import Reference
from weft.views import model_pixels

SETTINGS = train_with(reference_batch=6, micro_batch=4)


@pytest.fixture(scope="module")
def general(tmp_path_factory):
    return tiny_catalogue.collection(tmp_path_factory.mktemp("general"), seed=5)


def reference(encoder, general, folder, settings=SETTINGS, **place) -> Reference:
    return Reference(general, encoder, settings, 3, folder, CPU, steps=4, **place)


def test_the_base_s_embeddings_belong_to_what_is_drawn(made, general, tmp_path):
    encoder = fresh(made, "siglip", dropout=0.3)
    data = reference(encoder, general, tmp_path)
    encoder.model.eval()
    train_split = set(np.flatnonzero(general.split == "train").tolist())
    for step, batch in enumerate(data.batches()):
        rows, _ = data._draw(step)
        assert len(set(rows.tolist())) == 6 and set(rows.tolist()) <= train_split
        titles = [general.products[row].title for row in rows]
        assert torch.equal(batch.texts["reference"]["input_ids"], encoder.tokens(titles)["input_ids"])
        with torch.no_grad():
            images = encoder.image_features(model_pixels(encoder, batch.pixels, None))
            texts = encoder.text_features(batch.texts["reference"])
        torch.testing.assert_close(batch.base("image"), images, atol=1e-5, rtol=0)
        torch.testing.assert_close(batch.base("reference"), texts, atol=1e-5, rtol=0)


def test_steps_differ_and_resuming_goes_on(made, general, tmp_path):
    data = reference(fresh(made, "siglip"), general, tmp_path)
    draws = [tuple(data._draw(step)[0]) for step in range(4)]
    assert len(set(draws)) == 4
    late = next(data.batches(2))
    assert torch.equal(late.targets, data.prepare(2).targets)
    assert not torch.equal(late.targets, data.prepare(3).targets)


def test_processes_share_the_batch(made, general, tmp_path):
    encoder = fresh(made, "siglip")
    whole = reference(encoder, general, tmp_path).prepare(1)
    parts = [reference(encoder, general, tmp_path, rank=rank, world=2).prepare(1) for rank in (0, 1)]
    assert [part.first for part in parts] == [0, 3] and all(part.size == 6 for part in parts)
    assert torch.equal(torch.cat([part.targets for part in parts]), whole.targets)


def test_too_few_products_are_told(made, general, tmp_path):
    with pytest.raises(WeftError, match=r"reference_batch is 64, and .* has 23 products"):
        reference(fresh(made, "siglip"), general, tmp_path, train_with(reference_batch=64))


def test_reference_data_keep_the_student_near(made, general, tmp_path):
    """The term begins at nothing; a heavy weight leaves the student's view of other pictures nearer to its base's."""
    catalogue = tiny_catalogue.collection(tmp_path / "catalogue")
    base, apart = fresh(made, "siglip"), {}
    pictures = base.pixels(tiny.pictures(12, seed=3))
    with torch.no_grad():
        before = base.image_features(pictures)
    for weight in (0.0, 100.0):
        encoder = fresh(made, "siglip")
        how = {"reference": str(general.folder), "reference_weight": weight, "reference_loss": "vectors"}
        log = run(catalogue, encoder, tmp_path / f"{weight}", epochs=4, lwf_weight=0.0, reference_batch=6, **how)
        assert log[0]["reference"] < 1e-5
        with torch.no_grad():
            apart[weight] = (encoder.image_features(pictures) - before).norm().item()
    assert apart[100.0] < 0.6 * apart[0.0]
