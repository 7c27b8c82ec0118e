"""A model and an index of a small shop, made once."""

from pathlib import Path

import pytest

import tiny
from galleries import shop, table
from weft.index import build


@pytest.fixture(scope="session")
def model(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "ours"
    tiny.encoder().save(folder)
    return folder


@pytest.fixture(scope="session")
def shelf_index(model, tmp_path_factory) -> Path:
    """40 products, 54 pictures; read it, do not change it."""
    folder = tmp_path_factory.mktemp("indexes")
    build(str(model), table(folder / "shop", shop(40)), folder / "index", ["colour=colour"])
    return folder / "index"
