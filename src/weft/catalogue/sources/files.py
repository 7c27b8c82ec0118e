"""Finding the files that a path, a folder or a glob stands for."""

import glob
from pathlib import Path

from weft.errors import WeftError


def find(place: str, suffixes: tuple[str, ...]) -> list[Path]:
    """The table files at `place`, sorted by name, all with the first of `suffixes` that is there.

    Raises:
        WeftError: there is nothing there, or nothing that can be read.
    """
    found = [
        file
        for path in on_disk(place)
        for file in (sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path])
    ]
    if not found:
        raise WeftError(f"there is no file {place!r} (a file, a folder, a glob, hf:owner/name or demo: is expected)")
    for suffix in suffixes:
        if tables := [p for p in found if p.suffix.lower() == suffix]:
            return tables
    raise WeftError(f"{place} holds no table: {', '.join(suffixes)} can be read, not {found[0].name}")


def on_disk(place: str) -> list[Path]:
    """The file or folder called `place`, or the files that it matches as a glob; nothing for an address."""
    path = Path(place).expanduser()
    if path.exists():
        return [path]
    names = glob.glob(str(path), recursive=True)  # noqa: PTH207 (Path.glob refuses absolute patterns)
    return sorted(p for p in map(Path, names) if p.is_file())
