"""What training does with the weights themselves: pulls them to the base, moves them for a gradient, averages them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn import Parameter

from weft.options import Train
from weft.pairs.queries import randomness


def copied(parameters: Sequence[Parameter]) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in parameters]


@torch.no_grad()
def pull(trained: Sequence[Parameter], base: Sequence[Tensor], weight: float) -> Tensor:
    """L2-SP (Li et al. 2018, arXiv 1802.01483): adds the gradient of weight / 2 * |theta - theta_base|^2 and
    returns half that squared distance, a scalar.

    No part of the batch's loss: it is added once a step, on every process, after their gradients were added up.
    A parameter without a gradient is held and gets none.
    """
    distance = torch.zeros((), device=trained[0].device)
    for parameter, start in zip(trained, base, strict=True):
        if parameter.grad is not None:
            apart = parameter - start
            parameter.grad.add_(apart, alpha=weight)
            distance += apart.square().sum() / 2
    return distance


def drawn_alpha(between: tuple[float, float], seed: int, step: int) -> float:
    """Uniform in `between`, from (seed, step) alone."""
    low, high = between
    return low if low == high else float(randomness(seed, "weave", step).uniform(low, high))


@contextmanager
def woven(trained: Sequence[Parameter], base: Sequence[Tensor], alpha: float) -> Iterator[None]:
    """Inside, the weights are base + alpha * (theta - base); the gradients that are left are those by theta.

    So training lowers the loss of the model that weaving will make. For one fixed alpha that is plain training,
    written in other coordinates (Adam even takes the same steps, at alpha times the rate): it is a range of alphas,
    one drawn a step, that asks for a whole path of good models. Gradients must not have been there before.
    """
    if alpha == 1:
        yield
        return
    kept = copied(trained)
    with torch.no_grad():
        for parameter, start in zip(trained, base, strict=True):
            parameter.copy_(torch.lerp(start, parameter, alpha))
    yield
    with torch.no_grad():
        for parameter, weights in zip(trained, kept, strict=True):
            parameter.copy_(weights)
            if parameter.grad is not None:
                parameter.grad.mul_(alpha)  # the chain rule


def averages(settings: Train) -> bool:
    """Whether the trained model is an average of weights rather than the last ones."""
    return settings.ema > 0 or settings.average_from < 1


@torch.no_grad()
def average(mean: Sequence[Tensor], trained: Sequence[Parameter], step: int, steps: int, settings: Train) -> None:
    """Takes the weights after step `step` of `steps` (from 0) into their running mean, in place.

    `ema`: mean = ema * mean + (1 - ema) * theta, which begins at the base and so stays nearer to it, the more so the
    shorter the run. `average_from`: the plain mean of what came after that share of the steps (stochastic
    weight averaging, Izmailov et al. 2018, arXiv 1803.05407); before, it follows the weights.
    """
    rate = 1 - settings.ema
    if settings.average_from < 1:
        first = min(round(settings.average_from * steps), steps - 1)
        rate = 1 / max(1, step - first + 1)
    for value, parameter in zip(mean, trained, strict=True):
        value.lerp_(parameter, rate)
