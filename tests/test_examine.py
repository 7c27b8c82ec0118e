"""The evaluate stage asks every model as its authors do."""

import pytest

from weft import examine
from weft.encoders.registry import KNOWN, KnownModel


class Enough(Exception):
    pass


def test_a_baseline_is_asked_with_its_own_prefix(monkeypatch, tmp_path):
    monkeypatch.setitem(KNOWN, "asks", KnownModel("owner/asks", "openclip", 1, "", query_prefix="a photo of a "))
    asked = {}

    def embed_task(task, embedder, prefix=""):
        asked[embedder] = prefix
        if len(asked) == 2:
            raise Enough
        return 1, 2

    monkeypatch.setattr(examine, "embed_task", embed_task)
    monkeypatch.setattr(examine, "score", lambda *_: None)
    (task,) = [type("Task", (), {"name": "t"})]
    models = {"base": str(tmp_path), "asks": "owner/asks"}
    with pytest.raises(Enough):
        examine.examine(tmp_path, None, [task], models, lambda path: path, tmp_path, {}, tmp_path / "log")
    assert asked == {str(tmp_path): "", "owner/asks": "a photo of a "}
