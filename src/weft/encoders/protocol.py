"""What evaluation asks of any encoder, and what the encoders around one torch module share."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NoReturn, Protocol, runtime_checkable

import torch
from PIL import Image
from torch import Tensor, nn

from weft.errors import Unable, WeftError

Inputs = dict[str, Any]
"""What one forward pass takes: the tensors among the values move to the encoder's device, the rest stays."""


@runtime_checkable
class Embeds(Protocol):
    """Two functions into one space of D dimensions; `weft.embed.Embedder` needs nothing else.

    `weft.encoders.base.Encoder`, which can also be trained and saved, is one of them.

    Attributes:
        name: what tables call it.
        dim: D, or None where only a first vector can tell.
        device: where `image_features` and `text_features` expect tensors.
    """

    name: str

    @property
    def dim(self) -> int | None: ...

    @property
    def device(self) -> torch.device: ...

    def to(self, device: torch.device) -> None:
        """Moves everything to a device and out of training mode."""

    def pixels(self, images: list[Image.Image]) -> Inputs:
        """Inputs of B pictures by the model's own preprocessing, on the CPU."""

    def tokens(self, texts: list[str]) -> Inputs:
        """Inputs of B texts by the model's own tokenizer, on the CPU. Raises `WeftError`: it has no text tower."""

    def image_features(self, inputs: Inputs) -> Tensor:
        """(B, D) vectors, floating point; whoever calls makes them unit vectors."""

    def text_features(self, inputs: Inputs) -> Tensor:
        """(B, D) vectors in the same space."""

    def fingerprint(self) -> str:
        """A key of weights and preprocessing, or "" where none is known: then nothing is kept."""

    def facts(self) -> dict:
        """Preprocessing and all else that a report says about the model, as JSON."""


class Frozen:
    """An encoder around a torch module that is only evaluated: what all such families share.

    A family sets `dim` and gives the four functions and `facts`.
    """

    dim: int | None = None

    def __init__(self, model: nn.Module, name: str):
        self.model = model.eval().requires_grad_(False)
        self.name = name

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device

    def to(self, device: torch.device) -> None:
        self.model.to(device).eval()

    def facts(self) -> dict:
        raise NotImplementedError

    def fingerprint(self) -> str:
        return fingerprint_of(self.model.state_dict(), self.facts())


def fingerprint_of(tensors: Mapping[str, Tensor], facts: object) -> str:
    """64 hex digits of SHA-256 over named tensors (in the order of their names) and the facts of preprocessing."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    digest.update(json.dumps(facts, sort_keys=True, default=str).encode())
    return digest.hexdigest()


def must_fit(info: Mapping[str, Any], folder: str) -> None:
    """Raises `WeftError` where transformers' `loading_info` tells of weights missing or of another shape.

    `from_pretrained` fills them with random numbers and only warns.
    """
    wrong = sorted(info["missing_keys"]) + sorted(str(item[0]) for item in info["mismatched_keys"])
    if wrong:
        raise WeftError(
            f"the weights in {folder} do not fit its config.json: {len(wrong)} parameters are missing or have "
            f"another shape, for instance {', '.join(wrong[:5])}; the folder mixes two models or is incomplete"
        )


PROBE = ["A red dress, 100 % cotton – size M/L 👗"]
"""A text whose tokens go into fingerprints: capitals, marks and padding show in them."""


def one_tower(name: str, has: str, asked: str) -> NoReturn:
    """Raises the error of an encoder that has no tower for what it was asked."""
    raise Unable(f"{name} embeds {has} only and was asked for {asked}; leave out the tasks that need {asked}")


def refuse_remote_code(name: str, whose: str = "") -> NoReturn:
    """Raises the `WeftError` of a model that needs its own code while nobody allowed it by name."""
    raise WeftError(
        f"{name} runs code from its own repository{whose}, which Weft does by explicit leave only: read that code at "
        f"the pinned revision, then allow it for this one model with remote_code=({name!r},)"
    )
