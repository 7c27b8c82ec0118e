"""One process at a time for one thing that is made, whichever of several commands comes first."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from weft.progress import say


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Waits until no other process of this machine is inside for the same `path`, whose folder is made.

    A process that is killed inside lets go. It is for one `path` once: who is inside does not come in again.
    """
    import filelock  # torch brings it

    path.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(path.with_name(path.name + ".lock"))
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        say(f"  another process is making {path}: waiting for it")
        lock.acquire()
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # while it is held: whoever waits looks whether it still is one
            Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()
