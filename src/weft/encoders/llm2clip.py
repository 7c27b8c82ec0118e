"""LLM2CLIP: a CLIP image tower beside a language model, whose pooled hidden state an adapter maps into the space."""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import AutoImageProcessor, AutoModel, AutoTokenizer, CLIPVisionModelWithProjection

from weft.encoders.protocol import PROBE, Frozen, Inputs, must_fit, refuse_remote_code
from weft.encoders.registry import known
from weft.encoders.source import Source
from weft.errors import WeftError

CONFIG = "llm2clip.json"


@dataclass(frozen=True)
class Template:
    """`llm2clip.json`: what stands around a text, and how long the whole may be, in tokens.

    The defaults are those of LLM2Vec with Meta-Llama-3-8B-Instruct, which every published LLM2CLIP uses: its
    `prepare_for_tokenization`, and `max_length=512` on the models' cards.
    """

    before: str = "<|start_header_id|>user<|end_header_id|>\n\n"
    after: str = "<|eot_id|>"
    max_tokens: int = 512


class Block(nn.Module):
    """x + W2 gelu(W1 norm(x)): one of the adapter's residual blocks, named as in LLM2CLIP's weights."""

    def __init__(self, width: int, inner: int):
        super().__init__()
        self.fn = nn.Sequential(nn.Linear(width, inner), nn.GELU(), nn.Dropout(0.0), nn.Linear(inner, width))
        self.ln = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.fn(self.ln(x))


class Llm2Clip(Frozen):
    """Huang et al. 2024, arXiv 2411.04997.

    Text side: the language model attends in both directions; the mean of its last hidden states over the text and
    what follows it, not over what stands before; then the adapter (blocks, a norm, a linear map). As LLM2Vec does
    it (McGill-NLP/llm2vec, `encode` with `pooling_mode="mean"`), but padded on the right, which changes nothing
    where positions are relative, and without its remote code: plain Llama takes the same mask from outside.
    """

    def __init__(self, parts: nn.ModuleDict, processor, tokenizer, name: str, template: Template):
        super().__init__(parts, name)
        self.processor, self.tokenizer, self.template = processor, tokenizer, template
        self.dim = getattr(parts["vision"].config, "projection_dim", None)

    def pixels(self, images: list[Image.Image]) -> Inputs:
        return dict(self.processor([image.convert("RGB") for image in images], return_tensors="pt"))

    def image_features(self, inputs: Inputs) -> Tensor:
        vision = self.model["vision"]
        pixels = inputs["pixel_values"].to(next(vision.parameters()).dtype)
        if isinstance(vision, CLIPVisionModelWithProjection):
            found = vision(pixel_values=pixels).image_embeds
        else:  # the hub's own class
            found = vision.get_image_features(pixels)
        return F.normalize(found.float(), dim=-1)

    def tokens(self, texts: list[str]) -> Inputs:
        """`input_ids` (B, L) int64, and (B, L) bool `known`, not padding, and `pooled`, what the mean is over."""
        t = self.template
        short = [self._cut(text) for text in texts]
        whole = self.tokenizer([t.before + text + t.after for text in short])["input_ids"]
        own = self.tokenizer([text + t.after for text in short], add_special_tokens=False)["input_ids"]
        length = max(map(len, whole))
        ids = torch.tensor([row + [0] * (length - len(row)) for row in whole])
        place = torch.arange(length)
        end = torch.tensor([[len(row)] for row in whole])
        begin = end - torch.tensor([[max(len(row), 1)] for row in own])
        return {"input_ids": ids, "known": place < end, "pooled": (place < end) & (place >= begin)}

    def _cut(self, text: str) -> str:
        """Drops words from the end until the text and what stands around it fit."""
        t, words = self.template, text.split(" ")
        while (n := len(self.tokenizer(t.before + text.rstrip() + t.after)["input_ids"])) > t.max_tokens and text:
            words = words[: min(len(words) - 1, int(len(words) * t.max_tokens / n))]
            text = " ".join(words)
        return text.rstrip()

    def text_features(self, inputs: Inputs) -> Tensor:
        language, adapter = self.model["language"], self.model["adapter"]
        seen = inputs["known"]
        both = torch.zeros(len(seen), 1, seen.shape[1], seen.shape[1], dtype=language.dtype, device=seen.device)
        both.masked_fill_(~seen[:, None, None, :], torch.finfo(both.dtype).min)  # (B, 1, L, L): every token sees all
        hidden = language(input_ids=inputs["input_ids"], attention_mask=both, use_cache=False).last_hidden_state
        weight = inputs["pooled"].unsqueeze(-1).to(hidden.dtype)
        pooled = (hidden * weight).sum(1) / weight.sum(1)
        found = adapter(pooled) if isinstance(adapter, nn.Sequential) else adapter.get_text_features(pooled)
        return F.normalize(found.float(), dim=-1)

    def facts(self) -> dict:
        own = {key: value for key, value in self.processor.to_dict().items() if not key.startswith("_")}
        probe = {name: value.tolist() for name, value in self.tokens(PROBE).items()}
        return {"processor": own, "template": vars(self.template), "tokens": probe, "pooling": "mean, bidirectional"}


def load(source: Source, dtype: torch.dtype, remote_code: bool) -> Llm2Clip:
    """Opens a folder of plain parts, or, where allowed, a hub id with its own code for the image side and the adapter.

    The folder: `vision/` (CLIPVisionModelWithProjection and its image processor), `language/` (a Llama-like model
    and its tokenizer), `adapter.safetensors` (LLM2CLIP's `text_adapter.adaptor.*`, with that prefix or none) and
    `llm2clip.json` (any of `Template`). Nothing of it is remote code.

    Raises:
        WeftError: a part is missing or does not fit, or remote code is needed and was not allowed.
    """
    if source.local and (Path(source.place) / CONFIG).exists():
        return _plain(Path(source.place), source.name, dtype)
    if not remote_code:
        refuse_remote_code(source.place, ", unless it is converted to a folder of plain parts (weft.encoders.llm2clip)")
    model = known(source.place)
    if not model or len(model.also) != 2:
        raise WeftError(f"{source.name} does not say which language model it reads; convert it to plain parts")
    language, processor = model.also
    where = {"revision": source.revision, "trust_remote_code": remote_code}
    try:
        vision = AutoModel.from_pretrained(source.place, dtype=dtype, use_safetensors=True, **where)
    except (ImportError, AttributeError, TypeError) as error:
        raise WeftError(
            f"the own code of {source.name} does not run here ({error}); {known('llm2clip').note}"
        ) from None
    llm, tokenizer = _language(language, dtype, source.pinned.get(language, "main"))
    revision = source.pinned.get(processor, "main")
    images = AutoImageProcessor.from_pretrained(processor, backend="pil", revision=revision, trust_remote_code=False)
    parts = nn.ModuleDict({"vision": vision, "language": llm, "adapter": vision})
    return Llm2Clip(parts, images, tokenizer, source.name, Template())


def _plain(folder: Path, name: str, dtype: torch.dtype) -> Llm2Clip:
    try:
        template = Template(**json.loads((folder / CONFIG).read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise WeftError(f"{folder / CONFIG} is damaged: {error}") from None
    place = str(folder / "vision")
    vision, info = CLIPVisionModelWithProjection.from_pretrained(
        place, dtype=dtype, use_safetensors=True, output_loading_info=True
    )
    must_fit(info, place)
    llm, tokenizer = _language(str(folder / "language"), dtype)
    adapter = adapter_of(load_file(folder / "adapter.safetensors"), folder / "adapter.safetensors").to(dtype)
    ends = adapter[-1].out_features, adapter[-1].in_features
    if ends != (vision.config.projection_dim, llm.config.hidden_size):
        raise WeftError(
            f"the adapter of {name} maps {ends[1]} to {ends[0]} dimensions, but its language model has "
            f"{llm.config.hidden_size} and its image tower {vision.config.projection_dim}"
        )
    images = AutoImageProcessor.from_pretrained(place, backend="pil")
    parts = nn.ModuleDict({"vision": vision, "language": llm, "adapter": adapter})
    return Llm2Clip(parts, images, tokenizer, name, template)


def _language(place: str, dtype: torch.dtype, revision: str = "main"):
    where = {"revision": revision, "trust_remote_code": False}
    model, info = AutoModel.from_pretrained(place, dtype=dtype, use_safetensors=True, output_loading_info=True, **where)
    must_fit(info, place)
    return model, AutoTokenizer.from_pretrained(place, **where)


def adapter_of(tensors: dict[str, Tensor], file: Path) -> nn.Sequential:
    """The adapter that these tensors describe by their names and shapes: blocks, then a norm, then a linear map.

    A single `weight` (and `bias`) is a linear map alone. The names are those of microsoft/LLM2CLIP's `TextProj`.

    Raises:
        WeftError: they describe something else.
    """
    found = {name.removeprefix("text_adapter.").removeprefix("adaptor."): value for name, value in tensors.items()}
    found = {name if name[0].isdigit() else f"0.{name}": value for name, value in found.items()}
    layers: list[nn.Module] = []
    for place in range(1 + max((int(name.partition(".")[0]) for name in found), default=-1)):
        shape = getattr(found.get(f"{place}.weight", found.get(f"{place}.fn.0.weight")), "shape", ())
        if f"{place}.fn.0.weight" in found:
            layers.append(Block(shape[1], shape[0]))
        elif len(shape) == 2:
            layers.append(nn.Linear(shape[1], shape[0], bias=f"{place}.bias" in found))
        elif len(shape) == 1:
            layers.append(nn.LayerNorm(shape[0]))
    adapter = nn.Sequential(*layers)
    try:
        adapter.load_state_dict(found)
        if not isinstance(adapter[-1], nn.Linear):
            raise IndexError("it does not end in a linear map")
    except (RuntimeError, IndexError) as error:
        raise WeftError(f"{file} is no adapter of LLM2CLIP: {str(error).strip().splitlines()[-1].strip()}") from None
    return adapter
