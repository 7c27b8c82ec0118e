"""What is to be written for a product, and the writer that reads back what was written: the same two methods."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from weft.errors import WeftError
from weft.pairs.checking import Asked
from weft.pairs.queries import Query, Writer, randomness
from weft.recipe import Pairs
from weft.schema import Product

FILE = "written.parquet"
WRITTEN = pa.schema(
    [
        ("product_id", pa.string()),
        ("query_id", pa.string()),  # of the dev or test query that this is a twin of; "" for training
        ("form", pa.string()),  # short, long
        ("number", pa.int32()),  # of several short texts
        ("text", pa.string()),
        ("stated", pa.list_(pa.string())),  # "name=value", what the text was found to state
        ("origin", pa.string()),  # written, deterministic
        ("reason", pa.string()),  # why it is deterministic, "kind: detail"
        ("tries", pa.int32()),  # answers that were looked at
        ("model", pa.string()),
        ("prompt_hash", pa.string()),  # of the answer that was taken
    ]
)
DRAWS = 8
"""Draws of statements among which one that the product's earlier short texts do not have is looked for."""


@dataclass(frozen=True)
class Wanted:
    """One text to be written.

    Attributes:
        row: of the product. query: the deterministic writer's own, which is taken where nothing better comes; for a
            twin the query itself. number: of several; same: how many of them, before this one, state the same.
        query_id: of the query that this is a twin of, "" if none; task: that query's.
    """

    row: int
    product: Product
    form: str
    query: Query
    number: int = 0
    same: int = 0
    query_id: str = ""
    task: str = ""

    @property
    def asked(self) -> Asked:
        return Asked(self.form, self.product, self.query.stated, self.query.text if self.query_id else "")


def unbranded(product: Product) -> Product:
    """The product without its brand, also where title or description name it."""
    if not product.brand.strip():
        return product
    name = re.compile(rf"(?<!\w){re.escape(product.brand.strip())}(?:['’]s)?(?!\w)", re.IGNORECASE)
    bare = {part: " ".join(name.sub(" ", getattr(product, part)).split()) for part in ("title", "description")}
    return replace(product, brand="", **bare)


def wanted(product: Product, row: int, pairs: Pairs, versions: int, seed: int, brand: bool = True) -> Iterator[Wanted]:
    """The texts of one product: `versions` short ones, each from attributes dropped afresh, and a long one from all.

    A short one states what an earlier one does only where `DRAWS` draws give nothing else. Forms that the recipe
    leaves out are not written.
    """
    writer, states = Writer(replace(pairs, short="attributes", long="attributes")), []
    told = product if brand else unbranded(product)
    for number in range(versions if pairs.short else 0):
        for draw in range(DRAWS):
            query = writer.short(told, randomness(seed, "written", product.id, number, draw))
            if set(query.stated) not in states:
                break
        yield Wanted(row, product, "short", query, number, states.count(set(query.stated)))
        states.append(set(query.stated))
    if pairs.long:
        yield Wanted(row, product, "long", writer.long(told))


def file_of(path: Path | str, name: str = FILE) -> Path:
    """A file, or the one of this name in a folder."""
    place = Path(path).expanduser()
    return place / name if place.is_dir() else place


class Written:
    """Draws from written texts, as `weft.pairs.queries.Writer` writes: for a product without any, that one does.

    Args:
        path: a `written.parquet`, or the folder that holds it.

    Raises:
        WeftError: there is none, or it is damaged.
    """

    def __init__(self, settings: Pairs, path: Path | str):
        path = file_of(path)
        try:
            table = pq.read_table(path, columns=["product_id", "query_id", "form", "text", "stated"])
        except FileNotFoundError:
            raise WeftError(f"{path} does not exist: write it with weft write") from None
        except (OSError, pa.ArrowException) as error:
            raise WeftError(f"{path} is damaged ({error}): run weft write again") from None
        self._otherwise = Writer(settings)
        self._texts: dict[tuple[str, str], list[Query]] = {}
        for one in table.to_pylist():
            if not one["query_id"]:
                query = Query(one["text"], tuple(one["stated"]))
                self._texts.setdefault((one["product_id"], one["form"]), []).append(query)

    def texts(self, product_id: str, form: str) -> list[Query]:
        """All that was written for a product in one form, in the order of their numbers."""
        return self._texts.get((product_id, form), [])

    def short(self, product: Product, random: np.random.Generator) -> Query:
        found = self.texts(product.id, "short")
        return found[int(random.integers(len(found)))] if found else self._otherwise.short(product, random)

    def long(self, product: Product) -> Query:
        found = self.texts(product.id, "long")
        return found[0] if found else self._otherwise.long(product)
