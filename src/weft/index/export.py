"""An index as one plain Parquet file, for anybody's own database."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from weft.files import whole
from weft.index.folder import Index

EXPORT = pa.schema(
    [
        ("id", pa.string()),
        ("picture", pa.int32()),  # 0 for a product's first picture
        ("sha256", pa.string()),
        ("vector", pa.list_(pa.float32())),
        ("title", pa.string()),
        ("brand", pa.string()),
        ("category", pa.string()),
        ("attributes", pa.map_(pa.string(), pa.list_(pa.string()))),
    ]
)
ROWS_AT_ONCE = 4096


def export(index: Index, path: Path) -> int:
    """Writes a row for every picture and returns how many; the file's metadata names the model and its fingerprint.

    Raises:
        WeftError: the file cannot be written.
    """
    told = {"model": index.manifest["model"], "fingerprint": index.fingerprint}
    number = np.arange(len(index.owner)) - index.first[index.owner]
    with whole(path) as temporary, pq.ParquetWriter(temporary, EXPORT.with_metadata(told)) as writer:
        for start in range(0, len(index.owner), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            owner = index.owner[rows]
            vectors = np.asarray(index.vectors[rows], dtype=np.float32)
            offsets = np.arange(len(owner) + 1, dtype=np.int32) * index.dim
            columns = [
                index.products["product_id"].take(owner),
                pa.array(number[rows], pa.int32()),
                pa.array([index.sha(image) for image in range(start, start + len(owner))]),
                pa.ListArray.from_arrays(pa.array(offsets), pa.array(vectors.ravel())),
                *(index.products[name].take(owner) for name in ("title", "brand", "category", "attributes")),
            ]
            writer.write_table(pa.table(columns, schema=EXPORT))
    return len(index.owner)
