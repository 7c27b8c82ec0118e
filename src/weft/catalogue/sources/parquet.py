"""Parquet files, a few rows at a time, as pandas, Spark or Hugging Face `datasets` wrote them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from weft.catalogue.sources.rows import Table, loaders, require
from weft.errors import WeftError

_ROWS_AT_ONCE = 128  # pictures of a few megabytes each stay below half a gigabyte


def read(files: list[Path], needed: list[str], image_folder: str) -> Table:
    """Opens Parquet files with a common schema; only the needed columns are read from the disk.

    Image cells may be bytes, Hugging Face's {bytes, path}, paths, or lists of these. Columns that Hugging Face
    stored as class numbers (`ClassLabel`) come as class names.

    Raises:
        WeftError: a file is no Parquet file or is damaged; a later file lacks a needed column.
    """
    schemas = [_schema(file) for file in files]
    columns = schemas[0].names
    for file, schema in zip(files[1:], schemas[1:], strict=True):
        require([name for name in needed if name in columns], schema.names, str(file))
    take = [name for name in columns if name in needed]
    rows = [_rows(file, schema, take) for file, schema in zip(files, schemas, strict=True)]
    return Table(columns, list(zip(rows, loaders(files, image_folder), strict=True)))


def _schema(file: Path) -> pa.Schema:
    try:
        return pq.read_schema(file)
    except (pa.ArrowException, OSError) as error:
        raise WeftError(f"{file} cannot be read as Parquet: {error}") from None


def _rows(file: Path, schema: pa.Schema, take: list[str]) -> Iterator[dict]:
    names = {column: classes for column, classes in _class_names(schema).items() if column in take}
    done = 0
    try:
        with pq.ParquetFile(file) as table:
            for batch in table.iter_batches(_ROWS_AT_ONCE, columns=take):
                for row in batch.to_pylist():
                    done += 1
                    yield row | {column: _class(row[column], classes) for column, classes in names.items()}
    except (pa.ArrowException, OSError, UnicodeError, OverflowError) as error:  # the last two: cells Python cannot hold
        raise WeftError(f"{file} is damaged after row {done}: {error}") from None


def _class_names(schema: pa.Schema) -> dict[str, list[str]]:
    """Column -> class names, from the description of features that `datasets` leaves in the file."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {name: f["names"] for name, f in features.items() if isinstance(f, dict) and f.get("names")}
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}


def _class(value: object, names: list[str]) -> object:
    """A class number's name; -1, which `datasets` writes for a missing label, gives None."""
    if isinstance(value, int):
        return names[value] if 0 <= value < len(names) else None
    return value
