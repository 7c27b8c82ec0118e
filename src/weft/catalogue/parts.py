"""Files of any size: Parquet tables written and read a part at a time, and one file under two names."""

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from weft.files import disk_error, whole
from weft.progress import say

GROUP = 2**20  # rows of a Parquet row group, as pyarrow has it by default


def read_parts(path: Path, rows: int) -> Iterator[pa.RecordBatch]:
    """A table, at most so many rows at a time. Raises `OSError` or `pyarrow.ArrowException` if it is damaged."""
    with pq.ParquetFile(path) as file:
        yield from file.iter_batches(rows)


def write_parts(path: Path, parts: Iterable[pa.Table], schema: pa.Schema) -> None:
    """As `write_table`, byte for byte, from tables one after the other; a row group, a million rows, is held at a
    time."""
    with whole(path) as temporary, pq.ParquetWriter(temporary, schema) as writer:
        for group in _row_groups(parts, schema):
            writer.write_table(group.combine_chunks())


def _row_groups(parts: Iterable[pa.Table], schema: pa.Schema) -> Iterator[pa.Table]:
    """The parts put together and cut as `pq.write_table` would cut them all."""
    gathered, count, some = [], 0, False
    for part in parts:
        gathered.append(part)
        count += part.num_rows
        while count >= GROUP:
            rows = pa.concat_tables(gathered)
            yield rows.slice(0, GROUP)
            some, gathered, count = True, [rows.slice(GROUP)], count - GROUP
    if count or not some:
        yield pa.concat_tables(gathered) if gathered else schema.empty_table()


def link_or_copy(source: Path, target: Path) -> None:
    """One file under two names where the disk allows it, else a copy; what `target` was is replaced at the end.

    Raises:
        WeftError: the disk is full or not writable.
    """
    partial = target.with_name(target.name + ".partial")
    try:
        partial.unlink(missing_ok=True)
        try:
            os.link(source, partial)
        except OSError:
            shutil.copyfile(source, partial)
            say(f"  copied {source} (no hard links here)")
        partial.replace(target)
        partial.unlink(missing_ok=True)  # where both were one file already, renaming does nothing
    except OSError as error:
        raise disk_error(error, target) from None
