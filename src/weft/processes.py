"""The processes of one run and their devices: `torchrun` starts several, each with its part of every batch."""

import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

from weft.errors import WeftError

PATIENCE = timedelta(days=2)
"""How long a process waits for the others: the first one may read a large catalogue alone."""


def rank() -> int:
    """This process's number, from 0."""
    return int(os.environ.get("RANK", 0))


def world() -> int:
    """How many processes there are."""
    return int(os.environ.get("WORLD_SIZE", 1))


def device() -> torch.device:
    """The GPU of this process, or the CPU where there is none."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))


def autocast(precision: str, device: torch.device) -> AbstractContextManager:
    """Where matrix products run in a precision, as `bf16` says."""
    return torch.autocast(device.type, torch.bfloat16) if bf16(precision, device) else nullcontext()


def bf16(precision: str, device: torch.device) -> bool:
    """Whether a precision means that: "bf16", "fp32", or "auto", which is bf16 where the device has instructions for
    it: emulated, it is ten times slower."""
    return precision == "bf16" or (precision == "auto" and _computes_bf16(device))


def _computes_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    able = torch.cpu.get_capabilities()
    return any(able.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def wait() -> None:
    """Returns when every process has come here. Raises `WeftError`, as the others below, if one has ended."""
    if _together():
        with _speaking():
            dist.barrier()


def gather(tensor: Tensor) -> Tensor:
    """(b, D) of this process -> (b * processes, D) of all, in the order of their numbers; a copy."""
    if not _together():
        return tensor.clone()
    parts = [torch.empty_like(tensor) for _ in range(world())]
    with _speaking():
        dist.all_gather(parts, tensor.contiguous())
    return torch.cat(parts)


def total(tensor: Tensor) -> Tensor:
    """Adds up the processes' tensors, in place, on each of them."""
    if _together():
        with _speaking():
            dist.all_reduce(tensor)
    return tensor


def total_gradients(parameters: Iterable[Tensor]) -> None:
    """Adds up the processes' gradients by one message; parameters without a gradient have none anywhere."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    if not gradients or not _together():
        return
    flat = total(torch.cat([gradient.flatten() for gradient in gradients]))
    for gradient, whole in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(whole.view_as(gradient))


def _together() -> bool:
    """Whether there are others; the first call joins their group."""
    if world() > 1 and not dist.is_initialized():
        if device().type == "cuda":
            torch.cuda.set_device(device())
        dist.init_process_group("nccl" if device().type == "cuda" else "gloo", timeout=PATIENCE)
    return world() > 1


@contextmanager
def _speaking() -> Iterator[None]:
    """A process that ends, because its disk is full for instance, must not give the others a traceback each."""
    try:
        yield
    except RuntimeError as error:
        reason = str(error).strip().partition("\n")[0]
        raise WeftError(f"process {rank()} lost another one, whose own message says why ({reason})") from error
