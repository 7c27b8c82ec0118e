"""What an annotator said, a line of JSON each, in the file before the page goes on: a crash costs nothing."""

import datetime
from pathlib import Path

from weft.endpoint import journal
from weft.errors import WeftError


class Log:
    """An append-only file of events of one annotator on one pool; the last event of a pair counts.

    Its first line says whose it is, of which pool and by which rubric. Two programs cannot write one file.

    Attributes:
        events: what was read when the file was opened.

    Raises:
        WeftError: another program has the file open, it belongs to someone or something else, or is damaged.
    """

    def __init__(self, path: Path, header: dict):
        self.path = path
        self._journal = journal.Journal(path)
        try:
            found, *self.events = read(path) or [{}]
            if not found:
                self.append(header)
            else:
                same(path, found, header)
        except WeftError:
            self.close()
            raise

    def append(self, event: dict) -> None:
        """Raises `WeftError` if it cannot be written; nothing is then half-kept, and a later event can be."""
        try:
            self._journal.add(event)
        except WeftError:
            self._journal.close()
            self._journal = journal.Journal(self.path)  # opening cuts a torn line off
            raise

    def close(self) -> None:
        self._journal.close()


def read(path: Path) -> list[dict]:
    """The header and the events of a log. Raises `WeftError` for a file that is none."""
    found = journal.read(path)
    if found and not {"annotator", "rubric", "pool"} <= found[0].keys():
        raise WeftError(f"{path} is not an annotator's log: take another --out, or move it away")
    return found


def same(path: Path, found: dict, wanted: dict) -> None:
    """Raises `WeftError` if a log's header says something else than is wanted; an older one does not say all of it."""
    for name, value in wanted.items():
        if found.get(name, value) != value:
            raise WeftError(f"{path} is of {name} {found[name]!r}, not {value!r}: take another --out")


def now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
