"""What training moves, one step at a time: the encoder's weights, their optimizer, their running mean."""

import os
import shutil
import sys
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from weft import adapters, processes, trajectory
from weft.batch import Batch
from weft.encoders.base import Encoder
from weft.errors import WeftError
from weft.gradient import batch_gradient
from weft.objective import reference_loss
from weft.options import Train
from weft.pairs.queries import randomness
from weft.progress import say
from weft.rates import before_the_last, parameter_groups, schedule
from weft.views import fixed_size
from weft.weights import save_tensors


class Trainer:
    """Takes `steps` steps with `encoder`; from `save` it goes on bit-exactly (same CPU, versions, threads, `compile`
    and `checkpointing`; on a GPU as near as its kernels are deterministic).

    Args:
        teacher: a frozen base, for the loss's terms that ask it live.

    Attributes:
        done: steps that were taken.

    Raises:
        WeftError: the settings leave nothing to train, or the loss is no longer a number.
    """

    def __init__(self, encoder: Encoder, settings: Train, seed: int, steps: int, teacher: Encoder | None = None):
        self.encoder, self.settings, self.seed, self.steps, self.teacher = encoder, settings, seed, steps, teacher
        self.adapted = None
        if settings.lora_rank:
            self.adapted = adapters.adapt(encoder, settings.lora_rank, settings.lora_alpha, seed)
        if settings.checkpointing:
            recompute_activations(encoder.model)
        if settings.compile:
            encoder.compile()
        self.optimizer = torch.optim.AdamW(parameter_groups(encoder, settings), betas=(0.9, 0.98), eps=1e-6)
        self.trained = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        self.held, self.probing = before_the_last(encoder), steps * settings.probe_epochs // settings.epochs
        self.start = trajectory.copied(self.trained) if settings.l2sp or settings.weave_alpha[0] < 1 else []
        self.mean = trajectory.copied(self.trained) if trajectory.averages(settings) else []
        self.done = 0

    def step(self, batch: Batch, beside: Batch | None = None) -> dict[str, float]:
        """Moves the weights by one batch and, where there is one, a reference's `beside` it; tells the loss, its
        parts and the gradient's norm before clipping."""
        settings, step = self.settings, self.done
        for parameter in self.held:
            parameter.requires_grad_(step >= self.probing)
        told = self._gradient(batch, beside)
        norm = torch.nn.utils.clip_grad_norm_(self.trained, settings.clip)
        if not torch.isfinite(norm):
            raise WeftError(f"training diverged at step {step}: lower train.lr (now {settings.lr:g}) or use fp32")
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * schedule(step, self.steps, settings.warmup)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.mean:
            trajectory.average(self.mean, self.trained, step, self.steps, settings)
        self.done += 1
        return {name: round(float(value), 6) for name, value in (told | {"norm": norm}).items()}

    def _gradient(self, batch: Batch, beside: Batch | None) -> dict[str, Tensor]:
        """Leaves the whole step's gradient in the weights, all processes' shares added up."""
        settings, seed = self.settings, seed_of(self.seed, self.done, processes.rank())
        alpha = trajectory.drawn_alpha(settings.weave_alpha, self.seed, self.done)
        with trajectory.woven(self.trained, self.start, alpha):
            parts = batch_gradient(self.encoder, batch, settings, seed, self.teacher)
            if beside:  # of other data alone, so its gradient is simply added; its rows' seeds come after the batch's
                more = batch_gradient(self.encoder, beside, settings, seed + batch.size, loss=reference_loss)
                parts |= more | {"loss": parts["loss"] + more["loss"]}
        processes.total_gradients(self.trained)
        told = {name: processes.total(value) for name, value in parts.items()}
        if settings.l2sp:
            told["l2sp"] = trajectory.pull(self.trained, self.start, settings.l2sp)
            told["loss"] = told["loss"] + settings.l2sp * told["l2sp"]
        return told

    def finish(self) -> None:
        """The encoder is a plain model again, with all that was learnt in its weights.

        Raises:
            WeftError: the last step made some of them infinite, which no loss after it could tell.
        """
        with torch.no_grad():
            for parameter, value in zip(self.trained, self.mean, strict=False):
                parameter.copy_(value)
        if self.adapted is not None:
            adapters.merge(self.encoder, self.adapted)
        if not all(tensor.isfinite().all() for tensor in self.encoder.model.state_dict().values()):
            raise WeftError(
                f"training diverged at its last step: lower train.lr (now {self.settings.lr:g}) or use fp32"
            )

    def save(self, path: Path) -> None:
        """Everything that determines the rest of the run; the order of data and randomness follow from the step."""
        tensors = {f"model.{name}": tensor.detach().cpu() for name, tensor in self.encoder.model.state_dict().items()}
        for index, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{name}": value.detach().cpu() for name, value in state.items()}
        tensors |= {f"mean.{index}": value.cpu() for index, value in enumerate(self.mean)}
        save_tensors(path, tensors, {"step": str(self.done)})

    def resume(self, path: Path, device: torch.device) -> None:
        """Goes on where `save` wrote."""
        with safe_open(path, "pt", device=str(device)) as stored:
            self.done = int(stored.metadata()["step"])
            model, state = {}, {}
            for name in stored.keys():  # noqa: SIM118 - not a dict
                part, _, rest = name.partition(".")
                if part == "model":
                    model[rest] = stored.get_tensor(name)
                elif part == "mean":
                    self.mean[int(rest)].copy_(stored.get_tensor(name))
                else:
                    index, _, key = rest.partition(".")
                    value = stored.get_tensor(name)
                    state.setdefault(int(index), {})[key] = value.cpu() if key == "step" else value
        self.encoder.model.load_state_dict(model)
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})
        say(f"  going on at step {self.done}")


def check_compile(settings: Train, device: torch.device) -> None:
    """Raises `WeftError` where `train.compile` would fail, or train on wrong gradients: ask before hours of other work.

    torch 2.13 compiles SigLIP's towers under bf16 on a CPU into a backward pass whose gradients are wrong or not
    numbers; in fp32 they are right (docs/LOG.md, 27 November 2026).
    """
    if settings.compile and device.type == "cpu" and processes.bf16(settings.precision, device):
        raise WeftError("train.compile makes wrong gradients in bf16 on a CPU: leave it out (it is right in fp32)")
    compiler = os.environ.get("CXX") or ("clang++" if sys.platform == "darwin" else "g++")  # as torch looks for it
    if settings.compile and not shutil.which(compiler):
        raise WeftError(
            f"train.compile needs a C++ compiler, and there is no {compiler}: install one, or name it in CXX"
        )


def recompute_activations(model: torch.nn.Module) -> None:
    """Keeps only each layer's input for the backward pass. transformers 5.23 renamed what older ones call gradient."""
    enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
    enable({"use_reentrant": False})


def seed_of(seed: int, step: int, rank: int) -> int:
    return int(randomness(seed, "dropout", step, rank).integers(2**62))


def check_shares(settings: Train, world: int) -> None:
    """Raises `WeftError` where so many processes cannot share a batch equally: ask before the base is asked."""
    drawn = {"batch": settings.batch} | ({"reference_batch": settings.reference_batch} if settings.reference else {})
    for name, size in drawn.items():
        if size % world:
            raise WeftError(f"train.{name} = {size} products cannot be shared equally by {world} processes")


def check_views(encoder: Encoder, settings: Train) -> None:
    """Says that pictures are shown as they are where `training_pixels` leaves no room for a view of them.

    Raises:
        WeftError: a backdrop is asked for there: without it such a base would be trained on white paper alone.
    """
    if fixed_size(encoder):
        return
    if settings.backdrop > 0:
        raise WeftError(
            f"train.backdrop needs pictures of one size, and {encoder.name} crops or sizes them by itself: set it to 0"
        )
    if settings.crop < 1 or settings.flip:
        say(f"  {encoder.name} crops or sizes pictures by itself: train.crop and train.flip do nothing")
