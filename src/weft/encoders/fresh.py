"""A fresh SigLIP of any size, with a tokenizer trained on the texts it will read."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer
from transformers import PreTrainedTokenizerFast, SiglipConfig, SiglipImageProcessorPil, SiglipModel

from weft.encoders.siglip import Siglip
from weft.errors import WeftError

DEFAULTS: dict[str, Any] = {
    "family": "siglip",
    "image_size": 64,
    "patch_size": 8,
    "hidden_size": 128,
    "vision_layers": 4,
    "text_layers": 3,
    "heads": 4,
    "mlp_ratio": 4,
    "vocab_size": 4096,  # at most: few texts may not have as many pieces
    "max_tokens": 32,
    "projection": None,  # the hidden size, because SigLIP's image tower has no projection of its own
}

SPECIAL = {"pad_token": "<pad>", "eos_token": "<eos>", "bos_token": "<bos>", "unk_token": "<unk>"}
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
ALPHABET = [chr(code) for code in range(33, 127) if chr(code) == chr(code).lower()]


def create(spec: Mapping[str, Any], texts: Iterable[str], seed: int = 0, name: str = "new") -> Siglip:
    """A SigLIP with random weights, the same for the same arguments.

    Args:
        spec: any of `DEFAULTS`; sizes in pixels and tokens.
        texts: what the tokenizer learns its vocabulary from.
        seed: of the weights.

    Raises:
        WeftError: an unknown key, or sizes that do not fit together.
    """
    if unknown := sorted(set(spec) - set(DEFAULTS)):
        raise WeftError(f"a new model knows no {', '.join(unknown)}; known are {', '.join(DEFAULTS)}")
    s = DEFAULTS | dict(spec)
    width = s["hidden_size"]
    if s["family"] != "siglip":
        raise WeftError(f"a new model can only be of family siglip, not {s['family']!r}")
    if s["image_size"] % s["patch_size"]:
        raise WeftError(f"image_size {s['image_size']} is not a multiple of patch_size {s['patch_size']}")
    if width % s["heads"]:
        raise WeftError(f"hidden_size {width} is not a multiple of heads {s['heads']}")
    if s["projection"] not in (None, width):
        raise WeftError(f"projection {s['projection']} must equal hidden_size {width}, a SigLIP picture's own size")

    tokenizer = train_tokenizer(texts, s["vocab_size"])
    config = siglip_config(s, len(tokenizer))
    config.text_config.pad_token_id = tokenizer.pad_token_id
    config.text_config.bos_token_id = tokenizer.bos_token_id
    config.text_config.eos_token_id = tokenizer.eos_token_id
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = SiglipModel(config)
    with torch.no_grad():  # begin near the prior, nearly all pairs being negative: Zhai et al. 2023, section 3.2
        model.logit_scale.fill_(math.log(10.0))
        model.logit_bias.fill_(-10.0)
    processor = SiglipImageProcessorPil(
        size={"height": s["image_size"], "width": s["image_size"]},
        resample=2,  # bilinear, as SigLIP 2
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    )
    return Siglip(model, processor, tokenizer, name)


def siglip_config(sizes: Mapping[str, Any], vocabulary: int) -> SiglipConfig:
    """The config of a SigLIP with these sizes (see `DEFAULTS`) and so many tokens."""
    width = sizes["hidden_size"]
    shared = {
        "hidden_size": width,
        "intermediate_size": round(sizes["mlp_ratio"] * width),
        "num_attention_heads": sizes["heads"],
    }
    text = shared | {
        "num_hidden_layers": sizes["text_layers"],
        "vocab_size": vocabulary,
        "max_position_embeddings": sizes["max_tokens"],
        "projection_size": width,
    }
    vision = shared | {
        "num_hidden_layers": sizes["vision_layers"],
        "image_size": sizes["image_size"],
        "patch_size": sizes["patch_size"],
    }
    return SiglipConfig(text_config=text, vision_config=vision)


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> PreTrainedTokenizerFast:
    """A lower-casing byte-pair encoder in Gemma's manner: what its letters cannot spell it spells in bytes.

    Raises:
        WeftError: `vocab_size` leaves no room for words.
    """
    fixed = [*SPECIAL.values(), *BYTES]
    room = vocab_size - len(fixed) - len(ALPHABET)
    if room < 1:
        raise WeftError(f"vocab_size {vocab_size} is too small: marks, bytes and letters take {vocab_size - room}")
    draft = _pipeline(Tokenizer(BPE()))
    clean = [draft.normalizer.normalize_str(str(text)) for text in texts]
    # The trainer's own limit on letters breaks ties by chance; rare ones leave here and become bytes later.
    seen = Counter(letter for text in clean for letter in text)
    rare = sorted(seen, key=lambda letter: (-seen[letter], letter))[room // 2 + len(ALPHABET) :]
    blank = str.maketrans(dict.fromkeys(set(rare) - set(ALPHABET), " "))
    trainer = BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=fixed,
        initial_alphabet=ALPHABET,
        min_frequency=2,
        show_progress=False,
    )
    draft.train_from_iterator((text.translate(blank) for text in clean), trainer)
    # Bytes were special only to keep their place in training: a text that says "<0x41>" means those letters.
    learned = json.loads(draft.to_str())["model"]
    merges = [tuple(pair) for pair in learned["merges"]]
    unknown, end = SPECIAL["unk_token"], SPECIAL["eos_token"]
    backend = _pipeline(Tokenizer(BPE(learned["vocab"], merges, unk_token=unknown, fuse_unk=True, byte_fallback=True)))
    backend.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    backend.add_special_tokens(list(SPECIAL.values()))
    backend.post_processor = processors.TemplateProcessing(
        single=f"$A {end}", special_tokens=[(end, backend.token_to_id(end))]
    )
    return PreTrainedTokenizerFast(tokenizer_object=backend, padding_side="right", **SPECIAL)


def _pipeline(tokenizer: Tokenizer) -> Tokenizer:
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFKC(),
            normalizers.Lowercase(),
            normalizers.Replace(Regex(r"\s+"), " "),
            normalizers.Strip(),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Metaspace(), pre_tokenizers.Punctuation("isolated")]
    )
    return tokenizer
