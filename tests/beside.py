"""Libraries that must not enter the tests' environment lie in folders of their own beside it; see the Makefile."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent


def run(library: str, script: str, where: Path) -> dict:
    """The JSON that `tests/SCRIPT.py WHERE` prints, run with `.venv/LIBRARY` on the path; skips where there is none."""
    folder = TESTS.parent / ".venv" / library
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there; `make .venv/{library}` installs what this compares with")
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), str(TESTS)]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(TESTS / f"{script}.py"), str(where)]
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])
