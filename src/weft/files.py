"""Files that are written whole or not at all, and what is said where that cannot be."""

import contextlib
import errno
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from weft.errors import WeftError

if TYPE_CHECKING:
    import numpy as np


def read_json(path: Path) -> dict:
    """A JSON file as a dict. Raises `WeftError` when it is missing or damaged."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WeftError(f"{path} does not exist; run the stage that writes it first") from None
    except ValueError as error:
        raise WeftError(f"{path} is damaged ({error}); delete its folder and run again") from None
    if not isinstance(value, dict):
        raise WeftError(f"{path} is damaged (no JSON object); delete its folder and run again")
    return value


NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM}
"""What a user can mend when a write fails: room and permission."""


def disk_error(error: OSError, path: Path) -> WeftError:
    """The clear form of a failed write: what was being written, and how much room there is."""
    parent = next(p for p in [path, *path.parents] if p.exists())
    free = shutil.disk_usage(parent).free / 2**20
    reason = os.strerror(error.errno) if error.errno else str(error)
    return WeftError(f"cannot write {path}: {reason} ({free:.0f} MB free); make room or write elsewhere, and run again")


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A temporary name to write to, which becomes `path` at the end, its folder made: whole or not at all.

    Raises:
        WeftError: an `OSError` inside, which is taken for the disk's; whatever else fails there is raised as it is.
            Nothing is left behind.
    """
    temporary = path.with_name(path.name + ".partial")
    try:
        if not path.parent.exists():
            path.parent.mkdir(parents=True)
        yield temporary
        with temporary.open("rb+") as handle:
            os.fsync(handle.fileno())
        temporary.replace(path)
    except OSError as error:
        raise disk_error(error, path) from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_whole(path: Path, data: bytes | str) -> None:
    """As `whole`."""
    with whole(path) as temporary:
        temporary.write_bytes(data.encode() if isinstance(data, str) else data)


def save_array(path: Path, array: "np.ndarray") -> None:
    """`np.save`, as `whole`."""
    import numpy as np

    with whole(path) as temporary, temporary.open("wb") as handle:
        np.save(handle, array)


def write_together(folder: Path, texts: Mapping[str, str]) -> None:
    """Writes files into `folder` (made if missing): none takes its place before all are written beside it.

    Raises:
        WeftError: the disk is full or `folder` cannot be written; then what was there stays as it was.
    """
    partial = folder / (Path(next(iter(texts))).stem + ".partial")
    try:
        partial.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            write_whole(partial / name, text)
        for name in texts:
            (partial / name).replace(folder / name)
    except OSError as error:
        raise disk_error(error, folder) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_json(path: Path, value: object) -> None:
    write_whole(path, json.dumps(value, indent=1, ensure_ascii=False, sort_keys=False) + "\n")
