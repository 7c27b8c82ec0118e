"""sentence-transformers models that embed pictures and texts, with SigLIP's padding mended (extra `sbert`)."""

import json
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from weft.encoders.protocol import PROBE, Frozen, Inputs, one_tower, refuse_remote_code
from weft.encoders.source import SMALL, Source
from weft.errors import WeftError, extra
from weft.progress import say


class Sbert(Frozen):
    """What `SentenceTransformer.encode` computes, in two steps.

    SigLIP's text tower reads its last position and was trained on texts padded to the end, without a mask and in
    lower case. sentence-transformers pads to the longest text of a batch: another embedding (cosine 0.4 to the right
    one), and one that changes with the batch. A folder whose `processing_kwargs` say how to pad is obeyed; for
    one that is silent `tokens` pads to the last position and lower-cases, and `facts()["mended"]` says so.
    """

    def __init__(self, model, name: str):
        super().__init__(model, name)
        self.dim = model.get_embedding_dimension()
        text = getattr(getattr(model[0], "config", None), "text_config", None)
        told = getattr(model[0], "processing_kwargs", {})
        length = getattr(text, "max_position_embeddings", None)
        if length and model.tokenizer and model.tokenizer.model_max_length > length:
            model.tokenizer.model_max_length = length  # else a long text is an error in the text tower
        self.padding: dict = {}
        siglip = getattr(text, "model_type", "") in ("siglip_text_model", "siglip2_text_model")
        if siglip and "padding" not in told.get("text", {}) | told.get("common", {}):
            self.padding = {"padding": "max_length", "max_length": length, "truncation": True}
            self.padding["return_attention_mask"] = False
            say(f"{name}: its folder does not say how SigLIP pads; texts are lower-cased and padded to {length} tokens")

    def pixels(self, images: list[Image.Image]) -> Inputs:
        if not self.model.supports("image"):
            one_tower(self.name, "texts", "pictures")
        return self._inputs([image.convert("RGB") for image in images])

    def tokens(self, texts: list[str]) -> Inputs:
        if not self.model.supports("text"):
            one_tower(self.name, "pictures", "texts")
        if not self.padding:
            return self._inputs(list(texts))
        return self._inputs([text.lower() for text in texts], processing_kwargs={"text": self.padding})

    def _inputs(self, items: list, **kwargs) -> Inputs:
        """With the prompt that `encode` would add unasked, the model's default one."""
        default = self.model.default_prompt_name
        prompt = self.model.prompts.get(default) if default and isinstance(items[0], str) else None
        return dict(self.model.preprocess(items, prompt=prompt, **kwargs))

    def image_features(self, inputs: Inputs) -> Tensor:
        return self.model(dict(inputs))["sentence_embedding"].float()

    text_features = image_features

    def facts(self) -> dict:
        probe = self.tokens(PROBE) if self.model.supports("text") else {}
        return {
            "modules": str(self.model),
            "mended": self.padding,
            "tokens": {key: value.tolist() for key, value in probe.items() if isinstance(value, Tensor)},
            "prompt": self.model.prompts.get(self.model.default_prompt_name or "", ""),
        }


def load(source: Source, dtype: torch.dtype, remote_code: bool) -> Sbert:
    """Opens a folder or hub id with a `modules.json`.

    Raises:
        WeftError: the extra is missing, or a module is code of the folder's own that was not allowed.
    """
    library = extra("sentence_transformers", "sbert", source.name)
    patterns = [*SMALL, "*.safetensors"]
    folder = source.files([*patterns, "*.py"] if remote_code else patterns)
    _check(folder, source.place, remote_code)
    model = library.SentenceTransformer(
        str(folder),
        device="cpu",
        trust_remote_code=remote_code,
        local_files_only=True,
        model_kwargs={"dtype": dtype, "use_safetensors": True},
        processor_kwargs={"backend": "pil"},
    )
    if not (model.supports("text") or model.supports("image")):
        raise WeftError(f"{source.name} embeds neither pictures nor texts but {model.modalities}")
    return Sbert(model, source.name)


def _check(folder: Path, name: str, remote_code: bool) -> None:
    """Refuses other code and pickles before anything is imported: older sentence-transformers trust a local folder."""
    try:
        parts = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
        kinds = [(part["type"], folder / part["path"]) for part in parts]
        kinds += [(kind, place) for _, place in kinds for kind in _routed(place)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeftError(f"modules.json of {name} is damaged ({type(error).__name__}: {error}); copy it again") from None
    for kind, place in kinds:
        if not kind.startswith("sentence_transformers.") and not remote_code:
            refuse_remote_code(name, f" ({kind} among its modules)")
        if list(place.glob("*.bin")) and not list(place.glob("*.safetensors")):
            raise WeftError(f"{place} holds its weights as a pickle, which can run code; save it again as safetensors")


def _routed(place: Path) -> list[str]:
    """The classes that a router or an asymmetric module imports, as its own config names them."""
    told = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(place.glob("*config.json"))]
    kinds = [one["types"] for one in told if isinstance(one, dict) and isinstance(one.get("types"), dict)]
    return [str(kind) for types in kinds for kind in types.values()]
