"""A query log as a source: who asked what, and which products they then looked at."""

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from weft.catalogue.sources import open_table, rows, text
from weft.catalogue.sources.spec import SourceSpec
from weft.errors import WeftError
from weft.schema import Skipped


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One query with one product.

    Attributes:
        weight: clicks in all the log, or the grade as it was given.
        grade: 0 (not relevant) to 3 (what was asked for).
    """

    query: str
    product_id: str
    weight: float
    grade: int


def grades_from_clicks(clicks: Iterable[float]) -> list[int]:
    """Grades of one query's products: 3 from half of its most clicked product's clicks, 2 from a tenth, else 1.

    Relative to the query's own maximum, because common queries collect more clicks on everything; a product
    that was shown and never clicked has 0. A rule of thumb: position bias is not removed.
    """
    clicks = list(clicks)
    most = max(clicks, default=0)
    return [0 if c <= 0 else 3 if c >= most / 2 else 2 if c >= most / 10 else 1 for c in clicks]


def read_log(spec: SourceSpec, strict: bool = False) -> Iterator[LogEntry | Skipped]:
    """Reads a query log; the entries follow the order in which the log first names each query.

    The columns are "query", "product_id" and either "grade" (0 to 3; of several the highest counts) or
    "clicks" (added up); with neither, each row is one click. Other names are mapped by `columns.title`
    (the query), `columns.id` (the product), `columns.attributes.clicks` and `columns.attributes.grade`.
    Queries are compared lower-case. `where`, `split`, `limit` (of entries) and `id_prefix` apply.

    Raises:
        WeftError: a column is missing, or `strict` and a row is bad.
    """
    names = spec.columns.attributes
    query, product = spec.columns.title or "query", spec.columns.id or "product_id"
    every = dataclasses.replace(
        spec.columns, title=query, id=product, image="", attributes={k: names.get(k, k) for k in ("grade", "clicks")}
    )
    spec, table = open_table(dataclasses.replace(spec, columns=every))
    rows.require([query, product, *names.values(), *spec.where], table.columns, spec.place)
    graded = every.attributes["grade"] in table.columns
    weight = every.attributes["grade" if graded else "clicks"]
    return _entries(spec, table, query, product, weight if weight in table.columns else "", graded, strict)


def _entries(
    spec: SourceSpec, table: rows.Table, query: str, product: str, weight: str, graded: bool, strict: bool
) -> Iterator[LogEntry | Skipped]:
    log: dict[str, dict[str, float]] = {}
    for number, row in enumerate(table.rows):
        if isinstance(row, dict) and not rows.matches(spec, row):
            continue
        reason = row if isinstance(row, str) else _add(log, row, query, product, weight, graded, spec.id_prefix)
        if reason:
            if strict:
                raise WeftError(f"{spec.place}: row-{number:06d}: {reason}")
            yield Skipped(spec.place, f"row-{number:06d}", reason)
    done = 0
    for words, weights in log.items():
        grades = [int(w) for w in weights.values()] if graded else grades_from_clicks(weights.values())
        for (identity, value), grade in zip(weights.items(), grades, strict=True):
            if spec.limit and done >= spec.limit:
                return
            done += 1
            yield LogEntry(words, identity, value, grade)


def _add(log: dict, row: dict, query: str, product: str, weight: str, graded: bool, prefix: str) -> str:
    """Adds a row to query -> product -> weight; returns why it could not, or ""."""
    words, identity = text.cut(row.get(query)).lower(), text.clean(row.get(product))
    if not words or not identity:
        return "no query" if not words else "no product id"
    try:
        value = float(text.clean(row.get(weight))) if weight else 1.0
    except ValueError:
        return f"{weight} is not a number: {row.get(weight)!r}"
    if graded and value not in (0, 1, 2, 3):
        return f"{weight} is not 0, 1, 2 or 3: {row.get(weight)!r}"
    if not 0 <= value < float("inf"):
        return f"{weight} is not a count: {row.get(weight)!r}"
    products = log.setdefault(words, {})
    before = products.get(prefix + identity, 0.0)
    products[prefix + identity] = max(before, value) if graded else before + value
    return ""
