"""SigLIP 2 NaFlex: pictures keep their aspect ratio and become a padded, masked list of patches."""

from transformers import Siglip2Processor

from weft.encoders.siglip import Siglip


class NaFlex(Siglip):
    """As SigLIP, but without a fixed input size: `preprocess` is None and `pixels` gives three tensors,
    `pixel_values` (B, patches, 3 * patch_size^2), `pixel_attention_mask` and `spatial_shapes`.

    In a saved folder `AutoProcessor` cuts patches of 16 pixels, at most 256, whatever the folder says
    (transformers 5.23); the image processor alone, which `pixels` calls, obeys it.
    """

    @property
    def preprocess(self) -> None:
        return None

    def processor(self) -> Siglip2Processor:
        return Siglip2Processor(image_processor=self.image_processor, tokenizer=self.tokenizer)
