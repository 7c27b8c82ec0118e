"""A recipe in a few lines, for tests of what is read, and of what is refused."""

import pytest

from weft.recipe import load

SMALL = """
base = "demo"
[[sources]]
path = "demo:studio?products=10"
"""


@pytest.fixture
def recipe(tmp_path):
    def write(text=SMALL, *overrides):
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        return load(path, overrides)

    return write
