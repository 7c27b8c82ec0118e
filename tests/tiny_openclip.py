"""Run with OpenCLIP on the path: builds pico OpenCLIP folders, embeds with OpenCLIP by hand and with Weft, as JSON."""

import json
import sys
from pathlib import Path

import numpy as np
import torch

# A torchvision built for another torch lacks its compiled operators; OpenCLIP needs their names only.
operators = torch.library.Library("torchvision", "DEF")
for operator in ("nms", "qnms"):
    operators.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

import open_clip  # noqa: E402
from PIL import Image  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

import tiny  # noqa: E402
from weft import encoders  # noqa: E402
from weft.encoders.openclip import WEIGHTS  # noqa: E402
from weft.errors import WeftError  # noqa: E402

TEXTS = ["Red DRESS, size 2", "navy coat " * 60, "", "crème brûlée 👗"]
CLIP = {
    "model_cfg": {
        "embed_dim": 24,
        "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
    },
    "preprocess_cfg": {
        "mean": [0.48, 0.46, 0.41], "std": [0.27, 0.26, 0.28], "interpolation": "bicubic", "resize_mode": "shortest",
    },
}  # fmt: skip
SIGLIP = {  # as Marqo-FashionSigLIP: a timm image tower, a text tower that reads its last position, another tokenizer
    "model_cfg": {
        "embed_dim": 64,
        "init_logit_bias": -10,
        "custom_text": True,
        "vision_cfg": {"image_size": 160, "timm_model_name": "test_vit", "timm_pool": "avg", "timm_proj": "linear"},
        "text_cfg": {
            "context_length": 16, "vocab_size": 600, "hf_tokenizer_name": "nobody/nowhere", "width": 32, "heads": 2,
            "layers": 2, "no_causal_mask": True, "proj_bias": True, "pool_type": "last",
            "tokenizer_kwargs": {"clean": "canonicalize"},
        },
    },
    "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "squash"},
}  # fmt: skip


def build(folder: Path, config: dict, weights: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    torch.manual_seed(0)
    model = open_clip.create_model(f"local-dir:{folder}")
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, folder / weights)
    return folder


def by_hand(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    model, _, transform = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
    with torch.no_grad():
        images = model.eval().encode_image(torch.stack([transform(p) for p in tiny.pictures(3)]), normalize=True)
        return images.numpy(), model.encode_text(tokenizer(TEXTS), normalize=True).numpy()


def by_weft(encoder) -> tuple[np.ndarray, np.ndarray]:
    with torch.no_grad():
        images = encoder.image_features(encoder.pixels(tiny.pictures(3)))
        return images.numpy(), encoder.text_features(encoder.tokens(TEXTS)).numpy()


def off(one, other) -> float:
    return max(float(np.abs(a - b).max()) for a, b in zip(one, other, strict=True))


def refusal(folder: Path) -> str:
    try:
        encoders.load(folder)
    except WeftError as error:
        return str(error)
    return "opened"


def main(where: Path) -> dict:
    clip, siglip = build(where / "clip", CLIP, WEIGHTS[0]), build(where / "siglip", SIGLIP, WEIGHTS[1])
    tokenizer = tiny.encoder().tokenizer
    tokenizer.save_pretrained(siglip)
    found: dict = {}
    for folder in (clip, siglip):
        encoder = encoders.load(folder)
        one = by_weft(encoder)
        half = by_weft(encoders.load(folder, torch.bfloat16))
        found[folder.name] = {
            "family": type(encoder).__name__, "name": encoder.name, "dim": encoder.dim, "isinstance": isinstance(
                encoder, encoders.Embeds
            ),
            "off": off(one, by_hand(folder)),
            "shapes": [list(part.shape) for part in one],
            "half": float(min((a * b).sum(1).min() for a, b in zip(half, one, strict=True))),
            "fingerprints": [encoder.fingerprint(), encoders.load(folder).fingerprint()],
            "tokens": encoder.tokens(TEXTS)["text"].tolist(),
        }  # fmt: skip
        with torch.no_grad():
            next(encoder.model.parameters()).view(-1)[0] += 1e-3
        found[folder.name]["fingerprints"].append(encoder.fingerprint())
    picture = tiny.pictures(1)[0]
    plain = np.asarray(picture.resize((160, 160), Image.Resampling.BICUBIC), np.float32) / 255
    pixels = encoders.load(siglip).pixels([picture])["image"][0].numpy()
    found["squash"] = float(np.abs(pixels - (plain.transpose(2, 0, 1) - 0.5) / 0.5).max())

    # A folder without tokenizer files: the repository that its config names, here another folder.
    tokenizer.save_pretrained(where / "tokenizer")
    text = CLIP["model_cfg"]["text_cfg"] | {"hf_tokenizer_name": str(where / "tokenizer"), "context_length": 12}
    named = build(where / "named", CLIP | {"model_cfg": CLIP["model_cfg"] | {"text_cfg": text}}, WEIGHTS[0])
    ids = encoders.load(named).tokens(["red dress"])["text"][0].tolist()
    found["named"] = {"ids": ids, "own": tokenizer("red dress")["input_ids"]}

    pickled = build(where / "pickled", CLIP, WEIGHTS[0])
    (pickled / WEIGHTS[0]).rename(pickled / "open_clip_pytorch_model.bin")
    code = build(where / "code", CLIP, WEIGHTS[0])
    text = CLIP["model_cfg"]["text_cfg"] | {"tokenizer_kwargs": {"trust_remote_code": True}}
    (code / "open_clip_config.json").write_text(json.dumps({"model_cfg": CLIP["model_cfg"] | {"text_cfg": text}}))
    damaged = build(where / "damaged", CLIP, WEIGHTS[0])
    (damaged / "open_clip_config.json").write_text('{"model_cfg": {}}')
    other = build(where / "other", CLIP, WEIGHTS[0])
    deeper = CLIP["model_cfg"] | {"vision_cfg": CLIP["model_cfg"]["vision_cfg"] | {"layers": 3}}
    (other / "open_clip_config.json").write_text(json.dumps({"model_cfg": deeper}))
    return found | {"refusals": {f.name: refusal(f) for f in (pickled, code, damaged, other)}}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
