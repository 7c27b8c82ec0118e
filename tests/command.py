"""Runs the command line in this process, so that a test need not import torch again."""

import contextlib
import io
import sys
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from weft.cli import main


class Result(NamedTuple):
    code: int
    out: str
    err: str


def weft(*arguments: str, folder: Path) -> Result:
    """`weft ARGUMENTS` with `folder` as the working directory."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        contextlib.chdir(folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.object(sys, "argv", ["weft", *map(str, arguments)]),
    ):
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
    return Result(code, out.getvalue(), err.getvalue())
