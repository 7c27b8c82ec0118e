"""A pico LLM2CLIP folder of plain parts: a CLIP image tower, a Llama, and the adapter in LLM2CLIP's names."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import (
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    LlamaConfig,
    LlamaModel,
)

import tiny
from weft.encoders.llm2clip import Block

WIDTH, DIM = 32, 24
TEMPLATE = {"before": "red: ", "after": " dress", "max_tokens": 24}


def llm2clip(folder: Path, blocks: int = 2, seed: int = 0) -> Path:
    """D = 24; two residual blocks, a norm and a linear map, as `text_adapter.adaptor.*`; no block: the map alone."""
    tokenizer = tiny.encoder().tokenizer
    tokenizer.model_max_length = 10**9
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        config = CLIPVisionConfig(**tiny.TOWER, image_size=32, patch_size=8, projection_dim=DIM)
        CLIPVisionModelWithProjection(config).save_pretrained(folder / "vision")
        config = LlamaConfig(**tiny.TOWER, vocab_size=len(tokenizer), max_position_embeddings=64, initializer_range=0.3)
        LlamaModel(config).save_pretrained(folder / "language")
        last = torch.nn.Linear(WIDTH, DIM, bias=False)
        parts = [*(Block(WIDTH, 2 * WIDTH) for _ in range(blocks)), torch.nn.LayerNorm(WIDTH), last]
        adapter = torch.nn.Sequential(*parts) if blocks else last
        for value in adapter.parameters():  # a fresh norm is the identity, which hides mistakes
            value.data.add_(torch.randn_like(value), alpha=0.1)
    prefix = "text_adapter.adaptor." if blocks else ""
    tensors = {prefix + name: value.contiguous() for name, value in adapter.state_dict().items()}
    save_file(tensors, folder / "adapter.safetensors")
    size = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    CLIPImageProcessorPil(**size).save_pretrained(folder / "vision")
    tokenizer.save_pretrained(folder / "language")
    (folder / "llm2clip.json").write_text(json.dumps(TEMPLATE))
    return folder
