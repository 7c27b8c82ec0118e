"""The training loop: exact large batches, both tasks, graded weights, distillation, bit-exact resume."""

import dataclasses
import json
import time
from itertools import repeat
from pathlib import Path

import numpy as np
import torch

from weft import adapters, fisher, processes
from weft.batch import Loader
from weft.catalogue.collection import Collection
from weft.encoders.base import Encoder
from weft.files import write_whole
from weft.options import Train
from weft.progress import progress, say
from weft.recipe import Pairs, Recipe
from weft.reference import Reference, drawable
from weft.teacher import asks, base_embeddings, frozen
from weft.trainer import Trainer, check_compile, check_shares, check_views
from weft.weights import FISHER

CHECKPOINT = "checkpoint.safetensors"


def train(
    recipe: Recipe, collection: Collection, base: Encoder, folder: Path, general: Collection | None = None
) -> None:
    """Fine-tunes `base` on the collection's train split and saves `folder/model`.

    Leaves `log.jsonl` (a line a step) and the last `CHECKPOINT`, for the caller to delete, from which a killed
    run goes on to bit-identical weights (same CPU, versions, number of threads, `compile` and `checkpointing`; no mode
    is set that would make a GPU's kernels deterministic).
    Under `torchrun` every process takes its part of each batch; the first one writes.

    Args:
        general: what `train.reference` names.

    Raises:
        WeftError: the settings leave nothing to train, or the loss is no longer a number.
    """
    settings, device, first = recipe.train, processes.device(), processes.rank() == 0
    if bool(settings.reference) != (general is not None):
        raise ValueError("train.reference and the collection that it names belong together")
    if settings.lora_rank:
        adapters.require()
    check_compile(settings, device)
    check_shares(settings, processes.world())
    check_views(base, settings)
    encoder, place = base, (processes.rank(), processes.world())
    encoder.model.to(device).train()
    if device.type == "cpu":  # twice as fast under bf16 as fused attention, and never slower (docs/LOG.md)
        encoder.model.set_attn_implementation("eager")

    loader = Loader(collection, encoder, recipe.pairs, settings, recipe.seed, None, *place)
    if general is not None:
        drawable(general, settings)
    # What the base knows is asked before anything moves, and after all that can be told sooner.
    loader.targets, teacher = teachers(encoder, collection, folder, settings, device)
    reference = None
    if general is not None:
        reference = Reference(general, encoder, settings, recipe.seed, folder, device, loader.steps, *place)
        if settings.fisher_batches:
            pairs = Pairs(short="title", long="title")
            plain = dataclasses.replace(settings, written="", grades="", read_open=False)  # these are the catalogue's
            known = Loader(general, encoder, pairs, plain, recipe.seed, None, *place)
            fisher.write(folder / FISHER[0], encoder, known, settings, device)
    trainer = Trainer(encoder, settings, recipe.seed, loader.steps, teacher)
    checkpoint = folder / CHECKPOINT
    if checkpoint.exists():
        trainer.resume(checkpoint, device)
    log, begun, started = _Log(folder / "log.jsonl", trainer.done), trainer.done, time.monotonic()

    products = 0
    bar = progress(loader.batches(begun), "training", total=loader.steps, unit="step", initial=begun)
    beside = reference.batches(begun) if reference else repeat(None)
    for batch, shown in zip(bar, beside, strict=False):
        products += batch.size
        told = trainer.step(batch.to(device), shown and shown.to(device))
        bar.set_postfix(loss=f"{told['loss']:.3f}", refresh=False)
        log.add({"step": trainer.done - 1, "products": batch.size, **told})
        if first and trainer.done % settings.checkpoint_every == 0:
            log.flush()  # before the checkpoint: lines past it are dropped, missing ones could not be made again
            trainer.save(checkpoint)
    trainer.finish()

    if settings.fisher_batches:
        fisher.write(folder / FISHER[1], encoder, loader, settings, device)
    if first:
        log.flush()
        encoder.model.eval()
        encoder.save(folder / "model")
        seconds = time.monotonic() - started
        say(
            f"  trained {loader.steps - begun} steps in {seconds:.0f} s, {products / max(seconds, 1e-9):.0f} products/s"
        )


def teachers(
    encoder: Encoder, collection: Collection, folder: Path, settings: Train, device: torch.device
) -> tuple[np.ndarray | None, Encoder | None]:
    """The base's embeddings of all training pictures, and a frozen copy of it for what must be asked live: queries,
    which are written anew at every step, and pictures where `lwf_target` says so. None where no term asks."""
    live = asks(settings, "pictures") and settings.lwf_target == "live"
    targets = None
    if asks(settings, "pictures") and not live:
        targets = base_embeddings(encoder, collection, folder, settings, device)
    return targets, frozen(encoder, texts_only=not live) if live or asks(settings, "texts") else None


class _Log:
    """One JSON line a step; after a resume the lines past the checkpoint are dropped and written again."""

    def __init__(self, path: Path, done: int):
        self.path = path
        old = path.read_text().splitlines() if path.exists() else []
        self.lines = [line for line in old if json.loads(line)["step"] < done]
        before = json.loads(self.lines[-1])["seconds"] if self.lines else 0.0
        self.started = time.monotonic() - before  # what was spent before a resume counts too

    def add(self, entry: dict) -> None:
        self.lines.append(json.dumps(entry | {"seconds": round(time.monotonic() - self.started, 3)}))

    def flush(self) -> None:
        write_whole(self.path, "\n".join(self.lines) + "\n")
