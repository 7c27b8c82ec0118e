"""Encoders with an image tower only: DINOv2 and DINOv3 folders, and GR-Lite by its own code."""

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from transformers import AutoConfig, AutoImageProcessor, AutoModel

from weft.encoders.protocol import Frozen, Inputs, must_fit, one_tower, refuse_remote_code
from weft.encoders.source import Source
from weft.errors import WeftError


class Vision(Frozen):
    """The class token after the last norm, `pooler_output`, as an embedding (Oquab et al. 2023, arXiv 2304.07193)."""

    def __init__(self, model, processor, name: str):
        super().__init__(model, name)
        self.processor, self.dim = processor, model.config.hidden_size

    def pixels(self, images: list[Image.Image]) -> Inputs:
        return dict(self.processor([image.convert("RGB") for image in images], return_tensors="pt"))

    def image_features(self, inputs: Inputs) -> Tensor:
        pixels = inputs["pixel_values"].to(self.model.dtype)
        return F.normalize(self.model(pixel_values=pixels).pooler_output.float(), dim=-1)

    def tokens(self, texts: list[str]) -> Inputs:
        one_tower(self.name, "pictures", "texts")

    text_features = tokens

    def facts(self) -> dict:
        own = {key: value for key, value in self.processor.to_dict().items() if not key.startswith("_")}
        return {"processor": own, "pooling": "class token"}


class GrLite(Frozen):
    """LookBench's open model (arXiv 2601.14706), which its repository's own code preprocesses and runs.

    That code's `search(image_paths=pictures, feature_dim=256)` gives a pair whose second part is the embeddings:
    SerendipityOneInc/look-bench, look_bench/models/grlite_model.py.
    """

    dim = 256

    def pixels(self, images: list[Image.Image]) -> Inputs:
        return {"images": [image.convert("RGB") for image in images]}

    def image_features(self, inputs: Inputs) -> Tensor:
        return torch.as_tensor(self.model.search(image_paths=inputs["images"], feature_dim=self.dim)[1])

    def tokens(self, texts: list[str]) -> Inputs:
        one_tower(self.name, "pictures", "texts")

    text_features = tokens

    def facts(self) -> dict:
        return {"remote code": "search(feature_dim=256)"}


def load(source: Source, dtype: torch.dtype, remote_code: bool) -> Vision | GrLite:
    """Opens a folder or hub id. Raises `WeftError` where it needs code of its own that was not allowed."""
    where = {"revision": source.revision, "trust_remote_code": remote_code}
    try:
        config = AutoConfig.from_pretrained(source.place, **where)
    except ValueError as error:
        if not remote_code and "trust_remote_code" in str(error):
            refuse_remote_code(source.place)
        raise
    if not remote_code and getattr(config, "auto_map", None):  # `transformers` knows the type, but not this model of it
        refuse_remote_code(source.place)
    kept = {"dtype": dtype, "use_safetensors": True, "output_loading_info": True}
    model, info = AutoModel.from_pretrained(source.place, config=config, **kept, **where)
    must_fit(info, source.place)
    if hasattr(model, "search"):
        return GrLite(model, source.name)
    if remote_code and getattr(config, "auto_map", None):
        raise WeftError(
            f"Weft does not know how to call {type(model).__name__} of {source.name}; give it the methods embed_images "
            "and embed_texts in a module of your own, and name it as python:package.module:NAME"
        )
    return Vision(model, AutoImageProcessor.from_pretrained(source.place, backend="pil", **where), source.name)
