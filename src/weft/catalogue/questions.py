"""The questions of a collection: queries written from held-out products or taken from a log, with graded answers."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike

from weft.catalogue.layout import QRELS, QUERIES, write_table
from weft.catalogue.parts import write_parts
from weft.catalogue.sources.querylog import LogEntry, read_log
from weft.catalogue.sources.spec import SourceSpec
from weft.pairs.queries import Query, Writer, facts, normal, randomness, words
from weft.pairs.relevance import Index
from weft.recipe import Curate, Pairs
from weft.schema import RELEVANT, Product, Skipped


@dataclass
class Questions:
    """Gathers what is asked of `products`; every answer is a product row's grade 0..3.

    Attributes:
        group: (N,) duplicate groups, whose members answer each other's queries; split: (N,) names.
        queries: rows of `queries.parquet`; answers: per query the rows (int32) of the products that answer it, and
            their grades (float32): `qrels.parquet` in a small part of the memory that its rows would take.
        training: a query log's texts for products that are trained on; skipped: its entries without use.
        asked: text -> the only split that asks it: what chose alpha on dev is no news on test.
    """

    products: list[Product]
    group: np.ndarray
    split: np.ndarray
    settings: Curate
    seed: int
    queries: list[dict] = field(default_factory=list)
    answers: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    training: list[dict] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    asked: dict[str, str] = field(default_factory=dict)

    def ask(self, pairs: Pairs) -> None:
        """The catalogue's own dev and test queries, in-domain and zero-shot, short and long."""
        writer, index = Writer(pairs), self._index()
        for domain, parts in (("in-domain", ("dev", "test")), ("zero-shot", ("zero-dev", "zero-test"))):
            for part in parts:
                for form in ("short", "long"):
                    how = getattr(pairs, form)
                    if form == "long" and how == pairs.short == "title":
                        continue  # one task, not the same one twice
                    if how in ("attributes", "title"):  # hundreds of products answer a category
                        name = "title" if how == "title" else form
                        self._ask(f"{domain}/{name}", part, form, writer, index)

    def ask_titles(self) -> None:
        """A benchmark's queries: the titles of its products."""
        index = self._index()
        for part in ("dev", "test"):
            self._ask("title", part, "short", Writer(Pairs(short="title")), index)

    def lengths(self) -> dict[str, dict]:
        """Words of each task's queries: mean, min, max."""
        found: dict[str, list[int]] = {}
        for query in self.queries:
            found.setdefault(query["task"], []).append(words(query["text"]))
        return {task: {"mean": float(np.mean(n)), "min": min(n), "max": max(n)} for task, n in found.items()}

    def _index(self) -> Index:
        return Index(map(facts, self.products), self.group)

    def _ask(self, task: str, part: str, form: str, writer: Writer, index: Index) -> None:
        split = part.removeprefix("zero-")
        most = self.settings.dev_queries if split == "dev" else self.settings.test_queries
        seen: set[str] = set()
        rows = randomness(self.seed, "queries", task, part).permutation(np.flatnonzero(self.split == part))
        for row in rows:
            if len(seen) == most:
                break
            product = self.products[row]
            random = randomness(self.seed, "query", task, product.id)
            if form == "long":
                query = writer.long(product)
            else:
                query = writer.specific(product, random, index.count, self.settings.max_relevant)
            if query.text and query.text not in seen and self.asked.setdefault(normal(query.text), split) == split:
                seen.add(query.text)
                self._record(f"{task}/{product.id}", task, split, query, product.id, *index.grades(query, int(row)))

    def _record(
        self, name: str, task: str, split: str, query: Query, source: str, rows: ArrayLike, grades: ArrayLike
    ) -> None:
        told = {"query_id": name, "task": task, "split": split, "text": query.text}
        self.queries.append(told | {"source": source, "stated": list(query.stated)})
        self.answers.append((np.asarray(rows, dtype=np.int32), np.asarray(grades, dtype=np.float32)))

    def write(self, folder: Path) -> None:
        """`queries.parquet` and `qrels.parquet`. Raises `WeftError` if the disk is full."""
        write_table(folder / "queries.parquet", self.queries, QUERIES)
        write_parts(folder / "qrels.parquet", self._qrels(), QRELS)

    def _qrels(self) -> Iterator[pa.Table]:
        ids = pa.array([product.id for product in self.products], pa.string())
        for query, (rows, grades) in zip(self.queries, self.answers, strict=True):
            names = pa.repeat(pa.scalar(query["query_id"], pa.string()), len(rows))
            yield pa.Table.from_arrays([names, ids.take(pa.array(rows)), pa.array(grades)], schema=QRELS)

    def ask_log(self, source: SourceSpec) -> None:
        """Uses a query log: a query all of whose products may be trained on becomes training text, one whose
        products lie in a single held-out split may become a query of it, by lot where there are more than are asked;
        one that reaches over splits is listed, and so is one that no product answers well enough to be called
        relevant. A duplicate of an answer answers as well, whoever clicked on it."""
        rows = {product.id: row for row, product in enumerate(self.products)}
        asked: dict[str, dict[int, float]] = {}
        for entry in read_log(source, self.settings.strict):
            if not isinstance(entry, LogEntry):
                self.skipped.append(entry)
            elif entry.product_id in rows:
                asked.setdefault(entry.query, {})[rows[entry.product_id]] = entry.grade
            else:
                self._unused(entry.query, f"no product {entry.product_id}")
        fit: dict[tuple[str, str], list[str]] = {}  # (task, split) -> queries
        for text, graded in asked.items():
            parts = sorted({str(self.split[row]) for row in graded})
            split = parts[0].removeprefix("zero-")
            if parts == ["train"]:
                for row, grade in graded.items():
                    self.training.append({"product_id": self.products[row].id, "text": text, "grade": grade})
            elif len(parts) > 1 or parts == ["dropped"]:
                self._unused(text, f"its products lie in {' and '.join(parts)}")
            elif max(graded.values()) < RELEVANT:
                self._unused(text, f"no product with grade {RELEVANT:g} or more")
            elif (other := self.asked.setdefault(normal(text), split)) != split:
                self._unused(text, f"it is asked on {other}, and its products lie in {split}")
            else:
                task = "zero-shot/log" if parts[0].startswith("zero-") else "in-domain/log"
                fit.setdefault((task, split), []).append(text)
        members: dict[int, list[int]] = {}
        for row, group in enumerate(self.group.tolist()):
            members.setdefault(group, []).append(row)
        for (task, split), texts in fit.items():
            for text in self._drawn(task, split, texts):
                best: dict[int, float] = {}  # product row -> grade
                for clicked, grade in asked[text].items():
                    for row in members[int(self.group[clicked])]:
                        best[row] = max(best.get(row, 0), grade)
                name = f"log/{len(self.queries)}"
                self._record(name, task, split, Query(text, ()), "", list(best), list(best.values()))

    def _drawn(self, task: str, split: str, texts: list[str]) -> list[str]:
        """As many of a log's queries as a task may ask, in their order; the others are counted."""
        most = self.settings.dev_queries if split == "dev" else self.settings.test_queries
        if len(texts) <= most:
            return texts
        self.skipped.append(
            Skipped(
                "query log", f"{task} {split}", f"{len(texts) - most} more queries than curate.{split}_queries asks"
            )
        )
        lot = randomness(self.seed, "queries", task, split).permutation(len(texts))[:most]
        return [texts[place] for place in sorted(lot)]

    def _unused(self, query: str, reason: str) -> None:
        self.skipped.append(Skipped("query log", query, reason))
