"""How a run trains and weaves: the `[train]` and `[weave]` tables of a recipe, and what they must not say together."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf
from typing import Any, Literal

OWN = "own"
"""train.reference: the recipe's own `[[reference]]`."""


def later(default: Any) -> Any:
    """A setting that came after folders were made without it: its default leaves their keys as they were."""
    return field(default=default, metadata={"later": True})


def how(default: Any) -> Any:
    """A setting of how something is computed, not of what: like the number of threads it is no part of a key, so that
    changing it makes nothing again."""
    return field(default=default, metadata={"how": True})


@dataclass(frozen=True)
class Train:
    """One run of the training loop."""

    epochs: int = 6
    batch: int = 256
    micro_batch: int = 0  # pairs in memory at once; 0 = the whole batch. The gradient is the same for any value
    lr: float = 1e-4
    image_lr: float = 1.0  # times lr; 0 freezes the image tower
    text_lr: float = 1.0
    head_lr: float = 1.0  # logit scale and bias
    weight_decay: float = 0.01
    warmup: float = 0.1  # share of the steps
    clip: float = 1.0  # gradient norm
    short_weight: float = 1.0
    long_weight: float = 1.0
    lwf_weight: float = 1.0
    lwf_target: Literal["cached", "live"] = "cached"  # live: a pass of the teacher, to measure what the cache saves
    positive_weights: tuple[float, ...] = (0.0, 0.33, 0.67, 1.0)  # by grade 0..3
    negative_weights: tuple[float, ...] = (1.0, 1.0, 0.5, 0.0)
    # Products that share a batch: of one category, alike by the base (weft.pairs.negatives), or whatever chance brings.
    hard: Literal["category", "base", "none"] = later("category")
    read_open: bool = later(False)  # an attribute that a product does not record may hold (weft.pairs.unrecorded)
    neighbours: int = 8  # products of one category that share a batch, so that negatives are hard
    crop: float = 0.8  # smallest share of the picture's sides that a training view shows; 1 = no cropping
    flip: bool = True
    backdrop: float = 0.0  # share of the views whose white paper becomes a random backdrop; for training a base
    precision: Literal["auto", "bf16", "fp32"] = "auto"  # auto: bf16 autocast where the device computes it, else fp32
    checkpointing: bool = how(False)  # recompute activations: less memory, about a third more time
    compile: bool = how(False)  # towers as fused kernels; not in bf16 on a CPU, where torch makes them wrong
    checkpoint_every: int = how(200)  # steps

    # What a language model wrote and a judge graded (weft write, weft grade): files, or the folders that hold them.
    written: str = later("")
    grades: str = later("")

    # What is trained, and how fast (weft.rates).
    lora_rank: int = later(0)  # 0: every weight; else updates of this rank to every transformer layer's matrices
    lora_alpha: float = later(0.0)  # they are multiplied by lora_alpha / lora_rank; 0: by 1
    probe_epochs: int = later(0)  # the first epochs, which train each tower's last layer and the head alone
    layer_decay: float = later(1.0)  # a layer's rate over that of the layer above it

    # What holds the student near its base (weft.losses).
    l2sp: float = later(0.0)  # + l2sp / 2 times the squared distance from the base's weights
    lwf_text_weight: float = later(0.0)  # as lwf_weight, for the queries; costs a text pass of the base
    lwf_similarity_weight: float = later(
        0.0
    )  # for the batch's similarities between pictures and queries; costs as much
    # "own": what the recipe's [[reference]] names; or a `curate` folder, its train split. Pictures and titles of it are
    # distilled at every step.
    reference: str = later("")
    reference_weight: float = later(1.0)
    reference_batch: int = later(64)  # products of it a step
    reference_loss: Literal["similarity", "vectors"] = later("similarity")
    replay_weight: float = later(0.0)  # for the contrastive loss of these pictures and titles: experience replay
    vicreg_weight: float = later(0.0)  # variance and covariance of the batch's embeddings
    vicreg_on: Literal["both", "image", "text"] = later("both")

    # Which weights come out of it.
    ema: float = later(0.0)  # 0: the last ones; else their moving average, which keeps this share of itself a step
    average_from: float = later(1.0)  # their plain average from this share of the steps on; 1: the last ones
    # The gradient is taken at base + a (weights - base), a drawn afresh from this range at every step.
    weave_alpha: tuple[float, float] = later((1.0, 1.0))
    fisher_batches: int = later(0)  # of the catalogue and of the reference, to measure for weave.fisher what matters


@dataclass(frozen=True)
class Weave:
    """How alpha is chosen."""

    grid: int = 11  # values of alpha from 0 to 1
    delta: float = 0.01  # the largest drop allowed on any out-of-domain dev task
    # The same on the mean of these tasks, which need not be limited (1); below 0 it must rise by that much.
    mean_delta: float = later(1.0)
    # margin: the largest worst-case margin over the strongest baseline, in standard errors
    rule: Literal["delta", "margin"] = "delta"
    full: bool = False  # evaluate every alpha instead of estimating
    towers: bool = later(False)  # an alpha for each tower, all grid x grid of them evaluated
    depth: float = later(0.0)  # above 0 the lower layers stay nearer to the base, below 0 the upper ones (weft.weights)
    fisher: bool = later(False)  # weigh every weight of base and tuned by how much it matters (weft.fisher)
    soup: tuple[str, ...] = later(())  # model folders trained from the same base: merged with this run's before weaving
    soup_rule: Literal["average", "stock"] = later("average")  # stock: Model Stock (weft.merge)
    # dev queries search this many products, their own among them, instead of all: every alpha costs as much less
    gallery: int = later(0)


NOTHING_TO_KEEP = {
    "lwf_weight": 0.0, "lwf_text_weight": 0.0, "lwf_similarity_weight": 0.0, "reference": "", "l2sp": 0.0,
    "lora_rank": 0, "probe_epochs": 0, "weave_alpha": (1.0, 1.0), "fisher_batches": 0,
    "hard": "category",
}  # fmt: skip
"""What a base that is trained from nothing cannot be asked for."""

RANGES = {
    "train.epochs": (1, inf),
    "train.batch": (1, inf),
    "train.micro_batch": (0, inf),
    "train.lr": (0, 10),
    "train.image_lr": (0, 1000),
    "train.text_lr": (0, 1000),
    "train.head_lr": (0, 1000),
    "train.weight_decay": (0, 10),
    "train.short_weight": (0, inf),
    "train.long_weight": (0, inf),
    "train.lwf_weight": (0, inf),
    "train.neighbours": (1, inf),
    "train.warmup": (0, 1),
    "train.clip": (1e-9, inf),
    "train.crop": (0.01, 1),
    "train.backdrop": (0, 1),
    "train.checkpoint_every": (1, inf),
    "train.lora_rank": (0, inf),
    "train.lora_alpha": (0, inf),
    "train.probe_epochs": (0, inf),
    "train.layer_decay": (0.01, 1),
    "train.l2sp": (0, inf),
    "train.lwf_text_weight": (0, inf),
    "train.lwf_similarity_weight": (0, inf),
    "train.reference_weight": (0, inf),
    "train.reference_batch": (2, inf),
    "train.replay_weight": (0, inf),
    "train.vicreg_weight": (0, inf),
    "train.ema": (0, 0.999999),
    "train.average_from": (0, 1),
    "train.fisher_batches": (0, inf),
    "weave.grid": (2, inf),
    "weave.gallery": (0, inf),
    "weave.delta": (0, 1),
    "weave.mean_delta": (-1, 1),
    "weave.depth": (-1, 1),
}


def problems(train: Train, weave: Weave) -> Iterator[str]:
    """What types and ranges cannot say."""
    for name in ("positive_weights", "negative_weights"):
        if len(getattr(train, name)) != 4:
            yield f"train.{name} needs four numbers, for the grades 0 to 3"
        if not all(0 <= weight <= 1 for weight in getattr(train, name)):
            yield f"train.{name} is {list(getattr(train, name))}; each must be at least 0 and at most 1"
    if not any(train.positive_weights):
        yield "train.positive_weights are all 0: no pair would be learnt"
    if train.hard == "base" and train.lwf_target == "live":
        yield "train.hard = 'base' reads the base's embeddings of all pictures: set train.lwf_target = 'cached'"
    if train.probe_epochs and train.probe_epochs >= train.epochs:
        yield f"train.probe_epochs is {train.probe_epochs} of {train.epochs} epochs; leave some to train the rest"
    if weave.rule == "margin" and weave.mean_delta < 1:
        yield "weave.mean_delta limits what the rule 'delta' may lose; the rule 'margin' knows no limit"
    if train.ema and train.average_from < 1:
        yield "train.ema and train.average_from are two ways to average the weights: set one of them"
    low, high = train.weave_alpha
    if not 0 < low <= high <= 1:
        yield f"train.weave_alpha is [{low:g}, {high:g}]; it must be a range above 0 and up to 1, as in [0.3, 1.0]"
    if train.vicreg_weight and train.batch < 2:
        yield "train.vicreg_weight is for a batch's variance: set train.batch to two or more"
    if train.replay_weight and not train.reference:
        yield "train.replay_weight learns reference data along: name some in train.reference"
    if train.reference and not (train.reference_weight or train.replay_weight or train.fisher_batches):
        yield "train.reference is read by nothing: set train.reference_weight or train.replay_weight above 0"
    if train.fisher_batches and not train.reference:
        yield "train.fisher_batches measures the base on reference data: name some in train.reference"
    if weave.fisher and not train.fisher_batches:
        yield "weave.fisher reads what train.fisher_batches measures: set that too, to 16 for instance"
    if weave.soup_rule == "stock" and not weave.soup:
        yield "weave.soup_rule = 'stock' reads the angle between models: name at least one more in weave.soup"
    if train.lora_alpha and not train.lora_rank:
        yield "train.lora_alpha scales the updates of train.lora_rank: set that too, to 32 for instance"
    if train.lora_rank:  # they speak of the base's own weights, which LoRA never moves
        others = {"l2sp": train.l2sp, "probe_epochs": train.probe_epochs, "ema": train.ema}
        others |= {"average_from": train.average_from < 1, "weave_alpha": low < 1}
        for name in (name for name, value in others.items() if value):
            yield f"train.{name} does not go with train.lora_rank: set one of them"
