"""Pico models of every family, built without a network in the layout of their Hugging Face folders."""

import io
import json
from pathlib import Path

import numpy as np
import sentencepiece
import torch
from PIL import Image
from tokenizers import pre_tokenizers
from transformers import (
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPModel,
    CLIPProcessor,
    CLIPTokenizer,
    GemmaTokenizer,
    Siglip2Config,
    Siglip2ImageProcessorPil,
    Siglip2Model,
    Siglip2Processor,
    Siglip2Tokenizer,
    SiglipConfig,
    SiglipImageProcessorPil,
    SiglipModel,
    SiglipProcessor,
    SiglipTokenizer,
)

from weft.encoders import create
from weft.encoders.fresh import train_tokenizer

KINDS = ("dress", "shirt", "skirt", "coat", "boots", "hat", "scarf", "bag")
COLOURS = ("red", "navy", "green", "white", "black", "crimson")
TEXTS = [f"{colour} {kind} by Älva, size {n}" for n in range(3) for kind in KINDS for colour in COLOURS]
SPEC = {
    "image_size": 32, "patch_size": 8, "hidden_size": 32, "vision_layers": 2, "text_layers": 2, "heads": 2,
    "vocab_size": 512, "max_tokens": 16,
}  # fmt: skip
TOWER = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}


def encoder(seed: int = 0, texts=TEXTS, **spec):
    """A fresh pico SigLIP: 32 px, 16 tokens, D = 32, about 50k parameters."""
    return create(SPEC | spec, texts, seed)


def pictures(count: int, seed: int = 0) -> list[Image.Image]:
    """RGB pictures of various shapes."""
    random = np.random.default_rng(seed)
    sizes = [(30 + 7 * (i % 4), 50 - 5 * (i % 3)) for i in range(count)]
    return [Image.fromarray(random.integers(0, 256, (*size, 3), dtype=np.uint8)) for size in sizes]


def jpeg(image: Image.Image, quality: int = 90) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def siglip(folder: Path, seed: int = 0) -> Path:
    """As google/siglip-base-patch16-224: SentencePiece tokenizer, bicubic."""
    corpus = folder.parent / f"{folder.name}.txt"
    corpus.parent.mkdir(parents=True, exist_ok=True)
    corpus.write_text("\n".join(text.lower() for text in TEXTS), encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(
        input=str(corpus), model_prefix=str(corpus.with_suffix("")), vocab_size=80, hard_vocab_limit=False,
        pad_id=-1, bos_id=-1, eos_id=1, unk_id=2, control_symbols="<ctrl>", minloglevel=2, num_threads=1,
    )  # fmt: skip
    tokenizer = SiglipTokenizer(str(corpus.with_suffix(".model")), model_input_names=["input_ids"])
    processor = SiglipImageProcessorPil(size={"height": 32, "width": 32}, **_half())
    text = {"vocab_size": len(tokenizer), "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 1}
    return _siglip(folder, seed, tokenizer, processor, text)


def siglip2(folder: Path, seed: int = 0) -> Path:
    """As google/siglip2-base-patch16-384: `model_type: siglip`, a Gemma tokenizer that keeps capitals."""
    tokenizer = _gemma(GemmaTokenizer)
    processor = SiglipImageProcessorPil(size={"height": 32, "width": 32}, resample=2, **_half())
    text = {"vocab_size": len(tokenizer), "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 1}
    return _siglip(folder, seed, tokenizer, processor, text)


def naflex(folder: Path, seed: int = 0) -> Path:
    """As google/siglip2-base-patch16-naflex, with at most 256 patches of 16 pixels."""
    tokenizer = _gemma(Siglip2Tokenizer)
    text = {"vocab_size": len(tokenizer), "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 1}
    config = Siglip2Config(
        text_config=TOWER | text | {"projection_size": 32},
        vision_config=TOWER | {"patch_size": 16, "num_patches": 256},
    )
    processor = Siglip2Processor(Siglip2ImageProcessorPil(patch_size=16, max_num_patches=256), tokenizer)
    return _save(folder, _seeded(Siglip2Model, config, seed), processor)


def clip(folder: Path, seed: int = 0) -> Path:
    """As openai/clip-vit-base-patch32: byte-level tokenizer, center crop, projections of another size."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    pairs = [("r", "e"), ("re", "d</w>"), ("h", "a"), ("ha", "t</w>")]
    words = [*letters, *(letter + "</w>" for letter in letters), *("".join(pair) for pair in pairs)]
    vocab = {word: i for i, word in enumerate([*words, "<|startoftext|>", "<|endoftext|>"])}
    tokenizer = CLIPTokenizer(vocab=vocab, merges=pairs)
    ids = {"bos_token_id": len(vocab) - 2, "eos_token_id": len(vocab) - 1, "pad_token_id": len(vocab) - 1}
    config = CLIPConfig(
        text_config=TOWER | ids | {"vocab_size": len(vocab), "max_position_embeddings": 77},
        vision_config=TOWER | {"image_size": 32, "patch_size": 8},
        projection_dim=24,
    )
    size = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    return _save(folder, _seeded(CLIPModel, config, seed), CLIPProcessor(CLIPImageProcessorPil(**size), tokenizer))


FAMILIES = {"siglip": siglip, "siglip2": siglip2, "naflex": naflex, "clip": clip}


def _half() -> dict:
    return {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}


def _gemma(cls):
    """A small vocabulary in Gemma's form, which keeps capitals: 64 positions, end token, right padding."""
    state = json.loads(train_tokenizer(TEXTS, 512).backend_tokenizer.to_str())["model"]
    vocab = dict(state["vocab"])
    for letter in "ABDRS":
        vocab[letter] = len(vocab)
    return cls(
        vocab=vocab, merges=[tuple(pair) for pair in state["merges"]], add_bos_token=False,
        add_eos_token=True, padding_side="right", model_input_names=["input_ids"],
    )  # fmt: skip


def _siglip(folder: Path, seed: int, tokenizer, processor, text: dict) -> Path:
    config = SiglipConfig(
        text_config=TOWER | text | {"projection_size": 32},
        vision_config=TOWER | {"image_size": 32, "patch_size": 8},
    )
    return _save(folder, _seeded(SiglipModel, config, seed), SiglipProcessor(processor, tokenizer))


def _seeded(cls, config, seed: int):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return cls(config).eval()


def _save(folder: Path, model, processor) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
