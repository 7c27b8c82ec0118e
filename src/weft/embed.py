"""Embeds pictures and texts with a model's own preprocessing, once: results are kept by content."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from weft.artefact import disk_error, key_of
from weft.catalogue.collection import Collection
from weft.catalogue.images import decode
from weft.encoders.base import Encoder
from weft.processes import device
from weft.progress import progress, say


class Embedder:
    """One encoder, and a folder in which its embeddings are kept under a key of weights, preprocessing and input.

    Args:
        cache: where embeddings are stored, or None to compute them afresh.
        batch: pictures or texts per forward pass; changes speed and memory, results only in the last bits.
    """

    def __init__(self, encoder: Encoder, cache: Path | None = None, batch: int = 64):
        self.encoder, self.cache, self.batch = encoder, cache, batch
        self.encoder.model.to(device()).eval()
        self.fingerprint = encoder.fingerprint() if cache else ""

    def images(self, collection: Collection, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """(rows, D) float32 unit embeddings of the pictures at `rows`, decoded by the model's own processor."""
        what = [collection.identity, key_of(list(map(int, rows)))]

        def prepare(start: int) -> dict[str, torch.Tensor]:
            return self.encoder.pixels([decode(collection.image(row)) for row in rows[start : start + self.batch]])

        return self._kept("images", what, len(rows), prepare, self.encoder.image_features)

    def texts(self, texts: list[str]) -> np.ndarray:
        """(texts, D) float32 unit embeddings."""

        def prepare(start: int) -> dict[str, torch.Tensor]:
            return self.encoder.tokens(texts[start : start + self.batch])

        return self._kept("texts", texts, len(texts), prepare, self.encoder.text_features)

    def _kept(self, kind: str, what: object, count: int, prepare, forward) -> np.ndarray:
        path = self.cache / f"{kind}-{key_of([self.fingerprint, what])}.npy" if self.cache else None
        if path and path.exists():
            try:
                return np.load(path)
            except (OSError, ValueError, EOFError):  # damaged: made again below
                say(f"  {path} is damaged; embedding again")
        out = np.zeros((count, self.encoder.dim), dtype=np.float32)
        starts = range(0, count, self.batch)
        with ThreadPoolExecutor(1) as pool, torch.inference_mode():
            coming = pool.submit(prepare, 0) if count else None
            for start in progress(starts, f"embedding {kind} with {self.encoder.name}", unit="batch"):
                inputs = {name: tensor.to(self.encoder.device) for name, tensor in coming.result().items()}
                coming = pool.submit(prepare, start + self.batch) if start + self.batch < count else None
                out[start : start + self.batch] = forward(inputs).float().cpu().numpy()
        if path:
            _save(path, out)
        return out


def _save(path: Path, array: np.ndarray) -> None:
    """Whole or not at all. Raises `WeftError` if the disk is full."""
    temporary = path.with_suffix(".partial.npy")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(temporary, array)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise disk_error(error, path) from None
