"""Run with sentence-transformers on the path: builds pico folders, embeds with it by hand and with Weft, as JSON."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense, Transformer

import tiny
from weft import encoders
from weft.encoders import sbert
from weft.encoders.source import Source
from weft.errors import WeftError

TEXTS = ["Red DRESS, size 2", "navy coat " * 6, "", "a hat"]
LONG = ["navy coat " * 60]  # of more tokens than SigLIP has positions, which a silent folder cannot embed by itself
PADDING = {"padding": "max_length", "max_length": 64, "truncation": True, "return_attention_mask": False}


def wrap(plain: Path, folder: Path, *more, **kwargs) -> Path:
    """A sentence-transformers folder around a `transformers` one."""
    first = Transformer(str(plain), processor_kwargs={"backend": "pil"}, **kwargs)
    SentenceTransformer(modules=[first, *more], device="cpu").save_pretrained(str(folder), create_model_card=False)
    return folder


def by_hand(folder: Path, lower: bool = False) -> tuple[np.ndarray, np.ndarray]:
    model = SentenceTransformer(str(folder), device="cpu", processor_kwargs={"backend": "pil"})
    texts = [text.lower() for text in TEXTS] if lower else TEXTS
    return tuple(model.encode(items, normalize_embeddings=True) for items in (tiny.pictures(3), texts))


def by_weft(encoder, texts=TEXTS) -> tuple[np.ndarray, np.ndarray]:
    with torch.no_grad():
        parts = (
            encoder.image_features(encoder.pixels(tiny.pictures(3))),
            encoder.text_features(encoder.tokens(texts)),
        )
    return tuple(torch.nn.functional.normalize(part, dim=-1).numpy() for part in parts)


def off(one, other) -> list[float]:
    """Largest difference of pictures and of texts."""
    return [float(np.abs(a - b).max()) for a, b in zip(one, other, strict=True)]


def opened(folder: Path):
    return sbert.load(Source(folder.name, "sbert", str(folder)), torch.float32, False)


def refusal(folder: Path) -> str:
    try:
        opened(folder)
    except WeftError as error:
        return str(error)
    return "opened"


def main(where: Path) -> dict:
    plain = {name: tiny.FAMILIES[name](where / "plain" / name) for name in ("siglip", "siglip2", "clip")}
    found: dict = {}
    for name, folder in plain.items():
        silent = wrap(folder, where / f"{name}-silent")
        transformers = by_weft(encoders.load(folder))
        encoder = opened(silent)
        found[name] = {
            "off transformers": off(by_weft(encoder), transformers),
            "off by hand": off(by_weft(encoder), by_hand(silent)),
            "long": off(by_weft(encoder, LONG), by_weft(encoders.load(folder), LONG)),
            "by hand off transformers": off(by_hand(silent), transformers),
            "mended": encoder.facts()["mended"], "dim": encoder.dim, "family": type(encoders.load(silent)).__name__,
        }  # fmt: skip
    told = wrap(plain["siglip"], where / "siglip-told", processing_kwargs={"text": PADDING})
    encoder = opened(told)
    found["told"] = {
        "off by hand": off(by_weft(encoder), by_hand(told)),
        "off transformers": off(by_weft(encoder), by_weft(encoders.load(plain["siglip"]))),
        "mended": encoder.facts()["mended"],
    }
    torch.manual_seed(0)
    deeper = wrap(plain["clip"], where / "clip-dense", Dense(24, 8, activation_function=torch.nn.Identity()))
    encoder = encoders.load(deeper)
    found["dense"] = {
        "off by hand": off(by_weft(encoder), by_hand(deeper)), "dim": encoder.dim,
        "isinstance": isinstance(encoder, encoders.Embeds), "family": type(encoder).__name__,
        "fingerprints": [encoder.fingerprint(), encoders.load(deeper).fingerprint(), opened(told).fingerprint()],
    }  # fmt: skip
    prompted = SentenceTransformer(str(deeper), device="cpu", prompts={"query": "a photo of "})
    prompted.default_prompt_name = "query"
    prompted.save_pretrained(str(where / "prompted"), create_model_card=False)
    found["prompted"] = off(by_weft(opened(where / "prompted")), by_hand(where / "prompted"))
    found["prompt matters"] = off(by_hand(where / "prompted"), by_hand(deeper))[1]

    own = wrap(plain["clip"], where / "own")
    modules = json.loads((own / "modules.json").read_text())
    (own / "evil.py").write_text(f"open({str(where / 'ran')!r}, 'w').close()\nclass Evil: pass\n")
    (own / "modules.json").write_text(json.dumps([*modules, {"idx": 9, "name": "9", "path": "", "type": "evil.Evil"}]))
    routed = wrap(plain["clip"], where / "routed", Dense(24, 8))  # a router names classes in a config of its own
    shutil.copy(own / "evil.py", routed)
    modules = json.loads((routed / "modules.json").read_text())
    modules[1] |= {"type": "sentence_transformers.models.Router"}
    (routed / "modules.json").write_text(json.dumps(modules))
    (routed / "1_Dense" / "router_config.json").write_text(json.dumps({"types": {"a": "evil.Evil"}}))
    pickled = wrap(plain["clip"], where / "pickled", Dense(24, 8))
    (weights,) = (pickled / "1_Dense").glob("*.safetensors")
    weights.rename(weights.with_name("pytorch_model.bin"))
    damaged = wrap(plain["clip"], where / "damaged")
    (damaged / "modules.json").write_text("[{}]")
    found["refusals"] = {folder.name: refusal(folder) for folder in (own, routed, pickled, damaged)}
    return found | {"ran": (where / "ran").exists()}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
