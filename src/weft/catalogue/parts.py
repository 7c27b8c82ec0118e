"""Parquet tables that are written and read a part at a time, byte for byte as if it had been all at once."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from weft.artefact import disk_error

GROUP = 2**20  # rows of a Parquet row group, as pyarrow has it by default


def read_parts(path: Path, rows: int) -> Iterator[pa.RecordBatch]:
    """A table, at most so many rows at a time. Raises `OSError` or `pyarrow.ArrowException` if it is damaged."""
    with pq.ParquetFile(path) as file:
        yield from file.iter_batches(rows)


def write_parts(path: Path, parts: Iterable[pa.Table], schema: pa.Schema) -> None:
    """As `write_table`, from tables one after the other; a row group, a million rows, is held at a time."""
    temporary = path.with_name(path.name + ".partial")
    try:
        with pq.ParquetWriter(temporary, schema) as writer:
            for group in _row_groups(parts, schema):
                writer.write_table(group.combine_chunks())
        temporary.replace(path)
    except OSError as error:
        raise disk_error(error, path) from None
    finally:
        temporary.unlink(missing_ok=True)


def _row_groups(parts: Iterable[pa.Table], schema: pa.Schema) -> Iterator[pa.Table]:
    """The parts put together and cut as `pq.write_table` would cut them all."""
    gathered, count, some = [], 0, False
    for part in parts:
        gathered.append(part)
        count += part.num_rows
        while count >= GROUP:
            whole = pa.concat_tables(gathered)
            yield whole.slice(0, GROUP)
            some, gathered, count = True, [whole.slice(GROUP)], count - GROUP
    if count or not some:
        yield pa.concat_tables(gathered) if gathered else schema.empty_table()
