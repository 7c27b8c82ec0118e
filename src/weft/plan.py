"""What a training run will need, before it is started: parameters, memory, disk and hours on common cards.

Parameters are counted exactly, on PyTorch's meta device. The rest is arithmetic on the model's sizes,
with the assumptions below by name. Notation: N tokens of width d through layers with an MLP of width m.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import (
    AutoConfig,
    AutoModel,
    CLIPConfig,
    PreTrainedConfig,
    Siglip2Config,
    SiglipConfig,
)

from weft.encoders import DEMO, Encoder
from weft.errors import WeftError
from weft.recipe import Recipe

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
"""Rows of the loss that are computed at once (`weft.train.BLOCK`)."""

LOSS_COPIES = 8
"""ASSUMED float32 matrices of LOSS_ROWS x batch alive at once: logits, signs, weights, their gradients."""

IMAGE_BYTES = 150_000
"""ASSUMED size of a shop's JPEG; a catalogue of thumbnails needs far less."""

WIDTHS = {  # name: (width, MLP width, layers, heads) of image and text tower; Zhai et al. 2023, Tschannen et al. 2025
    "base": ((768, 3072, 12, 12), (768, 3072, 12, 12)),
    "large": ((1024, 4096, 24, 16), (1024, 4096, 24, 16)),
    "so400m": ((1152, 4304, 27, 16), (1152, 4304, 27, 16)),
    "giant-opt": ((1536, 6144, 40, 16), (1152, 4304, 27, 16)),
}
CLIP_WIDTHS = {  # Radford et al. 2021, table 20; and the size of the shared space
    "base": ((768, 3072, 12, 12), (512, 2048, 12, 8), 512),
    "large": ((1024, 4096, 24, 16), (768, 3072, 12, 12), 768),
}


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


@dataclass(frozen=True)
class Plan:
    """The estimates; memory and disk in bytes, one product being one picture and a text for each task.

    Attributes:
        parameters: exact number per tower: "image", "text", "head".
        fixed: float32 weights, their gradients, AdamW's two moments, and the bf16 copies autocast makes.
        activations: of one product; `block`: embeddings, their gradients and the loss of the whole batch.
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
    cards: tuple[Card, ...] = CARDS,
) -> Plan:
    """Estimates a training run of every weight, in bf16 autocast with AdamW.

    Args:
        config: a SigLIP, SigLIP 2 or CLIP config; see `config_of`.
        products: in the training split, one picture each.
        batch: products that share a loss; micro_batch: those in memory at once, 0 = the whole batch.
        tasks: texts per product, 2 for short and long.
    """
    micro = min(micro_batch or batch, batch)
    image, text, dim = towers(config)
    parameters = count(config)
    total = sum(parameters.values())
    per_product = {how: image.activations(how) + tasks * text.activations(how) for how in (False, True)}
    fixed = total * (4 + 4 + 8 + 2)
    block = 2 * 4 * batch * dim * (1 + tasks) + 4 * LOSS_COPIES * min(LOSS_ROWS, batch) * batch
    passes = 3 + (micro < batch) + checkpointing
    flops = float(passes * (image.flops() + tasks * text.flops()))
    fits = []
    for card in cards:
        room = USABLE * card.memory - fixed - block
        plain, less = (max(0, min(batch, int(room // per_product[how]))) for how in (False, True))
        per_hour = 3600 * card.attained / flops
        fits.append(
            Fit(card, micro <= (less if checkpointing else plain), plain, less, per_hour, products * epochs / per_hour)
        )
    return Plan(
        name=config.name_or_path or config.model_type, parameters=parameters, dim=dim,
        image_tokens=image.tokens, text_tokens=text.tokens, products=products, batch=batch, micro_batch=micro,
        epochs=epochs, tasks=tasks, checkpointing=checkpointing, fixed=fixed, activations=per_product[checkpointing],
        block=block, passes=passes, flops=flops, cache_disk=4 * products * dim,
        images_disk=IMAGE_BYTES * products, checkpoint_disk=12 * total, fits=tuple(fits),
    )  # fmt: skip


def plan_recipe(recipe: Recipe, products: int = 0) -> str:
    """The rendered plan of a recipe. `products` is the training split's size; where it is unknown, a line says
    which number was assumed."""
    config = config_of(recipe.base, recipe)
    counted = products or sum(source.limit for source in recipe.sources) or 200_000
    train = recipe.train
    tasks = sum(bool(task) for task in (recipe.pairs.short, recipe.pairs.long))
    text = render(plan(config, counted, train.batch, train.micro_batch, train.epochs, tasks, train.checkpointing))
    return text if products else f"{text}\n(products assumed: {counted:,})"


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
        part = name.partition(".")[0]
        tower = "image" if part in Encoder.image_parts else "text" if part in Encoder.text_parts else "head"
        counts[tower] += parameter.numel()
    return counts


def config_of(base: str, recipe: Recipe | None = None) -> PreTrainedConfig:
    """The config of a recipe's base; the published SigLIP and CLIP models need neither network nor files.

    Raises:
        WeftError: it is neither a known name, a folder, nor within reach.
    """
    if base.startswith("new:") and recipe is not None:
        new = recipe.new
        sizes = (new.hidden_size, round(new.mlp_ratio * new.hidden_size), new.text_layers, new.heads)
        text = _tower(sizes) | {"vocab_size": new.vocab_size, "max_position_embeddings": new.max_tokens}
        vision = _tower((*sizes[:2], new.vision_layers, new.heads))
        vision |= {"image_size": new.image_size, "patch_size": new.patch_size}
        return _named(SiglipConfig(text_config=text, vision_config=vision), base)
    if not Path(base).exists() and (config := builtin(base)):
        return config
    folder = str(DEMO) if base == "demo" else base
    try:
        return _named(AutoConfig.from_pretrained(folder), base)
    except (OSError, ValueError):
        raise WeftError(
            f"nothing is known of the base {base!r}: it is no folder, no published SigLIP or CLIP model, "
            "and the hub cannot be reached"
        ) from None


def builtin(name: str) -> PreTrainedConfig | None:
    """The config of a model published as google/siglip-*, google/siglip2-* or openai/clip-*, by its name alone."""
    if found := re.fullmatch(r"google/siglip(2?)-(base|large|so400m|giant-opt)-patch(\d+)-(\d+|naflex)", name):
        two, size, patch, pixels = found.groups()
        image, text = WIDTHS[size]
        vision = _tower(image) | {"patch_size": int(patch)}
        words = _tower(text) | {"vocab_size": 256_000 if two else 32_000, "projection_size": image[0]}
        words |= {"max_position_embeddings": 64, "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 1}
        if pixels == "naflex":
            return _named(Siglip2Config(text_config=words, vision_config=vision | {"num_patches": 256}), name)
        return _named(SiglipConfig(text_config=words, vision_config=vision | {"image_size": int(pixels)}), name)
    if found := re.fullmatch(r"openai/clip-vit-(base|large)-patch(\d+)(-336)?", name):
        size, patch, large = found.groups()
        image, text, dim = CLIP_WIDTHS[size]
        vision = _tower(image) | {"patch_size": int(patch), "image_size": 336 if large else 224}
        words = _tower(text) | {"vocab_size": 49_408, "max_position_embeddings": 77}
        return _named(CLIPConfig(text_config=words, vision_config=vision, projection_dim=dim), name)
    return None


def _tower(sizes: tuple[int, int, int, int]) -> dict[str, int]:
    names = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
    return dict(zip(names, sizes, strict=True))


def _named(config: PreTrainedConfig, name: str) -> PreTrainedConfig:
    config.name_or_path = name
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
        f"  embeddings and loss           {_bytes(plan.block)}",
        f"  together                      {_bytes(plan.memory)}",
        "disk",
        f"  pictures                      {_bytes(plan.images_disk)}   ({IMAGE_BYTES // 1000} kB each, assumed)",
        f"  the base's embeddings (LwF)   {_bytes(plan.cache_disk)}",
        f"  a checkpoint                  {_bytes(plan.checkpoint_disk)}",
        "",
        f"{plan.flops / 1e12:,.4g} TFLOP a product ({plan.passes} forward passes' worth); "
        "a pair is a product and one of its texts",
        "                           largest micro-batch",
        "card              fits    plain  checkpointing   pairs/hour    hours   TFLOP/s (assumed)",
    ]
    for fit in plan.fits:
        lines.append(
            f"{fit.card.name:<18}{'yes' if fit.fits else 'no':<4}{fit.plain:>9,}{fit.checkpointing:>15,}"
            f"{fit.products_per_hour * plan.tasks:>13,.0f}{fit.hours:>9.2f}{fit.card.attained / 1e12:>20.0f}"
        )
    return "\n".join(lines)


def _bytes(number: int) -> str:
    return f"{number / GIB:>9,.2f} GiB" if number >= GIB else f"{number / 2**20:>9,.1f} MiB"
