"""CLIP: a softmax head, the middle of the picture, a text tower that reads its end token."""

from transformers import CLIPProcessor

from weft.encoders.base import Encoder


class Clip(Encoder):
    """Radford et al. 2021, arXiv 2103.00020. `tokens` also gives an `attention_mask`, (B, max_tokens)."""

    head = "softmax"

    @property
    def dim(self) -> int:
        return self.config.projection_dim

    def processor(self) -> CLIPProcessor:
        return CLIPProcessor(image_processor=self.image_processor, tokenizer=self.tokenizer)
