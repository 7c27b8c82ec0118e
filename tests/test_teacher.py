"""The frozen base as a teacher: cached once, equal to what it says live, and untouched by training."""

import numpy as np
import pytest
import torch

import tiny_catalogue
from training import CPU, SETTINGS, fresh, run, train_with
from training import made as made  # the fixture
from weft import teacher
from weft.batch import model_pixels, training_pixels


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    return tiny_catalogue.collection(tmp_path_factory.mktemp("catalogue"))


def test_cached_targets_are_the_bases_view_of_the_whole_picture(made, catalogue, tmp_path):
    for family in ("siglip", "clip"):
        encoder = fresh(made, family, dropout=0.5)
        (tmp_path / family).mkdir()
        targets = teacher.base_embeddings(encoder, catalogue, tmp_path / family, train_with(micro_batch=5), CPU)
        assert encoder.model.training
        rows = np.concatenate([catalogue.image_rows[row] for row in np.flatnonzero(catalogue.split == "train")])
        pixels, _ = training_pixels(encoder, [catalogue.image(row) for row in rows])
        copy_ = teacher.frozen(encoder)
        with torch.no_grad():
            live = copy_.image_features(model_pixels(copy_, pixels, None)).numpy()
        assert np.abs(targets[rows] - live).max() < 1e-6
        assert not targets[np.setdiff1d(np.arange(catalogue.image_count), rows)].any()


def test_cached_targets_are_computed_once(made, catalogue, tmp_path, monkeypatch):
    encoder = fresh(made, "siglip")
    first = np.array(teacher.base_embeddings(encoder, catalogue, tmp_path, SETTINGS, CPU))
    monkeypatch.setattr(encoder, "image_features", None)
    assert np.array_equal(teacher.base_embeddings(encoder, catalogue, tmp_path, SETTINGS, CPU), first)


def test_a_live_teacher_gives_what_the_cache_gives(made, catalogue, tmp_path):
    cached, live = fresh(made, "siglip"), fresh(made, "siglip")
    run(catalogue, cached, tmp_path / "cached", micro_batch=4, epochs=3)
    run(catalogue, live, tmp_path / "live", micro_batch=4, epochs=3, lwf_target="live")
    assert not (tmp_path / "live" / "base_images.npy").exists()
    pairs = zip(cached.model.parameters(), live.model.parameters(), strict=True)
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in pairs)
    off = fresh(made, "siglip")
    run(catalogue, off, tmp_path / "off", micro_batch=4, epochs=3, lwf_weight=0.0)
    apart = [(a - b).abs().max() for a, b in zip(cached.model.parameters(), off.model.parameters(), strict=True)]
    assert max(apart) > 1e-3


def test_a_teacher_of_texts_alone_has_no_image_tower(made):
    for family in ("siglip", "clip"):
        encoder = fresh(made, family)
        small = teacher.frozen(encoder, texts_only=True)
        assert not hasattr(small.model, "vision_model") and hasattr(encoder.model, "vision_model")
        tokens = encoder.tokens(["a red hat", "boots"])
        with torch.no_grad():
            assert torch.equal(small.text_features(tokens), encoder.text_features(tokens))
