"""CSV, TSV and JSON Lines tables, read line by line; a broken line is a reason, not an end."""

import collections
import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path

from weft.catalogue.sources.rows import Table, loaders, require
from weft.errors import WeftError

# Bytes that are not UTF-8 are read as lone surrogates and found by this, so that a bad row costs one row.
_NOT_UTF8 = re.compile("[\udc80-\udcff]")
_LONGEST_FIELD = 1 << 24  # characters; the csv module's own limit (131,072) is below some descriptions
_LONGEST_ROW = 500  # lines: a description may have a hundred, and a quote that is never closed has all that follow


def read(files: list[Path], needed: list[str], image_folder: str) -> Table:
    """Opens tables of one suffix; UTF-8, with or without a byte-order mark.

    CSV takes its separator (comma, semicolon or tab) from the header line.

    Args:
        needed: columns to look for: JSON Lines files name theirs only row by row, and leave out what a row has not, so
            they are read until all have been met.
        image_folder: what image paths are relative to; empty for the folder of the table that names them.

    Raises:
        WeftError: a file has no header, or cannot be opened; a later file of CSV lacks a needed column.
    """
    lines = files[0].suffix.lower() in (".jsonl", ".ndjson")
    columns = _json_columns(files, needed) if lines else _csv_columns(files, needed)
    rows = map(_json_rows if lines else _csv_rows, files)
    return Table(columns, list(zip(rows, loaders(files, image_folder), strict=True)))


def _open(file: Path):
    try:
        return file.open(encoding="utf-8-sig", errors="surrogateescape", newline="")
    except OSError as error:
        raise WeftError(f"cannot read {file}: {error.strerror}") from None


def _csv_columns(files: list[Path], needed: list[str]) -> list[str]:
    first, *others = [_header(file)[0] for file in files]
    for file, names in zip(files[1:], others, strict=True):
        require([name for name in needed if name in first], names, str(file))
    return first


def _header(file: Path) -> tuple[list[str], str]:
    """The column names and the separator."""
    with _open(file) as handle:
        first = handle.readline()
    separator = max(",;\t", key=first.count)
    with _open(file) as handle:
        try:
            names = [name.strip() for name in next(csv.reader(handle, delimiter=separator), [])]
        except csv.Error as error:
            raise WeftError(f"{file}: the header cannot be read ({error})") from None
    if not any(names) or _NOT_UTF8.search(first):
        raise WeftError(f"{file} has no header line in UTF-8: the first line must name the columns")
    if twice := {name for name in names if name and names.count(name) > 1}:
        raise WeftError(f"{file}: the header names {', '.join(sorted(twice))} twice")
    return names, separator


def _csv_rows(file: Path) -> Iterator[dict | str]:
    names, separator = _header(file)
    csv.field_size_limit(_LONGEST_FIELD)
    with _open(file) as handle:
        lines = _Lines(handle)
        # Strict, because a forgotten quote would otherwise swallow the following rows without a word.
        reader = csv.reader(lines, delimiter=separator, strict=True)
        next(reader)
        while True:
            start, reason, fields = lines.next_row(), "", []
            try:
                fields = next(reader)
            except StopIteration:
                return
            except (csv.Error, _TooLong) as error:
                reason = str(error)
            if not reason and fields and len(fields) != len(names):
                reason = f"{len(fields)} fields under {len(names)} column names"
            elif not reason and lines.each_like_a_row(separator, len(names)):
                reason = "the lines that its quotes join are like rows each: is there a quote too many?"
            if reason:
                # A quote too many joins rows: only the line that has it is bad, and the next one may be sound.
                lines.again()
                yield f"{_line(file, start)}: {reason}"
            elif any(map(_NOT_UTF8.search, fields)):
                yield f"{_line(file, start)}: not UTF-8"
            elif fields:  # an empty line is no row
                yield dict(zip(names, fields, strict=True))


class _TooLong(Exception):
    pass


class _Lines(Iterator[str]):
    """A file's lines for a reader that takes as many as a row has, and may be given all but the first once more."""

    def __init__(self, handle: Iterator[str]) -> None:
        self._handle, self._waiting, self._taken, self._number = handle, collections.deque(), [], 1

    def __next__(self) -> str:
        if len(self._taken) == _LONGEST_ROW:
            raise _TooLong(f"a row of more than {_LONGEST_ROW} lines: is a quote never closed?")
        line = self._waiting.popleft() if self._waiting else next(self._handle)
        self._taken.append(line)
        return line

    def next_row(self) -> int:
        """The number of its first line, from 1."""
        self._number += len(self._taken)
        self._taken = []
        return self._number

    def each_like_a_row(self, separator: str, columns: int) -> bool:
        """Whether a row of several lines is several rows, by their separators: lines of a text have them by chance."""
        return len(self._taken) > 2 < columns and all(line.count(separator) == columns - 1 for line in self._taken)

    def again(self) -> None:
        self._waiting.extendleft(reversed(self._taken[1:]))
        del self._taken[1:]


def _line(file: Path, number: int) -> str:
    return f"{file.name}, line {number}"


def _json_rows(file: Path) -> Iterator[dict | str]:
    with _open(file) as handle:
        for number, line in enumerate(handle, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                yield f"{_line(file, number)}: not JSON ({error})"
                continue
            if _NOT_UTF8.search(line):
                yield f"{_line(file, number)}: not UTF-8"
            elif not isinstance(row, dict):
                yield f"{_line(file, number)}: not a JSON object"
            else:
                yield row


def _json_columns(files: list[Path], needed: list[str]) -> list[str]:
    """What the rows of all files together have, as far as they must be read to meet what is needed."""
    columns: dict[str, None] = {}
    for row in (row for file in files for row in _json_rows(file)):
        columns.update(dict.fromkeys(row) if isinstance(row, dict) else {})
        if columns and all(name in columns for name in needed):
            break
    return list(columns)
