"""The training loop: exact large batches, both tasks, graded weights, distillation, bit-exact resume."""

import dataclasses
import json
import time
from itertools import repeat
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from weft import adapters, fisher, processes, trajectory
from weft.artefact import write_whole
from weft.batch import Loader
from weft.catalogue.collection import Collection
from weft.encoders.base import Encoder
from weft.errors import WeftError
from weft.gradient import batch_gradient
from weft.objective import reference_loss
from weft.options import Train
from weft.pairs.queries import randomness
from weft.progress import progress, say
from weft.rates import before_the_last, parameter_groups, schedule
from weft.recipe import Pairs, Recipe
from weft.reference import Reference
from weft.teacher import asks, base_embeddings, frozen
from weft.weights import FISHER, save_tensors

CHECKPOINT = "checkpoint.safetensors"


def train(recipe: Recipe, collection: Collection, base: Encoder, folder: Path) -> None:
    """Fine-tunes `base` on the collection's train split and saves `folder/model`.

    Leaves `log.jsonl` (a line a step) and the last `CHECKPOINT`, for the caller to delete, from which a killed
    run goes on to bit-identical weights (same machine, versions and number of threads).
    Under `torchrun` every process takes its part of each batch; the first one writes.

    Raises:
        WeftError: the settings leave nothing to train, or the loss is no longer a number.
    """
    settings, device, first = recipe.train, processes.device(), processes.rank() == 0
    encoder, place = base, (processes.rank(), processes.world())
    encoder.model.to(device).train()
    if device.type == "cpu":  # twice as fast under bf16 as fused attention, and never slower (docs/LOG.md)
        encoder.model.set_attn_implementation("eager")

    # What the base knows is asked before anything moves.
    targets, teacher = teachers(encoder, collection, folder, settings, device)
    loader = Loader(collection, encoder, recipe.pairs, settings, recipe.seed, targets, *place)
    reference = None
    if settings.reference:
        general = Collection(settings.reference)
        reference = Reference(general, encoder, settings, recipe.seed, folder, device, loader.steps, *place)
        if settings.fisher_batches:
            pairs = Pairs(short="title", long="title")
            plain = dataclasses.replace(settings, written="", grades="", read_open=False)  # these are the catalogue's
            general = Loader(general, encoder, pairs, plain, recipe.seed, None, *place)
            fisher.write(folder / FISHER[0], encoder, general, settings, device)
    adapted = None
    if settings.lora_rank:
        adapted = adapters.adapt(encoder, settings.lora_rank, settings.lora_alpha, recipe.seed)
    if settings.checkpointing:
        recompute_activations(encoder.model)
    if settings.compile:
        encoder.compile()

    optimizer = torch.optim.AdamW(parameter_groups(encoder, settings), betas=(0.9, 0.98), eps=1e-6)
    trained = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    held, probing = before_the_last(encoder), loader.steps * settings.probe_epochs // settings.epochs
    start = trajectory.copied(trained) if settings.l2sp or settings.weave_alpha[0] < 1 else []
    mean = trajectory.copied(trained) if trajectory.averages(settings) else []
    checkpoint = folder / CHECKPOINT
    done = _resume(checkpoint, encoder, optimizer, mean, device) if checkpoint.exists() else 0
    log = _Log(folder / "log.jsonl", done)
    started = time.monotonic()

    bar = progress(loader.batches(done), "training", total=loader.steps, unit="step", initial=done)
    beside = reference.batches(done) if reference else repeat(None)
    for step, (batch, shown) in enumerate(zip(bar, beside, strict=False), start=done):
        seed = seed_of(recipe.seed, step, processes.rank())
        for parameter in held:
            parameter.requires_grad_(step >= probing)
        with trajectory.woven(trained, start, trajectory.drawn_alpha(settings.weave_alpha, recipe.seed, step)):
            parts = batch_gradient(encoder, batch.to(device), settings, seed, teacher)
            if shown:  # of other data alone, so its gradient is simply added; its rows' seeds come after the batch's
                more = batch_gradient(encoder, shown.to(device), settings, seed + batch.size, loss=reference_loss)
                parts |= more | {"loss": parts["loss"] + more["loss"]}
        processes.total_gradients(trained)
        told = {name: processes.total(value) for name, value in parts.items()}
        if settings.l2sp:
            told["l2sp"] = trajectory.pull(trained, start, settings.l2sp)
            told["loss"] = told["loss"] + settings.l2sp * told["l2sp"]
        norm = torch.nn.utils.clip_grad_norm_(trained, settings.clip)
        if not torch.isfinite(norm):
            raise WeftError(f"training diverged at step {step}: lower train.lr (now {settings.lr:g}) or use fp32")
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * schedule(step, loader.steps, settings.warmup)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if mean:
            trajectory.average(mean, trained, step, loader.steps, settings)
        told = {name: round(float(value), 6) for name, value in told.items()}
        bar.set_postfix(loss=f"{told['loss']:.3f}", refresh=False)
        log.add({"step": step, **told, "norm": round(float(norm), 6)})
        if first and (step + 1) % settings.checkpoint_every == 0:
            log.flush()  # before the checkpoint: lines past it are dropped, missing ones could not be made again
            _save(checkpoint, encoder, optimizer, mean, step + 1)

    with torch.no_grad():
        for parameter, value in zip(trained, mean, strict=False):
            parameter.copy_(value)
    if adapted is not None:
        adapters.merge(encoder, adapted)
    if settings.fisher_batches:
        fisher.write(folder / FISHER[1], encoder, loader, settings, device)
    if first:
        log.flush()
        encoder.model.eval()
        encoder.save(folder / "model")
        seconds = time.monotonic() - started
        pairs = settings.batch * (loader.steps - done)
        say(f"  trained {loader.steps - done} steps in {seconds:.0f} s, {pairs / max(seconds, 1e-9):.0f} products/s")


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


def recompute_activations(model: torch.nn.Module) -> None:
    """Keeps only each layer's input for the backward pass. transformers 5.23 renamed what older ones call gradient."""
    enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
    enable({"use_reentrant": False})


def seed_of(seed: int, step: int, rank: int) -> int:
    return int(randomness(seed, "dropout", step, rank).integers(2**62))


def _save(path: Path, encoder: Encoder, optimizer: torch.optim.Optimizer, mean: list[Tensor], step: int) -> None:
    """Everything that determines the rest of the run; the order of data and randomness follow from the step."""
    tensors = {f"model.{name}": tensor.detach().cpu() for name, tensor in encoder.model.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": value.detach().cpu() for name, value in state.items()}
    tensors |= {f"mean.{index}": value.cpu() for index, value in enumerate(mean)}
    save_tensors(path, tensors, {"step": str(step)})


def _resume(
    path: Path, encoder: Encoder, optimizer: torch.optim.Optimizer, mean: list[Tensor], device: torch.device
) -> int:
    with safe_open(path, "pt", device=str(device)) as stored:
        step = int(stored.metadata()["step"])
        model, state = {}, {}
        for name in stored.keys():  # noqa: SIM118 - not a dict
            part, _, rest = name.partition(".")
            if part == "model":
                model[rest] = stored.get_tensor(name)
            elif part == "mean":
                mean[int(rest)].copy_(stored.get_tensor(name))
            else:
                index, _, key = rest.partition(".")
                value = stored.get_tensor(name)
                state.setdefault(int(index), {})[key] = value.cpu() if key == "step" else value
    encoder.model.load_state_dict(model)
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    say(f"  going on at step {step}")
    return step


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
