"""Filters on what products are said to be, and how many products each value would leave."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from weft.errors import WeftError

Filters = Mapping[str, Sequence[str]]
"""Name -> values: a product must have one of the values under every name."""


@dataclass(frozen=True)
class Facet:
    """One name's values and who has them: product `rows[i]` has `values[codes[i]]`; no pair twice."""

    values: list[str]
    rows: np.ndarray
    codes: np.ndarray


class Facets:
    """All that a gallery's products can be filtered by: brand, category and the attributes.

    Args:
        products: N rows with string columns `brand`, `category` and a map column `attributes` of lists of values.
    """

    def __init__(self, products: pa.Table):
        self.size = products.num_rows
        found: dict[str, list[tuple[np.ndarray, pa.Array]]] = {}
        for name in ("brand", "category"):
            column = products[name].combine_chunks()
            rows = np.flatnonzero(np.asarray(pc.greater(pc.utf8_length(column), 0)))
            found[name] = [(rows, column.take(pa.array(rows)))]
        for rows, names, values in _statements(products["attributes"]):
            for code, name in enumerate(names.dictionary.to_pylist()):
                here = np.flatnonzero(np.asarray(names.indices) == code)
                found.setdefault(name, []).append((rows[here], values.take(pa.array(here))))
        self.facets = {name: facet for name, parts in found.items() if len((facet := _facet(parts)).rows)}

    def check(self, filters: Filters) -> None:
        """Raises `WeftError` for a name that no product of the gallery has."""
        for name in filters:
            if name not in self.facets:
                near = difflib.get_close_matches(name, self.facets, n=1, cutoff=0.5)
                hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(self.facets) or 'none'}"
                raise WeftError(f"no product can be filtered by {name[:80]!r}{hint}")

    def mask(self, filters: Filters, without: str = "") -> np.ndarray | None:
        """(N,) bool, the products that satisfy every name's filter but `without`'s; None where that is all of them."""
        self.check(filters)
        kept = None
        for name, values in filters.items():
            if name == without or not values:
                continue
            facet, wanted = self.facets[name], set(values)
            codes = [code for code, value in enumerate(facet.values) if value in wanted]
            having = np.zeros(self.size, dtype=bool)
            having[facet.rows[np.isin(facet.codes, codes)]] = True
            kept = having if kept is None else kept & having
        return kept

    def counts(self, filters: Filters, most: int = 50) -> dict[str, list[tuple[str, int]]]:
        """Per name the values with most products, chosen ones always, and how many products choosing it would show.

        A name's own filter does not count for its values, because values of one name are alternatives.
        """
        whole, counted = self.mask(filters), {}
        for name, facet in self.facets.items():
            kept = self.mask(filters, without=name) if filters.get(name) else whole
            codes = facet.codes if kept is None else facet.codes[kept[facet.rows]]
            count = np.bincount(codes, minlength=len(facet.values))
            order = [code for code in np.argsort(-count, kind="stable")[:most].tolist() if count[code]]
            chosen = set(filters.get(name, ()))
            order += [c for c, value in enumerate(facet.values) if value in chosen and c not in order] if chosen else []
            counted[name] = [(facet.values[code], int(count[code])) for code in order]
        return counted


def _statements(column: pa.ChunkedArray):
    """(rows, names as a dictionary array, values) of every value of every attribute, chunk by chunk."""
    before = 0
    for chunk in column.chunks:
        outer, lists = np.asarray(chunk.offsets), chunk.items
        inner = np.asarray(lists.offsets)
        rows = np.repeat(np.arange(len(chunk)) + before, np.diff(outer))
        many = np.diff(inner)[outer[0] : outer[-1]]  # a sliced chunk's offsets need not begin at 0
        keys = chunk.keys.slice(outer[0], outer[-1] - outer[0])
        values = lists.values.slice(inner[outer[0]], inner[outer[-1]] - inner[outer[0]])
        of = np.repeat(np.arange(len(many)), many)
        yield rows[of], keys.take(pa.array(of)).dictionary_encode(), values
        before += len(chunk)


def _facet(parts: list[tuple[np.ndarray, pa.Array]]) -> Facet:
    rows = np.concatenate([rows for rows, _ in parts]).astype(np.int64)
    coded = pa.chunked_array([values for _, values in parts], pa.string()).combine_chunks().dictionary_encode()
    values = coded.dictionary.to_pylist()
    pairs = np.unique(rows * max(len(values), 1) + np.asarray(coded.indices, dtype=np.int64))
    return Facet(
        values, (pairs // max(len(values), 1)).astype(np.int32), (pairs % max(len(values), 1)).astype(np.int32)
    )
