"""Stage folders: each says what it was made from, is written whole or not at all, and kept when nothing changed."""

import contextlib
import hashlib
import json
import platform
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from weft import __version__
from weft.errors import WeftError
from weft.files import NO_ROOM, disk_error, read_json, write_json, write_whole
from weft.lock import alone
from weft.progress import say

MANIFEST = "manifest.json"
MARKER = "key"
"""Says in a partial folder of what it is a part."""


def canonical(value: object) -> str:
    """JSON with sorted keys: equal values give equal text, so its hash can serve as a key."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)


def key_of(value: object) -> str:
    """The first 16 hex digits of the SHA-256 of `canonical(value)`."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()[:16]


def file_key(path: Path) -> str:
    """SHA-256 of a file's bytes; of a folder, of its files' names, sizes and modification times.

    Hashing every picture of a large folder would cost as much as curating it, hence the cheaper key.
    """
    digest = hashlib.sha256()
    if path.is_dir():
        try:
            for file in sorted(p for p in path.rglob("*") if p.is_file()):
                stat = file.stat()
                digest.update(f"{file.relative_to(path)}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
        except OSError as error:
            raise WeftError(
                f"cannot read {error.filename} in the folder {path}: name one that holds the data alone"
            ) from None
    else:
        with path.open("rb") as handle:
            while block := handle.read(1 << 22):
                digest.update(block)
    return digest.hexdigest()[:16]


def versions() -> dict[str, str]:
    """The versions of what computes the numbers, for manifests and reports."""
    import numpy
    import torch
    import transformers

    return {
        "weft": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "numpy": numpy.__version__,
        "threads": str(torch.get_num_threads()),
    }


@dataclass(frozen=True)
class Stage:
    """One folder of results and what determines them.

    Attributes:
        folder: where the finished artefact lies.
        settings: the part of the recipe that this stage reads; a change makes the stage run again.
        inputs: name -> key of everything it reads (upstream stages' keys, files' hashes).
    """

    folder: Path
    settings: dict
    inputs: dict[str, str]

    @property
    def key(self) -> str:
        return key_of({"settings": self.settings, "inputs": self.inputs, "format": FORMAT})

    def done(self) -> bool:
        """Whether the folder already holds exactly this."""
        manifest = self.folder / MANIFEST
        return manifest.exists() and read_json(manifest).get("key") == self.key

    def run(self, work: Callable[[Path], None], shared: bool = False, afresh: bool = False) -> None:
        """Calls `work(folder)` unless the result is there; the folder appears only when it is complete.

        A killed `work` finds its partial folder again and may go on from what lies in it, as long as
        neither settings nor inputs changed in between; where it always begins `afresh`, that folder is emptied. Of
        several commands at once one does it, and the others wait and find it done. Under `torchrun` the first process
        does it all and the others wait for it, except that every process calls `work` where it is `shared`.

        Raises:
            WeftError: something that is not ours lies there; the disk is full.
        """
        from weft import processes  # which brings torch: whoever only writes a file should not wait for it

        first, partial = processes.rank() == 0, self._beside("partial")
        # Alone, a process that has nothing to do needs no lock, nor leave to write one.
        if processes.world() == 1 and not self._beside("replaced").exists() and self._kept():
            return
        new = [place for place in partial.parents if first and not place.exists()]
        try:
            with alone(partial) if first else contextlib.nullcontext():
                processes.wait()  # until the first has it to itself, so that all see the same
                if not self._kept():
                    self._make(partial, work, shared, afresh)
                if first:
                    _remove(self._beside("replaced"))
        except BaseException as error:
            with contextlib.suppress(OSError):  # what was made lies there, by this process or another
                for place in new:
                    place.rmdir()
            if not isinstance(error, OSError) or error.errno not in NO_ROOM:
                raise
            raise disk_error(error, Path(error.filename or partial)) from error

    def _beside(self, what: str) -> Path:
        return self.folder.with_name(f"{self.folder.name}.{what}")

    def _kept(self) -> bool:
        if done := self.done():
            say(f"{self.folder.name}: nothing changed, kept {self.folder}")
        return done

    def _make(self, partial: Path, work: Callable[[Path], None], shared: bool, afresh: bool) -> None:
        """Every process comes here; the first one begins and ends it."""
        from weft import processes

        first = processes.rank() == 0
        _refuse_others(self.folder, MANIFEST)
        _refuse_others(partial, MARKER, MANIFEST)
        processes.wait()  # until every process has looked
        if first:
            self._begin(partial, afresh)
        processes.wait()
        if (first or shared) and not (partial / MANIFEST).exists():  # else only its renaming is left to do
            try:
                work(partial)
            except BaseException:
                _unmake(partial)
                raise
        processes.wait()
        if first:
            self._finish(partial)
        processes.wait()

    def _begin(self, partial: Path, afresh: bool) -> None:
        marker = partial / MARKER
        whole = (partial / MANIFEST).exists() and read_json(partial / MANIFEST).get("key") == self.key
        ours = whole or (marker.exists() and marker.read_bytes() == self.key.encode())
        resumed, cut = ours and (whole or not afresh), ours and afresh and not whole
        if partial.exists() and not resumed:
            shutil.rmtree(partial)
        why = " from the beginning: it was cut off" if cut else self._why(resumed)
        say(f"{self.folder.name}: {'going on in' if resumed else 'writing'} {self.folder}{why}")
        partial.mkdir(parents=True, exist_ok=True)
        write_whole(marker, self.key)

    def _finish(self, partial: Path) -> None:
        """Wherever it is killed in here, the next run finds a whole folder: at its place, or partial and renamed."""
        manifest = {"stage": self.folder.name, "key": self.key, "settings": self.settings, "inputs": self.inputs}
        write_json(partial / MANIFEST, manifest | {"versions": versions()})
        if self.folder.exists():
            _remove(self._beside("replaced"))
            self.folder.rename(self._beside("replaced"))
        partial.rename(self.folder)
        (self.folder / MARKER).unlink()

    def _why(self, resumed: bool) -> str:
        if resumed or not (self.folder / MANIFEST).exists():
            return ""
        old, missing = read_json(self.folder / MANIFEST), object()
        before = _flat(old.get("settings", {})) | _flat(old.get("inputs", {}))
        now = _flat(json.loads(canonical(self.settings))) | _flat(self.inputs)
        names = sorted(n for n in before.keys() | now.keys() if before.get(n, missing) != now.get(n, missing))
        return f" again ({', '.join(names[:5]) or 'format'}{' ...' * (len(names) > 5)} changed)"


def _refuse_others(folder: Path, *ours: str) -> None:
    """Raises `WeftError` where a folder that would be replaced was not made by a stage."""
    known = any((folder / name).exists() for name in ours)
    if folder.exists() and not known and not (folder.is_dir() and not any(folder.iterdir())):
        raise WeftError(f"{folder} holds something that Weft did not make: move it away, or choose another place")


def _remove(folder: Path) -> None:
    """A folder that was replaced, which a link may stand for."""
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)


def _unmake(partial: Path) -> None:
    """Takes away the folder of a stage that failed before it had made anything."""
    if partial.exists() and [path.name for path in partial.iterdir()] == [MARKER]:
        with contextlib.suppress(OSError):  # another process of this run has put something there meanwhile
            (partial / MARKER).unlink()
            partial.rmdir()


def _flat(value: object, name: str = "") -> dict[str, object]:
    """Nested tables as one, with dotted names."""
    if not isinstance(value, dict):
        return {name: value}
    return {key: leaf for k, v in value.items() for key, leaf in _flat(v, f"{name}.{k}" if name else k).items()}


FORMAT = 1
"""Raise it when a stage's files change their layout: every older folder is then made again."""


def stage_key(folder: Path) -> str:
    """The key in a finished stage's manifest. Raises `WeftError` if the stage is not there."""
    return read_json(folder / MANIFEST)["key"]
