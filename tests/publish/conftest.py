"""One published run and one export for all tests of publication: they read them, or work on a copy."""

from pathlib import Path

import pytest
from finished import finished

import tiny
from weft import encoders
from weft.publish import onnx
from weft.publish.folder import publish


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> tuple[Path, Path]:
    """A finished run and what was published of it."""
    run = finished(tmp_path_factory.mktemp("publish"))
    return run, publish(run)


@pytest.fixture(scope="session")
def exported(tmp_path_factory) -> tuple[encoders.Encoder, Path, dict]:
    """CLIP, whose text tower also takes a mask, the `onnx` folder beside it, and what the export says of itself."""
    folder = tmp_path_factory.mktemp("exported") / "clip"
    encoder = encoders.load_base(str(tiny.clip(folder)))
    encoder.save(folder)
    return encoder, folder / "onnx", onnx.export(encoder, folder / "onnx")
