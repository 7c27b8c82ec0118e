"""A benchmark's tables: columns as lists and pictures by row, whatever kind of file they come from."""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from weft.artefact import key_of
from weft.benchmarks.pictures import Encoded, from_folder, from_parquet
from weft.catalogue.sources import READERS, rows
from weft.errors import WeftError


@dataclass(frozen=True)
class Table:
    """N rows.

    Attributes:
        columns: all that the table has; cells: those that were asked for and are there, N values each.
        pictures: picture i is row i's; None if no image column was asked for or is there.
    """

    place: str
    columns: list[str]
    cells: dict[str, list]
    pictures: Encoded | None

    def __len__(self) -> int:
        return len(next(iter(self.cells.values()), ()))

    def find(self, *names: str) -> list | None:
        """The cells of the first of these columns that is there, or None."""
        return next((self.cells[name] for name in names if name in self.cells), None)

    def need(self, *names: str) -> list:
        """As `find`; raises `WeftError`, naming the columns that are there, if none is."""
        found = self.find(*names)
        if found is None:
            rows.require(names[:1], self.columns, self.place)
        return found

    def ids(self, *names: str) -> list[str]:
        return list(map(identity, self.need(*names)))

    def texts(self, *names: str) -> list[str] | None:
        """As `find`, with None as ""; texts stay as they are, because models are fed them."""
        found = self.find(*names)
        return None if found is None else [words(cell) for cell in found]

    def need_pictures(self, *names: str) -> Encoded:
        if self.pictures is None:
            rows.require(names or ("image",), self.columns, self.place)
        return self.pictures


def identity(cell: object) -> str:
    """An id as text, for ids compare as text: 1163, 1163.0 and "1163" are one; a missing one is ""."""
    if cell is None or (isinstance(cell, float) and cell != cell):
        return ""
    return str(int(cell) if isinstance(cell, float) and cell.is_integer() else cell).strip()


def words(cell: object) -> str:
    """A text; half a surrogate pair, which no file could hold, as "?"."""
    return cell.encode("utf-8", "replace").decode() if isinstance(cell, str) else identity(cell)


def read(
    found: Sequence[Path], wanted: Sequence[str], images: Sequence[str] = (), *, folder: Path | None = None,
    cache: Path | None = None, limit: int = 0, where: tuple[str, str] | None = None,
) -> Table:  # fmt: skip
    """Reads local tables of one suffix (Parquet, CSV, TSV, JSON Lines).

    Args:
        wanted: columns that may be of use; those that are not there are left out.
        images: names that the image column may have.
        folder: what picture paths are relative to; the first file's own if None.
        limit: stop one row after so many, which tells whether there are more; 0 for all.
        where: (column, value): only rows that have it, if there is the column.

    Raises:
        WeftError: a file is missing or damaged; a line cannot be read; files of several folders name pictures by path.
    """
    place, apart = str(found[0]), folder is None and len({file.parent for file in found}) > 1
    folder = folder or found[0].parent
    reader = importlib.import_module(f"weft.catalogue.sources.{READERS[found[0].suffix.lower()]}")
    parquet = found[0].suffix.lower() == ".parquet"
    needed = [*wanted, *([where[0]] if where else [])]
    # Pictures in Parquet are read when they are asked for; elsewhere the column holds their paths.
    table = reader.read(list(found), needed if parquet else [*needed, *images], str(folder))
    image = image_column(table.columns, images)
    take = [name for name in dict.fromkeys(needed) if name in table.columns and name != image]
    if image and apart and not parquet:
        raise WeftError(f"{place} and tables in other folders name their pictures by path: read one folder at a time")
    if not take:
        raise WeftError(f"{place} has none of {', '.join(wanted)}. Its columns are {', '.join(table.columns)}")
    kept = []
    for number, row in enumerate(table.rows):
        if isinstance(row, str):
            raise WeftError(f"{place}: {row}. A benchmark without this row would be another: mend or fetch the file")
        if where and where[0] in take and identity(row.get(where[0])) != where[1]:
            continue
        kept.append((number, row))
        if limit and len(kept) > limit:
            break
    if where and where[0] in take and not kept:
        raise WeftError(f"{place} has no row whose {where[0]} is {where[1]!r}")
    cells = {name: [row.get(name) for _, row in kept] for name in table.columns if name in take}
    pictures = None
    if image and parquet:
        pictures = from_parquet(found, image, folder, cache)
        numbers = [number for number, _ in kept]
        pictures = pictures if numbers == list(range(pictures.image_count)) else _some(pictures, numbers, cache)
    elif image:
        pictures = from_folder(folder, [words(row.get(image)) for _, row in kept], cache)
    return Table(place, table.columns, cells, pictures)


def _some(pictures: Encoded, numbers: list[int], cache: Path | None) -> Encoded:
    key = key_of([pictures._key, numbers])
    return Encoded(len(numbers), lambda row: pictures.image(numbers[row]), key, cache)


def image_column(columns: Sequence[str], images: Sequence[str]) -> str:
    return next((name for name in images if name in columns), "")
