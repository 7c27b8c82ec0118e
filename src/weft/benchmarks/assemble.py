"""From ids, texts and pictures to a task: repeats, missing answers and empty queries are counted, never hidden.

- Repeated corpus ids: the first one stays; how many of the others were different things is counted as well.
- Repeated query texts: each query keeps its own answers, as published scores were computed; they are resampled
  together, and those whose answers differ (each counts the other's as wrong) are counted.
- Queries without a relevant item in the corpus are left out: no metric is defined for them. Those of which the qrels
  have no line at all, as those of other splits, are counted apart: nothing of theirs is lost.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from weft.benchmarks import wording
from weft.benchmarks.groups import length, together
from weft.benchmarks.pictures import Encoded, examine
from weft.benchmarks.record import Retrieval, Side
from weft.benchmarks.tables import words
from weft.errors import WeftError
from weft.pairs.queries import normal

UNASKED = "queries that the qrels do not ask"

Judged = tuple[np.ndarray, np.ndarray]
"""Corpus rows in ascending order and their grades."""


@dataclass(frozen=True)
class Corpus:
    """What is searched.

    Attributes:
        side: N things; kept: (N,) the table row of each; row_of: id -> thing.
        limited: whether the caller wanted only a part; counts: what was read and left out.
    """

    side: Side
    kept: np.ndarray
    row_of: dict[str, int]
    limited: bool
    counts: dict[str, int]

    def side_with(self, **changes: object) -> Side:
        """The same things shown by other texts or a weight."""
        return replace(self.side, **changes)

    def pick(self, cells: Sequence) -> list:
        """The cells of a table column that belong to the things, in their order."""
        return [cells[row] for row in self.kept]


def corpus(
    ids: Sequence[str], *, texts: Sequence[str] | None = None, pictures: Encoded | None = None,
    titles: Sequence[str] | None = None, image_weight: float = 1.0, limit: int = 0,
) -> Corpus:  # fmt: skip
    """The corpus from a table's columns, all of one length; rows without an id and repeats are left out and counted.

    Args:
        limit: only the first `limit` things, for trying things out: protocol rule 1 makes the tasks say so.

    Raises:
        WeftError: nothing is left, or the share of the picture is none.
    """
    if not 0 <= image_weight <= 1:
        raise WeftError(f"weight = {image_weight:g} is the picture's share of an embedding: at least 0 and at most 1")
    row_of: dict[str, int] = {}
    kept: list[int] = []
    nameless = repeated = different = 0
    for row, name in enumerate(ids):
        if not name:
            nameless += 1
        elif name in row_of:
            repeated += 1
            different += not _same(kept[row_of[name]], row, texts, titles, pictures)
        elif not limit or len(kept) < limit:
            row_of[name] = len(kept)
            kept.append(row)
    if not kept:
        raise WeftError(f"the corpus is empty: {len(ids)} rows were read, {nameless} of them without an id")
    side = Side(
        ids=list(row_of), texts=_at(texts, kept), pictures=pictures, titles=_at(titles, kept),
        rows=np.asarray(kept, dtype=np.int64) if pictures is not None else None, image_weight=image_weight,
    )  # fmt: skip
    counts = {"corpus": len(kept)} | _some(
        {
            "corpus rows without an id": nameless,
            "repeated corpus ids": repeated,
            "repeated corpus ids that are different things": different,
        }
    )
    limited = bool(limit) and len(ids) > limit  # tables read one row more than they are limited to
    return Corpus(side, np.asarray(kept, dtype=np.int64), row_of, limited, counts)


def asked(
    ids: Sequence[str], *, texts: Sequence[str] | None = None, pictures: Encoded | None = None
) -> tuple[Side, np.ndarray, dict[str, int]]:
    """The queries of a table, the (Q,) table row of each, and counts: repeated ids and empty texts are left out.

    Raises:
        WeftError: an id is there with two texts: its answers could belong to either.
    """
    first: dict[str, int] = {}
    repeated = empty = nameless = 0
    for row, name in enumerate(ids):
        if not name:
            nameless += 1
        elif texts is not None and not texts[row].strip():
            empty += 1
        elif name in first:
            repeated += 1
            if texts is not None and texts[first[name]] != texts[row]:
                raise WeftError(f"query id {name!r} stands for {texts[first[name]]!r} and for {texts[row]!r}")
        else:
            first[name] = row
    kept = list(first.values())
    if not kept:
        raise WeftError(f"there is no query: {len(ids)} rows were read, {nameless} without an id, {empty} without text")
    rows = np.asarray(kept, dtype=np.int64)
    side = Side(list(first), _at(texts, kept), pictures, rows if pictures is not None else None)
    counts = {"queries read": len(ids)} | _some(
        {"queries without an id": nameless, "repeated query ids": repeated, "queries without a text": empty}
    )
    return side, rows, counts


def look_up(
    corpus: Corpus, answers: Sequence[Mapping[str, float]], threshold: float = 1.0
) -> tuple[list[Judged], dict[str, int]]:
    """Per query {corpus id: grade} -> judged rows; relevant ids that the corpus lacks are counted."""
    judged, relevant, missing = [], 0, 0
    for answer in answers:
        found = sorted((corpus.row_of[name], grade) for name, grade in answer.items() if name in corpus.row_of)
        lacking = [grade for name, grade in answer.items() if name not in corpus.row_of]
        missing += sum(grade >= threshold for grade in lacking)
        relevant += sum(grade >= threshold for grade in answer.values())
        rows, grades = zip(*found, strict=True) if found else ((), ())
        judged.append((np.asarray(rows, dtype=np.int64), np.asarray(grades, dtype=np.float64)))
    return judged, {"relevant ids": relevant} | _some({"relevant ids not in the corpus": missing})


def retrieval(
    name: str, queries: Side, corpus: Corpus, judged: Sequence[Judged], *, side: Side | None = None,
    threshold: float = 1.0, alike: Sequence[Sequence[str]] = (), strata: Mapping[str, Sequence[str]] | None = None,
    counts: Mapping[str, int] | None = None, source: np.ndarray | None = None, **more: object,
) -> Retrieval:  # fmt: skip
    """A task from queries and their judged rows.

    Args:
        side: the corpus as this task shows it, if not as `corpus.side`.
        alike: labelings of the queries, "" for none: those that share a label, or a text, are resampled together.
        strata: name -> label of every query; lengths of texts and what their wording tells are added.
        more: further fields of `Retrieval`.

    Raises:
        WeftError: no query has a relevant item.
    """
    keep = [row for row, (_, grades) in enumerate(judged) if (grades >= threshold).any()]
    counts = dict(corpus.counts) | dict(counts or {})
    unanswered = len(judged) - len(keep) - counts.get(UNASKED, 0)
    counts |= _some({"queries without a relevant item in the corpus": unanswered})
    if not keep:
        raise WeftError(
            f"task {name!r}: none of its {len(judged)} queries has a relevant item among the {len(corpus.side)} of the "
            "corpus; do the ids of its answers belong to this corpus?"
        )
    queries = part_of(queries, keep)
    judged = [judged[row] for row in keep]
    alike = [[labels[row] for row in keep] for labels in alike]
    strata = {what: np.asarray([labels[row] for row in keep]) for what, labels in (strata or {}).items()}
    if queries.texts is not None:
        texts = [normal(text) for text in queries.texts]
        counts |= _repeats(texts, judged)
        alike.append(texts)
        told = {"length": [length(text) for text in queries.texts]} | wording.strata(queries.texts, titles(corpus.side))
        strata = {what: np.asarray(labels) for what, labels in told.items()} | strata
    limited = f" (gallery of {len(corpus.side):,})" if corpus.limited else ""
    return Retrieval(
        name + limited, queries, side or corpus.side, judged, threshold, limited=corpus.limited,
        source=None if source is None else np.asarray(source)[keep], groups=together(alike, len(keep)),
        strata={what: labels for what, labels in strata.items() if (labels != "").any()},
        counts=counts | {"queries": len(keep)}, **more,
    )  # fmt: skip


def titles(side: Side) -> Sequence[str]:
    """What a side says in words, titles before texts; nothing where it is pictures alone."""
    return side.titles or side.texts or ()


def part_of(side: Side, keep: Sequence[int]) -> Side:
    """Some of the things of a side that shows each by one picture or none."""
    rows = None if side.rows is None else side.rows[list(keep)]
    return replace(side, ids=_at(side.ids, keep), texts=_at(side.texts, keep), titles=_at(side.titles, keep), rows=rows)


def answers_of(pairs: Iterable[tuple[str, str, float]], ids: Sequence[str]) -> tuple[list[dict[str, float]], int]:
    """(query id, corpus id, grade) lines as one {corpus id: grade} for each of `ids`; of a repeated line the highest
    grade counts. Also the number of lines of queries that are not among `ids`."""
    found: dict[str, dict[str, float]] = {name: {} for name in ids}
    strangers = 0
    for query, item, grade in pairs:
        if query in found:
            found[query][item] = max(grade, found[query].get(item, grade))
        else:
            strangers += 1
    return list(found.values()), strangers


def graded(
    corpus: Corpus, ids: Sequence[str], pairs: Iterable[tuple[str, str, float]], threshold: float = 1.0
) -> tuple[list[Judged], dict[str, int]]:
    """Judged rows of the queries `ids`, from lines of qrels; lines, queries and relevant ids without a match are
    counted."""
    answers, strangers = answers_of(pairs, ids)
    judged, missing = look_up(corpus, answers, threshold)
    counts = {"qrels of queries that are not there": strangers, UNASKED: sum(not answer for answer in answers)}
    return judged, _some(counts) | missing


def _repeats(texts: list[str], judged: Sequence[Judged]) -> dict[str, int]:
    seen: dict[str, tuple[int, ...]] = {}
    repeated = differ = 0
    for text, (rows, _) in zip(texts, judged, strict=True):
        answers = tuple(rows.tolist())
        if text in seen:
            repeated += 1
            differ += seen[text] != answers
        else:
            seen[text] = answers
    return _some({"repeated query texts": repeated, "repeated query texts with other answers": differ})


def _same(one: int, other: int, texts: Sequence | None, titles: Sequence | None, pictures: Encoded | None) -> bool:
    """Whether two rows of a table show the same thing."""
    if any(cells is not None and words(cells[one]) != words(cells[other]) for cells in (texts, titles)):
        return False
    return pictures is None or examine(pictures.image, one)[0] == examine(pictures.image, other)[0]


def _at(values: Sequence | None, places: Sequence[int]) -> list | None:
    return None if values is None else [values[place] for place in places]


def _some(counts: dict[str, int]) -> dict[str, int]:
    return {what: int(count) for what, count in counts.items() if count}
