"""What a model's config says of its size: tokens, parameters, operations, and what its activations take.

Parameters are counted exactly, on PyTorch's meta device. Notation: N tokens of width d through layers with an MLP of
width m.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModel, PreTrainedConfig

from weft.encoders import DEMO
from weft.encoders.base import tower_of
from weft.encoders.fresh import siglip_config
from weft.encoders.published import published
from weft.errors import WeftError
from weft.recipe import Recipe
from weft.tables import settings


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

    def adapted(self) -> int:
        """Parameters of LoRA's updates of rank 1 to every layer (`weft.adapters.LAYERS`): d + d for q, k, v and the
        attention's output, d + m for both matrices of the MLP."""
        return self.layers * (4 * 2 * self.width + 2 * (self.width + self.mlp))


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
