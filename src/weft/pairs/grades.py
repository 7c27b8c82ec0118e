"""A judge's grades of query-product pairs, and what they make of a batch's relevance and its pairs' weights."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from weft.errors import WeftError
from weft.pairs.queries import Query, normal
from weft.pairs.relevance import BatchRelevance
from weft.pairs.writing import file_of

FILE = "grades.parquet"
GRADES = pa.schema(
    [
        ("query", pa.string()),
        ("product_id", pa.string()),
        ("grade", pa.float32()),  # 0 to 3; null where the judge gave none
        ("own", pa.bool_()),  # whether the query was written for the product
        ("status", pa.string()),  # graded, unparsed, refused, failed, not asked
        ("judge", pa.string()),
        ("rubric", pa.string()),  # name@version
        ("given", pa.float32()),  # as the judge gave it, on its rubric's own scale
    ]
)


class Grades:
    """Grades by (query text, product). A pair without one keeps what its statements say.

    What they do in the loss is the recipe's: a pair of grade g weighs `train.positive_weights[g]` as a product with
    its own query (by default 0, 0.33, 0.67, 1), and `train.negative_weights[g]` as a product with another's (1, 1,
    0.5, 0). A product's own query of grade 0 is not learnt, another's of grade 3 is no negative.

    Args:
        path: a `grades.parquet`, or the folder that holds it; "" for no grades at all.

    Raises:
        WeftError: it is missing or damaged, or a grade is not on the scale from 0 to 3.
    """

    def __init__(self, path: Path | str = ""):
        self._of: dict[str, dict[str, float]] = {}
        self.missing = 0
        self._written_for: dict[str, set[str]] = {}
        for text, product, grade, own in _rows(path) if path else ():
            if own:
                self._written_for.setdefault(normal(text), set()).add(product)
            if grade is None:
                self.missing += 1
                continue
            if not 0 <= grade <= 3:
                raise WeftError(f"{path}: grade {grade:g} of {text!r} and {product} is not between 0 and 3")
            self._of.setdefault(normal(text), {})[product] = float(round(grade))

    def __len__(self) -> int:
        return sum(map(len, self._of.values()))

    def count(self, product_ids: Sequence[str]) -> int:
        """How many graded pairs are of these products."""
        known = set(product_ids)
        return sum(len(known & grades.keys()) for grades in self._of.values())

    def own(self, query: Query, product_id: str, otherwise: float = 3.0) -> float:
        """The grade of a product with its own query."""
        return self._of.get(normal(query.text), {}).get(product_id, otherwise)

    def between(self, product_ids: Sequence[str]) -> dict[tuple[int, int], float]:
        """Pairs of places in `product_ids`, the lower first -> the highest grade that one was given for a query
        written for the other."""
        place = {product: row for row, product in enumerate(product_ids)}
        found: dict[tuple[int, int], float] = {}
        for text, grades in self._of.items():
            for own in self._written_for.get(text, set()) & place.keys():
                for other in grades.keys() & place.keys() - {own}:
                    pair = min(place[own], place[other]), max(place[own], place[other])
                    found[pair] = max(found.get(pair, 0.0), grades[other])
        return found

    def within(
        self, relevance: BatchRelevance, queries: Sequence[Query], product_ids: Sequence[str]
    ) -> "BatchRelevance | Graded":
        """The batch's relevance with the judge's word where there is one."""
        place = {product: row for row, product in enumerate(product_ids)}
        found = [
            (place[product], column, grade)
            for column, query in enumerate(queries)
            for product, grade in self._of.get(normal(query.text), {}).items()
            if product in place
        ]
        return Graded(relevance, found) if found else relevance


class Graded:
    """`BatchRelevance` with single grades in place of its own; the same methods.

    A judge may not make a negative of what is the same: duplicates, identical titles and identical queries keep 3.

    Args:
        found: (product, query, grade), places in the batch.
    """

    def __init__(self, relevance: BatchRelevance, found: Sequence[tuple[int, int, float]]):
        self.relevance = relevance
        rows, columns, grades = zip(*found, strict=True)
        self._rows, self._columns = torch.tensor(rows), torch.tensor(columns)
        self._grades = torch.tensor(grades)
        same = torch.zeros(len(found), dtype=torch.bool)
        for numbers in relevance.same:
            same |= numbers[self._rows] == numbers[self._columns]
        keep = ~same | (self._rows == self._columns)
        self._rows, self._columns, self._grades = self._rows[keep], self._columns[keep], self._grades[keep]

    def to(self, device: torch.device) -> None:
        self.relevance.to(device)
        for name in ("_rows", "_columns", "_grades"):
            setattr(self, name, getattr(self, name).to(device))

    def products(self, rows: slice) -> Tensor:
        """(b, B) grades of products `rows` against every query."""
        return self._put(self.relevance.products(rows), self._rows, self._columns, rows)

    def queries(self, rows: slice) -> Tensor:
        """(b, B) grades of every product against queries `rows`."""
        return self._put(self.relevance.queries(rows), self._columns, self._rows, rows)

    def _put(self, grades: Tensor, across: Tensor, along: Tensor, rows: slice) -> Tensor:
        start, stop, _ = rows.indices(grades.shape[1])
        inside = (across >= start) & (across < stop)
        grades = grades.clone()
        grades[across[inside] - start, along[inside]] = self._grades[inside].to(grades.dtype)
        return grades


def _rows(path: Path | str) -> list[tuple]:
    path = file_of(path, FILE)
    try:
        table = pq.read_table(path, columns=["query", "product_id", "grade", "own"])
    except FileNotFoundError:
        raise WeftError(f"{path} does not exist: have the pairs graded with weft grade") from None
    except (OSError, pa.ArrowException) as error:
        raise WeftError(f"{path} is damaged ({error}): run weft grade again") from None
    grades = np.asarray(table["grade"].to_numpy(zero_copy_only=False), dtype=np.float64)
    texts, products, own = (table[name].to_pylist() for name in ("query", "product_id", "own"))
    return [
        (text, product, None if np.isnan(grade) else grade, mine)
        for text, product, grade, mine in zip(texts, products, grades, own, strict=True)
    ]
