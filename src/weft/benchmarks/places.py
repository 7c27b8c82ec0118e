"""Where a benchmark's tables lie: files in a folder, or a dataset of the hub that is streamed once and kept whole."""

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from weft.artefact import key_of
from weft.benchmarks.pictures import encoded, examine, from_arrow
from weft.benchmarks.tables import Table, image_column, read
from weft.catalogue.layout import ImageWriter
from weft.catalogue.sources import READERS, SourceSpec, files, hub, rows
from weft.errors import WeftError
from weft.files import disk_error, write_json
from weft.progress import progress, say

SPLITS = {"train", "test", "validation", "valid", "val", "dev"}
"""What files of a table are called if they are parted into splits at all."""

_SHARD = re.compile(r"^\d+$|-(?:\d+-of-\d+|\d{1,3}|\d{5,})$")  # four digits alone are a year


def default_cache() -> Path:
    """Where streamed benchmarks are kept if nothing else is said."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "weft" / "benchmarks"


def part(
    place: str, names: Sequence[str], wanted: Sequence[str], images: Sequence[str] = (), *, split: str = "",
    usual: str = "", apart: bool = False, revision: str = "", cache: Path | None = None, limit: int = 0,
    folder: Path | None = None,
) -> Table:  # fmt: skip
    """The table called by one of `names` of a benchmark that has several: "corpus", "queries", "qrels".

    Locally that is NAME.parquet, NAME-00000-of-00001.parquet (also below data/) or the files in NAME/, and for
    "default" also data/test.parquet; on the hub a config or a split of that name.

    Args:
        split: the one that was asked for; usual: the one that is taken if none was. Files say theirs by their names.
        apart: rows of other splits would make another benchmark, as qrels' do; a table that need not be apart is
            taken whole where it has no such split.

    Raises:
        WeftError: there is no such table; or one that is to be apart has not the split, or several and not the usual.
    """
    if not place.startswith("hf:"):
        root = Path(place).expanduser()
        for name in names:
            if found := _files(root, name, split, usual, apart):
                return read(found, wanted, images, folder=folder or root, cache=cache, limit=limit)
        there = ", ".join(sorted(p.name for p in root.iterdir())[:12]) if root.is_dir() else "no such folder"
        raise WeftError(f"{place} has no table {' or '.join(names)} (Parquet, CSV, TSV, JSON Lines). There is: {there}")
    tries = dict.fromkeys(
        (config, part)
        for name in names
        for config, part in ((name, split or usual), (name, name), (name, ""), ("", name))
        if not (apart and split) or part == split
    )
    return stream(place, list(tries), wanted, images, revision=revision, cache=cache, limit=limit)


def _files(root: Path, name: str, split: str, usual: str, apart: bool) -> list[Path]:
    """The files of a table, of the wanted split where they have it; see `part`."""
    groups = [
        found
        for pattern in (f"{name}.*", f"{name}-*", f"data/{name}.*", f"data/{name}-*", f"{name}/*")
        for suffix in READERS
        if (found := sorted(p for p in root.glob(pattern) if p.is_file() and p.suffix.lower() == suffix))
    ]
    if name == "default":  # the hub keeps that config's files below data/, called by their splits alone
        found = sorted(p for p in root.glob("data/*") if p.is_file() and split_of(p) in SPLITS)
        groups += [own for suffix in READERS if (own := [p for p in found if p.suffix.lower() == suffix])]
    for found in groups if split or usual else ():
        if own := [path for path in found if split_of(path, name) == (split or usual)]:
            return own
    if not groups:
        return []
    there = sorted({split_of(path, name) for found in groups for path in found} - {""})
    if apart and split:
        told = f"there is {', '.join(there)}" if there else "it is one table; leave the option split=... out"
        raise WeftError(f"{root}: {name} has no split {split!r}; {told}")
    if apart and len({split_of(path, name) for path in groups[0]}) > 1:
        raise WeftError(f"{root}: {name} has the splits {', '.join(there)}; choose one (option split=...)")
    return groups[0]


def split_of(path: Path, table: str = "") -> str:
    """The split that a file's name says: "test" of test.tsv, test-00000-of-00001.parquet, TABLE-test.csv; else ""."""
    return _SHARD.sub("", path.stem.removeprefix(table).lstrip("-.") if table else path.stem)


def one(
    place: str, wanted: Sequence[str], images: Sequence[str], *, split: str = "", usual: str = "", revision: str = "",
    cache: Path | None = None, limit: int = 0,
) -> Table:  # fmt: skip
    """A benchmark's only table: a file, a folder of files, or a dataset on the hub.

    Args:
        split: the one that was asked for; usual: the one that is taken if none was. Locally a column "split" tells
            it, or else the files' names: test.csv, test-00000-of-00001.parquet, test/0.parquet.

    Raises:
        WeftError: there is no such file, or not the split.
    """
    if place.startswith("hf:"):
        return stream(place, [("", split or usual)], wanted, images, revision=revision, cache=cache, limit=limit)
    root, found, chosen = Path(place).expanduser(), files.find(place, tuple(READERS)), split or usual

    def says(path: Path) -> str:
        own = split_of(path)
        return own if own or path.parent == root else path.parent.name

    own = [path for path in found if says(path) == chosen] if chosen else []
    where = ("split", chosen) if chosen else None
    table = read(own or found, wanted, images, cache=cache, limit=limit, where=where)
    if chosen and not own and "split" not in table.columns:
        there = sorted(SPLITS.intersection(map(says, found)))
        if split or (there and root.is_dir()):  # a file that is named is meant, whatever it is called
            told = f"the files' names say {', '.join(there)}" if there else "no file's name says one"
            raise WeftError(f"{place} has no split {chosen!r}: no column is called 'split', and {told} (option split)")
    return table


def stream(
    place: str, tries: Sequence[tuple[str, str]], wanted: Sequence[str], images: Sequence[str] = (), *,
    revision: str = "", cache: Path | None = None, limit: int = 0,
) -> Table:  # fmt: skip
    """A dataset of the hub, fetched once: kept whole below `cache`, or not at all.

    Args:
        tries: (config, split), "" for the only one; the first that can be opened is read.

    Raises:
        WeftError: none can be opened, the connection broke, the disk is full, or what was kept is damaged.
    """
    cache = cache or default_cache()
    key = key_of([place, list(tries), revision, list(wanted), list(images), limit])
    folder = cache / "-".join(filter(None, (Path(place.removeprefix("hf:")).name, *tries[0], key)))
    if not (folder / "rows.parquet").exists():
        table = _opened(place, tries, [*wanted, *images], revision)
        say(f"fetching {place} to {folder}" + ("" if revision else "; no revision is pinned, so it may change"))
        try:
            _keep(table, wanted, images, folder, limit)
        except OSError as error:
            raise disk_error(error, folder) from None
    try:
        kept = pq.read_table(folder / "rows.parquet")
    except (OSError, pa.ArrowException) as error:
        raise WeftError(f"{folder} is damaged ({error}); delete it, and it is fetched again") from None
    columns = kept.schema.metadata[b"columns"].decode().split("\n")
    pictures = from_arrow(folder) if image_column(columns, images) else None
    return Table(place, columns, {name: kept[name].to_pylist() for name in kept.column_names}, pictures)


def _opened(place: str, tries: Sequence[tuple[str, str]], needed: list[str], revision: str) -> rows.Table:
    problem = None
    for config, split in tries:
        try:  # "main" is what no revision means; said so, the hub's reader does not warn at every try
            return hub.read(SourceSpec(path=place, config=config, split=split, revision=revision or "main"), needed)
        except WeftError as error:
            problem = problem or error
    raise problem


def _keep(table: rows.Table, wanted: Sequence[str], images: Sequence[str], folder: Path, limit: int) -> None:
    image = image_column(table.columns, images)
    take = [name for name in wanted if name in table.columns and name != image]
    if not take:
        raise WeftError(f"the dataset has none of {', '.join(wanted)}. Its columns are {', '.join(table.columns)}")
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    writer = ImageWriter(partial) if image else None
    cells: dict[str, list] = {name: [] for name in take}
    broken = {}
    for number, row in enumerate(progress(table.rows, "fetching", unit="row")):
        for name in take:
            cells[name].append(row.get(name))
        if writer:
            data = _fetched(row.get(image), table, number)
            if reason := examine(lambda _, data=data: encoded(data, table.load), number)[1]:
                broken[number] = reason
            writer.add(str(number), data)
        if limit and number == limit:
            break
    if writer:
        writer.close()
        write_json(partial / "broken.json", broken)
    pq.write_table(
        pa.table(cells).replace_schema_metadata({"columns": "\n".join(table.columns)}), partial / "rows.parquet"
    )
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def _fetched(cell: object, table: rows.Table, number: int) -> bytes:
    """The bytes as they are, b"" for no picture: what cannot be fetched now must not stay missing in the cache."""
    if cell is None or (isinstance(cell, dict) and not cell.get("bytes") and not cell.get("path")):
        return b""
    try:
        return encoded(cell, table.load)
    except WeftError as error:
        raise WeftError(f"the picture of row {number} could not be fetched ({error}); run it again") from None
