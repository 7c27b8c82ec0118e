"""Files: whole or not at all, several together, and a full disk told."""

import errno
import os
import subprocess

import pytest

from weft import files
from weft.errors import WeftError
from weft.files import read_json, write_json, write_together, write_whole


def full(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_leaves_the_old_file_and_nothing_half_written(tmp_path, monkeypatch):
    path = tmp_path / "summary.json"
    write_json(path, {"old": 1})
    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(WeftError, match=r"cannot write .*summary.json: No space left on device \(\d+ MB free\)"):
        write_whole(path, "new" * 1000)
    assert [p.name for p in tmp_path.iterdir()] == ["summary.json"] and read_json(path) == {"old": 1}


def test_files_take_their_places_together_or_not_at_all(tmp_path, monkeypatch):
    out = tmp_path / "deep" / "out"
    write_together(out, {"a.json": "1", "a.md": "2"})

    def half(path, text):
        return full() if path.suffix == ".md" else path.write_text(text)

    monkeypatch.setattr(files, "write_whole", half)
    with pytest.raises(WeftError, match="cannot write"):
        write_together(out, {"a.json": "3", "a.md": "4"})
    assert {path.name: path.read_text() for path in out.iterdir()} == {"a.json": "1", "a.md": "2"}


def test_a_folder_that_may_not_be_written(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WeftError, match="Not a directory"):
        write_whole(tmp_path / "file" / "x", "data")


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 256 kB; needs root."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)]
    mounted = subprocess.run(mount, check=False, capture_output=True)
    if mounted.returncode:
        pytest.skip("a small file system can only be mounted by root")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_disk_that_is_really_full(small_disk):
    write_whole(small_disk / "a", b"0" * 100_000)
    with pytest.raises(WeftError, match=r"cannot write .*/b: No space left on device \(0 MB free\)"):
        write_whole(small_disk / "b", b"0" * 400_000)
    assert [p.name for p in small_disk.iterdir()] == ["a"]
