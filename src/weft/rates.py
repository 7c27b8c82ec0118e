"""Which weights are trained, from when on and at which rate: by tower, by depth, by kind."""

import math

from torch.nn import Parameter

from weft.encoders.base import Encoder, tower_of
from weft.errors import WeftError
from weft.options import Train
from weft.weights import layers

LAST = ("vision_model.head.", "text_model.head.", "visual_projection.", "text_projection.")
"""What linear probing trains beside the head: SigLIP's attention pooling and its text tower's last matrix, CLIP's two
projections. Everything before them is held."""


def parameter_groups(encoder: Encoder, settings: Train) -> list[dict]:
    """AdamW groups: each tower at its own rate; vectors (norms, biases) and the head without weight decay.
    A rate of 0 freezes: those parameters get no gradient at all, and their tower no dropout.

    With `layer_decay` d a parameter's rate is multiplied by d to the power of the layers above it (Clark et al. 2020,
    arXiv 2003.10555): the head and the last projections learn at the full rate, the embeddings at d^(L+1).
    With `lora_rank` only the adapters and the head are trained.
    """
    rates = {"image": settings.image_lr, "text": settings.text_lr, "head": settings.head_lr}
    named = dict(encoder.model.named_parameters())
    above = {name: top - place for name, (place, top) in layers(named).items()}
    groups = []
    for tower, names in encoder.towers().items():
        for name in names:
            adapted = not settings.lora_rank or ".lora_" in name or tower == "head"
            named[name].requires_grad_(settings.lr * rates[tower] > 0 and adapted)
        for decays in (True, False):
            own: dict[float, list[Parameter]] = {}
            for name in names:
                peak = settings.lr * rates[tower] * settings.layer_decay ** above[name]
                if named[name].requires_grad and (named[name].ndim > 1 and tower != "head") == decays:
                    own.setdefault(peak, []).append(named[name])
            decay = settings.weight_decay if decays else 0.0
            groups += [{"params": p, "peak": peak, "lr": peak, "weight_decay": decay} for peak, p in own.items()]
    for part, module in encoder.model.named_children():
        if rates[tower_of(part)] == 0:
            module.eval()
    if not groups:
        raise WeftError("every learning rate is 0: there is nothing to train")
    return groups


def before_the_last(encoder: Encoder) -> list[Parameter]:
    """The trained parameters that linear probing holds (Kumar et al. 2022, arXiv 2202.10054); see `LAST`.

    A fresh head's large gradients distort what the layers below it know; once the last layers fit the
    catalogue, the rest needs to move less.
    """
    return [
        parameter for name, parameter in encoder.model.named_parameters()
        if parameter.requires_grad and not name.startswith(LAST) and tower_of(name) != "head"
    ]  # fmt: skip


def schedule(step: int, steps: int, warmup: float) -> float:
    """Linear warm-up over the first `warmup` share of the steps, then a cosine to zero; in (0, 1]."""
    rising = max(1, round(warmup * steps))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))
