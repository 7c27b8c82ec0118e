"""Size charts: tables of text in place of the product.

Detects: rows of writing at an even pitch with nothing between them, cut by gaps that run through all rows (columns),
on flat paper. Writing is where brightness jumps many times along a row of pixels; ruled lines, which stand at one
place through most of the picture, do not count. Why: a chart is like every other chart, and a query paired with one
learns to find charts. False alarms: small things laid out in rows, and care labels; docs/curation.md has the rates.
Misses: charts drawn around a sketch of the body, and charts too small to be read.
"""

import numpy as np
from PIL import Image

SIDE = 640  # pixels of the longest side at which a picture is looked at
JUMP = 30  # grey levels between neighbours from which they belong to a letter's edge
FLAT = 10  # grey levels below which they do not
PAPER = 0.6  # share of the picture that is flat
RULE = 0.6  # share of the written rows in which a ruled line, and nothing else, stands
WORDY = 6  # jumps in a row of pixels that make it one of writing; two letters have eight
ROWS, COLUMNS = 4, 3  # the smallest table
LETTER = 4  # pixels; what is lower cannot be read
TALL = 0.3  # of the picture's height, which the table spans
EVEN = 0.2  # by how much the pitch of two rows may differ from the table's
REGULAR = 0.75  # share of its rows that keep the pitch
THROUGH = 0.2  # share of the rows whose writing may reach into the gap between two columns
SPACE = 0.7  # of a letter's height: a wider gap parts columns


def fault(image: Image.Image) -> str:
    """The reason to leave the picture out, "" if it is no table of text."""
    rows, columns = table(image)
    return f"size chart: writing in {rows} rows and {columns} columns" if rows >= ROWS and columns >= COLUMNS else ""


def table(image: Image.Image) -> tuple[int, int]:
    """Rows and columns of the table that the picture shows, (0, 0) where it shows none."""
    grey = image.convert("L")
    grey.thumbnail((SIDE, SIDE), Image.Resampling.BOX)
    levels = np.asarray(grey, dtype=np.int16)
    along, down = np.abs(np.diff(levels, axis=1)), np.abs(np.diff(levels, axis=0))
    if ((along[1:] < FLAT) & (down[:, 1:] < FLAT)).mean() < PAPER:
        return 0, 0
    jumps = along > JUMP
    written = jumps.sum(axis=1) >= WORDY
    if written.any():
        jumps = jumps & (jumps.mean(axis=0) < RULE)
        written = jumps.sum(axis=1) >= WORDY
    lines = runs(written)
    lines = lines[lines[:, 1] - lines[:, 0] >= LETTER]
    if len(lines) < ROWS or lines[-1, 1] - lines[0, 0] < TALL * len(levels):
        return 0, 0
    middle = lines.mean(axis=1)
    pitch = np.diff(middle)
    even = np.abs(pitch - np.median(pitch)) <= EVEN * np.median(pitch)
    between = np.concatenate(
        [jumps[end:start].sum(axis=1) for end, start in zip(lines[:-1, 1], lines[1:, 0], strict=True)]
    )
    if even.mean() < REGULAR or np.median(between) > 1:
        return 0, 0
    table = lines[np.flatnonzero(np.append(even, False) | np.append(False, even))]
    return len(table), _columns(jumps, table)


def _columns(jumps: np.ndarray, lines: np.ndarray) -> int:
    """Blocks of writing side by side, with a gap through nearly all lines between them: a heading may fill it."""
    ink = np.mean([jumps[start:end].any(axis=0) for start, end in lines.tolist()], axis=0) > THROUGH
    blocks = runs(ink)
    gaps = blocks[1:, 0] - blocks[:-1, 1]
    return 1 + int((gaps > SPACE * np.median(lines[:, 1] - lines[:, 0])).sum()) if len(blocks) else 0


def runs(flags: np.ndarray) -> np.ndarray:
    """(R, 2) where each run of True begins, and where it has ended."""
    edges = np.diff(np.concatenate([[0], flags.astype(np.int8), [0]]))
    return np.stack([np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)], axis=1)
