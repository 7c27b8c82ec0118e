"""Stage folders: kept when nothing changed, made again when something did, gone on with after a kill."""

import errno
import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from unittest import mock

import pytest

from weft import artefact
from weft.artefact import MANIFEST, Stage, canonical, file_key, key_of, stage_key
from weft.errors import WeftError
from weft.files import read_json


class Work:
    """Counts its calls; leaves a file that says what it found."""

    def __init__(self, dies: Exception | None = None):
        self.calls, self.dies = 0, dies

    def __call__(self, folder):
        self.calls += 1
        found = sorted(path.name for path in folder.iterdir())
        (folder / "half").write_text("begun")
        if self.dies:
            raise self.dies
        (folder / "found.json").write_text(json.dumps(found))


class Killed(BaseException):
    """Stands for a kill: no handler may tidy up after it."""


def stage(folder, inputs=None, **settings):
    return Stage(folder / "stage", {"seed": 0, **settings}, inputs or {"curate": "abc"})


def test_runs_once_and_says_so(tmp_path, capsys):
    work = Work()
    stage(tmp_path).run(work)
    assert "stage: writing" in capsys.readouterr().err
    stage(tmp_path).run(work)
    assert work.calls == 1 and "nothing changed" in capsys.readouterr().err
    assert not (tmp_path / "stage.partial").exists() and not (tmp_path / "stage" / "key").exists()


def test_the_manifest_says_what_it_was_made_from(tmp_path):
    one = stage(tmp_path, {"base": "f00"}, train={"lr": 0.1, "names": ("a", "b")})
    one.run(Work())
    manifest = read_json(tmp_path / "stage" / MANIFEST)
    assert manifest["inputs"] == {"base": "f00"} and manifest["settings"]["train"]["lr"] == 0.1
    assert manifest["key"] == one.key == stage_key(tmp_path / "stage")
    assert {"weft", "torch", "transformers", "python"} <= manifest["versions"].keys()


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"train": {"lr": 0.2, "epochs": 3}}, "train.lr"),
        ({"train": {"lr": 0.1, "epochs": 3, "new": None}}, "train.new"),
        ({"train": {"lr": 0.1, "epochs": 3}, "seed": 1}, "seed"),
        ({"train": {"lr": 0.1, "epochs": 3}, "inputs": {"curate": "xyz"}}, "curate"),
        ({"train": {"lr": 0.1, "epochs": 3}, "inputs": {"curate": "abc", "my.csv": "1"}}, "my.csv"),
    ],
)
def test_runs_again_when_something_changed_and_names_it(tmp_path, capsys, changed, named):
    stage(tmp_path, train={"lr": 0.1, "epochs": 3}).run(Work())
    (tmp_path / "stage" / "stale").write_text("old")
    capsys.readouterr()
    work = Work()
    stage(tmp_path, **changed).run(work)
    said = capsys.readouterr().err
    assert work.calls == 1 and f"again ({named} changed)" in said
    assert not (tmp_path / "stage" / "stale").exists()


def test_a_new_format_makes_every_stage_again(tmp_path, capsys, monkeypatch):
    stage(tmp_path).run(Work())
    monkeypatch.setattr(artefact, "FORMAT", artefact.FORMAT + 1)
    work = Work()
    stage(tmp_path).run(work)
    assert work.calls == 1 and "format changed" in capsys.readouterr().err


def test_a_killed_stage_goes_on_with_what_it_left(tmp_path, capsys):
    with pytest.raises(Killed):
        stage(tmp_path).run(Work(Killed()))
    assert not (tmp_path / "stage").exists() and (tmp_path / "stage.partial" / "half").exists()
    stage(tmp_path).run(Work())
    assert "going on" in capsys.readouterr().err
    assert "half" in json.loads((tmp_path / "stage" / "found.json").read_text())


def test_changed_settings_wipe_what_a_killed_stage_left(tmp_path):
    with pytest.raises(Killed):
        stage(tmp_path).run(Work(Killed()))
    stage(tmp_path, seed=1).run(Work())
    assert json.loads((tmp_path / "stage" / "found.json").read_text()) == ["key"]


@pytest.mark.parametrize("step", ["Path.rename", "Path.rename again", "Path.unlink", "shutil.rmtree"])
def test_killed_at_any_step_of_the_end_it_is_finished_and_nothing_else_is_left(tmp_path, monkeypatch, step):
    stage(tmp_path, seed=1).run(Work())  # an older result, which gives way
    owner, _, which = step.partition(".")
    name, _, again = which.partition(" ")
    calls, really = [], getattr(getattr(artefact, owner), name)

    def dies(path, *rest, **more):
        if Path(path).name.startswith(("stage", "key")) and not str(path).endswith((".lock", "key.partial")):
            calls.append(path)
            if len(calls) == (2 if again else 1):
                raise Killed
        return really(path, *rest, **more)

    monkeypatch.setattr(getattr(artefact, owner), name, dies)
    with pytest.raises(Killed):
        stage(tmp_path).run(Work())
    monkeypatch.undo()
    work = Work()
    stage(tmp_path).run(work)
    assert work.calls == 0 and stage(tmp_path).done() and (tmp_path / "stage" / "found.json").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["stage"]


def test_a_complete_folder_without_its_marker_is_taken(tmp_path):
    """What an earlier version left that was killed just before the renaming."""
    one, work = stage(tmp_path), Work()
    one.run(Work())
    (tmp_path / "stage").rename(tmp_path / "stage.partial")
    one.run(work)
    assert work.calls == 0 and one.done()


def test_of_two_commands_at_once_one_works_and_the_other_finds_it_done(tmp_path, capsys):
    begun, second = threading.Event(), Work()

    def slow(folder):
        begun.set()
        time.sleep(0.3)
        (folder / "made by").write_text("the first")

    thread = threading.Thread(target=stage(tmp_path).run, args=(slow,))
    thread.start()
    assert begun.wait(30)
    stage(tmp_path).run(second)
    thread.join()
    assert second.calls == 0 and (tmp_path / "stage" / "made by").read_text() == "the first"
    said = capsys.readouterr().err
    assert "another process is making" in said and "nothing changed" in said
    assert [path.name for path in tmp_path.iterdir()] == ["stage"]


def test_what_cannot_go_on_begins_again_and_says_so(tmp_path, capsys):
    with pytest.raises(Killed):
        stage(tmp_path).run(Work(Killed()), afresh=True)
    stage(tmp_path).run(Work(), afresh=True)
    said = capsys.readouterr().err
    assert "from the beginning: it was cut off" in said and "going on" not in said
    assert json.loads((tmp_path / "stage" / "found.json").read_text()) == ["key"]


def test_the_old_result_stays_until_the_new_one_is_complete(tmp_path):
    stage(tmp_path).run(Work())
    with pytest.raises(Killed):
        stage(tmp_path, seed=1).run(Work(Killed()))
    assert stage(tmp_path).done()


def test_a_really_killed_process(tmp_path):
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom weft.artefact import Stage\n"
        "def work(folder):\n    (folder / 'half').write_text('x')\n    os.kill(os.getpid(), 9)\n"
        "Stage(Path(sys.argv[1]) / 'stage', {'seed': 0}, {'curate': 'abc'}).run(work)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False, capture_output=True)
    assert done.returncode == -9, done.stderr
    assert not (tmp_path / "stage").exists()
    stage(tmp_path).run(Work())
    assert "half" in json.loads((tmp_path / "stage" / "found.json").read_text())


@pytest.mark.parametrize("content", ["", "{", '{"key"', "[]", "\xff\xfe"])
def test_a_damaged_manifest(tmp_path, content):
    stage(tmp_path).run(Work())
    (tmp_path / "stage" / MANIFEST).write_bytes(content.encode("latin-1"))
    with pytest.raises(WeftError, match=r"manifest.json is damaged .*delete its folder"):
        stage(tmp_path).run(Work())


def test_a_stage_that_is_not_there(tmp_path):
    with pytest.raises(WeftError, match="run the stage"):
        stage_key(tmp_path)


def test_a_stage_that_fails_before_it_made_anything_leaves_nothing_behind(tmp_path):
    def fail(folder):
        raise WeftError("no such column")

    one = Stage(tmp_path / "runs" / "shop" / "curate", {}, {})
    with pytest.raises(WeftError, match="no such column"):
        one.run(fail)
    assert not list(tmp_path.iterdir())
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "notes.txt").write_text("the user's own")
    with pytest.raises(WeftError, match="no such column"):
        one.run(fail)
    assert [path.name for path in tmp_path.rglob("*")] == ["runs", "notes.txt"]
    with pytest.raises(WeftError, match="no such column"):
        one.run(lambda folder: (folder / "half").touch() or fail(folder))
    assert (tmp_path / "runs" / "shop" / "curate.partial" / "half").exists(), "what was made may be gone on with"


def test_a_full_disk_inside_a_stage(tmp_path):
    with pytest.raises(WeftError, match="No space left"):
        stage(tmp_path).run(Work(OSError(errno.ENOSPC, "No space left on device")))
    assert not (tmp_path / "stage").exists()


def test_other_failures_are_not_blamed_on_the_disk(tmp_path):
    with pytest.raises(ConnectionError):
        stage(tmp_path).run(Work(ConnectionError("the hub went away")))
    with pytest.raises(FileNotFoundError):
        stage(tmp_path).run(Work(FileNotFoundError(errno.ENOENT, "ours", "missing.json")))


def test_keys():
    assert canonical({"b": 1, "a": (1, 2)}) == canonical({"a": [1, 2], "b": 1})
    assert key_of({"a": 1}) != key_of({"a": 1.5}) and len(key_of(1)) == 16


def test_file_keys(tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("id\n1\n")
    before = file_key(table), file_key(tmp_path)
    table.write_text("id\n2\n")
    assert file_key(table) != before[0]
    (tmp_path / "more.jpg").write_bytes(b"x")
    assert file_key(tmp_path) != before[1]


def test_a_folder_with_something_unreadable_is_told(tmp_path, monkeypatch):
    refuse = PermissionError(13, "Permission denied", "/proc/1/cwd")
    monkeypatch.setattr(Path, "rglob", mock.Mock(side_effect=refuse))
    with pytest.raises(WeftError, match="cannot read /proc/1/cwd in the folder"):
        file_key(tmp_path)


@pytest.mark.parametrize("name", ["stage", "stage.partial"])
def test_a_folder_that_no_stage_made_is_left_alone(tmp_path, name):
    (tmp_path / name).mkdir()
    made, work = stage(tmp_path), Work()
    (tmp_path / name / "photo.jpg").write_bytes(b"mine")
    with pytest.raises(WeftError, match="holds something that Weft did not make: move it away"):
        made.run(work)
    assert (tmp_path / name / "photo.jpg").read_bytes() == b"mine" and work.calls == 0
    (tmp_path / name / "photo.jpg").unlink()
    made.run(work)  # an empty one is nobody's
    assert made.done()
