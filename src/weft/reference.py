"""Reference data: general pictures and texts on which the student is held to its frozen base at every step."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from weft.artefact import key_of
from weft.batch import Batch, prefetched
from weft.catalogue.collection import Collection
from weft.encoders.base import Encoder
from weft.errors import WeftError
from weft.options import Train
from weft.pairs.queries import plain_query, randomness
from weft.teacher import base_embeddings, base_text_embeddings
from weft.views import decoders, training_pixels


class Reference:
    """The train split of a curated collection, a few of whose pictures and titles come with every batch.

    ZSCL (Zheng et al. 2023, arXiv 2303.06628): what a base knows beyond the catalogue is best held on data from
    beyond it. Which products a step draws follows from (seed, step); what the base makes of all that will be
    drawn is computed when this is made, so make it before the encoder is trained.

    Args:
        folder: where the base's embeddings are kept; steps: of the whole run.
        rank, world: this process's number and how many there are; each takes its part.

    Raises:
        WeftError: it has fewer products to train on than a step draws.
    """

    def __init__(
        self, collection: Collection, encoder: Encoder, settings: Train, seed: int, folder: Path,
        device: torch.device, steps: int, rank: int = 0, world: int = 1,
    ):  # fmt: skip
        self.collection, self.encoder, self.seed, self.steps = collection, encoder, seed, steps
        self.size, self.share = settings.reference_batch, settings.reference_batch // world
        self.first = rank * self.share
        self.rows = drawable(collection, settings)
        drawn = [self._draw(step) for step in range(steps)]
        pictures = np.unique(np.concatenate([images for _, images in drawn]))
        products = np.unique(np.concatenate([rows for rows, _ in drawn]))
        name = f"base_reference-{key_of(pictures.tolist())}"  # a run that goes on may draw others: see weft.held
        self.images = base_embeddings(encoder, collection, folder, settings, device, pictures, name)
        self.texts = {int(row): plain_query(collection.products[row], "title").text for row in products}
        embedded = base_text_embeddings(encoder, list(self.texts.values()), settings, device)
        self.text_targets = dict(zip(self.texts, torch.from_numpy(embedded), strict=True))
        self.scale = encoder.logit_scale.detach().clone()
        self.decoders = decoders()

    def _draw(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """(B,) product rows and (B,) rows of one picture of each."""
        random = randomness(self.seed, "reference", step)
        rows = random.choice(self.rows, self.size, replace=False)
        return rows, np.asarray([random.choice(self.collection.image_rows[row]) for row in rows])

    def prepare(self, step: int) -> Batch:
        """This process's part of the step's products: no views, no judgements, the base's embeddings of both sides."""
        rows, images = (drawn[self.first : self.first + self.share] for drawn in self._draw(step))
        data = [self.collection.image(row) for row in images]
        return Batch(
            pixels=training_pixels(self.encoder, data, self.decoders.map)[0],
            views=None,
            texts={"reference": self.encoder.tokens([self.texts[int(row)] for row in rows])},
            relevance={},
            positive_grades={},
            targets=torch.from_numpy(np.asarray(self.images[images])),
            first=self.first,
            size=self.size,
            text_targets={"reference": torch.stack([self.text_targets[int(row)] for row in rows])},
            base_scale=self.scale,
        )

    def batches(self, first_step: int = 0) -> Iterator[Batch]:
        yield from prefetched(self.prepare, range(first_step, self.steps))


def drawable(collection: Collection, settings: Train) -> np.ndarray:
    """The product rows that a reference draws from. Raises `WeftError` where they are fewer than a step draws."""
    rows = np.flatnonzero(collection.split == "train")
    if len(rows) < settings.reference_batch:
        raise WeftError(
            f"train.reference_batch is {settings.reference_batch}, and {collection.folder} has {len(rows)} products to "
            "draw from: lower it or name more of them"
        )
    return rows
