"""The guide is typed: every command of its five pages, in order, and what the pages say is printed."""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest

import command
from test_docs import DOCS, ROOT

PAGES = [f"guide/{name}.md" for name in ("train", "evaluate", "audit", "release", "serve")]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PORT = "8000"
"""What the pages say; another process may have it, so it is replaced by one that is free."""


class Typed(NamedTuple):
    """A block of commands: where it stands, each one's (command, exit code, what it printed), what the page shows."""

    page: str
    commands: list[tuple[str, int, str]]
    shown: list[str]


class Reader:
    """Somebody who does what a page says, in a folder of their own: `weft` in this process, a server beside it."""

    def __init__(self, folder: Path):
        self.folder, self.server = folder, None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = str(free.getsockname()[1])

    def read(self, page: str) -> list[Typed]:
        done: list[Typed] = []
        for language, text in BLOCK.findall(DOCS[page]):
            if language == "":
                done.append(Typed(page, [(line, *self.type(line)) for line in text.splitlines()], []))
            elif language == "text":
                done[-1].shown.extend(line.strip() for line in text.splitlines())
            elif language == "toml":
                (self.folder / text.split()[1]).write_text(text, encoding="utf-8")
        return done

    def type(self, line: str) -> tuple[int, str]:
        line = line.replace(PORT, self.port)
        if line.startswith("weft serve "):
            return self.serve(line)
        if line.startswith("weft "):
            result = command.weft(*shlex.split(line)[1:], folder=self.folder)
            return result.code, result.out + result.err
        done = subprocess.run(["bash", "-c", line], cwd=self.folder, capture_output=True, text=True, check=False)
        return done.returncode, (done.stdout + done.stderr).replace(self.port, PORT)

    def serve(self, line: str) -> tuple[int, str]:
        self.server = subprocess.Popen(
            [sys.executable, "-m", *shlex.split(line)], cwd=self.folder, env=os.environ | {"OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        printed = ""
        while "http://" not in printed:  # the last line of all before it answers
            if not (told := self.server.stdout.readline()):
                return self.server.wait(30), printed
            printed += told
        return 0, printed.replace(self.port, PORT)

    def stop(self) -> int:
        """Ctrl-C."""
        self.server.send_signal(signal.SIGINT)
        return self.server.wait(30)


@pytest.fixture(scope="module")
def typed(tmp_path_factory):
    reader = Reader(tmp_path_factory.mktemp("guide"))
    try:
        done = [block for page in PAGES for block in reader.read(page)]
        yield done, reader.stop()
    finally:
        if reader.server:
            reader.server.kill()


@pytest.mark.parametrize("page", PAGES)
def test_every_command_does_what_its_page_says(page, typed):
    blocks = [block for block in typed[0] if block.page == page]
    assert blocks
    for block in blocks:
        for line, code, printed in block.commands:
            assert code == 0, f"{line}\n{printed}"
        printed = "\n".join(text for _, _, text in block.commands)
        assert [line for line in block.shown if not pattern(line).search(printed)] == [], printed


def pattern(line: str) -> re.Pattern:
    """A line of a page: `...` stands for anything, a number for any other, a space for any number of them."""
    found = []
    for part in re.split(r"(\.\.\.|[+-]?\d[\d,]*(?:\.\d+)?|\s+)", line):
        known = {"...": ".*"}.get(part) or (r"\s+" if part.isspace() else "")
        found.append(known or (r"[+-]?[\d,]+(?:\.\d+)?" if re.match(r"[+-]?\d", part) else re.escape(part)))
    return re.compile(r"^\s*" + "".join(found) + r"\s*$", re.MULTILINE)


def test_a_shown_line_may_differ_in_figures_alone():
    line = "woven 31.2 \xb19.6 of 3,509 ..."
    assert pattern(line).search("base 1\n  woven 9 \xb110.0 of 12 pairs\n")
    assert not pattern(line).search("woven 9 \xb110.0 out of 12 pairs")


def test_the_server_ends_well(typed):
    assert typed[1] == 0


def test_the_pages_are_short_and_lead_to_each_other():
    for page, following in zip(PAGES, [*PAGES[1:], None], strict=True):
        assert len(DOCS[page].splitlines()) <= 100, page
        assert DOCS[page].startswith(f"# Guide, {PAGES.index(page) + 1} of {len(PAGES)}: ")
        assert following is None or Path(following).name in DOCS[PAGES[0]]


def test_what_is_installed_first_exists():
    (install,) = [text for page in PAGES for language, text in BLOCK.findall(DOCS[page]) if language == "sh"]
    extras = re.findall(r"\[([\w,]+)\]", install)[0].split(",")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(extras) <= set(project["optional-dependencies"]) and (ROOT / "constraints.txt").exists()
    pinned = re.search(r'"(torch==[\d.]+)"', install)
    assert pinned and pinned[1] in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
