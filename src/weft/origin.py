"""What curation reads from the disk, as keys, and a curated folder that came to this machine without it."""

import dataclasses
import fnmatch
import functools
import hashlib
import importlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from weft.artefact import MANIFEST, Stage, canonical, file_key
from weft.catalogue.sources import READERS
from weft.catalogue.sources.files import find, on_disk
from weft.catalogue.sources.rows import references
from weft.catalogue.sources.spec import SourceSpec
from weft.errors import WeftError
from weft.files import read_json
from weft.progress import say

BESIDE = "pictures beside "
_say_once = functools.cache(say)  # every stage asks for the key of the first


def places(sources: Iterable[SourceSpec]) -> list[str]:
    """Where sources and their pictures lie, on this disk or elsewhere."""
    return [place for source in sources for place in (source.place, source.image_folder) if place]


def keys(sources: Iterable[SourceSpec]) -> dict[str, str]:
    """The keys of the files and picture folders that sources read from the disk, and of the pictures that their tables
    name where no `image_folder` is named."""
    sources = list(sources)
    found = {str(path): file_key(path) for place in places(sources) for path in on_disk(place)}
    return found | {BESIDE + source.place: key for source in sources if (key := _beside(source))}


def _beside(source: SourceSpec) -> str:
    """Of the names, sizes and modification times of the files that a table's image cells name; "" if they name none.

    Not of the table's whole folder, which may hold anything: the runs themselves, for instance.
    """
    if source.image_folder or not source.columns.image or source.place.startswith(("hf:", "demo:")):
        return ""
    digest, some = hashlib.sha256(), False
    try:
        files = find(source.place, tuple(READERS))
        for file in files if _names_files(files[0], source.columns.image) else ():
            reader = importlib.import_module(f"weft.catalogue.sources.{READERS[file.suffix.lower()]}")
            for row in reader.read([file], [source.columns.image], "").rows:
                cell = row.get(source.columns.image) if isinstance(row, dict) else None
                for name in references(cell):
                    if isinstance(name, str):
                        digest.update(f"{name}\0{_stamp(file.parent, name)}\n".encode("utf-8", "surrogatepass"))
                        some = True
    except WeftError:
        return ""  # curation says what is wrong
    return digest.hexdigest()[:16] if some else ""


def _names_files(table: Path, column: str) -> bool:
    """Whether a table's pictures may be paths: in Parquet they may lie in the table, which then says it all."""
    if READERS[table.suffix.lower()] != "parquet":
        return True
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        kind = pq.read_schema(table).field(column).type
    except (pa.ArrowException, OSError, KeyError):
        return False
    while pa.types.is_list(kind) or pa.types.is_large_list(kind):
        kind = kind.value_type
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _stamp(folder: Path, name: str) -> str:
    try:
        stat = (folder / name).stat()
    except (OSError, ValueError):
        return "none"
    return f"{stat.st_size}\0{stat.st_mtime_ns}"


def as_made(stage: Stage, places: Sequence[str]) -> Stage:
    """The curation as its finished folder was made, where that was of the same recipe and all that differs is that some
    `places` are not on this machine: to train on a curated folder nobody needs the shop's own files."""
    if stage.done() or not (stage.folder / MANIFEST).exists():
        return stage
    made = read_json(stage.folder / MANIFEST)
    inputs = made.get("inputs", {})
    gone = [name for name in inputs if name not in stage.inputs]
    absent = [place for place in places if not on_disk(place)]
    lost = [place for place in dict.fromkeys(absent) if any(_is_of(name, place) for name in gone)]
    same = all(inputs.get(name) == key for name, key in stage.inputs.items())
    same = same and canonical(made.get("settings")) == canonical(stage.settings)
    if not same or not lost or not all(any(_is_of(name, place) for place in lost) for name in gone):
        return stage
    _say_once(f"{stage.folder} is taken as it is: what it was made of is not on this machine ({', '.join(lost)})")
    return dataclasses.replace(stage, inputs=inputs)


def _is_of(name: str, place: str) -> bool:
    """Whether an input's name is of a source at this place, a glob perhaps."""
    path = str(Path(place).expanduser())
    return name in (path, BESIDE + place) or fnmatch.fnmatch(name, path)
