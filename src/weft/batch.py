"""Prepares training batches: which picture, which view, which queries; all from (seed, epoch, product id) alone."""

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from weft.backdrop import on_backdrop
from weft.catalogue.collection import Collection
from weft.encoders.base import Encoder
from weft.errors import WeftError
from weft.pairs import negatives
from weft.pairs.batches import batches
from weft.pairs.grades import Grades
from weft.pairs.queries import Query, Writer, facts, normal, randomness
from weft.pairs.relevance import BatchRelevance
from weft.pairs.unrecorded import OpenRelevance, open_names
from weft.pairs.writing import Written
from weft.progress import say
from weft.recipe import Pairs, Train
from weft.views import decoders, model_pixels, training_pixels, view


@dataclass
class Batch:
    """One step's data on one process: b = B / processes products, of a batch of B.

    Attributes:
        pixels: model inputs of the b pictures as they are, uint8 (b, 3, H, W) or a processor's own tensors.
        views: (b, 2, 3) affine maps from the student's view to the picture, or None for the picture itself.
        texts: task -> token tensors of the b own queries.
        relevance: task -> grades between all B products and all B queries.
        positive_grades: task -> (B,) grade of each pair.
        targets: (b, D) the frozen base's embeddings of the pictures as they are, or None.
        text_targets: task -> (b, D) those of the own queries, where a term asks for them.
        base_scale: the base's logit scale, as a logarithm, where a term asks for it.
        first: position of the first own product in the batch; size: B.
    """

    pixels: dict[str, Tensor]
    views: Tensor | None
    texts: dict[str, dict[str, Tensor]]
    relevance: dict[str, BatchRelevance]
    positive_grades: dict[str, Tensor]
    targets: Tensor | None
    first: int
    size: int
    text_targets: dict[str, Tensor] = field(default_factory=dict)
    base_scale: Tensor | None = None

    def pictures(self, encoder: Encoder, rows: slice, views: Tensor | None) -> dict[str, Tensor]:
        """An encoder's inputs of some of the pictures, seen through their (b, 2, 3) views or as they are."""
        pixels = {name: tensor[rows] for name, tensor in self.pixels.items()}
        return model_pixels(encoder, pixels, None if views is None else views[rows])

    def queries(self, task: str, rows: slice) -> dict[str, Tensor]:
        """An encoder's inputs of some of a task's queries."""
        return {name: tensor[rows] for name, tensor in self.texts[task].items()}

    def base(self, name: str) -> Tensor:
        """(b, D) float32 embeddings that the frozen base gives to "image" or to a task's queries."""
        return (self.targets if name == "image" else self.text_targets[name]).float()

    def to(self, device: torch.device) -> "Batch":
        def move(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
            return {name: tensor.to(device, non_blocking=True) for name, tensor in tensors.items()}

        self.pixels = move(self.pixels)
        self.texts = {task: move(tokens) for task, tokens in self.texts.items()}
        self.views = None if self.views is None else self.views.to(device)
        self.targets = None if self.targets is None else self.targets.to(device)
        self.text_targets = move(self.text_targets)
        self.base_scale = None if self.base_scale is None else self.base_scale.to(device)
        for relevance in self.relevance.values():
            relevance.to(device)
        self.positive_grades = move(self.positive_grades)
        return self


class Loader:
    """Iterates over the batches of one run, preparing the next while the current one is computed.

    Args:
        collection: the curated catalogue; its train split is used.
        targets: (images, D) the frozen base's embeddings by picture row, or None without LwF; they may be given later,
            as `targets`, before anything else is asked.
        rank, world: this process's number and how many there are; each takes its part of every batch.

    Raises:
        WeftError: no task is left to learn; there are fewer products to train on than processes; texts or grades are of
            another catalogue.
    """

    def __init__(
        self, collection: Collection, encoder: Encoder, pairs: Pairs, settings: Train, seed: int,
        targets: np.ndarray | None = None, rank: int = 0, world: int = 1,
    ):  # fmt: skip
        self.collection, self.encoder, self.settings, self.seed = collection, encoder, settings, seed
        self.writer = Written(pairs, settings.written) if settings.written else Writer(pairs)
        self.grades = Grades(settings.grades)
        self.targets, self.rank, self.world = targets, rank, world
        self.rows = np.flatnonzero(collection.split == "train")
        self.products = [collection.products[row] for row in self.rows]
        self.facts = [facts(product) for product in self.products]
        self.titles = [normal(product.title) for product in self.products]
        self.tasks = learnt(pairs, settings)
        if not self.tasks:
            raise WeftError("there is nothing to learn: both tasks are left out of [pairs] or have weight 0 in [train]")
        if not len(self.rows):
            raise WeftError(
                f"{collection.folder}: no product of the catalogue is in the train split; curate more products, or set "
                "smaller curate.dev_share and curate.test_share"
            )
        if len(self.rows) < world:
            told = f"{len(self.rows)} products to train on are too few for {world} processes"
            raise WeftError(f"{collection.folder}: {told}")
        self._tell_given()
        self.decoders = decoders()
        self.log = self._read_log()
        for product, held in zip(self.products, self.facts, strict=True):
            held |= {f"asked={text}" for text, grade in self.log.get(product.id, ()) if grade >= 2}
        self.unknown = open_names(self.facts) if settings.read_open else None

    @cached_property
    def _plan(self) -> list[tuple[int, np.ndarray]]:
        """The epoch and the products of every step; mined batches need the targets, which are asked for last."""
        settings, composed = self.settings, self._composed()
        plan = [(epoch, positions) for epoch in range(settings.epochs) for positions in composed(epoch)]
        if settings.vicreg_weight and min(len(positions) for _, positions in plan) < 2:
            raise WeftError(
                "train.vicreg_weight is for a batch's variance, and a batch of this catalogue is one product"
            )
        return plan

    def _tell_given(self) -> None:
        """How much of what a language model wrote and a judge graded is of the products to train on."""
        settings, ids = self.settings, [product.id for product in self.products]
        every, given = f"{len(ids):,} products to train on", []
        if settings.written:
            count = sum(any(self.writer.texts(name, task) for task in self.tasks) for name in ids)
            given.append((settings.written, count, f"{count:,} of {every} have written texts"))
        if settings.grades:
            count = self.grades.count(ids)
            given.append((settings.grades, count, f"{count:,} graded pairs are of the {every}"))
        for path, count, told in given:
            if not count:
                raise WeftError(f"{path} is of another catalogue, or its ids have changed since: {told}")
            say(f"  {path}: {told}")

    def _composed(self) -> Callable[[int], list[np.ndarray]]:
        """Epoch -> its batches, by what makes negatives hard."""
        settings = self.settings
        if settings.hard == "base" and self.targets is not None:
            pictures = negatives.Means(self.targets, [self.collection.image_rows[row] for row in self.rows])
            judged = self.grades.between([product.id for product in self.products])
            mined = negatives.mine(pictures, self.facts, self.collection.group[self.rows], grades=judged)
            return lambda epoch: negatives.batches(mined, settings.batch, settings.neighbours, self.seed, epoch)
        categories = [product.category for product in self.products]
        near = 0 if settings.hard == "none" else settings.neighbours
        return lambda epoch: batches(categories, settings.batch, near, self.seed, epoch)

    @property
    def steps(self) -> int:
        return len(self._plan)

    def _read_log(self) -> dict[str, list[tuple[str, float]]]:
        """Product id -> the queries that led to it, with their grades; grade 0 says that it is no answer."""
        path = self.collection.folder / "log.jsonl"
        asked: dict[str, list[tuple[str, float]]] = {}
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
            entry = json.loads(line)
            if entry["grade"] > 0:
                asked.setdefault(entry["product_id"], []).append((entry["text"], float(entry["grade"])))
        return asked

    def batches(self, first_step: int = 0) -> Iterator[Batch]:
        """The batches from `first_step` on; the same ones, whether or not the run was interrupted."""
        yield from prefetched(self.prepare, range(first_step, self.steps))

    def prepare(self, step: int) -> Batch:
        epoch, positions = self._plan[step]
        share = len(positions) // self.world
        positions = positions[: share * self.world]
        own = positions[self.rank * share : (self.rank + 1) * share]
        texts, relevance, grades = {}, {}, {}
        ids = [self.products[place].id for place in positions]
        for task in self.tasks:
            asked = [self._query(task, epoch, place) for place in positions]
            queries = [query for query, _ in asked]
            told = (
                [self.facts[p] for p in positions],
                queries,
                [self.collection.group[self.rows[p]] for p in positions],
                [self.titles[p] for p in positions],
            )
            unknown = self.unknown and [self.unknown[p] for p in positions]
            stated = OpenRelevance(*told, unknown) if unknown else BatchRelevance(*told)
            relevance[task] = self.grades.within(stated, queries, ids)
            mine = slice(self.rank * share, (self.rank + 1) * share)
            texts[task] = self.encoder.tokens([query.text for query in queries[mine]])
            graded = [self.grades.own(query, name, grade) for (query, grade), name in zip(asked, ids, strict=True)]
            grades[task] = torch.tensor(graded)
        images, views = [], []
        for place in own:
            random = randomness(self.seed, "view", epoch, self.products[place].id)
            candidates = self.collection.image_rows[self.rows[place]]
            images.append(int(candidates[int(random.integers(len(candidates)))]))
            views.append(view(random, self.settings.crop, self.settings.flip))
        pixels, fixed = training_pixels(self.encoder, [self.collection.image(row) for row in images], self.decoders.map)
        if fixed and self.settings.backdrop > 0:
            values = pixels["pixel_values"]
            for number, place in enumerate(own):
                random = randomness(self.seed, "backdrop", epoch, self.products[place].id)
                if random.random() < self.settings.backdrop:
                    values[number] = on_backdrop(values[number], random)
        return Batch(
            pixels=pixels,
            views=torch.from_numpy(np.stack(views)) if fixed and self._moves else None,
            texts=texts,
            relevance=relevance,
            positive_grades=grades,
            targets=None if self.targets is None else torch.from_numpy(np.asarray(self.targets[images])),
            first=self.rank * share,
            size=len(positions),
        )

    @property
    def _moves(self) -> bool:
        return self.settings.crop < 1 or self.settings.flip

    def _query(self, task: str, epoch: int, place: int) -> tuple[Query, float]:
        product = self.products[place]
        if task == "long":
            return self.writer.long(product), 3.0
        random = randomness(self.seed, "short", epoch, product.id)
        asked = self.log.get(product.id)
        if asked and random.random() < 0.5:  # half of what shoppers typed, half written
            text, grade = asked[int(random.integers(len(asked)))]
            return Query(text, (f"asked={text}",)), grade
        return self.writer.short(product, random), 3.0


def learnt(pairs: Pairs, settings: Train) -> list[str]:
    """Which of a product's queries, "short" and "long", a step trains on: those that are written and have a weight."""
    return [task for task in ("short", "long") if getattr(pairs, task) and getattr(settings, f"{task}_weight") > 0]


def prefetched(prepare: Callable[[int], Batch], steps: Sequence[int]) -> Iterator[Batch]:
    """Each step's batch, prepared while the one before it is computed."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(prepare, steps[0]) if steps else None
        for following in (*steps[1:], None):
            if coming is None:
                return
            batch = coming.result()
            coming = None if following is None else pool.submit(prepare, following)
            yield batch
