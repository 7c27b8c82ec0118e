"""How the corpus's pictures look: hash, thumbnail and bytes of every one in play, kept in a cache."""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from weft.artefact import key_of
from weft.benchmarks.record import Side
from weft.catalogue.duplicates import describe_all
from weft.catalogue.images import ImageError, decode
from weft.errors import WeftError
from weft.files import whole
from weft.progress import progress

PART = 4096
"""Pictures that are looked at before what was seen is kept: a killed run goes on from there."""


@dataclass(frozen=True)
class Looks:
    """P pictures in play that can be read.

    Attributes:
        item: (P,) the corpus row that each shows; exact: P digests of their bytes.
        hash: (P, 32) and thumb: (P, 192) uint8, see `weft.catalogue.duplicates`.
    """

    item: np.ndarray
    exact: list[str]
    hash: np.ndarray
    thumb: np.ndarray


def signatures(side: Side, cache: Path | None = None) -> Looks:
    """Looks at every picture in play, once for a cache; those that cannot be read are left out.

    Raises:
        WeftError: the disk is full.
    """
    rows = np.asarray(side.rows)
    owner = np.arange(len(side)) if side.owner is None else np.asarray(side.owner)
    starts = range(0, len(rows), PART)
    parts = [_part(side, rows[s : s + PART], cache) for s in progress(starts, "looking at pictures", unit="part")]
    fine, hashes, thumbs = (np.concatenate(part) for part in zip(*parts, strict=True))
    digests = side.pictures.image_hashes
    return Looks(owner[fine], [digests[row] for row in rows[fine].tolist()], hashes[fine], thumbs[fine])


def _part(side: Side, rows: np.ndarray, cache: Path | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(P,) whether each picture can be read, (P, 32) hashes and (P, 192) thumbnails."""
    path = cache / f"signatures-{key_of([side.pictures.identity, rows.tolist()])}.npz" if cache else None
    if path and path.exists():
        try:
            with np.load(path) as kept:
                return kept["fine"], kept["hash"], kept["thumb"]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            pass  # damaged: made again below
    fine = np.ones(len(rows), dtype=bool)
    hashes, thumbs = describe_all(_decoded(side, rows.tolist(), fine))
    if path:
        with whole(path) as partial, partial.open("wb") as handle:
            np.savez(handle, fine=fine, hash=hashes, thumb=thumbs)
    return fine, hashes, thumbs


def _decoded(side: Side, rows: list[int], fine: np.ndarray) -> Iterator[Image.Image]:
    """The pictures in order; one that cannot be read is marked and a dot stands in its place."""
    for place, row in enumerate(rows):
        try:
            yield decode(side.pictures.image(row))
        except (ImageError, WeftError):
            fine[place] = False
            yield Image.new("RGB", (1, 1))
