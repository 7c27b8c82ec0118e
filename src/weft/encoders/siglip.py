"""SigLIP, and SigLIP 2 at a fixed resolution: both are `model_type: siglip` and differ in their tokenizer."""

from tokenizers import Tokenizer, normalizers
from torch import Tensor
from transformers import PreTrainedTokenizerFast, SiglipProcessor

from weft.encoders.base import Encoder


class Siglip(Encoder):
    """A sigmoid head, pictures squeezed to a square, lower-case texts padded to the last position.

    The text tower reads its last position and was trained on padded texts without a mask (Zhai et al. 2023,
    arXiv 2303.15343): fewer pads or an attention mask give quite another embedding.
    """

    head = "sigmoid"

    def __init__(self, model, image_processor, tokenizer, name):
        super().__init__(model, image_processor, lower_casing(tokenizer), name)

    @property
    def dim(self) -> int:
        return self.config.text_config.projection_size

    def tokens(self, texts: list[str]) -> dict[str, Tensor]:
        return {"input_ids": super().tokens(texts)["input_ids"]}

    def processor(self) -> SiglipProcessor:
        return SiglipProcessor(image_processor=self.image_processor, tokenizer=self.tokenizer)


def lower_casing(tokenizer):
    """The same tokenizer with lower-casing built in and no attention mask, so that a saved folder has both.

    SigLIP 2 was trained on lower-case texts, but the Gemma tokenizer in its fixed-resolution folders keeps
    capitals: they go where `tokenizer.json` records it, its normaliser, and the tokenizer becomes of the
    class that transformers loads exactly as that file says.
    """
    upper, lower = tokenizer(["A Red DRESS", "a red dress"])["input_ids"]
    if upper != lower:
        backend = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
        own = [backend.normalizer] if backend.normalizer else []
        backend.normalizer = normalizers.Sequence([normalizers.Lowercase(), *own])
        side, special = tokenizer.padding_side, tokenizer.special_tokens_map
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, padding_side=side, **special)
    tokenizer.model_input_names = tokenizer.init_kwargs["model_input_names"] = ["input_ids"]
    tokenizer.init_kwargs["return_attention_mask"] = False
    return tokenizer
