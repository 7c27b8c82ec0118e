"""A saved folder is a plain Hugging Face folder: another process opens it without Weft and embeds the same."""

import subprocess
import sys

import numpy as np
import pytest
import torch

import tiny
from weft import encoders

TEXTS = ["Red DRESS", "navy coat by Älva 👗", ""]
READER = """
import sys
import numpy as np
from PIL import Image
from transformers import AutoModel, AutoProcessor

for folder in sys.argv[1:]:
    model, processor = AutoModel.from_pretrained(folder).eval(), AutoProcessor.from_pretrained(folder)
    given = np.load(folder + "/given.npz")
    pictures = [Image.fromarray(given[name]) for name in ("one", "two")]
    outputs = model(**processor(text=list(given["texts"]), images=pictures, return_tensors="pt"))
    for name, got in (("images", outputs.image_embeds), ("text_embeddings", outputs.text_embeds)):
        difference = np.abs(got.detach().numpy() - given[name]).max()
        assert difference < 1e-6, (folder, name, difference)
    print(folder, "agrees")
assert "weft" not in sys.modules and "torchvision" not in sys.modules
"""


def test_every_family_opens_without_weft(tmp_path):
    made = {name: encoders.load(build(tmp_path / "source" / name)) for name, build in tiny.FAMILIES.items()}
    made["fresh"] = tiny.encoder()
    for name, encoder in made.items():
        encoder.save(tmp_path / name)
        one, two = tiny.pictures(2)
        with torch.no_grad():
            images = encoder.image_features(encoder.pixels([one, two])).numpy()
            texts = encoder.text_features(encoder.tokens(TEXTS)).numpy()
        np.savez(
            tmp_path / name / "given.npz",
            one=np.array(one), two=np.array(two), texts=np.array(TEXTS), images=images, text_embeddings=texts,
        )  # fmt: skip
    folders = [str(tmp_path / name) for name in made]
    done = subprocess.run(
        [sys.executable, "-c", READER, *folders], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("agrees") == len(folders)


def test_torchvision_is_not_needed():
    with pytest.raises(ImportError):
        import torchvision  # noqa: F401
