"""Where products come from: one small file per kind of source, all read as a stream of products and skips."""

import dataclasses
import importlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from weft.catalogue.sources.spec import Columns, SourceSpec
from weft.catalogue.sources.text import brand_share
from weft.errors import WeftError
from weft.schema import Product, Skipped

if TYPE_CHECKING:
    from weft.catalogue.sources.rows import Counts, Table

__all__ = ["READERS", "Columns", "Source", "SourceSpec", "brand_share", "open_source", "open_table"]

READERS = {".parquet": "parquet", ".csv": "table", ".tsv": "table", ".jsonl": "table", ".ndjson": "table"}
"""File suffix -> the module here whose `read(files, needed, image_folder)` gives a `Table`. Of a folder that
holds several kinds, the first of these is taken. Modules are imported when used: recipes need only the spec."""

PEEKED = 200
"""Skips after which `Source.peek` gives up looking for a product: small tables without any are found out early."""


def open_source(spec: SourceSpec, strict: bool = False, min_side: int = 8, wordless: bool = False) -> "Source":
    """Opens a source; iterate over the result for one `Product` or `Skipped` per row, read as a stream.

    Args:
        strict: raise at the first row or picture that would be skipped.
        min_side: pixels; pictures with a shorter side are skipped.
        wordless: take products without words, too: to be found by its picture, one needs none.

    Raises:
        WeftError: the source is missing or unreadable, or lacks a mapped column (at once); or it is damaged
            further on (while iterating).
    """
    from weft.catalogue.sources import demo, rows

    counts = rows.Counts()
    if spec.place.startswith("demo:"):
        return Source(demo.products(spec, counts), counts, strict)
    spec, table = open_table(spec)
    if not spec.columns.image:
        there = ", ".join(table.columns)
        raise WeftError(f"{spec.place}: which column holds the pictures? Set columns.image to one of {there}")
    rows.require(rows.wanted(spec), table.columns, spec.place)
    return Source(rows.products(spec, table, counts, min_side, wordless), counts, strict)


def open_table(spec: SourceSpec) -> "tuple[SourceSpec, Table]":
    """The rows at `spec.place`, and the spec with `split` made part of `where` if it is a file that has splits."""
    from weft.catalogue.sources import files, hub, rows

    place = spec.place
    if not place:
        raise WeftError("a source has no `path`: name a file, a folder, a glob, hf:owner/name or demo:")
    if place.startswith("hf:"):
        return dataclasses.replace(spec, split=""), hub.read(spec, rows.wanted(spec))
    found = files.find(place, tuple(READERS))
    if spec.image_folder and not Path(spec.image_folder).expanduser().is_dir():
        raise WeftError(f"{place}: there is no folder {spec.image_folder!r}, which image_folder names")
    module = importlib.import_module(f"{__name__}.{READERS[found[0].suffix.lower()]}")
    table = module.read(found, rows.wanted(spec) + ["split"] * bool(spec.split), spec.image_folder)
    # A local copy may hold just the split that the recipe names on the hub; then there is no such column.
    where = {"split": spec.split} if spec.split and ("split" in table.columns or not spec.local) else {}
    return dataclasses.replace(spec, split="", where=spec.where | where), table


class Source(Iterator[Product | Skipped]):
    """An open source.

    Attributes:
        counts: what became of the rows read so far; products + skipped + left_out = rows, at the end and
            whenever an item has just been taken.
    """

    def __init__(self, items: Iterator[Product | Skipped], counts: "Counts", strict: bool = False) -> None:
        self.counts = counts
        self._items = items
        self._strict = strict

    def peek(self, place: str) -> None:
        """Reads ahead to the first product, but no more than `PEEKED` skips, and keeps that for whoever iterates.

        Raises:
            WeftError: the source ends without a product.
        """
        ahead: list[Product | Skipped] = []
        for item in self._items:
            ahead.append(item)
            # A strict reader has its own word on the first skip.
            if isinstance(item, Product) or self._strict or len(ahead) == PEEKED:
                self._items = itertools.chain(ahead, self._items)
                return
        raise WeftError(f"{place} gives no product: {self.counts.why(ahead)}")

    def __next__(self) -> Product | Skipped:
        item = next(self._items)
        if self._strict and isinstance(item, Skipped):
            raise WeftError(f"{item.source}: {item.item}: {item.reason} (the recipe says strict = true)")
        return item
