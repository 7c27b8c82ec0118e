"""OpenCLIP models from the hub or a folder, by OpenCLIP's own model, preprocessing and tokenizer; extra `openclip`."""

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from weft.encoders.protocol import PROBE, Frozen, Inputs
from weft.encoders.source import SMALL, Source
from weft.errors import WeftError, extra

CONFIG = "open_clip_config.json"
WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors")  # in OpenCLIP's order of preference
TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "spiece.model", "tokenizer.model")


class OpenClip(Frozen):
    """What `open_clip.create_model_and_transforms` and `get_tokenizer` give, seen as two functions.

    The config says how: `preprocess_cfg` has mean, std, interpolation and `resize_mode` ("squash": the whole
    picture; "shortest": its middle square), `text_cfg` the tokenizer, how it cleans a text, and `context_length`.
    """

    def __init__(self, model, transform, tokenizer, name: str, config: dict):
        super().__init__(model, name)
        self.transform, self.tokenizer, self.config = transform, tokenizer, config
        self.dim = config["model_cfg"]["embed_dim"]
        self.max_tokens = tokenizer.context_length

    def pixels(self, images: list[Image.Image]) -> Inputs:
        return {"image": torch.stack([self.transform(image.convert("RGB")) for image in images])}

    def tokens(self, texts: list[str]) -> Inputs:
        return {"text": self.tokenizer(list(texts))}

    def image_features(self, inputs: Inputs) -> Tensor:
        pixels = inputs["image"].to(next(self.model.visual.parameters()).dtype)
        return F.normalize(self.model.encode_image(pixels).float(), dim=-1)

    def text_features(self, inputs: Inputs) -> Tensor:
        return F.normalize(self.model.encode_text(inputs["text"]).float(), dim=-1)

    def facts(self) -> dict:
        return {
            "open_clip": self.config,
            "preprocess": dict(self.model.visual.preprocess_cfg),
            "tokens": self.tokens(PROBE)["text"].tolist(),
        }


def load(source: Source, dtype: torch.dtype, remote_code: bool) -> OpenClip:
    """Opens a folder of `open_clip_config.json` and safetensors, or a hub id of such files; no remote code is run.

    Raises:
        WeftError: the extra is missing, there are no safetensors, or the config asks for other code.
    """
    open_clip = extra("open_clip", "openclip", source.name)
    folder = source.files([*SMALL, *WEIGHTS])
    config = _config(folder, source.name)
    precision = {torch.float32: "fp32", torch.bfloat16: "pure_bf16", torch.float16: "pure_fp16"}[dtype]
    place = f"local-dir:{folder}"
    try:
        model, _, transform = open_clip.create_model_and_transforms(place, precision=precision, pretrained_text=False)
    except RuntimeError as error:  # its first line says nothing
        reason = " ".join(line.strip() for line in str(error).splitlines()[1:3])[:300]
        raise WeftError(f"the weights of {source.name} do not fit its {CONFIG}: {reason or error}") from None
    return OpenClip(model, transform, _tokenizer(open_clip, folder, config, source), source.name, config)


def _config(folder: Path, name: str) -> dict:
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        fields = config["model_cfg"]["embed_dim"], config["model_cfg"]["text_cfg"], config["model_cfg"]["vision_cfg"]
    except FileNotFoundError:
        raise WeftError(f"{name} is no OpenCLIP model: it has no {CONFIG}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeftError(f"{CONFIG} of {name} is damaged ({type(error).__name__}: {error}); copy it again") from None
    if "trust_remote_code" in json.dumps(fields):  # handed on to transformers as it stands
        raise WeftError(f"{CONFIG} of {name} asks for remote code (trust_remote_code), which Weft does not run")
    if not any((folder / file).exists() for file in WEIGHTS):
        raise WeftError(
            f"{name} holds neither {' nor '.join(WEIGHTS)}; a pickle (.bin, .pt) can run code and is not read: convert "
            "it once, where you trust it, with torch.load (weights_only=True) and safetensors.torch.save_file"
        )
    return config


def _tokenizer(open_clip, folder: Path, config: dict, source: Source):
    """As `open_clip.get_tokenizer`: a folder's own files; for a hub id the repository that its config names."""
    text = config["model_cfg"]["text_cfg"]
    named = text.get("hf_tokenizer_name", "")
    if not named or (source.local and any((folder / file).exists() for file in TOKENIZER)):
        return open_clip.get_tokenizer(f"local-dir:{folder}")
    return open_clip.tokenizer.HFTokenizer(
        named,
        context_length=text.get("context_length", 77),
        tokenizer_mode=text.get("tokenizer_mode"),
        **{"revision": source.pinned.get(named, "main"), "trust_remote_code": False} | text.get("tokenizer_kwargs", {}),
    )
