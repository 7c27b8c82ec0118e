"""Vectors that take less room (fewer dimensions, one byte or one bit each) and the exact search over them."""

from typing import NamedTuple

import numpy as np

from weft.search import CHUNK, top_k

CANDIDATES = 100
"""Vectors nearest by Hamming distance that the float re-rank looks at, per query; at least `search_width`."""


class Int8(NamedTuple):
    """codes: (N, D) int8; scales: (D,) float32, so that codes * scales is about the vectors."""

    codes: np.ndarray
    scales: np.ndarray


def truncate(vectors: np.ndarray, dims: int) -> np.ndarray:
    """(N, dims) unit vectors of the first `dims` dimensions. Only a model trained for it (Kusupati et al. 2022, arXiv
    2205.13147) orders its dimensions by what they are worth; another one loses more, so it has to be measured."""
    short = vectors[:, :dims].astype(np.float32)
    return short / np.maximum(np.linalg.norm(short, axis=1, keepdims=True), 1e-12)


def truncations(dim: int) -> tuple[list[int], str]:
    """What D-dimensional vectors are cut to, and a remark: 256 and 128, or a half and a quarter where D is smaller."""
    if dim > 256:
        return [256, 128], ""
    return [dim // 2, dim // 4], f"the model has {dim} dimensions, so they are cut to a half and a quarter"


def to_int8(gallery: np.ndarray) -> Int8:
    """One byte a dimension: a scale for each, the largest magnitude in the gallery / 127. Queries stay float."""
    scales = np.maximum(np.abs(gallery).max(axis=0), 1e-12).astype(np.float32) / 127
    return Int8(np.rint(gallery / scales).astype(np.int8), scales)


def search_int8(queries: np.ndarray, gallery: Int8, k: int, group: np.ndarray | None = None) -> np.ndarray:
    """(Q, k) best rows or groups by <query, codes * scales>; see `weft.search.top_k`."""
    return top_k(queries * gallery.scales, gallery.codes, k, group)[0]


def to_bits(vectors: np.ndarray) -> np.ndarray:
    """(N, ceil(D / 64)) uint64: one bit a dimension, set where it is above 0, as vector databases do it."""
    packed = np.packbits(vectors > 0, axis=1)
    padded = np.zeros((len(packed), -(-packed.shape[1] // 8) * 8), dtype=np.uint8)
    padded[:, : packed.shape[1]] = packed
    return padded.view(np.uint64)


def search_bits(queries: np.ndarray, gallery: np.ndarray, k: int, chunk: int = CHUNK) -> np.ndarray:
    """(Q, min(k, N)) rows of the gallery by Hamming distance, ties by the smallest row.

    Args:
        queries: (Q, W) and gallery: (N, W) uint64, of `to_bits`; the gallery is read in chunks of rows.
    """
    k, count = min(k, len(gallery)), len(gallery)
    best = np.empty((len(queries), 0), dtype=np.int64)  # distance * N + row: one number that orders ties, too
    for start in range(0, count, chunk):
        part = gallery[start : start + chunk]
        apart = np.zeros((len(queries), len(part)), dtype=np.int64)
        for word in range(gallery.shape[1]):
            apart += np.bitwise_count(queries[:, word, None] ^ part[None, :, word])
        keys = np.concatenate([best, apart * count + np.arange(start, start + len(part))], axis=1)
        best = np.partition(keys, k - 1, axis=1)[:, :k] if keys.shape[1] > k else keys
    return np.sort(best, axis=1) % count


def nearest_groups(rows: np.ndarray, group: np.ndarray | None, k: int) -> np.ndarray:
    """(Q, k) the distinct groups of (Q, C) ranked rows, in order of their first row; -1 where there are fewer."""
    out = np.full((len(rows), k), -1, dtype=np.int64)
    for place, found in enumerate(rows if group is None else group[rows]):
        first = np.sort(np.unique(found, return_index=True)[1])[:k]
        out[place, : len(first)] = found[first]
    return out


def rerank(queries: np.ndarray, gallery: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(Q, C) `rows` in the order of their float inner products with each query, ties as they came."""
    scores = np.stack([gallery[found] @ query for query, found in zip(queries, rows, strict=True)])
    return np.take_along_axis(rows, np.argsort(-scores, axis=1, kind="stable"), 1)


def search_width(group: np.ndarray | None, k: int) -> int:
    """Rows that are sure to hold the k best groups: k times the rows of the largest one."""
    return k if group is None or not len(group) else k * int(np.bincount(group).max())
