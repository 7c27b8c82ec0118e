"""What is known of a pool's pairs besides their grades: who returned them, their pictures, tasks and categories."""

from collections import defaultdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from weft.benchmarks.trec import word
from weft.errors import WeftError
from weft.judging.ensemble import Key
from weft.judging.pool import Pool

IDS = ("product_id", "doc_id", "corpus_id", "id", "item_ID")


def systems_of(pool: Pool) -> dict[Key, tuple[str, ...]]:
    """Pair -> every system that returned it, the random sample and the benchmark's own answers among them."""
    found: dict[Key, dict[str, None]] = defaultdict(dict)
    columns = [pool.systems()[name].to_pylist() for name in ("task", "query_id", "doc_id", "system")]
    for *key, system in zip(*columns, strict=True):
        found[tuple(key)][system] = None
    return {key: tuple(names) for key, names in found.items()}


def images_of(pool: Pool) -> dict[str, str]:
    """Document, as runs name it -> SHA-256 of its picture."""
    return {word(pair.doc_id): pair.image for pair in pool.pairs() if pair.image}


def labels_of(pool: Pool, products: Path | None = None, column: str = "category") -> dict[str, dict[Key, str]]:
    """What agreement may be split by: each pair's task, and with a table of products a column of theirs.

    Raises:
        WeftError: the table cannot be read, or lacks the column or one of `IDS`.
    """
    pairs = list(pool.pairs())
    found = {"task": {pair.key: pair.task for pair in pairs}}
    if products:
        of = _column(products, column)
        found[column] = {pair.key: of.get(pair.doc_id, "") for pair in pairs}
    return found


def _column(path: Path, column: str) -> dict[str, str]:
    path = path / "products.parquet" if path.is_dir() else path
    try:
        names = pq.read_schema(path).names
        ids = next((name for name in IDS if name in names), "")
        if not ids or column not in names:
            raise WeftError(f"{path} needs {column} and one of {', '.join(IDS)}; it has {', '.join(names)}")
        table = pq.read_table(path, columns=[ids, column])
    except (OSError, pa.ArrowException) as error:
        raise WeftError(f"{path} cannot be read as a Parquet table of products: {error}") from None
    return dict(zip(map(str, table[ids].to_pylist()), (str(v or "") for v in table[column].to_pylist()), strict=True))
