"""What Weft asks of a vision-language encoder, and the parts that every family shares."""

import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from PIL import Image
from safetensors import SafetensorError
from torch import Tensor
from transformers import AutoConfig, AutoImageProcessor, AutoModel, AutoTokenizer, PreTrainedModel
from transformers import logging as transformers_logging
from transformers.image_processing_utils import BaseImageProcessor
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from weft.encoders.protocol import PROBE, fingerprint_of, must_fit
from weft.errors import WeftError
from weft.files import disk_error

# Weft's own progress and errors say what its user needs; these are for those who write models.
transformers_logging.set_verbosity_error()
transformers_logging.disable_progress_bar()

TOKENIZING = threading.Lock()
"""Each call sets a tokenizer's cut and padding, which other threads' calls would then work with."""


@dataclass(frozen=True)
class Preprocess:
    """How a model with a fixed input size turns a picture into numbers; sizes in pixels, mean and std of [0, 1]."""

    height: int
    width: int
    resample: str  # "bilinear" | "bicubic"
    crop: str  # "none": the whole picture is squeezed; "center": short side first, then the middle square
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


class Encoder:
    """A Hugging Face model with its own image processor and tokenizer, seen as two functions into one space.

    A family says what its head is, its `dim` and its `processor`; all else is shared and may be overridden.

    Attributes:
        model: the Hugging Face model itself; nothing is wrapped, so its parameters are the ones trained.
        name: what tables call it.
        preprocess: facts for a fast decoder, or None where the input has no fixed size (NaFlex).
    """

    head: ClassVar[Literal["sigmoid", "softmax"]]

    def __init__(
        self,
        model: PreTrainedModel,
        image_processor: BaseImageProcessor,
        tokenizer: PreTrainedTokenizerBase,
        name: str,
    ):
        self.model = model.eval()
        self.image_processor = image_processor
        self.tokenizer = tokenizer
        self.name = name
        # Processors and tokenizers take these as defaults and save them: a published folder needs no instructions.
        tokenizer.model_max_length = self.max_tokens
        tokenizer.init_kwargs |= {
            "padding": "max_length",
            "truncation": True,
            "max_length": self.max_tokens,
            "model_max_length": self.max_tokens,
        }

    @classmethod
    def load(cls, folder: str, name: str, dtype: torch.dtype = torch.float32, revision: str = "main") -> "Encoder":
        """Reads a folder or hub id of this family. Raises `WeftError` when weights are missing or do not fit."""
        where = {"revision": revision, "trust_remote_code": False}  # unsaid, transformers would ask on the terminal
        model, info = AutoModel.from_pretrained(
            folder, dtype=dtype, use_safetensors=True, output_loading_info=True, **where
        )
        must_fit(info, folder)
        # The torchvision backend differs by up to 1/255 and need not be installed.
        processor = AutoImageProcessor.from_pretrained(folder, backend="pil", **where)
        return cls(model, processor, AutoTokenizer.from_pretrained(folder, **where), name)

    @property
    def config(self):
        return self.model.config

    @property
    def dim(self) -> int:
        """D, the size of the space both towers embed into."""
        raise NotImplementedError

    @property
    def preprocess(self) -> Preprocess | None:
        return fixed_size(self.image_processor)

    @property
    def max_tokens(self) -> int:
        """Where the text tower cuts a text, end token included."""
        return self.config.text_config.max_position_embeddings

    @property
    def logit_scale(self) -> torch.nn.Parameter:
        """t, a parameter of shape () or (1,): the head multiplies cosines by exp(t)."""
        return self.model.logit_scale

    @property
    def logit_bias(self) -> torch.nn.Parameter | None:
        """b, what a sigmoid head adds; a softmax head has none."""
        return getattr(self.model, "logit_bias", None)

    @property
    def device(self) -> torch.device:
        return self.model.device

    def to(self, device: torch.device) -> None:
        """Moves the model to a device and out of training mode."""
        self.model.to(device).eval()

    def pixels(self, images: list[Image.Image]) -> dict[str, Tensor]:
        """Model inputs of B pictures, by the model's own processor (Pillow, full precision), on the CPU."""
        return dict(self.image_processor([rgb(image) for image in images], return_tensors="pt"))

    def tokens(self, texts: list[str]) -> dict[str, Tensor]:
        """Model inputs of B texts, each (B, max_tokens) int64, padded and cut to `max_tokens`, on the CPU."""
        length = {"padding": "max_length", "truncation": True, "max_length": self.max_tokens}
        with TOKENIZING:
            return dict(self.tokenizer(list(texts), return_tensors="pt", **length))

    def image_features(self, inputs: dict[str, Tensor]) -> Tensor:
        """(B, D) float32 unit vectors, differentiable."""
        # Since transformers 5 the call returns an output object whose pooler_output is the projected vector.
        return F.normalize(self.model.get_image_features(**inputs).pooler_output.float(), dim=-1)

    def text_features(self, inputs: dict[str, Tensor]) -> Tensor:
        """(B, D) float32 unit vectors, differentiable."""
        return F.normalize(self.model.get_text_features(**inputs).pooler_output.float(), dim=-1)

    def token_lengths(self, texts: list[str]) -> list[int]:
        """Tokens of each text before any cut, end token included: more than `max_tokens` means it is cut."""
        if not texts:
            return []
        with TOKENIZING:
            found = self.tokenizer(list(texts), truncation=False, verbose=False)
        return [len(ids) for ids in found["input_ids"]]

    def towers(self) -> dict[str, list[str]]:
        """Every parameter's name once, under "image", "text" or "head" (logit scale and bias)."""
        towers: dict[str, list[str]] = {"image": [], "text": [], "head": []}
        for name, _ in self.model.named_parameters():
            towers[tower_of(name)].append(name)
        return towers

    def compile(self) -> None:
        """Compiles both towers in place; parameter names stay as they are."""
        self.model.vision_model.compile()
        self.model.text_model.compile()

    def fingerprint(self) -> str:
        """64 hex digits of SHA-256 over all weights and the facts of preprocessing: a key for cached embeddings."""
        return fingerprint_of(self.model.state_dict(), self.facts())

    def facts(self) -> dict:
        """Preprocessing, as a report and `fingerprint` state it: JSON."""
        processor = self.image_processor.to_dict()
        probe = self.tokens(PROBE)
        return {
            "preprocess": asdict(self.preprocess) if self.preprocess else None,
            "processor": {key: value for key, value in processor.items() if not key.startswith("_")},
            "tokens": {name: tensor.tolist() for name, tensor in probe.items()},
            "max_tokens": self.max_tokens,
        }

    def save(self, folder: Path | str) -> None:
        """Writes a plain Hugging Face folder: `AutoModel` and `AutoProcessor` open it without Weft.

        Raises:
            WeftError: the disk is full or the folder cannot be written.
        """
        folder = Path(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.model.save_pretrained(folder)
            self.processor().save_pretrained(folder)
            for file in folder.glob("*.safetensors"):
                file.chmod(0o644)  # safetensors leaves a file that only its writer can read
        except OSError as error:
            raise disk_error(error, folder) from None
        except SafetensorError as error:
            raise disk_error(OSError(str(error)), folder) from None

    def processor(self):
        """The Hugging Face processor of this family, from the same two parts."""
        raise NotImplementedError


def rgb(image: Image.Image) -> Image.Image:
    """The picture itself where it is RGB: Pillow would copy it, a tenth of a small model's time."""
    return image if image.mode == "RGB" else image.convert("RGB")


def tower_of(parameter: str) -> str:
    """ "image", "text" or "head", by a parameter's name; the families name their parts alike."""
    part = parameter.partition(".")[0]
    if part in ("vision_model", "visual_projection"):
        return "image"
    return "text" if part in ("text_model", "text_projection") else "head"


def fixed_size(processor: BaseImageProcessor) -> Preprocess:
    """The facts of a processor that resizes (and perhaps center-crops) to one size.

    Raises:
        WeftError: it pads, or crops without resizing: no known model of the supported families does.
    """
    size, crop = processor.size, getattr(processor, "crop_size", None)
    if getattr(processor, "do_center_crop", False):
        height, width, how = crop["height"], crop["width"], "center"
        if size.get("shortest_edge") not in (None, min(height, width)):
            raise WeftError(f"the image processor resizes to {dict(size)} but crops {height}x{width}")
    else:
        height, width, how = size["height"], size["width"], "none"
    names = {Image.Resampling.BILINEAR: "bilinear", Image.Resampling.BICUBIC: "bicubic"}
    resample = names.get(Image.Resampling(processor.resample))
    if resample is None:
        raise WeftError(f"the image processor resizes with {processor.resample!r}; known are {names.values()}")
    return Preprocess(height, width, resample, how, tuple(processor.image_mean), tuple(processor.image_std))


def model_type(folder: str, revision: str = "main") -> str:
    """The `model_type` of a folder or hub id. Raises `WeftError` when there is none to read."""
    try:
        return AutoConfig.from_pretrained(folder, revision=revision, trust_remote_code=False).model_type
    except (OSError, ValueError) as error:
        raise cannot_open(folder, error) from None


def cannot_open(folder: str, error: Exception) -> WeftError:
    path = Path(folder).expanduser()
    if not path.exists() and (path.is_absolute() or folder.startswith(".") or folder.count("/") > 1):  # no hub id
        near = next(parent for parent in (*path.parents, Path()) if parent.is_dir())
        inside = ", ".join(sorted(one.name for one in near.iterdir() if one.is_dir())[:8]) or "no folder"
        return WeftError(f"cannot open the model: there is no folder {folder!r}; in {near} there is {inside}")
    reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return WeftError(
        f"cannot open the model {folder!r}: {reason[:300]}; give a local folder in Hugging Face format, "
        "a hub id such as google/siglip2-base-patch16-384 (needs a network), or demo"
    )
