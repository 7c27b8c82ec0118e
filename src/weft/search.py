"""Exact nearest neighbours by inner product, in bounded memory, with ties that never favour anyone.

A float32 matrix product gives the same pair slightly different values in blocks of different shapes. So the
product only proposes: whatever could belong to the top k within the product's worst rounding error is scored again,
pair by pair, in float64, and that score, rounded to float32, decides, smallest index first. The result depends
on the embeddings alone, not on chunk size or threads.
"""

import itertools

import numpy as np

from weft.errors import WeftError

CHUNK = 4096  # gallery rows per product
CELLS = 2**23  # scores, or retained candidates, held at a time; about 200 MB at the peak
ROOM = 3  # times as many candidates as are wanted are gathered before the best are picked out
SPARE = 16  # candidates kept beyond k, to settle near ties without a second pass


def top_k(
    queries: np.ndarray,
    gallery: np.ndarray,
    k: int,
    group: np.ndarray | None = None,
    chunk: int = CHUNK,
    longest: float | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The k best rows of the gallery for every query, or the k best groups of rows.

    Args:
        queries: (Q, D) and gallery: (N, D) float embeddings, normally unit vectors; the gallery may be
            memory-mapped, it is read in chunks.
        group: (N,) int >= 0, what each row belongs to (the product a picture shows). A group scores as its best
            row, and groups are returned in place of rows.
        longest: of the gallery's rows, if they were checked before: for a single query the check is most of the work.

    Returns:
        (Q, k) int64 indices and (Q, k) float32 scores, best first, ties by the smallest index. Where there are
        fewer than k, slots are -1 with score -inf.

    Raises:
        WeftError: an embedding is not finite or is all zeros, or the dimensions differ.
    """
    queries = np.ascontiguousarray(queries, dtype=np.float32)
    if gallery.ndim != 2 or queries.ndim != 2 or queries.shape[1] != gallery.shape[1]:
        raise WeftError(f"queries {queries.shape} and gallery {gallery.shape} are not embeddings of one encoder")
    if k < 1 or (group is not None and len(group) != len(gallery)):
        raise ValueError(f"k = {k}, {len(gallery)} gallery rows, {None if group is None else len(group)} groups")
    labels = np.arange(len(gallery)) if group is None else np.asarray(group, dtype=np.int64)
    if (labels < 0).any():
        raise ValueError("a negative group would read as an empty slot")
    # The error of a D-term float32 sum in any order is at most D * 2^-24 * |q| * |g| (Higham 2002, section 3.1).
    longest = _check(gallery, "gallery", chunk) if longest is None else longest
    error = (queries.shape[1] + 2) * 2.0**-24 * longest * max(_check(queries, "query", chunk), 1e-30)

    indices = np.full((len(queries), k), -1, dtype=np.int64)
    scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
    pending, width = np.arange(len(queries)), k + SPARE
    if group is not None and len(labels):
        width *= -(
            -len(labels) // max(np.count_nonzero(np.bincount(labels)), 1)
        )  # mean number of rows per group, rounded up
    while len(pending) and len(gallery):
        width = min(width, len(gallery))
        unsettled = []
        block = max(1, CELLS // max(ROOM * width, chunk))
        for start in range(0, len(pending), block):
            rows = pending[start : start + block]
            near, approximate = _propose(queries[rows], gallery, width, chunk)
            for row, found, score in zip(rows, near, approximate, strict=True):
                bar = _kth(score, k, None if group is None else labels[found]) - 4 * error
                if width < len(gallery) and score[-1] >= bar:
                    unsettled.append(row)  # the list may be cut inside a near tie: look further down
                    continue
                found = found[score >= bar]
                exact = _exact(queries[row], gallery, found)
                order = np.lexsort((labels[found], -exact))
                if group is not None:
                    order = order[_first(labels[found][order])]
                order = order[:k]
                indices[row, : len(order)], scores[row, : len(order)] = labels[found][order], exact[order]
        pending, width = np.asarray(unsettled, dtype=np.int64), width * 4
    return indices, scores


def _propose(queries: np.ndarray, gallery: np.ndarray, width: int, chunk: int) -> tuple[np.ndarray, np.ndarray]:
    """(Q, width) rows with the highest float32 products and those products, in descending order.

    Every query keeps the products above its bar. When there is no room for more, it keeps the `width` largest, the
    smallest of which is the new bar: what does not exceed it has `width` betters. After a few chunks little passes.
    """
    room = min(ROOM * width, len(gallery))
    best = np.full((len(queries), room), -np.inf, dtype=np.float32)
    rows = np.full((len(queries), room), -1, dtype=np.int64)
    bar, filled = np.full(len(queries), -np.inf, dtype=np.float32), np.zeros(len(queries), dtype=np.int64)
    size = len(queries) * min(chunk, len(gallery))
    products, passes = np.empty(size, dtype=np.float32), np.empty(size, dtype=bool)
    first = min(chunk, 2 * room)  # everything passes at first, so a first bar comes from few rows
    for start, end in itertools.pairwise([0, *range(first, len(gallery), chunk), len(gallery)]):
        part = np.asarray(gallery[start:end], dtype=np.float32)
        values = products[: len(queries) * len(part)].reshape(len(queries), len(part))
        above = passes[: values.size].reshape(values.shape)
        np.matmul(queries, part.T, out=values)
        np.greater(values, bar[:, None], out=above)
        # Flat, since numpy skips the zeros of a vector a word at a time, but those of a matrix one by one.
        found = np.flatnonzero(above)
        edges = np.searchsorted(found, np.arange(len(queries) + 1) * len(part))
        count = np.diff(edges)
        crowded = filled + count > room
        for row in np.flatnonzero(crowded):
            column = found[edges[row] : edges[row + 1]] - row * len(part)
            merged = np.concatenate([best[row, : filled[row]], values[row, column]])
            places = np.concatenate([rows[row, : filled[row]], start + column])
            kept = np.argpartition(merged, -width)[-width:]
            best[row, :width], rows[row, :width] = merged[kept], places[kept]
            best[row, width:], filled[row], bar[row] = -np.inf, width, merged[kept[0]]
        found, count = found[np.repeat(~crowded, count)], np.where(crowded, 0, count)
        row = np.repeat(np.arange(len(queries)), count)
        slot = np.arange(len(row)) - np.repeat(np.cumsum(count) - count - filled, count)
        best[row, slot], rows[row, slot] = values.ravel()[found], start + found - row * len(part)
        filled += count
    order = np.argsort(-best, axis=1, kind="stable")[:, :width]
    return np.take_along_axis(rows, order, 1), np.take_along_axis(best, order, 1)


def _kth(scores: np.ndarray, k: int, labels: np.ndarray | None) -> float:
    """The k-th score, or the one with the k-th distinct label, of a descending list; -inf if there are fewer."""
    if labels is not None:
        scores = scores[_first(labels)]
    return float(scores[k - 1]) if len(scores) >= k else -np.inf


def _first(labels: np.ndarray) -> np.ndarray:
    """Where each distinct label appears first, ascending."""
    return np.sort(np.unique(labels, return_index=True)[1])


def _exact(query: np.ndarray, gallery: np.ndarray, rows: np.ndarray, step: int = 4096) -> np.ndarray:
    """(len(rows),) float32 scores, each a float64 sum whose order does not depend on its neighbours."""
    query = query.astype(np.float64)  # so that the products are float64 too
    parts = [
        (np.ascontiguousarray(gallery[rows[start : start + step]]) * query).sum(axis=1)
        for start in range(0, len(rows), step)
    ]
    return np.concatenate(parts).astype(np.float32) if parts else np.empty(0, dtype=np.float32)


def _check(vectors: np.ndarray, name: str, chunk: int) -> float:
    """The largest norm. Raises `WeftError` naming the first rows that are not finite or all zeros."""
    longest, bad = 0.0, []
    for start in range(0, len(vectors), chunk):
        part = np.asarray(vectors[start : start + chunk], dtype=np.float32)
        norms = np.sqrt(np.einsum("nd,nd->n", part, part))
        wrong = ~np.isfinite(norms) | (norms == 0)
        bad.extend((np.flatnonzero(wrong) + start).tolist())
        longest = max(longest, float(norms[~wrong].max(initial=0.0)))
    if bad:
        raise WeftError(
            f"{len(bad)} of {len(vectors)} {name} embeddings are zero or not finite, first rows {bad[:5]}: "
            "the encoder or its weights are broken, or the file is damaged"
        )
    return longest
