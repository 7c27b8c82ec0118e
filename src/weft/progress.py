"""Progress with an estimate on stderr for every loop that may take longer than two seconds."""

import os
import re
import sys
from collections.abc import Iterable

from tqdm import tqdm

SILENT = int(os.environ.get("RANK", 0)) > 0
"""Of the processes that `torchrun` starts only the first one speaks."""

# Control characters steer a terminal; they and lone surrogates are not valid in HTML (or UTF-8); bidirectional
# overrides could reorder the text around them.
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069]")


def legible(text: object) -> str:
    """Text that any page or terminal can show, with U+FFFD for what none should; line ends and tabs stay."""
    return _UNSEEN.sub("\ufffd", str(text))


def progress(items: Iterable | None, what: str, total: int | None = None, unit="it", initial=0):
    """Wraps `items` in a bar that appears after two seconds; a log file gets a line every ten seconds.

    Args:
        what: what is being done, as a present participle: "embedding images".
        unit: the thing counted, for the rate.
        initial: how many were already done before a resume.
    """
    watched = sys.stderr.isatty()
    interval = 0.2 if watched else 10.0
    return tqdm(
        items, desc=what, total=total, unit=unit, initial=initial, delay=2.0, mininterval=interval,
        maxinterval=interval, smoothing=0.1, leave=False, file=sys.stderr if watched else _Lines(),
        dynamic_ncols=watched, miniters=1, disable=SILENT,
    )  # fmt: skip


class _Lines:
    """Where nobody watches, a bar's states as lines: a log knows no carriage return."""

    def write(self, text: str) -> None:
        if told := text.strip("\r\n "):
            sys.stderr.write(f"  {told}\n")

    def flush(self) -> None:
        sys.stderr.flush()


def say(message: str) -> None:
    """One line for the person watching: stderr, because stdout carries results."""
    if not SILENT:
        tqdm.write(legible(message), file=sys.stderr)
