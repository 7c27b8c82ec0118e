"""Run with sentence-transformers on the path: publishes pico models and embeds them by both libraries, as JSON."""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from transformers import AutoModel, AutoProcessor

import tiny
from weft import encoders
from weft.artefact import versions
from weft.publish import sbert

TEXTS = ["Red DRESS, size 2", "navy coat " * 60, "", "crème brûlée 👗"]


def main(where: Path) -> dict:
    found = {}
    for name, build in tiny.FAMILIES.items():
        folder = where / name
        encoders.load_base(str(build(where / "plain" / name))).save(folder)
        sbert.write(folder, encoders.load_base(str(folder)), versions())
        pictures = tiny.pictures(3)
        model, processor = AutoModel.from_pretrained(folder).eval(), AutoProcessor.from_pretrained(folder)
        with torch.no_grad():
            plain = model(**processor(text=TEXTS, images=pictures, return_tensors="pt"))
        right = plain.image_embeds.numpy(), plain.text_embeds.numpy()
        other = SentenceTransformer(str(folder), device="cpu")
        saved = where / f"{name}-again"
        other.save_pretrained(str(saved), create_model_card=False)
        again = SentenceTransformer(str(saved), device="cpu")
        found[name] = {
            "off": [off(other.encode(pictures), right[0]), off(other.encode(TEXTS), right[1])],
            "one at a time": off(np.stack([other.encode(text) for text in TEXTS]), right[1]),
            "off when saved again": off(again.encode(TEXTS), right[1]),
            "family": type(encoders.load(folder)).__name__,
            "similar": float(other.similarity(right[1][:1], right[1][:1])),
        }
    return found


def off(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one - other).max())


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
