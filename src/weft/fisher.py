"""How much each weight matters for a data set: the diagonal of its Fisher information, from squared gradients."""

import dataclasses
from pathlib import Path

import torch

from weft import processes
from weft.batch import Loader
from weft.encoders.base import Encoder
from weft.gradient import batch_gradient
from weft.options import NOTHING_TO_KEEP, Train
from weft.progress import progress
from weft.weights import save_tensors


def write(path: Path, encoder: Encoder, loader: Loader, settings: Train, device: torch.device) -> None:
    """Writes every weight's importance, (1/n) sum_b (dL_b / dw)^2 over the loader's first n = `fisher_batches` batches,
    divided by its mean over all weights, so that two models' are comparable. Nothing happens where the file is.

    L_b is the contrastive loss of a whole batch, which couples its pairs: there is no gradient of one example alone
    (Matena & Raffel 2021, arXiv 2111.09832, square those of single examples). Without dropout; every weight
    takes part, whether it is trained or not. Under `torchrun` every process calls it, the first writes.
    """
    if path.exists():
        return
    plain = dataclasses.replace(settings, **NOTHING_TO_KEEP, vicreg_weight=0.0)
    named = dict(encoder.model.named_parameters())
    needed = {name: parameter.requires_grad for name, parameter in named.items()}
    squares = {name: torch.zeros_like(parameter) for name, parameter in named.items()}
    encoder.model.eval().requires_grad_(True).zero_grad(set_to_none=True)
    for number in progress(range(settings.fisher_batches), "measuring how much weights matter", unit="batch"):
        batch_gradient(encoder, loader.prepare(number % loader.steps).to(device), plain)
        processes.total_gradients(named.values())
        for name, parameter in named.items():
            if parameter.grad is not None:
                squares[name] += parameter.grad.square()
        encoder.model.zero_grad(set_to_none=True)
    mean = sum(square.double().sum() for square in squares.values()) / sum(s.numel() for s in squares.values())
    if processes.rank() == 0:
        save_tensors(path, {name: (square.double() / mean).float().cpu() for name, square in squares.items()})
    processes.wait()
    for name, parameter in named.items():
        parameter.requires_grad_(needed[name])
    encoder.model.train()
