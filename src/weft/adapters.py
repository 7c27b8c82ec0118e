"""Low-rank adapters: put into a model's transformer layers, trained there in its place, merged into its weights."""

import warnings

import torch

from weft.encoders.base import Encoder
from weft.errors import extra

LAYERS = r"(vision_model|text_model)\.encoder\.layers\.\d+\.(self_attn\.(q|k|v|out)_proj|mlp\.fc[12])"
"""The matrices of both towers' layers, by the names that all families share. By place, not by the last word alone: a
bare `out_proj` would also wrap the attention pooling of SigLIP's image tower, which reads that matrix unwrapped."""


def require() -> None:
    """Raises `WeftError` where `peft` is not installed: ask before hours of other work, not after."""
    extra("peft", "lora", "train.lora_rank")


def adapt(encoder: Encoder, rank: int, alpha: float, seed: int):
    """Puts a trainable update B A of `rank`, times alpha / rank (1 for alpha 0), beside every matrix of `LAYERS`.

    LoRA: Hu et al. 2021, arXiv 2106.09685. B begins at zero, so nothing changes yet; A is drawn from `seed`.
    `encoder.model` stays the same object; what comes back is what `merge` wants.

    Raises:
        WeftError: `peft` is not installed.
    """
    require()
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(r=rank, lora_alpha=alpha or rank, target_modules=LAYERS, lora_dropout=0.0, bias="none")
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft reads a name that transformers has given up
        torch.manual_seed(seed)
        return get_peft_model(encoder.model, config)


def merge(encoder: Encoder, adapted) -> None:
    """Adds every update to its matrix: the encoder is a plain model again, with all that was learnt in its weights."""
    encoder.model = adapted.merge_and_unload()
    encoder.model.requires_grad_(True)  # peft leaves everything frozen
