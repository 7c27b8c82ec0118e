"""What a training run will need, before it is started: parameters, memory, disk and hours on common cards.

Parameters are counted exactly, on PyTorch's meta device. The rest is arithmetic on the model's sizes,
with the assumptions below by name. Notation: N tokens of width d through layers with an MLP of width m.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModel, PreTrainedConfig

from weft.artefact import read_json
from weft.encoders import DEMO
from weft.encoders.base import tower_of
from weft.encoders.fresh import siglip_config
from weft.encoders.published import published
from weft.errors import WeftError
from weft.recipe import Recipe, settings

GIB = 2**30


@dataclass(frozen=True)
class Card:
    """A GPU. `attained` is in FLOP/s of bf16 matrix products as training really reaches them."""

    name: str
    memory: float  # bytes
    attained: float


CARDS = (
    Card("24 GB, RTX 4090", 24.0 * GIB, 80e12),  # 48% of its 165 TFLOP/s
    Card("80 GB, H100", 79.6 * GIB, 400e12),  # 40% of 989
    Card("141 GB, H200", 140.4 * GIB, 420e12),  # 42% of 989: the same chip, faster memory
)
"""ASSUMED utilisation: large matrices, loading hidden behind computing; a first run often has half of it."""

USABLE = 0.92
"""ASSUMED share of a card's memory for tensors: the rest is the driver, the allocator's gaps, temporaries."""

LOSS_ROWS = 1024
"""Rows of the loss that are computed at once (`weft.objective.BLOCK`)."""

LOSS_COPIES = 8
"""ASSUMED float32 matrices of LOSS_ROWS x batch alive at once: logits, signs, weights, their gradients."""

DECODED = 200.0
"""ASSUMED pictures a second that one core decodes and resizes (measured: 1000x1333 JPEG to 224 px)."""

DECODERS = 8
"""ASSUMED cores that decode beside a card; the training loader takes all that the machine has but one."""

IMAGE_BYTES = 150_000
"""ASSUMED size of a shop's JPEG; a catalogue of thumbnails needs far less."""


@dataclass(frozen=True)
class Tower:
    """One tower's sizes: tokens N, width d, MLP width m, layers, heads; `inputs` and `pools` in numbers a sample."""

    tokens: int
    width: int
    mlp: int
    layers: int
    heads: int
    inputs: int = 0  # numbers that enter the patch embedding
    pools: bool = False  # attention pooling over all tokens (SigLIP's image head)

    def activations(self, checkpointing: bool = False) -> int:
        """Bytes that one sample's forward pass keeps for the backward pass, under bf16 autocast, fused attention.

        A layer keeps its two normalisations' inputs in float32 (8 Nd) and in bf16 the inputs of q, k, v, the
        attention's output and the two matrices that read it and the second normalisation (12 Nd), q, k, v
        themselves (6 Nd), and the MLP's hidden layer before and after its activation (4 Nm).
        With checkpointing a layer keeps its float32 input, and one layer at a time is computed again.
        """
        size = self.tokens * self.width
        layer = 26 * size + 4 * self.tokens * self.mlp + 4 * self.tokens * self.heads
        layers = 4 * size * self.layers + layer if checkpointing else layer * self.layers
        pooling = 10 * size if self.pools else 4 * size  # last normalisation; keys, values and their input
        return layers + pooling + 2 * self.inputs

    def flops(self) -> int:
        """Floating-point operations of one sample's forward pass: its matrix products, 2 per multiply-add."""
        layer = 2 * self.tokens * (4 * self.width**2 + 2 * self.width * self.mlp) + 4 * self.tokens**2 * self.width
        pooling = 4 * self.tokens * self.width**2 if self.pools else 0
        return layer * self.layers + 2 * self.inputs * self.width + pooling


@dataclass(frozen=True)
class Fit:
    """What one card makes of the plan."""

    card: Card
    fits: bool  # the planned micro-batch, as planned
    plain: int  # the largest micro-batch without gradient checkpointing, in products; 0: not even one
    checkpointing: int  # and with it
    products_per_hour: float
    hours: float
    bound: str  # "compute" or "loading", whichever is slower


@dataclass(frozen=True)
class Plan:
    """The estimates; memory and disk in bytes, one product being one picture and a text for each task.

    Attributes:
        parameters: exact number per tower: "image", "text", "head".
        fixed: float32 weights, their gradients, AdamW's two moments, and the bf16 copies autocast makes.
        activations: of one product; `block`: embeddings, their gradients and the loss of the whole batch, and
            its pictures, one byte a number, which all lie on the device.
        decoders: cores that decode pictures at the same time.
        flops: per product trained, recomputation included.
        passes: forward passes' worth per product: 3 for forward and backward, 1 more where micro-batches
            replay the forward pass, 1 more with checkpointing.
    """

    name: str
    parameters: Mapping[str, int]
    dim: int
    image_tokens: int
    text_tokens: int
    products: int
    batch: int
    micro_batch: int
    epochs: int
    tasks: int
    checkpointing: bool
    decoders: int
    fixed: int
    activations: int
    block: int
    passes: int
    flops: float
    cache_disk: int  # the frozen base's image embeddings, float32
    images_disk: int
    checkpoint_disk: int  # weights and both moments
    fits: tuple[Fit, ...]

    @property
    def memory(self) -> int:
        """Bytes on the device at the planned micro-batch."""
        return self.fixed + self.block + self.micro_batch * self.activations


def plan(
    config: PreTrainedConfig,
    products: int,
    batch: int,
    micro_batch: int = 0,
    epochs: int = 1,
    tasks: int = 2,
    checkpointing: bool = False,
    decoders: int = 1,
    cards: tuple[Card, ...] = CARDS,
) -> Plan:
    """Estimates a training run of every weight, in bf16 autocast with AdamW.

    Args:
        config: a SigLIP, SigLIP 2 or CLIP config; see `config_of`.
        products: in the training split, one picture each.
        batch: products that share a loss; micro_batch: those in memory at once, 0 = the whole batch.
        tasks: texts per product, 2 for short and long.
        decoders: cores that decode pictures at the same time.
    """
    micro = min(micro_batch or batch, batch)
    image, text, dim = towers(config)
    parameters = count(config)
    total = sum(parameters.values())
    per_product = {how: image.activations(how) + tasks * text.activations(how) for how in (False, True)}
    fixed = total * (4 + 4 + 8 + 2)
    block = batch * (2 * 4 * dim * (1 + tasks) + 4 * LOSS_COPIES * min(LOSS_ROWS, batch) + image.inputs)
    passes = 3 + (micro < batch) + checkpointing
    flops = float(passes * (image.flops() + tasks * text.flops()))
    fits = []
    for card in cards:
        room = USABLE * card.memory - fixed - block
        plain, less = (max(0, min(batch, int(room // per_product[how]))) for how in (False, True))
        rate = min(card.attained / flops, decoders * DECODED)
        bound = "compute" if rate == card.attained / flops else "loading"
        fits_as_planned = micro <= (less if checkpointing else plain)
        hours = products * epochs / rate / 3600
        fits.append(Fit(card, fits_as_planned, plain, less, 3600 * rate, hours, bound))
    return Plan(
        name=config.name_or_path or config.model_type, parameters=parameters, dim=dim,
        image_tokens=image.tokens, text_tokens=text.tokens, products=products, batch=batch, micro_batch=micro,
        epochs=epochs, tasks=tasks, checkpointing=checkpointing, decoders=decoders, fixed=fixed,
        activations=per_product[checkpointing], block=block, passes=passes, flops=flops, cache_disk=4 * products * dim,
        images_disk=IMAGE_BYTES * products, checkpoint_disk=12 * total, fits=tuple(fits),
    )  # fmt: skip


def plan_recipe(recipe: Recipe, products: int = 0) -> str:
    """The rendered plan of a recipe. `products` is the training split's size; where it is neither given nor
    counted by a finished `weft curate`, a line says which number was assumed."""
    config = config_of(recipe.base, recipe)
    products = products or _curated(recipe)
    counted = products or sum(source.limit for source in recipe.sources) or 200_000
    train = recipe.train
    tasks = sum(bool(task) for task in (recipe.pairs.short, recipe.pairs.long))
    text = render(
        plan(config, counted, train.batch, train.micro_batch, train.epochs, tasks, train.checkpointing, DECODERS)
    )
    return text if products else f"{text}\n(products assumed: {counted:,}; after `weft curate` they are counted)"


def _curated(recipe: Recipe) -> int:
    """Products in the training split, if the recipe's catalogue was curated before; else 0."""
    path = recipe.folder / "curate" / "summary.json"
    return read_json(path)["counts"]["splits"].get("train", 0) if path.exists() else 0


def towers(config: PreTrainedConfig) -> tuple[Tower, Tower, int]:
    """Image tower, text tower, D."""
    vision, text = config.vision_config, config.text_config
    if config.model_type == "siglip2":
        tokens = vision.num_patches
    else:
        tokens = (vision.image_size // vision.patch_size) ** 2
    inputs = 3 * vision.patch_size**2 * tokens
    is_clip = config.model_type == "clip"
    image = Tower(tokens + is_clip, *_sizes(vision), inputs, pools=not is_clip)  # CLIP adds a class token
    dim = config.projection_dim if is_clip else text.projection_size
    return image, Tower(text.max_position_embeddings, *_sizes(text)), dim


def _sizes(tower: PreTrainedConfig) -> tuple[int, int, int, int]:
    return tower.hidden_size, tower.intermediate_size, tower.num_hidden_layers, tower.num_attention_heads


def count(config: PreTrainedConfig) -> dict[str, int]:
    """Parameters per tower, exactly, without allocating any."""
    with torch.device("meta"):
        model = AutoModel.from_config(config)
    counts = {"image": 0, "text": 0, "head": 0}
    for name, parameter in model.named_parameters():
        counts[tower_of(name)] += parameter.numel()
    return counts


def config_of(base: str, recipe: Recipe | None = None) -> PreTrainedConfig:
    """The config of a recipe's base; the published SigLIP and CLIP models need neither network nor files.

    Raises:
        WeftError: it is neither a known name, a folder, nor within reach.
    """
    if base.startswith("new:") and recipe is not None:
        config = siglip_config(settings(recipe.new), recipe.new.vocab_size)
    elif not Path(base).exists() and (known := published(base)):
        config = known
    else:
        try:
            config = AutoConfig.from_pretrained(str(DEMO) if base == "demo" else base)
        except (OSError, ValueError):
            raise WeftError(
                f"nothing is known of the base {base!r}: it is no folder, no published SigLIP or CLIP model, "
                "and the hub cannot be reached"
            ) from None
    config.name_or_path = base
    return config


def render(plan: Plan) -> str:
    """The plan as text of at most 100 columns."""
    millions = {tower: number / 1e6 for tower, number in plan.parameters.items()}
    replay = "" if plan.micro_batch == plan.batch else f", in micro-batches of {plan.micro_batch:,}"
    lines = [
        f"{plan.name}: {sum(millions.values()):,.1f} M parameters "
        f"(image {millions['image']:,.1f}, text {millions['text']:,.1f})",
        f"{plan.image_tokens} image and {plan.text_tokens} text tokens, {plan.dim} dimensions",
        f"{plan.products:,} products x {plan.epochs} epochs, batch {plan.batch:,}{replay}, "
        f"{plan.tasks} texts per product{', gradient checkpointing' if plan.checkpointing else ''}",
        "",
        "memory (bf16 autocast, AdamW)",
        f"  weights, gradients, moments   {_bytes(plan.fixed)}",
        f"  activations                   {_bytes(plan.micro_batch * plan.activations)}"
        f"   ({plan.activations / 2**20:,.1f} MiB a product)",
        f"  the batch: pictures and loss  {_bytes(plan.block)}",
        f"  together                      {_bytes(plan.memory)}",
        "disk",
        f"  pictures                      {_bytes(plan.images_disk)}   ({IMAGE_BYTES // 1000} kB each, assumed)",
        f"  the base's embeddings (LwF)   {_bytes(plan.cache_disk)}",
        f"  a checkpoint                  {_bytes(plan.checkpoint_disk)}",
        "",
        f"{plan.flops / 1e12:,.4g} TFLOP a product ({plan.passes} forward passes' worth); "
        "a pair is a product and one of its texts",
        "                           largest micro-batch",
        "card              fits    plain  checkpointing     pairs/hour    hours  bound by  TFLOP/s (assumed)",
    ]
    for fit in plan.fits:
        lines.append(
            f"{fit.card.name:<18}{'yes' if fit.fits else 'no':<4}{fit.plain:>9,}{fit.checkpointing:>15,}"
            f"{fit.products_per_hour * plan.tasks:>15,.0f}{fit.hours:>9.2f}  {fit.bound:<8}"
            f"{fit.card.attained / 1e12:>19.0f}"
        )
    lines.append(
        f"hours are training's alone, on one card, with {plan.decoders} core{'s' * (plan.decoders > 1)} decoding "
        f"{DECODED:.0f} pictures a second each (assumed)"
    )
    return "\n".join(lines)


def _bytes(number: int) -> str:
    return f"{number / GIB:>9,.2f} GiB" if number >= GIB else f"{number / 2**20:>9,.1f} MiB"
