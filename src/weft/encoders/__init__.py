"""Encoders: one family per file, opened by `load`, made afresh by `create`."""

import importlib
from collections.abc import Collection
from pathlib import Path

import torch
from safetensors import SafetensorError

from weft.encoders.base import Encoder, Preprocess, cannot_open, model_type
from weft.encoders.clip import Clip
from weft.encoders.fresh import create
from weft.encoders.naflex import NaFlex
from weft.encoders.protocol import Embeds
from weft.encoders.registry import KNOWN, PINS, KnownModel, known, pin
from weft.encoders.siglip import Siglip
from weft.encoders.source import DEMO, SMALL, Source, find
from weft.errors import WeftError

__all__ = [
    "DEMO",
    "FAMILIES",
    "KNOWN",
    "LOADERS",
    "PINS",
    "Embeds",
    "Encoder",
    "KnownModel",
    "Preprocess",
    "create",
    "known",
    "load",
    "load_base",
    "local_folder",
    "pin",
]

FAMILIES: dict[str, type[Encoder]] = {  # by config.model_type: what can be trained
    "siglip": Siglip,
    "siglip2": NaFlex,
    "clip": Clip,
}

# Imported when asked for, so that the core runs without their libraries; each has
# `load(source: Source, dtype: torch.dtype, remote_code: bool) -> Embeds`.
LOADERS = {
    "transformers": "weft.encoders",
    "openclip": "weft.encoders.openclip",
    "sbert": "weft.encoders.sbert",
    "llm2clip": "weft.encoders.llm2clip",
    "vision": "weft.encoders.vision",
    "python": "weft.encoders.python",
}


def load(
    name: str | Path,
    dtype: torch.dtype = torch.float32,
    remote_code: Collection[str] = (),
    pinned: Path = PINS,
) -> Embeds:
    """Opens any encoder for evaluation.

    Args:
        name: a short name of `KNOWN`; `demo`, the tiny base that ships with Weft; a local folder of any family; a
            hub id; `hf-hub:` and a hub id, for OpenCLIP; `python:package.module:NAME`.
        dtype: of the weights.
        remote_code: names, as given here or hub ids, of models that may run code from their own repositories.
        pinned: the file of pinned revisions; see `weft.encoders.registry.pin`.

    Only safetensors are read, and unless a model is named in `remote_code` no code from its folder is run.

    Raises:
        WeftError: nothing is there, the family is unknown, its library is missing, it needs remote code that is not
            allowed, or the weights do not fit the config.
    """
    source = find(str(name), pinned)
    if source.family == "transformers":
        return _load_transformers(source, dtype)
    opener = importlib.import_module(LOADERS[source.family])
    allowed = not {str(name), source.place}.isdisjoint(remote_code)
    try:
        return opener.load(source, dtype, allowed)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise cannot_open(source.name, error) from None


def load_base(name: str | Path, dtype: torch.dtype = torch.float32, pinned: Path = PINS) -> Encoder:
    """As `load`, for what is to be trained, woven or saved.

    Raises:
        WeftError: also where the model can only be evaluated.
    """
    source = find(str(name), pinned)
    if source.family != "transformers":
        raise WeftError(
            f"{name} can be evaluated but not trained; a base is a transformers model: {', '.join(FAMILIES)}"
        )
    return _load_transformers(source, dtype)


def _load_transformers(source: Source, dtype: torch.dtype) -> Encoder:
    kind = model_type(source.place, source.revision)
    if kind not in FAMILIES:
        raise WeftError(f"{source.name} is a {kind!r} model; Weft knows {', '.join(FAMILIES)}")
    try:
        return FAMILIES[kind].load(source.place, source.name, dtype, source.revision)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise cannot_open(source.place, error) from None


def local_folder(name: str | Path, pinned: Path = PINS) -> Path:
    """Where the files of `load(name)` lie; a hub id is downloaded into Hugging Face's cache first.

    Raises:
        WeftError: nothing is there, or it holds no safetensors.
    """
    source = find(str(name), pinned)
    if source.family == "python":
        raise WeftError(f"{name} is a Python object and has no files")
    folder = source.files([*SMALL, "*.safetensors", "*.npy"])
    if not any(folder.rglob("*.safetensors")):
        raise WeftError(
            f"{name} holds no weights as safetensors; save it once with "
            f"`weft.encoders.load({str(name)!r}).save(FOLDER)` and name that folder"
        )
    return folder
