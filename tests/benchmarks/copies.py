"""Small benchmarks in the layouts of the public ones, and what a task is compared by."""

import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image


def picture(number: int) -> bytes:
    """A JPEG of its own colour."""
    buffer = io.BytesIO()
    Image.new("RGB", (12, 10), (37 * number % 256, 91 * number % 256, 255 - 13 * number % 256)).save(buffer, "JPEG")
    return buffer.getvalue()


def cell(number: int) -> dict:
    """A Hugging Face image cell."""
    return {"bytes": picture(number), "path": None}


def table(path: Path, rows: list[dict], group: int = 2) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=group)
    return path


def document(path: Path, value: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def lines(path: Path, values: list[dict]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(value) + "\n" for value in values), encoding="utf-8")
    return path


def answers(task) -> dict[str, dict[str, float]]:
    """Query id -> {corpus id: grade}."""
    return {
        name: {task.corpus.ids[row]: float(grade) for row, grade in zip(rows, grades, strict=True)}
        for name, (rows, grades) in zip(task.queries.ids, task.relevant, strict=True)
    }


def shown(side) -> dict[str, list[bytes]]:
    """Id -> the bytes of its pictures, whichever way the side keeps them."""
    owner = range(len(side)) if side.owner is None else side.owner
    found: dict[str, list[bytes]] = {name: [] for name in side.ids}
    for thing, row in zip(owner, side.rows, strict=True):
        found[side.ids[thing]].append(side.pictures.image(int(row)))
    return found


def groups(task) -> list[list[str]]:
    """Query ids that are resampled together, groups of one left out."""
    if task.groups is None:
        return []
    found: dict[int, list[str]] = {}
    for name, group in zip(task.queries.ids, task.groups, strict=True):
        found.setdefault(int(group), []).append(name)
    return [names for names in found.values() if len(names) > 1]
