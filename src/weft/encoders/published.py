"""The configs of published SigLIP, SigLIP 2 and CLIP models by name alone, for planning without a network."""

import re

from transformers import CLIPConfig, PreTrainedConfig, Siglip2Config, SiglipConfig

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


def published(name: str) -> PreTrainedConfig | None:
    """The config of a model published as google/siglip-*, google/siglip2-* or openai/clip-*, by its name alone."""
    if found := re.fullmatch(r"google/siglip(2?)-(base|large|so400m|giant-opt)-patch(\d+)-(\d+|naflex)", name):
        two, size, patch, pixels = found.groups()
        image, text = WIDTHS[size]
        vision = _sizes(image) | {"patch_size": int(patch)}
        words = _sizes(text) | {"vocab_size": 256_000 if two else 32_000, "projection_size": image[0]}
        words |= {"max_position_embeddings": 64, "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 1}
        if pixels == "naflex":
            return Siglip2Config(text_config=words, vision_config=vision | {"num_patches": 256})
        return SiglipConfig(text_config=words, vision_config=vision | {"image_size": int(pixels)})
    if found := re.fullmatch(r"openai/clip-vit-(base|large)-patch(\d+)(-336)?", name):
        size, patch, large = found.groups()
        image, text, dim = CLIP_WIDTHS[size]
        vision = _sizes(image) | {"patch_size": int(patch), "image_size": 336 if large else 224}
        words = _sizes(text) | {"vocab_size": 49_408, "max_position_embeddings": 77}
        return CLIPConfig(text_config=words, vision_config=vision, projection_dim=dim)
    return None


def _sizes(sizes: tuple[int, int, int, int]) -> dict[str, int]:
    names = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
    return dict(zip(names, sizes, strict=True))
