"""Judgements on disk: a line of JSON as each comes, a Parquet table at the end; who judged what, how, and its cost."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from weft.endpoint import journal
from weft.errors import WeftError
from weft.files import read_json, whole, write_json

LINES = "judgements.jsonl"
TABLE = "judgements.parquet"
CLAIM = "judge.json"
STATUS = ("graded", "unparsed", "refused", "failed")
"""Only the first has a grade; the others are missing, which is not 0."""

SCHEMA = pa.schema(
    [
        ("query_id", pa.string()),
        ("doc_id", pa.string()),
        ("task", pa.string()),
        ("grade", pa.float64()),  # null where it is missing
        ("status", pa.string()),
        ("judge", pa.string()),
        ("model", pa.string()),
        ("rubric", pa.string()),  # name@version
        ("prompt_hash", pa.string()),
        ("repeat", pa.int32()),
        ("order", pa.int32()),  # 0: query before product; 1: product before query
        ("answer", pa.string()),  # as it came; of a refusal or failure, the reason
        ("tokens_in", pa.int64()),
        ("tokens_out", pa.int64()),
        ("seconds", pa.float64()),
        ("created", pa.string()),
    ]
)


def claim(folder: Path, settings: dict, told: dict | None = None) -> None:
    """Makes the folder one judge's, with one setting of it: its answers must never pass for repeats of another's.

    Args:
        settings: what grades depend on; what an older folder does not say of itself is taken to be alike. told: what
            is only written down.

    Raises:
        WeftError: it is another's already.
    """
    path = folder / CLAIM
    if path.exists():
        held = read_json(path)["settings"]
        if differ := [name for name in settings if held.get(name, settings[name]) != settings[name]]:
            name = differ[0]
            raise WeftError(
                f"{folder} holds judgements with another {name}: {held[name]!r}, not {settings[name]!r}; name another "
                "folder by --out" + ", and raise the rubric's version" * (name == "rubric's words")
            )
        return
    folder.mkdir(parents=True, exist_ok=True)
    write_json(path, {"settings": settings} | (told or {}))


def key_of(row: dict) -> tuple:
    """What is not asked twice: prompt hash, model and repeat, and of equal prompts the pair."""
    return row["task"], row["query_id"], row["doc_id"], row["prompt_hash"], row["model"], row["repeat"], row["order"]


def settled(folder: Path) -> dict[tuple, dict]:
    """The judgements that a folder holds, the last one of each; failed ones, which will be asked again, left out."""
    rows = {key_of(row): row for row in journal.read(folder / LINES)}
    return {key: row for key, row in rows.items() if row["status"] != "failed"}


def export(folder: Path, metadata: Mapping[str, str]) -> dict[str, int]:
    """Writes `judgements.parquet` from the lines, the last one of each judgement, in an order of its own: two runs that
    were answered in different orders give one table. Returns how many there are of each status.

    Args:
        metadata: of the rubric, which the table keeps.
    """
    rows = {key_of(row): row for row in journal.read(folder / LINES)}
    table = pa.Table.from_pylist([rows[key] for key in sorted(rows)], schema=SCHEMA.with_metadata(metadata))
    with whole(folder / TABLE) as partial:
        pq.write_table(table, partial, compression="zstd")
    return counts(rows.values())


def counts(rows: Iterable[dict]) -> dict[str, int]:
    found = dict.fromkeys(STATUS, 0)
    for row in rows:
        found[row["status"]] += 1
    return found
