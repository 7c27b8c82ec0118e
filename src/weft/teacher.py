"""The frozen base as a teacher: what it says of pictures and texts, computed once and kept, or live."""

import copy
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from weft import processes
from weft.batch import Batch
from weft.catalogue.collection import Collection
from weft.encoders.base import Encoder
from weft.files import disk_error
from weft.options import Train
from weft.progress import progress
from weft.views import decoders, model_pixels, training_pixels

CHUNK = 1 << 14
"""Rows of another process's part that are copied at once."""


def asks(settings: Train, what: str) -> bool:
    """Whether some term of the loss compares the catalogue's "pictures" or "texts" with the base's view of them."""
    alone = settings.lwf_weight if what == "pictures" else settings.lwf_text_weight
    mined = what == "pictures" and settings.hard == "base"
    return alone > 0 or settings.lwf_similarity_weight > 0 or mined


def frozen(encoder: Encoder, texts_only: bool = False) -> Encoder:
    """A copy that stays as the encoder is now, without dropout; `texts_only` leaves its image tower out."""
    teacher = copy.copy(encoder)
    teacher.model = copy.deepcopy(encoder.model).eval().requires_grad_(False)
    if texts_only:
        del teacher.model.vision_model
    return teacher


def answered(batch: Batch, teacher: Encoder, settings: Train, slices: Sequence[slice]) -> Batch:
    """The batch with those of the base's embeddings that the loss's terms ask for and it does not bring."""
    known = {"base_scale": teacher.logit_scale}
    if batch.targets is None and asks(settings, "pictures"):
        known["targets"] = torch.cat([teacher.image_features(batch.pictures(teacher, rows, None)) for rows in slices])
    if asks(settings, "texts"):
        found = {task: [teacher.text_features(batch.queries(task, rows)) for rows in slices] for task in batch.texts}
        known["text_targets"] = {task: torch.cat(parts) for task, parts in found.items()}
    return dataclasses.replace(batch, **known)


def base_embeddings(
    encoder: Encoder,
    collection: Collection,
    folder: Path,
    settings: Train,
    device: torch.device,
    rows: np.ndarray | None = None,
    name: str = "base_images",
) -> np.ndarray:
    """(images, D) float32: the base's embedding of every training picture, computed once, then memory-mapped.

    The target is the base's view of the whole picture, without the student's crop: it can be cached, it
    is what the base really knows of the product, and it asks the student not to be moved by a crop. It is
    computed as the student computes: the training decoder, the training precision.

    Every process writes its part to a file of its own, and the first one, whose own is the whole, puts them together:
    several machines that map one file at once lose each other's pages on NFS.

    Args:
        rows: of the pictures, where not all of the train split's; the other rows of the result are zero.
        name: of the file in `folder`.

    Raises:
        WeftError: the disk is full.
    """
    path, rank = folder / f"{name}.npy", processes.rank()
    missing = not path.exists()
    processes.wait()  # until every process has looked
    if missing:
        if rows is None:
            trained = [collection.image_rows[row] for row in np.flatnonzero(collection.split == "train")]
            rows = np.concatenate([np.empty(0, np.int64), *trained])  # of none, which the loader tells
        size = settings.micro_batch or 64
        parts = [_part(rows, size, one) for one in range(processes.world())]
        files = [folder / f"{name}.{f'{one}.' if one else ''}partial.npy" for one in range(processes.world())]
        own, places = parts[rank], parts[rank] if rank == 0 else np.arange(len(parts[rank]))
        out = _zeros(files[rank], (collection.image_count if rank == 0 else len(own) or 1, encoder.dim))
        pool = decoders()
        encoder.model.eval()
        for start in progress(range(0, len(own), size), "embedding the base's targets", unit="batch"):
            part = slice(start, start + size)
            pixels, _ = training_pixels(encoder, [collection.image(row) for row in own[part]], pool.map)
            inputs = model_pixels(encoder, {n: t.to(device) for n, t in pixels.items()}, None)
            with torch.no_grad(), processes.autocast(settings.precision, device):
                out[places[part]] = encoder.image_features(inputs).float().cpu().numpy()
        encoder.model.train()
        out.flush()
        processes.wait()
        if rank == 0:
            for theirs, file in zip(parts[1:], files[1:], strict=True):
                found = np.load(file, mmap_mode="r")
                for start in range(0, len(theirs), CHUNK):
                    out[theirs[start : start + CHUNK]] = found[start : start + CHUNK]
            out.flush()
            files[0].replace(path)
            for left in folder.glob(f"{name}.*.partial.npy"):  # a killed run of more processes left some, too
                left.unlink()
        processes.wait()
    return np.load(path, mmap_mode="r")


def _part(rows: np.ndarray, size: int, rank: int) -> np.ndarray:
    """What one process embeds: every `world`-th batch of `size` rows, so that batches are those of one process."""
    starts = range(rank * size, len(rows), processes.world() * size)
    return np.concatenate([np.empty(0, np.int64), *(rows[start : start + size] for start in starts)])


def _zeros(path: Path, shape: tuple[int, int]) -> np.ndarray:
    """A float32 array in a file that can be written to, for which there is room."""
    try:
        np.save(path, np.zeros(shape, dtype=np.float32))
        return np.load(path, mmap_mode="r+")
    except OSError as error:
        raise disk_error(error, path) from None


def base_text_embeddings(encoder: Encoder, texts: Sequence[str], settings: Train, device: torch.device) -> np.ndarray:
    """(texts, D) float32 embeddings by the base, which every process computes and holds, all of them."""
    size, found = settings.micro_batch or 64, []
    encoder.model.eval()
    for start in progress(range(0, len(texts), size), "embedding the base's texts", unit="batch"):
        tokens = encoder.tokens(list(texts[start : start + size]))
        with torch.no_grad(), processes.autocast(settings.precision, device):
            out = encoder.text_features({name: tensor.to(device) for name, tensor in tokens.items()})
        found.append(out.float().cpu().numpy())
    encoder.model.train()
    return np.concatenate(found)
