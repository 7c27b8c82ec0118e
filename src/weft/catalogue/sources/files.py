"""Finding the files that a path, a folder or a glob stands for."""

import glob
from pathlib import Path

from weft.errors import WeftError


def find(place: str, suffixes: tuple[str, ...]) -> list[Path]:
    """The table files at `place`, sorted by name, all with the first of `suffixes` that is there.

    Raises:
        WeftError: there is nothing there, or nothing that can be read.
    """
    path = Path(place).expanduser()
    if path.is_file():
        found = [path]
    elif path.is_dir():
        found = sorted(p for p in path.rglob("*") if p.is_file())
    else:
        names = glob.glob(str(path), recursive=True)  # noqa: PTH207 (Path.glob refuses absolute patterns)
        found = sorted(p for p in map(Path, names) if p.is_file())
    if not found:
        raise WeftError(f"there is no file {place!r} (a file, a folder, a glob, hf:owner/name or demo: is expected)")
    for suffix in suffixes:
        if tables := [p for p in found if p.suffix.lower() == suffix]:
            return tables
    raise WeftError(f"{place} holds no table: {', '.join(suffixes)} can be read, not {found[0].name}")
