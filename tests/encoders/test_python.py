"""A user's own object: its vectors as they are, its faults named, nothing kept under a key it did not give."""

import textwrap

import numpy as np
import pytest
import torch

import tiny
from weft import encoders
from weft.embed import Embedder
from weft.encoders.python import Python
from weft.errors import WeftError

SOURCE = """
    import numpy as np

    class Sizes:
        fingerprint = "sizes 1"

        def embed_images(self, images):
            return np.array([[*p.size, 1] for p in images], dtype=np.float64)

        def embed_texts(self, texts):
            return np.array([[len(t), t.count(" "), 1] for t in texts], dtype=np.float16)

    def make():
        return Sizes()

    def broken():
        raise KeyError("no such weights")

    ready, number = Sizes(), 7
"""


class Texts:
    """A text tower only, whose output is given."""

    def __init__(self, out):
        self.out = out

    def embed_texts(self, texts):
        return self.out(texts) if callable(self.out) else self.out


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "sizes_of_test.py").write_text(textwrap.dedent(SOURCE))
    monkeypatch.syspath_prepend(str(tmp_path))
    return "python:sizes_of_test"


@pytest.mark.parametrize("name", ["Sizes", "make", "ready"])
def test_a_class_a_maker_or_an_object(module, name):
    encoder = encoders.load(f"{module}:{name}")
    assert isinstance(encoder, encoders.Embeds) and encoder.name == f"{module}:{name}"
    assert encoder.fingerprint() == "python sizes 1" and encoder.facts() == {"python": "sizes_of_test.Sizes"}
    got = Embedder(encoder, batch=2).texts(["red dress", "hat", "a b c"])
    plain = np.array([[9, 1, 1], [3, 0, 1], [5, 2, 1]], dtype=np.float64)
    assert np.abs(got - plain / np.linalg.norm(plain, axis=1, keepdims=True)).max() < 1e-3
    images = encoder.image_features(encoder.pixels(tiny.pictures(3)))
    assert images.tolist() == [[*picture.size, 1] for picture in tiny.pictures(3)]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("python:", "names no Python object"),
        ("python:json", "names no Python object"),
        ("python:no_such_module_here:x", "cannot get x of module 'no_such_module_here': ModuleNotFoundError"),
        ("python:json:nothing", "cannot get nothing of module 'json': AttributeError"),
        ("python:json:decoder", "is a module with neither embed_images"),
    ],
)
def test_what_is_no_object(name, message):
    with pytest.raises(WeftError, match=message):
        encoders.load(name)


def test_objects_that_fail_when_made(module):
    with pytest.raises(WeftError, match="KeyError: 'no such weights'") as caught:
        encoders.load(f"{module}:broken")
    assert isinstance(caught.value.__cause__, KeyError)
    with pytest.raises(WeftError, match="is a int with neither"):
        encoders.load(f"{module}:number")


@pytest.mark.parametrize(
    ("out", "message"),
    [
        (np.ones((1, 4)), r"gave \(1, 4\) of torch.float64 for 2 items; it must give \(2, D\) floats"),
        (np.ones(2), r"gave \(2,\) of"),
        (np.ones((2, 4), dtype=int), "of torch.int64 for 2 items"),
        (lambda texts: texts[9], "embed_texts failed: IndexError"),
        (["a", "b"], "embed_texts failed: TypeError"),
    ],
)
def test_outputs_that_are_no_vectors(out, message):
    with pytest.raises(WeftError, match=message):
        Embedder(Python(Texts(out), "own")).texts(["a", "b"])


def test_a_missing_tower_is_said_and_torch_tensors_are_welcome():
    encoder = Python(Texts(torch.eye(2, requires_grad=True)), "own")
    assert Embedder(encoder).texts(["a", "b"]).tolist() == [[1, 0], [0, 1]]
    with pytest.raises(WeftError, match="own embeds texts only and was asked for pictures"):
        encoder.pixels(tiny.pictures(1))


def test_nothing_is_kept_without_a_fingerprint(tmp_path, capsys):
    calls = []
    encoder = Python(Texts(lambda texts: calls.append(texts) or np.eye(2)), "own")
    embedder = Embedder(encoder, tmp_path / "cache")
    embedder.texts(["a", "b"]), embedder.texts(["a", "b"])
    assert len(calls) == 2 and not (tmp_path / "cache").exists()
    assert capsys.readouterr().err.count("own has no fingerprint") == 1


def test_a_fingerprint_of_its_own_is_the_key(tmp_path):
    calls = []
    thing = Texts(lambda texts: calls.append(texts) or np.eye(2))
    thing.fingerprint = lambda: "1"
    for key in ("1", "1", "2"):
        thing.fingerprint = lambda key=key: key
        Embedder(Python(thing, "own"), tmp_path).texts(["a", "b"])
    assert len(calls) == 2
    thing.fingerprint = 3
    with pytest.raises(WeftError, match="fingerprint must be a string, not 3"):
        Embedder(Python(thing, "own"), tmp_path)
