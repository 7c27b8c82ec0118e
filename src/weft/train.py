"""The training loop: exact large batches, both tasks, graded weights, cached distillation, bit-exact resume."""

import copy
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from weft import processes
from weft.artefact import write_whole
from weft.batch import Batch, Loader, decoders, model_pixels, training_pixels
from weft.catalogue.collection import Collection
from weft.encoders.base import Encoder
from weft.errors import WeftError
from weft.losses import lwf_rows, positive_weights, sigmoid_rows, softmax_rows
from weft.pairs.queries import randomness
from weft.progress import progress, say
from weft.recipe import Recipe, Train
from weft.weights import save_tensors

BLOCK = 1024
"""Rows of the logit matrix held at once: 1024 x 32k fp32 logits are 128 MB, whatever the batch."""


def train(recipe: Recipe, collection: Collection, base: Encoder, folder: Path) -> None:
    """Fine-tunes `base` on the collection's train split and saves `folder/model`.

    Leaves `log.jsonl` (a line a step) and, until it ends, `checkpoint.safetensors`, from which a killed
    run goes on to bit-identical weights (same machine, versions and number of threads).
    Under `torchrun` every process takes its part of each batch; the first one writes.

    Raises:
        WeftError: the settings leave nothing to train, or the loss is no longer a number.
    """
    settings, device, first = recipe.train, processes.device(), processes.rank() == 0
    encoder = base
    encoder.model.to(device).train()
    if device.type == "cpu":  # twice as fast under bf16 as fused attention, and never slower (docs/LOG.md)
        encoder.model.set_attn_implementation("eager")
    targets, teacher = None, None
    if settings.lwf_weight > 0 and settings.lwf_target == "cached":
        targets = base_embeddings(encoder, collection, folder, settings, device)
    elif settings.lwf_weight > 0 and settings.lwf_target == "live":
        teacher = frozen(encoder)
    elif settings.lwf_weight > 0:
        raise WeftError(f"train.lwf_target is {settings.lwf_target!r}; known are 'cached' and 'live'")
    loader = Loader(
        collection, encoder, recipe.pairs, settings, recipe.seed, targets, processes.rank(), processes.world()
    )
    if settings.checkpointing:
        recompute_activations(encoder.model)
    if settings.compile:
        encoder.compile()
    optimizer = torch.optim.AdamW(parameter_groups(encoder, settings), betas=(0.9, 0.98), eps=1e-6)
    trained = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    checkpoint = folder / "checkpoint.safetensors"
    done = _resume(checkpoint, encoder, optimizer, device) if checkpoint.exists() else 0
    log = _Log(folder / "log.jsonl", done)
    started = time.monotonic()
    bar = progress(loader.batches(done), "training", total=loader.steps, unit="step", initial=done)
    for step, batch in enumerate(bar, start=done):
        seed = seed_of(recipe.seed, step, processes.rank())
        parts = batch_gradient(encoder, batch.to(device), settings, seed, teacher)
        processes.total_gradients(trained)
        norm = torch.nn.utils.clip_grad_norm_(trained, settings.clip)
        if not torch.isfinite(norm):
            raise WeftError(f"training diverged at step {step}: lower train.lr (now {settings.lr:g}) or use fp32")
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * schedule(step, loader.steps, settings.warmup)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        told = {name: round(float(processes.total(value)), 6) for name, value in parts.items()}
        bar.set_postfix(loss=f"{told['loss']:.3f}", refresh=False)
        log.add({"step": step, **told, "norm": round(float(norm), 6)})
        if first and (step + 1) % settings.checkpoint_every == 0:
            log.flush()  # before the checkpoint: lines past it are dropped, missing ones could not be made again
            _save(checkpoint, encoder, optimizer, step + 1)
    if first:
        log.flush()
        encoder.model.eval()
        encoder.save(folder / "model")
        checkpoint.unlink(missing_ok=True)
        seconds = time.monotonic() - started
        pairs = settings.batch * (loader.steps - done)
        say(f"  trained {loader.steps - done} steps in {seconds:.0f} s, {pairs / max(seconds, 1e-9):.0f} products/s")


def batch_gradient(
    encoder: Encoder, batch: Batch, settings: Train, seed: int = 0, teacher: Encoder | None = None
) -> dict[str, Tensor]:
    """Adds the gradient of the whole batch's loss to every parameter; returns the loss and its parts.

    The loss couples all pairs, so a micro-batch cannot simply be averaged. As in GradCache (Gao et al.
    2021, arXiv 2101.06983): embed every micro-batch without a graph, differentiate the loss of all
    embeddings with respect to them, then embed each micro-batch again, replaying dropout's random
    numbers, and send its rows of that gradient through. A single micro-batch keeps its first graph.

    Under `torchrun` what comes back, gradients and parts, is of this process's rows: their sum is the batch's.

    Args:
        seed: of dropout in this step; every micro-batch gets its own stream from it.
        teacher: a live frozen base for LwF, for measuring; otherwise `batch.targets` are read.
    """
    first_input = next(iter(batch.pixels.values()))
    count, device = len(first_input), first_input.device
    micro = settings.micro_batch or count
    slices = [slice(i, min(i + micro, count)) for i in range(0, count, micro)]
    replay = len(slices) > 1

    def inputs(reader: Encoder, rows: slice, views: Tensor | None) -> dict[str, Tensor]:
        pixels = {name: tensor[rows] for name, tensor in batch.pixels.items()}
        return model_pixels(reader, pixels, None if views is None else views[rows])

    def embed(rows: slice) -> dict[str, Tensor]:
        torch.manual_seed(seed + rows.start)
        pixels = inputs(encoder, rows, batch.views)  # outside autocast, which would round a view's coordinates
        with processes.autocast(settings.precision, device):
            out = {"image": encoder.image_features(pixels)}
            for task, tokens in batch.texts.items():
                out[task] = encoder.text_features({name: tensor[rows] for name, tensor in tokens.items()})
        return {name: tensor.float() for name, tensor in out.items()}

    with torch.set_grad_enabled(not replay):
        outputs = [embed(rows) for rows in slices]
    if teacher is not None:
        with torch.no_grad(), processes.autocast(settings.precision, device):
            batch.targets = torch.cat([teacher.image_features(inputs(teacher, rows, None)) for rows in slices])
    own = {name: torch.cat([out[name] for out in outputs]).detach() for name in outputs[0]}
    leaves = {name: processes.gather(tensor).requires_grad_() for name, tensor in own.items()}
    parts = embedding_loss(encoder, leaves, batch, settings, count)
    mine = slice(batch.first, batch.first + count)
    gradients = {name: processes.total(leaf.grad)[mine] for name, leaf in leaves.items()}
    for index, rows in enumerate(slices):
        out = embed(rows) if replay else outputs[index]
        live = [name for name in out if out[name].requires_grad]  # a frozen tower has no graph
        torch.autograd.backward([out[name] for name in live], [gradients[name][rows] for name in live])
    return parts


def embedding_loss(
    encoder: Encoder, leaves: dict[str, Tensor], batch: Batch, settings: Train, count: int
) -> dict[str, Tensor]:
    """The loss of rows `batch.first .. + count` against the whole batch, backwards into `leaves`, block by block.

    L = a_short L_short + a_long L_long + a_lwf mean(1 - cos(f, f_base)); see `weft.losses`.

    Args:
        leaves: "image" and each task -> (B, D) embeddings that collect gradients, as do scale and bias.
    """
    images, device = leaves["image"], leaves["image"].device
    negative = torch.tensor(settings.negative_weights, device=device)
    positive = torch.tensor(settings.positive_weights, device=device)
    parts = {"loss": torch.zeros((), device=device)}
    last = batch.first + count

    def add(name: str, weight: float, value: Tensor) -> None:
        (weight * value).backward()
        parts[name] = parts.get(name, 0) + value.detach()
        parts["loss"] = parts["loss"] + weight * value.detach()

    for task, relevance in batch.relevance.items():
        texts, weight = leaves[task], getattr(settings, f"{task}_weight")
        positives = positive_weights(batch.positive_grades[task], positive)
        for start in range(batch.first, last, BLOCK):
            rows = slice(start, min(start + BLOCK, last))
            negatives = negative[relevance.products(rows)]
            if encoder.head == "sigmoid":
                scale, bias = encoder.logit_scale, encoder.logit_bias
                add(task, weight, sigmoid_rows(images[rows], texts, start, scale, bias, negatives, positives))
            else:
                scale = encoder.logit_scale
                add(task, weight / 2, softmax_rows(images[rows], texts, start, scale, negatives, positives))
                negatives = negative[relevance.queries(rows)]
                add(task, weight / 2, softmax_rows(texts[rows], images, start, scale, negatives, positives))
    if settings.lwf_weight > 0 and batch.targets is not None:
        own = images[batch.first : last]
        add("lwf", settings.lwf_weight, lwf_rows(own, batch.targets.float(), batch.size))
    return parts


def base_embeddings(
    encoder: Encoder, collection: Collection, folder: Path, settings: Train, device: torch.device
) -> np.ndarray:
    """(images, D) float32: the base's embedding of every training picture, computed once, then memory-mapped.

    The target is the base's view of the whole picture, without the student's crop: it can be cached, it
    is what the base really knows of the product, and it asks the student not to be moved by a crop. It is
    computed as the student computes: the training decoder, the training precision.
    """
    path = folder / "base_images.npy"
    missing = not path.exists()
    processes.wait()  # until every process has looked
    if missing:
        partial = folder / "base_images.partial.npy"
        if processes.rank() == 0:
            np.save(partial, np.zeros((collection.image_count, encoder.dim), dtype=np.float32))
        processes.wait()
        out = np.load(partial, mmap_mode="r+")
        rows = np.concatenate([collection.image_rows[row] for row in np.flatnonzero(collection.split == "train")])
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


def frozen(encoder: Encoder) -> Encoder:
    """A copy that stays as the encoder is now, without dropout."""
    teacher = copy.copy(encoder)
    teacher.model = copy.deepcopy(encoder.model).eval().requires_grad_(False)
    return teacher


def recompute_activations(model: torch.nn.Module) -> None:
    """Keeps only each layer's input for the backward pass. transformers 5.23 renamed what older ones call gradient."""
    enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
    enable({"use_reentrant": False})


def parameter_groups(encoder: Encoder, settings: Train) -> list[dict]:
    """AdamW groups: each tower at its own rate; vectors (norms, biases) and the head without weight decay.
    A rate of 0 freezes: those parameters get no gradient at all."""
    rates = {"image": settings.image_lr, "text": settings.text_lr, "head": settings.head_lr}
    named = dict(encoder.model.named_parameters())
    groups = []
    for tower, names in encoder.towers().items():
        peak = settings.lr * rates[tower]
        for decays in (True, False):
            own = [named[name] for name in names if (named[name].ndim > 1 and tower != "head") == decays]
            for parameter in own:
                parameter.requires_grad_(peak > 0)
            if own and peak > 0:
                decay = settings.weight_decay if decays else 0.0
                groups.append({"params": own, "peak": peak, "lr": peak, "weight_decay": decay})
    if not groups:
        raise WeftError("every learning rate is 0: there is nothing to train")
    return groups


def schedule(step: int, steps: int, warmup: float) -> float:
    """Linear warm-up over the first `warmup` share of the steps, then a cosine to zero; in (0, 1]."""
    rising = max(1, round(warmup * steps))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))


def seed_of(seed: int, step: int, rank: int) -> int:
    return int(randomness(seed, "dropout", step, rank).integers(2**62))


def _save(path: Path, encoder: Encoder, optimizer: torch.optim.Optimizer, step: int) -> None:
    """Everything that determines the rest of the run; the order of data and randomness follow from the step."""
    tensors = {f"model.{name}": tensor.detach().cpu() for name, tensor in encoder.model.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": value.detach().cpu() for name, value in state.items()}
    save_tensors(path, tensors, {"step": str(step)})


def _resume(path: Path, encoder: Encoder, optimizer: torch.optim.Optimizer, device: torch.device) -> int:
    with safe_open(path, "pt", device=str(device)) as stored:
        step = int(stored.metadata()["step"])
        model, state = {}, {}
        for name in stored.keys():  # noqa: SIM118 - not a dict
            part, _, rest = name.partition(".")
            if part == "model":
                model[rest] = stored.get_tensor(name)
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
