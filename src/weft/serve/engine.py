"""What the service computes: embeddings by the batcher, rankings by each index's store."""

import asyncio
import os
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from weft.catalogue.images import ImageError, check, decode, fingerprint
from weft.encoders.protocol import Embeds, Inputs
from weft.errors import Broken
from weft.index import Filters, Index, Store, hybrid
from weft.processes import device
from weft.serve.batching import Batcher
from weft.serve.errors import ApiError
from weft.serve.limits import Limits
from weft.serve.metrics import Metrics

REMEMBERED = 4096
"""Vectors of queries that are kept: the next page, another filter, a typed letter taken back."""


class Model:
    """An encoder as the batcher needs it: two functions from prepared items to unit vectors."""

    def __init__(self, encoder: Embeds):
        self.encoder = encoder
        encoder.to(device())

    def prepare(self, data: bytes, pixels: int) -> Inputs:
        """One picture's inputs, so that decoding is not the model thread's work. Raises `ImageError`."""
        picture = decode(data, pixels)
        check(picture)
        return self.encoder.pixels([picture])

    def texts(self, texts: list[str]) -> np.ndarray:
        """(n, D)."""
        return self._run(self.encoder.text_features, self.encoder.tokens(texts))

    def images(self, prepared: list[Inputs]) -> np.ndarray:
        """(n, D)."""
        return self._run(self.encoder.image_features, collate(prepared))

    def _run(self, forward, inputs: Inputs) -> np.ndarray:
        where = self.encoder.device
        moved = {key: value.to(where) if torch.is_tensor(value) else value for key, value in inputs.items()}
        with torch.inference_mode():
            return unit(forward(moved).float().cpu().numpy())


def collate(prepared: list[Inputs]) -> Inputs:
    """Inputs of single pictures as one batch's: tensors and lists one after the other."""
    joined = {}
    for key, first in prepared[0].items():
        parts = [inputs[key] for inputs in prepared]
        if torch.is_tensor(first):
            joined[key] = torch.cat(parts)
        elif isinstance(first, (list, tuple)):
            joined[key] = [item for part in parts for item in part]
        else:
            joined[key] = np.concatenate(parts) if isinstance(first, np.ndarray) else first
    return joined


def unit(vectors: np.ndarray) -> np.ndarray:
    """(n, D) -> unit vectors. Raises `Broken` where one is zero or not finite."""
    lengths = np.sqrt(np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64))
    if not (np.isfinite(lengths) & (lengths > 0)).all():
        raise Broken("the model gives no vector for this input: its weights or its precision are broken")
    return vectors / lengths[:, None].astype(np.float32)


@dataclass(frozen=True)
class Side:
    """A model with its gallery: an index, where it is searched, and how a newer version of it would be."""

    index: Index
    store: Store
    model: Model
    store_of: Callable[[Index], Store]

    @property
    def label(self) -> str:
        return self.index.label


@dataclass(frozen=True)
class Query:
    """What is asked; `like` is a product's id. With none of the three, the gallery is leafed through."""

    text: str = ""
    image: bytes = b""
    image_weight: float = 0.5
    like: str = ""


class Engine:
    """One or two sides, the first of which answers unless another is named."""

    def __init__(self, sides: Sequence[Side], limits: Limits, metrics: Metrics, **batching):
        self.sides = {side.label: side for side in sides}
        self.first, self.limits = sides[0], limits
        self.models = {side.index.fingerprint: side.model for side in sides}
        forwards = {f"{mark}/text": model.texts for mark, model in self.models.items()}
        forwards |= {f"{mark}/image": model.images for mark, model in self.models.items()}
        self.batcher = Batcher(forwards, saw=lambda key, n: metrics.saw_batch(key.rpartition("/")[2], n), **batching)
        metrics.watch(lambda: self.batcher.waiting)
        self.threads = ThreadPoolExecutor(os.cpu_count() or 1, "work")
        self._remembered: OrderedDict[tuple[str, str], np.ndarray] = OrderedDict()

    def side(self, label: str | None) -> Side:
        """Raises `ApiError` for a model that is not served here."""
        if label and label not in self.sides:
            raise ApiError(404, f"no such model; here are {', '.join(self.sides)}", "model")
        return self.sides[label] if label else self.first

    def replace(self, side: Side) -> None:
        """A newer version takes the place of the side of its label; requests that hold the old one end on it."""
        self.sides = self.sides | {side.label: side}
        if self.first.label == side.label:
            self.first = side

    async def in_thread(self, work, *arguments):
        """Work that takes a core is not the event loop's."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, partial(work, *arguments))

    async def embed(self, side: Side, inputs: Sequence[str | bytes]) -> np.ndarray:
        """(n, D) vectors of texts (str) and pictures (bytes), in their order.

        Raises:
            ApiError: a picture cannot be used. Busy: the queue is full.
        """
        mark = side.index.fingerprint
        keys = [(mark, "t" + one if isinstance(one, str) else "i" + fingerprint(one)) for one in inputs]
        new = {key: one for key, one in zip(keys, inputs, strict=True) if key not in self._remembered}
        found = {key: self._remembered[key] for key in keys if key in self._remembered}
        texts = {key: one for key, one in new.items() if isinstance(one, str)}
        pictures = {key: one for key, one in new.items() if not isinstance(one, str)}
        prepared = await asyncio.gather(*(self._prepare(side.model, one) for one in pictures.values()))
        parts = await asyncio.gather(
            *([self.batcher.submit(f"{mark}/text", list(texts.values()))] if texts else []),
            *([self.batcher.submit(f"{mark}/image", prepared)] if pictures else []),
        )
        for key, vector in zip([*texts, *pictures], (vector for part in parts for vector in part), strict=True):
            found[key] = self._remembered[key] = vector
        for key in keys:
            if key in self._remembered:
                self._remembered.move_to_end(key)
        while len(self._remembered) > REMEMBERED:
            self._remembered.popitem(last=False)
        return np.stack([found[key] for key in keys])

    async def _prepare(self, model: Model, data: bytes) -> Inputs:
        try:
            return await self.in_thread(model.prepare, data, self.limits.pixels)
        except ImageError as error:
            raise ApiError(422, f"the picture cannot be used: {error}", "image") from None

    async def vector(self, side: Side, query: Query) -> np.ndarray | None:
        """(D,) unit vector of a query: unit(w * picture + (1 - w) * text) where it has both; None where neither."""
        if query.like:
            if query.like not in side.index.row_of:
                raise ApiError(404, f"{side.label} has no such product", "like")
            return side.index.vector(side.index.row_of[query.like])
        inputs = [one for one in (query.text, query.image) if one]
        if not inputs:
            return None
        vectors = await self.embed(side, inputs)
        if len(vectors) == 1:
            return vectors[0]
        mixed = (1 - query.image_weight) * vectors[:1] + query.image_weight * vectors[1:]
        return unit(mixed)[0]

    async def ranking(self, side: Side, query: Query, k: int, filters: Filters, both: bool) -> tuple:
        """(rows, scores) of the k best products; scores are None where the gallery is leafed through. `both`: fused
        with BM25 over titles."""
        vector = await self.vector(side, query)
        return await self.in_thread(self._ranked, side, query, vector, k, filters, both)

    def _ranked(self, side: Side, query: Query, vector, k: int, filters: Filters, both: bool) -> tuple:
        if vector is None:
            kept = side.index.facets.mask(filters)
            return (np.arange(len(side.index)) if kept is None else np.flatnonzero(kept))[:k], None
        if both and query.text:
            return hybrid(side.index, side.store, vector, query.text, k, filters)
        own = side.index.row_of.get(query.like, -1)
        rows, scores = side.store.search(vector, k + (own >= 0), filters)
        other = rows != own
        return rows[other][:k], scores[other][:k]

    async def close(self) -> None:
        """Finishes what waits."""
        await self.batcher.close()
        self.threads.shutdown()
