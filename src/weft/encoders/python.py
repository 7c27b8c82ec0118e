"""Any Python object with `embed_images` and `embed_texts`, named on the command line as `python:module:NAME`."""

import importlib
import sys
from collections.abc import Collection
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from weft.encoders.protocol import Inputs, one_tower
from weft.encoders.source import Source
from weft.errors import WeftError


class Python:
    """An object of the user's, which does its own preprocessing and chooses its own device.

    The object's methods, of which one may be missing:
        embed_images(list[PIL.Image.Image]) -> (B, D) array of floats; the pictures are RGB.
        embed_texts(list[str]) -> (B, D) array of floats.

    Its `fingerprint`, a string or a method that gives one, is a key of all that determines the vectors. Without
    it nothing is kept: two computations cost less than vectors of another model under the same key.
    """

    device = torch.device("cpu")

    def __init__(self, thing: object, name: str):
        self.thing, self.name = thing, name
        self.dim: int | None = getattr(thing, "dim", None)
        if not (callable(getattr(thing, "embed_images", None)) or callable(getattr(thing, "embed_texts", None))):
            raise WeftError(
                f"{name} is a {type(thing).__name__} with neither embed_images(list of pictures) nor "
                "embed_texts(list of strings); give it one or both, each returning an array (B, D)"
            )

    def to(self, device: torch.device) -> None:
        """Leaves the object where it is."""

    def pixels(self, images: list[Image.Image]) -> Inputs:
        if not callable(getattr(self.thing, "embed_images", None)):
            one_tower(self.name, "texts", "pictures")
        return {"images": [image.convert("RGB") for image in images]}

    def tokens(self, texts: list[str]) -> Inputs:
        if not callable(getattr(self.thing, "embed_texts", None)):
            one_tower(self.name, "pictures", "texts")
        return {"texts": list(texts)}

    def image_features(self, inputs: Inputs) -> Tensor:
        return self._call("embed_images", inputs["images"])

    def text_features(self, inputs: Inputs) -> Tensor:
        return self._call("embed_texts", inputs["texts"])

    def _call(self, method: str, items: list) -> Tensor:
        try:
            found = getattr(self.thing, method)(items)
            vectors = found.detach().cpu() if isinstance(found, Tensor) else torch.from_numpy(np.asarray(found))
        except Exception as error:  # the user's code may raise anything; its own traceback stays as the cause
            raise WeftError(f"{self.name}.{method} failed: {type(error).__name__}: {error}") from error
        if vectors.ndim != 2 or len(vectors) != len(items) or not (vectors.is_floating_point()):
            raise WeftError(
                f"{self.name}.{method} gave {tuple(vectors.shape)} of {vectors.dtype} for {len(items)} items; "
                f"it must give ({len(items)}, D) floats"
            )
        return vectors

    def fingerprint(self) -> str:
        own = getattr(self.thing, "fingerprint", "")
        own = own() if callable(own) else own
        if not isinstance(own, str):
            raise WeftError(f"{self.name}.fingerprint must be a string, not {own!r}")
        return own and f"python {own}"

    def facts(self) -> dict:
        return {"python": f"{type(self.thing).__module__}.{type(self.thing).__qualname__}"}


def unasked(name: str, place: Path, remote_code: Collection[str]) -> None:
    """Raises `WeftError` if a file names code of this machine to run, and whoever started Weft did not."""
    if name.startswith("python:") and name not in remote_code:
        raise WeftError(f"{place} names {name} as its model: if that code is yours to run, say --remote-code {name}")


def load(source: Source, dtype: torch.dtype, remote_code: bool) -> Python:
    """`package.module:NAME`, where NAME is such an object, or is called without arguments to make one.

    Modules are looked for in the current directory too. `dtype` is the object's own business.

    Raises:
        WeftError: there is no such module or name, or it fails.
    """
    module, colon, name = source.place.partition(":")
    if not (colon and module and name):
        raise WeftError(f"{source.name!r} names no Python object; write python:package.module:NAME")
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))
    try:
        thing = getattr(importlib.import_module(module), name)
        made = hasattr(thing, "embed_images") or hasattr(thing, "embed_texts")
        if isinstance(thing, type) or (callable(thing) and not made):
            thing = thing()
    except Exception as error:  # the user's code may raise anything
        raise WeftError(f"cannot get {name} of module {module!r}: {type(error).__name__}: {error}") from error
    return Python(thing, source.name)
