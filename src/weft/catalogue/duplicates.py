"""Finds exact and near-duplicate pictures among millions without comparing all pairs, and groups them in stars.

A picture is described by 256 signs of its low-frequency cosine transform (after Zauner 2010, "Implementation and
benchmarking of perceptual image hash functions", section 3.2.1, at four times the bits) and by a tiny colour
thumbnail. Candidates come from sorting the hashes under several fixed bit permutations and looking at neighbours
(Charikar 2002, "Similarity estimation techniques from rounding algorithms", section 3): work grows as N log N
whatever the pictures are. Each candidate is then verified by Hamming distance *and* by colour. The thresholds
were chosen by eye on 44,000 studio photos (docs/LOG.md): above them, shirts of one cut begin to be merged.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from PIL import Image

SIDE = 64  # pixels of the square in which a picture is looked at
WAVES = 16  # frequencies kept per direction: 16 x 16 = 256 bits
CELLS = 8  # thumbnail cells per direction
MAX_DISTANCE = 32  # of 256 bits
MAX_COLOUR = 12.0  # grey levels of 255, see `compare`
TABLES = 16  # sortings
NEIGHBOURS = 12  # pictures looked at after each one in each sorting
AT_ONCE = 2**16  # pictures whose bits, or pairs whose signatures, are side by side in memory

_X = (np.arange(SIDE) + 0.5) * np.pi / SIDE
_COSINES = np.cos(np.arange(WAVES)[:, None] * _X).astype(np.float32)  # (WAVES, SIDE), DCT-II
_LUMA = np.asarray([0.299, 0.587, 0.114], dtype=np.float32)


class Signature(NamedTuple):
    """hash: (..., 32) uint8, 256 bits; thumb: (..., 192) uint8, an 8 x 8 RGB thumbnail, row by row."""

    hash: np.ndarray
    thumb: np.ndarray


def describe(image: Image.Image) -> Signature:
    """The signature of one picture of any size and mode; of one without structure no bit of the hash is set but the
    first, which says that it is not black."""
    hashes, thumbs = describe_all([image])
    return Signature(hashes[0], thumbs[0])


def describe_all(images: Iterable[Image.Image], batch: int = 256) -> Signature:
    """Signatures of many pictures, streamed: hash (N, 32), thumb (N, 192). Only `batch` are held at a time."""
    hashes, thumbs, squares = [], [], []
    for image in images:
        squares.append(_square(image))
        if len(squares) == batch:
            _flush(squares, hashes, thumbs)
    _flush(squares, hashes, thumbs)
    return Signature(
        np.concatenate([np.empty((0, WAVES * WAVES // 8), np.uint8), *hashes]),
        np.concatenate([np.empty((0, CELLS * CELLS * 3), np.uint8), *thumbs]),
    )


def _square(image: Image.Image) -> np.ndarray:
    if image.mode != "RGB":
        image = image.convert("RGB")
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0))


def _flush(squares: list[np.ndarray], hashes: list[np.ndarray], thumbs: list[np.ndarray]) -> None:
    if not squares:
        return
    pixels = np.stack(squares).astype(np.float32)  # (B, SIDE, SIDE, 3)
    squares.clear()
    waves = _COSINES @ (pixels @ _LUMA) @ _COSINES.T  # (B, WAVES, WAVES)
    # Rounding keeps float noise from writing random bits where a flat picture has no wave at all.
    waves = np.round(waves.reshape(len(pixels), -1), 1)
    hashes.append(np.packbits(waves > np.median(waves, axis=1, keepdims=True), axis=1))
    cell = SIDE // CELLS
    cells = pixels.reshape(len(pixels), CELLS, cell, CELLS, cell, 3).mean(axis=(2, 4))
    thumbs.append(np.round(cells).astype(np.uint8).reshape(len(pixels), -1))


@dataclass(frozen=True)
class Groups:
    """Pictures that show the same thing.

    Attributes:
        group: (N,) int64, the index of each picture's representative; a representative's own index.
        pairs: (P, 2) int64, representative and member, in order of the member; one row per non-representative.
        distance: (P,) int64, differing bits of 256; colour: (P,) float32, see `compare`.
        exact: (P,) bool, whether the two files are the same bytes.
    """

    group: np.ndarray
    pairs: np.ndarray
    distance: np.ndarray
    colour: np.ndarray
    exact: np.ndarray


def group(
    hashes: np.ndarray,
    thumbs: np.ndarray,
    exact: Sequence[str],
    max_distance: int = MAX_DISTANCE,
    max_colour: float = MAX_COLOUR,
) -> Groups:
    """Groups pictures into stars: every member was itself verified against its representative.

    In index order, a picture that belongs to no star yet opens one and takes in what is verified against it,
    so that near misses cannot chain. The result depends on the pictures and their order, on nothing else.

    Args:
        hashes: (N, 32) uint8 and thumbs: (N, 192) uint8, from `describe_all`.
        exact: N digests of the files' bytes; equal digests are one picture.
        max_distance: bits of 256; 0 still compares colours.
        max_colour: grey levels, see `compare`.
    """
    signatures = Signature(np.ascontiguousarray(hashes), np.ascontiguousarray(thumbs))
    first: dict[str, int] = {}
    original = np.asarray([first.setdefault(digest, i) for i, digest in enumerate(exact)], dtype=np.int64)
    kept = np.flatnonzero(original == np.arange(len(original)))  # one picture per digest
    near = Signature(signatures.hash[kept], signatures.thumb[kept])
    group = kept[_stars(near, _verified_pairs(near, max_distance, max_colour), max_distance, max_colour)]
    position = np.searchsorted(kept, original)
    group = group[position]
    members = np.flatnonzero(group != np.arange(len(group)))
    pairs = np.stack([group[members], members], axis=1)
    distance, colour = compare(_take(signatures, pairs[:, 0]), _take(signatures, pairs[:, 1]))
    return Groups(group, pairs, distance, colour, original[pairs[:, 1]] == original[pairs[:, 0]])


def compare(a: Signature, b: Signature) -> tuple[np.ndarray, np.ndarray]:
    """How far apart pictures are: (P,) differing bits of 256 and (P,) colour difference, both symmetric.

    The colour difference is the largest over all thumbnail cells and channels (a mean would drown a small print
    in white background), after the best small shift and zoom has been explained away (one linear step of Lucas
    and Kanade 1981, so that a slight crop is no difference). It is scaled by sqrt(64 / contrast), because what
    resampling leaves over grows with contrast: grey levels, for a picture whose cells deviate by 64.
    """
    distance = np.bitwise_count(a.hash.view(np.uint64) ^ b.hash.view(np.uint64)).sum(axis=-1, dtype=np.int64)
    colour = np.empty(len(distance), dtype=np.float32)
    for start in range(0, len(distance), 512):  # small enough for a cache
        rows = slice(start, start + 512)
        colour[rows] = _colour(a.thumb[rows], b.thumb[rows])
    return distance, colour


def _colour(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a, b = (thumb.astype(np.float32).reshape(-1, CELLS, CELLS, 3) for thumb in (a, b))
    middle = (a + b) / 2
    down, right = np.gradient(middle, axis=(1, 2))
    place = (np.arange(CELLS, dtype=np.float32) - (CELLS - 1) / 2) / (CELLS / 2)  # -1 .. 1 across the picture
    moves = np.stack([down, right, down * place[:, None, None], right * place[:, None]], axis=-1)
    moves = moves.reshape(len(a), -1, 4)  # (P, 192, 4): shift down, shift right, zoom down, zoom right
    change = (b - a).reshape(len(a), -1, 1)
    normal = moves.mT @ moves + 10 * np.eye(4, dtype=np.float32)  # the ridge keeps flat pictures solvable
    amount = np.linalg.solve(normal, moves.mT @ change).clip(-0.3, 0.3)  # cells; 0.3 is 4% of the picture
    left_over = np.abs(change - moves @ amount).max(axis=(1, 2))
    contrast = middle.std(axis=(1, 2)).max(axis=1)
    return left_over * np.sqrt(64 / np.maximum(contrast, 8))


def _verified_pairs(near: Signature, max_distance: int, max_colour: float) -> np.ndarray:
    """(P, 2) distinct pairs i < j that are neighbours in some sorting and close in bits and in colour."""
    count, found = len(near.hash), [np.empty(0, dtype=np.int64)]
    words = near.hash.view(np.uint64)  # (N, 4)
    rng = np.random.default_rng(0)
    for _ in range(TABLES):
        order = np.argsort(_some_bits(near.hash, rng.permutation(WAVES * WAVES)[:64]), kind="stable")
        ordered = words[order]
        for step in range(1, min(NEIGHBOURS, count - 1) + 1):
            distance = np.bitwise_count(ordered[:-step] ^ ordered[step:]).sum(axis=1, dtype=np.int64)
            close = np.flatnonzero(distance <= max_distance)
            left, right = order[close], order[close + step]
            found.append(np.minimum(left, right) * count + np.maximum(left, right))
        found = [np.unique(np.concatenate(found))]  # most are found again in every sorting
    pairs = np.stack(np.divmod(found[0], max(count, 1)), axis=1)
    close = [np.empty(0, dtype=bool)]
    for start in range(0, len(pairs), AT_ONCE):
        one, two = pairs[start : start + AT_ONCE].T
        close.append(compare(_take(near, one), _take(near, two))[1] <= max_colour)
    return pairs[np.concatenate(close)]


def _some_bits(hashes: np.ndarray, places: np.ndarray) -> np.ndarray:
    """(N,) uint64, the bits at 64 places, the first one the highest."""
    parts = [np.empty((0, 8), dtype=np.uint8)]
    for start in range(0, len(hashes), AT_ONCE):
        bits = np.unpackbits(hashes[start : start + AT_ONCE], axis=1)
        parts.append(np.packbits(bits[:, places], axis=1))
    return np.concatenate(parts).view(np.uint64).ravel().byteswap()


def _stars(near: Signature, pairs: np.ndarray, max_distance: int, max_colour: float) -> np.ndarray:
    """(N,) representative of each picture. Each pair is looked at twice at most, so the work is linear in them."""
    group = np.arange(len(near.hash))
    neighbours: dict[int, list[int]] = {}
    for i, j in pairs.tolist():
        neighbours.setdefault(i, []).append(j)
        neighbours.setdefault(j, []).append(i)
    free = set(neighbours)
    for centre in sorted(neighbours):
        if centre not in free:
            continue
        frontier = [j for j in neighbours[centre] if j in free]  # verified against it already
        group[frontier] = centre
        free.difference_update([centre, *frontier])
        # A copy may not be the centre's own neighbour in any sorting but its members': ask those too.
        seen: set[int] = set()
        while asked := sorted({j for i in frontier for j in neighbours[i] if j in free and j not in seen}):
            seen.update(asked)
            distance, colour = compare(_take(near, np.full(len(asked), centre)), _take(near, np.asarray(asked, int)))
            close = (distance <= max_distance) & (colour <= max_colour)
            frontier = [j for j, same in zip(asked, close.tolist(), strict=True) if same]
            group[frontier] = centre
            free.difference_update(frontier)
    return group


def _take(signatures: Signature, rows: np.ndarray) -> Signature:
    return Signature(signatures.hash[rows], signatures.thumb[rows])
