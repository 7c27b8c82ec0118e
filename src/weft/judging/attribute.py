"""The judge that needs no model: grades from what a catalogue says of its products, or from titles, offline."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from weft.artefact import file_key, key_of
from weft.benchmarks.trec import IDS
from weft.bm25 import tokenise
from weft.catalogue.collection import Collection
from weft.errors import WeftError
from weft.judging.pool import Pair, Pool
from weft.pairs.queries import Query, facts, randomness
from weft.pairs.relevance import Index, grade_of

SMALL_WORDS = frozenset(["a", "an", "the", "of", "for", "with", "and", "or", "in", "to", "by", "on", "from", "at"])
"""Words that state nothing."""


class Rule(Protocol):
    """Grades 0, 1 and 3 by `weft.pairs.relevance`: all that the query states holds, all but one of at least three,
    less. None where nothing is stated that the judge could know of."""

    def grade(self, pair: Pair) -> float | None: ...


class ByCatalogue:
    """Statements of a curated collection's queries against its products' attributes.

    It restates the truth that curation wrote: with `know` 1 its grades are the collection's own. That makes it a
    yardstick, and no evidence about the truth.

    Args:
        know: share of the names of statements (colour, material, ...) that the judge knows of; which ones is drawn by
            `seed`. What it does not know of it takes for granted; where it knows less than everything, it does not
            know either which product a query was written from.

    Raises:
        WeftError: the folder is no collection, or `know` no share.
    """

    def __init__(self, folder: Path | str, know: float = 1.0, seed: int = 0):
        _share(know, "know")
        collection = Collection(folder)
        self._index = Index([facts(product) for product in collection.products], collection.group)
        self._row = collection.row_of
        try:
            table = pq.read_table(Path(folder) / "queries.parquet", columns=["query_id", "source", "stated"])
        except (OSError, pa.ArrowException) as error:
            raise WeftError(f"{folder}/queries.parquet is missing or damaged ({error}); curate it again") from None
        content = key_of([file_key(Path(folder) / name) for name in ("products.parquet", "queries.parquet")])
        self._told = f"catalogue {Path(folder).name} {content}" + (f", know {know:g}, seed {seed}" if know < 1 else "")
        names = sorted({_name(fact) for stated in table["stated"].to_pylist() for fact in stated or ()})
        order = randomness(seed, "known attributes").permutation(len(names))
        self.known = {names[place] for place in order[: max(1, round(know * len(names)))]} if names else set()
        self._all = know == 1.0
        self._asked = {
            row["query_id"]: (tuple(row["stated"] or ()), self._row.get(row["source"], -1)) for row in table.to_pylist()
        }
        self._grades: dict[str, dict[int, float] | None] = {}

    def __str__(self) -> str:
        return self._told

    def grade(self, pair: Pair) -> float | None:
        if pair.query_id not in self._asked or pair.doc_id not in self._row:
            raise WeftError(
                f"pair {pair.query_id!r}, {pair.doc_id!r} is not of this collection: name the one that was pooled"
            )
        if pair.query_id not in self._grades:
            self._grades[pair.query_id] = self._of(*self._asked[pair.query_id])
        found = self._grades[pair.query_id]
        return None if found is None else found.get(self._row[pair.doc_id], 0.0)

    def _of(self, stated: Sequence[str], source: int) -> dict[int, float] | None:
        known = tuple(fact for fact in stated if self._all or _name(fact) in self.known)
        if not known and source < 0:
            return None
        if not known and not self._all:
            return None
        rows, grades = self._index.grades(Query("", known), source if self._all else -1)
        return dict(zip(rows.tolist(), grades.tolist(), strict=True))


class ByWords:
    """Every word of a query is a statement; it holds where the title or an attribute of the document says it.

    Words are BM25's: case and plurals folded. It is as blind as any reader of titles: what a picture shows and no text
    says is missing to it.

    Args:
        attributes: document id -> its other words, see `attribute_words`.
        know: share of all words that the judge knows; which ones is drawn by `seed`.
    """

    def __init__(self, attributes: dict[str, frozenset[str]] | None = None, know: float = 1.0, seed: int = 0):
        _share(know, "know")
        self._attributes, self._know, self._seed = attributes or {}, know, seed
        self._drawn: dict[str, bool] = {}
        content = key_of({name: sorted(words) for name, words in self._attributes.items()})
        self._told = f"titles and attributes {content}" if attributes else "titles"
        self._told += f", know {know:g}, seed {seed}" if know < 1 else ""

    def __str__(self) -> str:
        return self._told

    def grade(self, pair: Pair) -> float | None:
        stated = {word for word in tokenise(pair.query_text) if word not in SMALL_WORDS and self._knows(word)}
        if not stated:
            return None
        held = stated & (set(tokenise(pair.title)) | self._attributes.get(pair.doc_id, frozenset()))
        return float(grade_of(torch.tensor(len(held)), torch.tensor(len(stated))))

    def _knows(self, word: str) -> bool:
        if self._know < 1 and word not in self._drawn:
            self._drawn[word] = bool(randomness(self._seed, "known word", word).random() < self._know)
        return self._drawn.get(word, True)


def attribute_words(spec: str) -> dict[str, frozenset[str]]:
    """Document id -> the words of all its texts, from a Parquet, CSV or JSON Lines table: `PATH` or `PATH?id=COLUMN`.

    Raises:
        WeftError: the table is missing, of another kind or damaged, or has no column of ids.
    """
    place, _, column = spec.partition("?id=")
    path = Path(place)
    try:
        table = _table(path)
    except (OSError, pa.ArrowException) as error:
        raise WeftError(f"{path} cannot be read: {error}") from None
    column = column or next((name for name in IDS if name in table.column_names), "")
    if column not in table.column_names:
        raise WeftError(f"{path} has no column of ids; say which, {place}?id=COLUMN: {', '.join(table.column_names)}")
    wanted = [name for name, kind in zip(table.column_names, table.schema.types, strict=True) if _is_words(kind)]
    columns = {name: table[name].to_pylist() for name in wanted if name != column}
    found = {}
    for row, name in enumerate(table[column].cast(pa.string()).to_pylist()):
        cells = [values[row] for values in columns.values()]
        texts = [text for cell in cells for text in (cell if isinstance(cell, list) else [cell]) if text]
        found[name] = frozenset(word for text in texts for word in tokenise(text))
    return found


def _table(path: Path) -> pa.Table:
    if path.suffix == ".parquet":
        schema = pq.read_schema(path)
        plain = [field.name for field in schema if not pa.types.is_struct(field.type)]  # pictures stay on the disk
        return pq.read_table(path, columns=plain)
    if path.suffix in (".csv", ".jsonl"):
        import pyarrow.csv
        import pyarrow.json

        return pyarrow.csv.read_csv(path) if path.suffix == ".csv" else pyarrow.json.read_json(path)
    raise WeftError(f"{path}: a table of attributes ends in .parquet, .csv or .jsonl")


def _is_words(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_list(kind) else kind
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


class Blurred:
    """A rule on a rubric's scale, wrong where it is told to be.

    Args:
        top: of the rubric; grade 3 becomes it, 1 and 0 stay.
        wrong: share of grades that are replaced by one of the scale's others, each as likely as the other; which ones
            depends on the pair, the repeat and `seed` alone.
    """

    def __init__(self, rule: Rule, top: int, wrong: float = 0.0, seed: int = 0):
        _share(wrong, "wrong")
        self.rule, self.top, self.wrong, self.seed = rule, top, wrong, seed

    def __str__(self) -> str:
        """All that a grade depends on but the pair: judgements by another setting are others."""
        return f"{self.rule}, top {self.top}" + (f", wrong {self.wrong:g}, seed {self.seed}" if self.wrong else "")

    def grade(self, pair: Pair, repeat: int = 0) -> float | None:
        grade = self.rule.grade(pair)
        if grade is None:
            return None
        grade = float(self.top) if grade == 3 else grade
        if self.wrong and (random := randomness(self.seed, "wrong", *pair.key, repeat)).random() < self.wrong:
            others = np.delete(np.arange(self.top + 1), int(grade))
            grade = float(others[random.integers(len(others))])
        return grade


def open_rule(pool: Pool, attributes: str, top: int, know: float = 1.0, wrong: float = 0.0, seed: int = 0) -> Blurred:
    """The rule that fits a pool: by the collection that it was made from, or the one named; else by words.

    Args:
        attributes: a curate folder, or as `attribute_words`; "" for what the pool says of its source, and titles alone
            where that is no collection.
    """
    place = attributes or str(pool.facts["benchmark"]["source"])
    if (Path(place) / "queries.parquet").is_file():
        return Blurred(ByCatalogue(place, know, seed), top, wrong, seed)
    return Blurred(ByWords(attribute_words(attributes) if attributes else {}, know, seed), top, wrong, seed)


def _name(fact: str) -> str:
    return fact.partition("=")[0]


def _share(value: float, name: str) -> None:
    if not 0 <= value <= 1:
        raise WeftError(f"{name} is a share between 0 and 1, not {value}")
