"""Encoders: one family per file, opened by `load`, made afresh by `create`."""

from importlib import resources
from pathlib import Path

import torch
from huggingface_hub import snapshot_download
from safetensors import SafetensorError

from weft.encoders.base import Encoder, Preprocess, cannot_open, model_type
from weft.encoders.clip import Clip
from weft.encoders.fresh import create
from weft.encoders.naflex import NaFlex
from weft.encoders.siglip import Siglip
from weft.errors import WeftError

__all__ = ["DEMO", "FAMILIES", "Encoder", "Preprocess", "create", "load", "local_folder"]

DEMO = Path(str(resources.files("weft"))) / "demo" / "base"

FAMILIES: dict[str, type[Encoder]] = {  # by config.model_type
    "siglip": Siglip,
    "siglip2": NaFlex,
    "clip": Clip,
}


def load(path: str | Path, dtype: torch.dtype = torch.float32) -> Encoder:
    """Opens a local folder, a hub id, or `demo`, the tiny base that ships with Weft.

    Only safetensors are read, and no code from the folder is run.

    Raises:
        WeftError: nothing is there, the family is unknown, or the weights do not fit the config.
    """
    path = str(path)
    folder = str(DEMO) if path == "demo" else path
    kind = model_type(folder)
    if kind not in FAMILIES:
        raise WeftError(f"{path} is a {kind!r} model; Weft knows {', '.join(FAMILIES)}")
    name = Path(path).resolve().name if path != "demo" and Path(path).exists() else path
    try:
        return FAMILIES[kind].load(folder, name, dtype)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise cannot_open(path, error) from None


def local_folder(path: str | Path) -> Path:
    """Where the files of `load(path)` lie; a hub id is downloaded into Hugging Face's cache first.

    Raises:
        WeftError: nothing is there, or it holds no safetensors.
    """
    folder = DEMO if str(path) == "demo" else Path(path)
    if not folder.is_dir():
        try:
            kinds = ["*.json", "*.safetensors", "*.model", "*.txt"]
            folder = Path(snapshot_download(str(path), allow_patterns=kinds))
        except (OSError, ValueError) as error:
            raise cannot_open(str(path), error) from None
    if not any(folder.glob("*.safetensors")):
        raise WeftError(
            f"{path} holds no weights as safetensors; save it once with "
            f"`weft.encoders.load({str(path)!r}).save(FOLDER)` and name that folder"
        )
    return folder
