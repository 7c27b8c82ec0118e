"""A recipe over a few drawn products and a pico base, for tests that run stages as a user does."""

import os
import sys
from pathlib import Path

import tiny

TEXT = """
base = "{folder}/base"
out = "{folder}/run"
seed = 5
[[sources]]
path = "demo:studio?products=48&size=32"
[curate]
near_duplicates = false
zero_shot_share = 0.0
dev_share = 0.0
test_share = 0.0
[train]
batch = 16
micro_batch = {micro}
epochs = {epochs}
lr = 1e-3
precision = "fp32"
checkpoint_every = 2
"""


def recipe(folder: Path, dropout: float = 0.0, epochs: int = 4, micro: int = 8) -> Path:
    """Writes a base and a recipe for it; three steps an epoch, 16 products each, whose `train` takes a second."""
    encoder = tiny.encoder(image_size=16, vision_layers=1, text_layers=1, max_tokens=24)
    for tower in (encoder.model.config.vision_config, encoder.model.config.text_config):
        tower.attention_dropout = dropout
    encoder.save(folder / "base")
    path = folder / "recipe.toml"
    path.write_text(TEXT.format(folder=folder.as_posix(), epochs=epochs, micro=micro))
    return path


def environment() -> dict[str, str]:
    """For a process of its own: one thread, and this very interpreter's packages."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
