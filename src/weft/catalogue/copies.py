"""Whether one picture is a copy of another, though resized, re-encoded, mirrored or cropped by a few percent.

Perceptual hashes miss crops (`weft.seen.ALIKE`). Here an outline proposes a few pictures, and a proposal is laid over
the picture by shift and zoom until it fits best (Gauss-Newton on the grey levels: Lucas and Kanade 1981) and is then
compared in detail. The thresholds come from KAGL photos (docs/LOG.md).
"""

import functools
from collections.abc import Callable

import numpy as np
from PIL import Image

from weft.search import top_k

SIDE = 64  # pixels of the square in which two pictures are laid over each other
CELLS = 8  # of the outline, per direction
CROPS = ((0, 0, 0, 0), (2, 2, 2, 2), (3, 3, 3, 3), (0, 3, 0, 3), (0, 3, 3, 0), (3, 0, 0, 3), (3, 0, 3, 0))
"""Pixels cut off top, bottom, left and right of what may have been copied, before its outline is drawn."""
PROPOSED = 16  # views that an outline proposes
OUTLINE = 0.94  # cosine below which two outlines are not worth a closer look
LIKELY = 0.96  # correlation at half the size below which no closer look is worth it
STRUCTURE, COLOUR = 0.9, 16.0  # a copy has at least this correlation and at most this difference, see `compare`
ZOOMS = (0.0, -0.05, -0.1)  # where fitting starts: a copy that lost so much of its sides
BATCH = 256


def square(image: Image.Image) -> np.ndarray:
    """(SIDE, SIDE, 3) uint8, the picture squeezed to a square."""
    return np.asarray(image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC, reducing_gap=2.0))


def outlines(squares: np.ndarray) -> np.ndarray:
    """(N, S, S, 3) -> (N, D) float32 unit vectors, light and contrast taken out; a flat picture has the constant
    direction, which is near nothing else."""
    count, height, width, _ = squares.shape
    cells = _cells(height) @ squares.astype(np.float32).reshape(count, height, 3 * width)
    cells = (_cells(width) @ cells.reshape(count, CELLS, width, 3)).reshape(count, 3 * CELLS**2)
    cells = cells - cells.mean(1, keepdims=True)
    length = np.linalg.norm(cells, axis=1, keepdims=True)
    return np.where(length > 1e-2, cells / np.maximum(length, 1e-2), np.float32(cells.shape[1] ** -0.5))


def _cells(side: int) -> np.ndarray:
    """(CELLS, side): each row the mean over a cell of `side` pixels."""
    middles = np.linspace(0, side - 1, 2 * CELLS + 1)[1::2].round().astype(int)
    return _means(side, SIDE // CELLS + 1, tuple(middles.tolist()))


def views(squares: np.ndarray) -> np.ndarray:
    """(2 len(CROPS), N, D) outlines of pictures as copies may show them: whole and cropped, then the same mirrored."""
    cropped = [squares[:, top : SIDE - bottom, left : SIDE - right] for top, bottom, left, right in CROPS]
    return np.stack([outlines(one) for one in (*cropped, *(one[:, :, ::-1] for one in cropped))])


def find(
    pictures: np.ndarray,
    known: np.ndarray,
    picture: Callable[[int], np.ndarray],
    original: Callable[[int], np.ndarray],
) -> list[tuple[int, int, float, float]]:
    """Pairs (place among `pictures`, place among `known`, structure, colour) of copies, the best for each picture.

    Args:
        pictures: (N, D) outlines of what may be copies. known: `views` of the M that they may be copies of.
        picture, original: place -> its (SIDE, SIDE, 3) square, asked for only where an outline proposes it.
    """
    if not len(pictures) or not known.shape[1]:
        return []
    count, flat = known.shape[1], known.reshape(-1, known.shape[2])
    near, cosine = top_k(pictures, flat, min(PROPOSED, len(flat)))
    rows, ranks = np.nonzero(cosine >= OUTLINE)
    view, place = np.divmod(near[rows, ranks], count)
    pairs = np.unique(np.stack([rows, place, view >= len(CROPS)], axis=1), axis=0)
    best: dict[int, tuple[int, int, float, float]] = {}
    for part in (pairs[start : start + BATCH] for start in range(0, len(pairs), BATCH)):
        left = np.stack([picture(int(row)) for row in part[:, 0]])
        right = np.stack([original(int(place))[:, :: -1 if turned else 1] for _, place, turned in part])
        for (row, place, _), structure, colour in zip(part.tolist(), *compare(left, right), strict=True):
            if structure >= STRUCTURE and colour <= COLOUR:
                found = (row, place, float(structure), float(colour))
                best[row] = max(best.get(row, found), found, key=lambda one: one[2])
    return [best[row] for row in sorted(best)]


def compare(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How alike pictures are once the second is laid over the first, both (P, SIDE, SIDE, 3).

    Returns:
        structure: (P,) correlation of fine detail (3 to 11 pixels) in grey; colour: (P,) the largest difference of
        coarse colour (9 pixels) anywhere, in grey levels of 255. The border, where a crop has nothing, is left out.
    """
    a, b = (one.transpose(0, 3, 1, 2).astype(np.float32, order="C") for one in (a, b))
    structure, colour = np.zeros(len(a)), np.full(len(a), 255.0)
    move, likely = _laid(*(_blurred(one.mean(1), 3)[:, ::2, ::2] for one in (a, b)))
    rows = np.flatnonzero(likely)
    if not len(rows):
        return structure, colour
    a, b, move = a[rows], b[rows], move[rows] * np.float32([2, 2, 1, 1])
    greys = [_blurred(one.mean(1), 3) for one in (a, b)]
    over, inner = _moved(b, _fit(*greys, move, 3)), slice(6, SIDE - 6)
    detail = [_blurred(one.mean(1), 3) - _blurred(one.mean(1), 11) for one in (a, over)]
    structure[rows] = _correlation(*(one[:, inner, inner] for one in detail))
    colour[rows] = np.abs(_blurred(a, 9) - _blurred(over, 9))[..., inner, inner].max((1, 2, 3))
    return structure, colour


def _laid(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(P, 4) the move of b that fits a best, at half the size, and (P,) whether it fits at all; both (P, S, S) grey."""
    moves = np.stack([_fit(a, b, np.tile(np.float32([0, 0, zoom, zoom]), (len(a), 1)), 5) for zoom in ZOOMS])
    over = np.stack([_moved(b, move) for move in moves])
    best = ((a - over) ** 2).mean((2, 3)).argmin(0), np.arange(len(a))
    return moves[best], _correlation(*(one - one.mean((1, 2), keepdims=True) for one in (a, over[best]))) > LIKELY


def _correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a, b = a.reshape(len(a), -1), b.reshape(len(b), -1)
    return (a * b).sum(1) / np.maximum(np.sqrt((a**2).sum(1) * (b**2).sum(1)), 1.0)


def _blurred(pictures: np.ndarray, width: int) -> np.ndarray:
    """(..., S, S) a running mean over `width` (odd) pixels in both directions; the border is repeated outwards."""
    side = pictures.shape[-1]
    means = _means(side, width, tuple(range(side)))
    return means @ pictures @ means.T


@functools.cache
def _means(side: int, width: int, middles: tuple[int, ...]) -> np.ndarray:
    """(middles, side) float32: each row the mean over `width` pixels around one; the border is repeated outwards. Two
    products with such a matrix are ten times as fast as running sums."""
    places = (np.asarray(middles)[:, None] + np.arange(width) - width // 2).clip(0, side - 1)
    means = np.zeros((len(middles), side), dtype=np.float32)
    np.add.at(means, (np.arange(len(middles))[:, None], places), 1 / width)
    return means


def _fit(a: np.ndarray, b: np.ndarray, move: np.ndarray, steps: int) -> np.ndarray:
    """(P, 4) the shift down and right, in pixels, and the zoom down and right of b that fits a best."""
    place = (np.arange(a.shape[1]) - (a.shape[1] - 1) / 2).astype(np.float32)
    ridge = np.diag(np.asarray([10, 10, 1e4, 1e4], dtype=np.float32))  # keeps flat pictures solvable
    for _ in range(steps):
        over = _moved(b, move)
        down, right = np.gradient(over, axis=(1, 2))
        slopes = np.stack([down, right, down * place[:, None], right * place], axis=1).reshape(len(a), 4, -1)
        change = (a - over).reshape(len(a), -1, 1)
        move = move + np.linalg.solve(slopes @ slopes.mT + ridge, slopes @ change)[..., 0]
        move = np.concatenate([move[:, :2].clip(-6, 6), move[:, 2:].clip(-0.15, 0.15)], axis=1)
    return move


def _moved(pictures: np.ndarray, move: np.ndarray) -> np.ndarray:
    """(P, S, S) or (P, C, S, S) looked at through a shifted and zoomed window, between pixels linearly."""
    side = pictures.shape[-1]
    place, middle = np.arange(side) - (side - 1) / 2, (side - 1) / 2
    down, right = (
        _between((place * (1 + move[:, 2 + i, None]) + move[:, i, None] + middle).clip(0, side - 1)) for i in (0, 1)
    )
    if pictures.ndim == 4:
        down, right = down[:, None], right[:, None]
    return down @ pictures @ right.mT


def _between(at: np.ndarray) -> np.ndarray:
    """(P, S, S) float32 matrices whose row s reads a line of pixels at the place (P, S), between two of them."""
    low = np.minimum(at.astype(np.int64), at.shape[1] - 2)
    share = (at - low).astype(np.float32)
    read = np.zeros((*at.shape, at.shape[1]), dtype=np.float32)
    np.put_along_axis(read, low[..., None], 1 - share[..., None], 2)
    np.put_along_axis(read, low[..., None] + 1, share[..., None], 2)
    return read
