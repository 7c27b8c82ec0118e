"""Embeds pictures and texts with a model's own preprocessing, once: results are kept by content."""

import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from weft.artefact import key_of
from weft.benchmarks.record import Pictures
from weft.catalogue.images import decode
from weft.encoders.protocol import Embeds, Inputs
from weft.engine import current
from weft.errors import WeftError
from weft.files import disk_error
from weft.processes import device
from weft.progress import progress, say

UNIT = 1e-4
"""How far from 1 a vector's length may be and still count as 1: half precision's normalisation errs less."""
MAPPED = 2**28
"""Bytes from which kept vectors are mapped, not read: a million pictures' may be more than there is memory. Those of a
model that does not normalise are, and take the memory after all."""


class Embedder:
    """One encoder, and a folder in which its embeddings are kept under a key of weights, preprocessing and input.

    Args:
        cache: where embeddings are stored, or None to compute them afresh; an encoder without a fingerprint is
            always computed afresh.
        batch: pictures or texts per forward pass; changes speed and memory, results only in the last bits.

    Attributes:
        unnormalised: the largest distance of a vector's length from 1 as the model gave it, 0.0 as long as it is
            below `UNIT`: a report states it, because another harness may have ranked by the bare dot product.
    """

    def __init__(self, encoder: Embeds, cache: Path | None = None, batch: int = 64):
        self.encoder, self.cache, self.batch = encoder, cache, batch
        self._passes = Passes(encoder)
        if not current().spreads:
            self.encoder.to(device())
        self.fingerprint = encoder.fingerprint() if cache else ""
        self.unnormalised = 0.0
        if cache and not self.fingerprint:
            say(f"  {encoder.name} has no fingerprint: its embeddings are not kept")
            self.cache = None

    def images(self, collection: Pictures, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """(rows, D) float32 unit embeddings of the pictures at `rows`, decoded by the model's own processor.

        Raises:
            WeftError: the encoder has no image tower, or gives vectors that are not finite, all zero, or not (B, D).
        """
        what = [collection.identity, key_of(list(map(int, rows)))]

        def name(place: int) -> str:
            return f"picture {rows[place]} (SHA-256 {collection.image_hashes[rows[place]][:16]})"

        return self._kept("images", what, rows, collection.image, name)

    def texts(self, texts: list[str]) -> np.ndarray:
        """(texts, D) float32 unit embeddings. Raises `WeftError` as `images` does."""

        def name(place: int) -> str:
            return f"text {place}, {texts[place][:80]!r}"

        return self._kept("texts", texts, texts, _same, name)

    def _kept(self, kind: str, what: object, inputs: Sequence, read: Callable, name: Callable) -> np.ndarray:
        """What is kept is what the model gave, so that reading it back tells the same of its lengths."""
        count = len(inputs)
        if not count:
            return np.zeros((0, self.encoder.dim or 0), dtype=np.float32)
        path = self.cache / f"{kind}-{key_of([self.fingerprint, what])}.npy" if self.cache else None
        if path and path.exists():
            try:
                found = _read(path)
                self._check(found, kind, count, 0, name, self.encoder.dim)
                return self._unit(found)
            except (OSError, ValueError, EOFError, WeftError):  # damaged: made again below
                say(f"  {path} is damaged; embedding again")
        made = self._made(kind, inputs, read, name)
        if path:
            _save(path, count, made)
            return self._unit(_read(path))
        out = None
        for start, vectors in zip(range(0, count, self.batch), made, strict=True):
            out = np.empty((count, vectors.shape[1]), dtype=np.float32) if out is None else out
            out[start : start + self.batch] = vectors
        return self._unit(out)

    def _made(self, kind: str, inputs: Sequence, read: Callable, name: Callable) -> Iterator[np.ndarray]:
        """Vectors of one batch after the other."""
        starts = range(0, len(inputs), self.batch)
        batches = (inputs[start : start + self.batch] for start in starts)
        if current().spreads:
            found = current().map(self._passes, ((kind, list(map(read, batch))) for batch in batches), heavy=True)
        else:
            found = self._passes.over(kind, batches, read)
        bar = progress(starts, f"embedding {kind} with {self.encoder.name}", unit="batch")
        dim = self.encoder.dim
        for start, vectors in zip(bar, found, strict=True):
            self._check(vectors, kind, min(self.batch, len(inputs) - start), start, name, dim)
            dim = vectors.shape[1]
            yield vectors

    def _check(
        self, vectors: np.ndarray, kind: str, count: int, start: int, name: Callable[[int], str], dim: int | None
    ) -> None:
        if vectors.ndim != 2 or len(vectors) != count or (dim and vectors.shape[1] != dim):
            raise WeftError(f"{self.encoder.name} gave {vectors.shape} for {count} {kind}, not ({count}, {dim or 'D'})")
        lengths = np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64)  # NaN and infinity stay in a sum of squares
        for bad, what in ((~np.isfinite(lengths), "that is not finite"), (lengths == 0, "of zeros")):
            if bad.any():
                first = name(start + int(np.argmax(bad)))
                raise WeftError(
                    f"{self.encoder.name} gives a vector {what} for {first}, and for {int(bad.sum())} of the {count} "
                    f"{kind} in its batch: no similarity is defined; look at its weights, its precision and this input"
                )

    def _unit(self, vectors: np.ndarray) -> np.ndarray:
        """Unit vectors, in place; those that were none are said once."""
        lengths = np.sqrt(np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64))
        far = float(np.abs(lengths - 1).max(initial=0.0))
        if far > UNIT:
            if not self.unnormalised:
                say(f"  {self.encoder.name} gives vectors whose lengths are off 1 by up to {far:.3g}: normalised")
            self.unnormalised = max(self.unnormalised, far)
            vectors /= lengths[:, None].astype(np.float32)
        return vectors


class Passes:
    """One encoder's passes over batches of "images", encoded, or of "texts"; a worker of the engine may do them."""

    def __init__(self, encoder: Embeds):
        self.encoder = encoder

    def __call__(self, item: tuple[str, list]) -> np.ndarray:
        """(kind, B pictures or texts) -> (B, D) float32 as the model gives them, by this process's own device."""
        kind, batch = item
        if self.encoder.device.type != device().type:
            self.encoder.to(device())
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return self._forward(kind, self._prepare(kind, batch, _same, pool))

    def over(self, kind: str, batches: Iterator[Sequence], read: Callable) -> Iterator[np.ndarray]:
        """Vectors of every batch; `read` gives an input's picture or text. Inputs are prepared one batch ahead of the
        model where that computes elsewhere; on a CPU both would only take each other's cores, and small models lost a
        tenth by it (docs/benchmarks.md)."""
        with ThreadPoolExecutor(os.cpu_count()) as pool, ThreadPoolExecutor(1) as ahead:
            prepared = (self._prepare(kind, batch, read, pool) for batch in batches)
            if self.encoder.device.type == "cpu":
                yield from (self._forward(kind, inputs) for inputs in prepared)
                return
            coming = ahead.submit(next, prepared, None)
            while (inputs := coming.result()) is not None:
                coming = ahead.submit(next, prepared, None)
                yield self._forward(kind, inputs)

    def _prepare(self, kind: str, batch: Sequence, read: Callable, pool: ThreadPoolExecutor) -> Inputs:
        if kind == "texts":
            return self.encoder.tokens(list(map(read, batch)))

        def picture(one: object) -> Image.Image:  # which curation, or a benchmark's reader, verified
            return decode(read(one), verified=True)

        return self.encoder.pixels(list(pool.map(picture, batch)))

    def _forward(self, kind: str, inputs: Inputs) -> np.ndarray:
        features = self.encoder.image_features if kind == "images" else self.encoder.text_features
        with torch.inference_mode():
            moved = {name: _moved(value, self.encoder.device) for name, value in inputs.items()}
            return features(moved).float().cpu().numpy()


def _same(one: bytes | str) -> bytes | str:
    return one


def _moved(value: object, where: torch.device) -> object:
    return value.to(where) if isinstance(value, torch.Tensor) else value


def _read(path: Path) -> np.ndarray:
    """A kept array; a large one is mapped, and what is written to it stays in memory."""
    if path.stat().st_size < MAPPED:
        return np.load(path)
    return np.asarray(np.load(path, mmap_mode="c"))


def _save(path: Path, count: int, batches: Iterator[np.ndarray]) -> None:
    """(count, D) float32 from its batches, as `np.save` would write it; whole or not at all, also where another process
    does the same.

    Raises:
        WeftError: the disk is full.
    """
    first = next(batches)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        with _telling(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            file = temporary.open("wb")
        with file:
            told = {"descr": "<f4", "fortran_order": False, "shape": (count, first.shape[1])}
            with _telling(path):
                np.lib.format.write_array_header_1_0(file, told)
            for vectors in itertools.chain([first], batches):
                with _telling(path):
                    file.write(np.ascontiguousarray(vectors, dtype="<f4"))
        with _telling(path):
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _telling(path: Path) -> Iterator[None]:
    """An error of writing as it is told; one of reading pictures, which come between, is not the disk's."""
    try:
        yield
    except OSError as error:
        raise disk_error(error, path) from None
