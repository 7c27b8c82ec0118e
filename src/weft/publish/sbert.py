"""What sentence-transformers (6 and newer) needs to open a model folder and embed exactly as transformers does."""

from pathlib import Path

from weft.encoders import Encoder
from weft.files import write_json

MODULES = "sentence_transformers.base.modules"


def write(folder: Path, encoder: Encoder, versions: dict[str, str]) -> None:
    """Writes `modules.json` and the files it names beside the weights; the folder stays one for transformers.

    Left to itself sentence-transformers pads texts to the longest of a batch, which gives SigLIP's text tower, that
    reads the last position, quite another embedding: so the folder says how. It asks for Pillow, too, because
    torchvision, where it is installed, resizes a little differently.
    """
    text = {"padding": "max_length", "max_length": encoder.max_tokens, "truncation": True}
    if encoder.head == "sigmoid":
        text["return_attention_mask"] = False
    towers = {kind: {"method": f"get_{kind}_features", "method_output_name": "pooler_output"} for kind in TOWERS}
    parts = [("", "transformer.Transformer"), ("1_Normalize", "normalize.Normalize")]
    write_json(
        folder / "modules.json",
        [
            {"idx": place, "name": str(place), "path": path, "type": f"{MODULES}.{kind}"}
            for place, (path, kind) in enumerate(parts)
        ],
    )
    write_json(
        folder / "sentence_bert_config.json",
        {
            "transformer_task": "feature-extraction",
            "modality_config": towers,
            "module_output_name": "sentence_embedding",
            "processing_kwargs": {"text": text},
            "processor_kwargs": {"backend": "pil"},
        },
    )
    write_json(
        folder / "config_sentence_transformers.json",
        {
            "__version__": {"sentence_transformers": "6.2.0", "transformers": versions["transformers"]}
            | {"pytorch": versions["torch"]},
            "model_type": "SentenceTransformer",
            "prompts": {"query": "", "document": ""},
            "default_prompt_name": None,
            "similarity_fn_name": "cosine",
        },
    )
    name = "sentence_embedding"
    (folder / "1_Normalize").mkdir(exist_ok=True)
    write_json(folder / "1_Normalize" / "config.json", {"module_input_name": name, "module_output_name": name})


TOWERS = ("text", "image")
