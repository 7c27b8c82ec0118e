"""A file of JSON lines that is only ever appended to, a whole line at a time, so that a killed run loses none."""

import contextlib
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from weft.errors import WeftError
from weft.files import disk_error


def read(path: Path) -> list[dict]:
    """Every whole line of a journal; what a killed writer left of a last line is dropped, a missing file is empty.

    Raises:
        WeftError: a line before the last is no JSON object: the file was edited or damaged.
    """
    if not path.exists():
        return []
    try:
        whole = path.read_bytes()[: _whole(path)]
    except OSError as error:
        raise WeftError(f"{path} cannot be read: {error}") from None
    return list(_parsed(path, whole))


def _parsed(path: Path, data: bytes) -> Iterator[dict]:
    for number, line in enumerate(data.split(b"\n"), start=1):
        if not line:
            continue
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict):
            raise WeftError(f"{path}, line {number} is damaged: delete that line and run again")
        yield row


def _whole(path: Path) -> int:
    """How many bytes end in a line's end."""
    with path.open("rb") as handle:
        size = handle.seek(0, os.SEEK_END)
        end = size
        while end:
            start = max(0, end - (1 << 16))
            handle.seek(start)
            place = handle.read(end - start).rfind(b"\n")
            if place >= 0:
                return start + place + 1
            end = start
    return 0


class Journal:
    """Appends lines. Opening it cuts off a torn last line and locks the file, because two writers would pay twice.

    A line is handed to the operating system whole before `add` returns: it survives the process, not a power cut.

    Raises:
        WeftError: another process is writing it, or it cannot be written.
    """

    def __init__(self, path: Path):
        self.path, self._lock = path, threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            self._claim()
            os.ftruncate(self._file, _whole(path))
        except OSError as error:
            raise disk_error(error, path) from None

    def _claim(self) -> None:
        with contextlib.suppress(ImportError):  # where there is no flock, one has to take care oneself
            import fcntl

            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(self._file)
                raise WeftError(f"{self.path} is being written by another run: wait for it, or stop it") from None

    def add(self, row: dict) -> None:
        data = json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        with self._lock:
            before = os.fstat(self._file).st_size
            try:
                while data:  # a full disk writes a part, and then says so
                    data = data[os.write(self._file, data) :]
            except OSError as error:
                os.ftruncate(self._file, before)  # or the next line would be glued to half of this one
                raise disk_error(error, self.path) from None

    def close(self) -> None:
        os.close(self._file)

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
