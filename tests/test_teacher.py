"""The frozen base as a teacher: cached once, equal to what it says live, and untouched by training."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

import tiny_catalogue
from training import CPU, SETTINGS, fresh, run, train_with
from training import made as made  # the fixture
from weft import teacher
from weft.errors import WeftError
from weft.views import model_pixels, training_pixels


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


@pytest.mark.parametrize("world", [2, 9])
def test_processes_write_files_of_their_own_and_together_what_one_writes(made, catalogue, tmp_path, monkeypatch, world):
    """Threads stand for processes of several machines, whose writes to one mapped file would get lost; of nine some
    have nothing to do."""
    settings = train_with(micro_batch=5)
    alone = np.array(teacher.base_embeddings(fresh(made, "siglip"), catalogue, tmp_path, settings, CPU))
    folder, mine, written, load = tmp_path / "shared", threading.local(), [], np.load
    folder.mkdir()
    np.save(folder / "base_images.11.partial.npy", np.zeros(3))  # of a killed run with more processes

    def noting(path, mmap_mode=None):
        written.extend([path.name] * (mmap_mode == "r+"))
        return load(path, mmap_mode=mmap_mode)

    def work(rank: int) -> np.ndarray:
        mine.rank = rank
        return np.array(teacher.base_embeddings(fresh(made, "siglip"), catalogue, folder, settings, CPU))

    monkeypatch.setattr(np, "load", noting)
    monkeypatch.setattr(teacher.processes, "rank", lambda: mine.rank)
    monkeypatch.setattr(teacher.processes, "world", lambda: world)
    monkeypatch.setattr(teacher.processes, "wait", threading.Barrier(world, timeout=60).wait)
    with ThreadPoolExecutor(world) as pool:
        found = list(pool.map(work, range(world)))
    assert all(np.array_equal(one, alone) for one in found)
    assert len(set(written)) == len(written) == world
    assert [file.name for file in folder.iterdir()] == ["base_images.npy"]


def test_a_full_disk_is_told(made, catalogue, tmp_path, monkeypatch):
    def full(*_):
        raise OSError("1000 requested and 10 written")  # numpy's own, without an error number

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(WeftError, match=r"cannot write .*base_images\.partial\.npy: 1000 requested and 10 written \("):
        teacher.base_embeddings(fresh(made, "siglip"), catalogue, tmp_path, SETTINGS, CPU)


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
