"""The frozen base as a teacher: what it says of pictures and texts, computed once and kept, or live."""

import copy
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from weft import processes
from weft.batch import Batch, decoders, model_pixels, training_pixels
from weft.catalogue.collection import Collection
from weft.encoders.base import Encoder
from weft.options import Train
from weft.progress import progress


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

    Args:
        rows: of the pictures, where not all of the train split's; the other rows of the result are zero.
        name: of the file in `folder`.
    """
    path = folder / f"{name}.npy"
    missing = not path.exists()
    processes.wait()  # until every process has looked
    if missing:
        partial = folder / f"{name}.partial.npy"
        if processes.rank() == 0:
            np.save(partial, np.zeros((collection.image_count, encoder.dim), dtype=np.float32))
        processes.wait()
        out = np.load(partial, mmap_mode="r+")
        if rows is None:
            trained = [collection.image_rows[row] for row in np.flatnonzero(collection.split == "train")]
            rows = np.concatenate([np.empty(0, np.int64), *trained])  # of none, which the loader tells
        size = settings.micro_batch or 64
        starts = range(processes.rank() * size, len(rows), processes.world() * size)
        pool = decoders()
        encoder.model.eval()
        for start in progress(starts, "embedding the base's targets", unit="batch"):
            part = rows[start : start + size]
            pixels, _ = training_pixels(encoder, [collection.image(row) for row in part], pool.map)
            inputs = model_pixels(encoder, {n: t.to(device) for n, t in pixels.items()}, None)
            with torch.no_grad(), processes.autocast(settings.precision, device):
                out[part] = encoder.image_features(inputs).float().cpu().numpy()
        encoder.model.train()
        out.flush()
        processes.wait()
        if processes.rank() == 0:
            partial.replace(path)
        processes.wait()
    return np.load(path, mmap_mode="r")


def base_text_embeddings(encoder: Encoder, texts: Sequence[str], settings: Train, device: torch.device) -> np.ndarray:
    """(texts, D) float32 embeddings by the base; every process computes them all, for they are few."""
    size, found = settings.micro_batch or 64, []
    encoder.model.eval()
    for start in progress(range(0, len(texts), size), "embedding the base's texts", unit="batch"):
        tokens = encoder.tokens(list(texts[start : start + size]))
        with torch.no_grad(), processes.autocast(settings.precision, device):
            out = encoder.text_features({name: tensor.to(device) for name, tensor in tokens.items()})
        found.append(out.float().cpu().numpy())
    encoder.model.train()
    return np.concatenate(found)
