"""A training of a pico encoder on twelve products: settings, models and one call that trains."""

import copy
import json

import pytest
import torch

import tiny
import tiny_catalogue
from weft import encoders, train
from weft.catalogue.collection import Collection
from weft.recipe import Pairs, Recipe, Train

SETTINGS = Train(
    batch=11, epochs=2, precision="fp32", short_weight=0.7, long_weight=1.3, lwf_weight=0.4, lr=1e-3,
    positive_weights=(0.0, 0.2, 0.6, 1.0), negative_weights=(1.0, 0.7, 0.4, 0.0), crop=0.6,
)  # fmt: skip
PAIRS = Pairs()
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    return tiny_catalogue.collection(tmp_path_factory.mktemp("catalogue"))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Family -> a pico encoder."""
    folder = tmp_path_factory.mktemp("models")
    return {"siglip": tiny.encoder(), "clip": encoders.load(str(tiny.clip(folder / "clip")))}


def fresh(made, family: str, dropout: float = 0.0):
    encoder = copy.deepcopy(made[family])
    for module in encoder.model.modules():
        if isinstance(getattr(module, "dropout", None), float):
            module.dropout = dropout
    encoder.model.train()
    return encoder


def train_with(**changes) -> Train:
    return Train(**{**vars(SETTINGS), **changes})


def run(catalogue, encoder, folder, pairs=PAIRS, **changes):
    """Trains in `folder` and returns the log."""
    folder.mkdir(exist_ok=True)
    recipe = Recipe(name="test", base="test", pairs=pairs, train=train_with(**changes), seed=3)
    general = Collection(recipe.train.reference) if recipe.train.reference else None
    train.train(recipe, catalogue, encoder, folder, general)
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def state(encoder) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in encoder.model.state_dict().items()}
