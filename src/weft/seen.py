"""What a model was trained on, kept beside its weights: product ids, exact and perceptual hashes of pictures."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from weft.benchmarks.record import AnyTask, Pictures, Retrieval, Side
from weft.catalogue import duplicates
from weft.catalogue.collection import Collection
from weft.catalogue.images import ImageError, decode
from weft.encoders import local_folder
from weft.encoders.source import find
from weft.errors import WeftError
from weft.files import save_array, whole
from weft.progress import progress

FILE = "weft_trained_on.parquet"
SCHEMA = pa.schema([("product_id", pa.string()), ("exact", pa.uint64()), ("look", pa.binary(32))])
ALIKE = 15
"""Bits of 256 that two pictures' hashes may differ by and still be called one picture. Of 2,000 KAGL photos, copies
made smaller by a fifth and saved at quality 75 differ by 14 or less in 99%, strangers by 32 or more in 99%; a copy
cropped by 2% a side differs by 40 and is not found (docs/LOG.md)."""
BANDS = 16
"""Hashes that differ in fewer bits than there are bands agree in a whole band, so comparing bands misses none."""

_WAVES = np.asarray([0x7F] + [0xFF] * 31, dtype=np.uint8)  # all but the mean, in the hash's first bit

NO_LOOKS = np.empty((0, 32), dtype=np.uint8)


@dataclass(frozen=True)
class Seen:
    """Training pictures. ids: of their products; exact: (N,) uint64, the first 64 bits of each picture's SHA-256;
    looks: (M, 32) uint8 perceptual hashes (`weft.catalogue.duplicates`), fewer where some are not known."""

    ids: frozenset[str]
    exact: np.ndarray
    looks: np.ndarray

    @classmethod
    def of(cls, model: str | Path) -> "Seen | None":
        """What a model says of itself; None if it says nothing. Raises `WeftError` if its file is damaged."""
        source = find(str(model))
        if source.family != "transformers" or not source.local:
            return None
        path = local_folder(str(model)) / FILE
        if not path.exists():
            return None
        try:
            table = _read(path)
            looks = [np.frombuffer(look, dtype=np.uint8) for look in table["look"].to_pylist() if look]
            exact = np.unique(table["exact"].to_numpy())
            ids = frozenset(table["product_id"].to_pylist())
            return cls(ids, exact, np.stack(looks) if looks else NO_LOOKS)
        except ValueError as error:  # hashes of unequal lengths
            raise _damaged(path, error) from None


def write(model: Path, collection: Collection, base: str | None) -> None:
    """Leaves `FILE` in a model's folder: what it was trained on, and what its base was."""
    looks = collection.looks
    rows = [
        {"product_id": collection.products[product].id, "exact": first64(collection.image_hashes[row])}
        | {"look": None if looks is None else looks[row].tobytes()}
        for product in np.flatnonzero(collection.split == "train")
        for row in collection.image_rows[product]
    ]
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    older = local_folder(base) / FILE if base else None
    if older and older.exists():
        table = pa.concat_tables([table, _read(older)])
    with whole(model / FILE) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def _read(path: Path) -> pa.Table:
    """What a model was trained on. Raises `WeftError` if it is damaged."""
    try:
        return pq.read_table(path, schema=SCHEMA)
    except (pa.ArrowException, OSError, KeyError) as error:
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> WeftError:
    return WeftError(f"{path} is damaged ({error}); copy the model's folder again or delete the file")


def first64(sha256: str) -> int:
    return int(sha256[:16], 16)


def contamination(task: AnyTask, seen: Seen, cache: Path | None = None) -> dict[str, int]:
    """How much of what answers this task's queries the model was trained on: "id" counts things, by product id;
    "exact" and "perceptual" count their pictures, by their very bytes and by how they look.

    Ids of two catalogues may be equal by chance (row numbers are): a count by id alone is a reason to look.
    """
    if isinstance(task, Retrieval):
        side = task.corpus
        answers = [np.asarray(rows)[np.asarray(grades) >= task.threshold] for rows, grades in task.relevant]
        things = np.unique(np.concatenate(answers))
    else:
        side, things = task.items, np.arange(len(task.items))
    found = {"id": sum(side.ids[thing] in seen.ids for thing in things)}
    if side.pictures is None:
        return found
    rows = pictures_of(side, things)
    exact = np.asarray([first64(side.pictures.image_hashes[row]) for row in rows], dtype=np.uint64)
    found["exact"] = int(np.isin(exact, seen.exact).sum())
    if len(seen.looks):
        found["perceptual"] = int((alike(looks_of(side.pictures, cache)[rows], seen.looks) >= 0).sum())
    return found


def pictures_of(side: Side, things: np.ndarray) -> np.ndarray:
    """Rows of all pictures that show one of these things."""
    return side.rows[things] if side.owner is None else side.rows[np.isin(side.owner, things)]


def looks_of(pictures: Pictures, cache: Path | None = None) -> np.ndarray:
    """(N, 32) perceptual hashes of all pictures; zeros, which are like nothing, where one cannot be read."""
    known = getattr(pictures, "looks", None)
    path = cache / f"looks-{pictures.identity}.npy" if cache else None
    if known is not None or (path and path.exists()):
        return known if known is not None else np.load(path)
    looks = np.zeros((pictures.image_count, 32), dtype=np.uint8)
    for row in progress(range(pictures.image_count), "looking at pictures", unit="picture"):
        try:
            looks[row] = duplicates.describe(decode(pictures.image(row))).hash
        except (ImageError, WeftError):
            continue
    if path:
        save_array(path, looks)
    return looks


def alike(looks: np.ndarray, others: np.ndarray, most: int = ALIKE) -> np.ndarray:
    """(N,) for each hash of (N, 32) `looks` the place of one of (M, 32) `others` that differs in at most `most` bits,
    -1 where there is none.

    Only hashes that agree in one of `BANDS` bands of 16 bits are compared, which misses none (`most` < `BANDS`).
    A flat picture is like nothing: its hash has no bit, or only the first, which says that it is not black.
    """
    found = np.full(len(looks), -1)
    mine, theirs = (np.ascontiguousarray(a).view(np.uint16) for a in (looks, others))
    words, targets = (np.ascontiguousarray(a).view(np.uint64) for a in (looks, others))
    full, open_ = ((a & _WAVES).any(axis=1) for a in (others, looks))
    for band in range(BANDS):
        order = np.argsort(theirs[:, band], kind="stable")
        order = order[full[order]]
        left, right = (np.searchsorted(theirs[order, band], mine[:, band], side) for side in ("left", "right"))
        width = int((right - left).max(initial=0))
        for step in range(width):
            rows = np.flatnonzero(open_ & (found < 0) & (left + step < right))
            place = order[left[rows] + step]
            near = np.bitwise_count(words[rows] ^ targets[place]).sum(axis=1) <= most
            found[rows[near]] = place[near]
    return found
