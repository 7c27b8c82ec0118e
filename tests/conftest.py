"""Having this file puts tests/ on the path, so that every test can `import tiny`; and what several files share."""

import fcntl
import os
import shutil
from pathlib import Path

import pytest

# Before torch is imported: pico models gain nothing from more threads, and pytest's processes fill the cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import command
import toy


@pytest.fixture(scope="session")
def toy_run(tmp_path_factory) -> Path:
    """A folder in which `weft run` was done for `base.toml` and `shop.toml`, once for all of pytest's processes.

    It is shared: tests read it, or work on a copy (`toy_copy`). `base.out`, `shop.out`, `shop.err` hold what was said.
    """
    root = tmp_path_factory.getbasetemp()
    root = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root
    folder = root / "toy"
    with (root / "toy.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            toy.shop(root / "toy.partial")
            for name in ("base", "shop"):
                done = command.weft("run", f"{name}.toml", folder=root / "toy.partial")
                assert done.code == 0, done.err
                (root / "toy.partial" / f"{name}.out").write_text(done.out)
                (root / "toy.partial" / f"{name}.err").write_text(done.err)
            (root / "toy.partial").rename(folder)
    return folder


@pytest.fixture
def toy_copy(toy_run, tmp_path) -> Path:
    """The finished run in a folder of the test's own."""
    return Path(shutil.copytree(toy_run, tmp_path / "toy"))
