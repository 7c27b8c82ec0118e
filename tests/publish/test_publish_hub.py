"""Nothing is uploaded unless asked twice, and then exactly the published folder; never a network."""

import inspect
import shutil

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import LocalTokenNotFoundError
from typer.testing import CliRunner

import weft.cli.publish  # noqa: F401
from weft.cli.app import app
from weft.errors import WeftError
from weft.publish import hub


class Hub:
    """What a hub was asked."""

    def __init__(self, error: Exception | None = None):
        self.asked, self.error = [], error

    def create_repo(self, repo_id, **options):
        self.asked.append(("create", repo_id, options))

    def upload_folder(self, **options):
        self.asked.append(("upload", options["repo_id"], options))
        if self.error:
            raise self.error
        return "https://hub.example/owner/name/commit/1"


@pytest.fixture
def run(made):
    return made[0]


@pytest.fixture
def no_hub(monkeypatch):
    asked = Hub()
    monkeypatch.setattr("huggingface_hub.HfApi", lambda: asked)
    return asked


def test_by_default_nothing_leaves(run, no_hub):
    done = CliRunner().invoke(app, ["publish", str(run)])
    assert done.exit_code == 0 and not no_hub.asked
    assert "model.safetensors" in done.stdout and "uploaded" not in done.stdout


def test_a_dry_run_says_what_and_where_to(run, no_hub):
    done = CliRunner().invoke(app, ["publish", str(run), "--push", "owner/name"])
    assert done.exit_code == 0 and not no_hub.asked
    assert "to the model repository owner/name" in done.stdout and "nothing was uploaded" in done.stdout
    size = (run / "publish/model.safetensors").stat().st_size
    assert f"{size:,}" in done.stdout
    total = sum(size for _, size in hub.contents(run / "publish"))
    assert f"{total:,}" in done.stdout


def test_asked_twice_it_uploads_the_folder(run, no_hub):
    done = CliRunner().invoke(app, ["publish", str(run), "--push", "owner/name", "--yes"])
    assert done.exit_code == 0 and "uploaded  https://hub.example/owner/name/commit/1" in done.stdout
    (first, second) = no_hub.asked
    assert first == ("create", "owner/name", {"repo_type": "model", "private": True, "exist_ok": True})
    assert second[2]["folder_path"] == run / "publish" and second[2]["ignore_patterns"] == ["manifest.json"]


def test_the_library_knows_what_it_is_asked(run):
    """The stand-in takes anything; the library's own signatures must take the same."""
    api = Hub()
    hub.push(run / "publish", "owner/name", api)
    for (_, _, options), function in zip(api.asked, (HfApi.create_repo, HfApi.upload_folder), strict=True):
        inspect.signature(function).bind(None, **({"repo_id": "owner/name"} | options))


def test_yes_alone_is_an_error(run, no_hub):
    done = CliRunner().invoke(app, ["publish", str(run), "--yes"])
    assert isinstance(done.exception, WeftError) and not no_hub.asked


@pytest.mark.parametrize("name", ["name", "a/b/c", "../x", "a/..", "owner/na me", "-a/b", "a/b--c", "a/" + "b" * 97])
def test_what_is_no_repository(name):
    with pytest.raises(WeftError, match="write OWNER/NAME"):
        hub.checked(name)
    assert hub.checked("owner/name-1.0_x") == "owner/name-1.0_x"


def test_a_hub_that_refuses(run):
    api = Hub(LocalTokenNotFoundError("Token is required"))
    with pytest.raises(WeftError, match="cannot upload to owner/name: Token is required; log in with"):
        hub.push(run / "publish", "owner/name", api)


def test_a_changed_folder_is_not_uploaded(run, tmp_path):
    copy = shutil.copytree(run / "publish", tmp_path / "copy")
    with (copy / "model.safetensors").open("ab") as handle:
        handle.write(b"x")
    api = Hub()
    with pytest.raises(WeftError, match=r"was changed since it was published \(model.safetensors\)"):
        hub.push(copy, "owner/name", api)
    assert not api.asked
