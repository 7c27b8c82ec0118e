"""Has the pairs that training meets graded by a judge, and turns its judgements into grades that training reads."""

import dataclasses
import tempfile
from collections import Counter
from pathlib import Path

from weft.artefact import key_of
from weft.catalogue.collection import Collection
from weft.catalogue.layout import write_table
from weft.curation.pairing import named_pairs, near_misses, own_pairs, query_id, write_pool
from weft.curation.write import curated
from weft.endpoint import Asked
from weft.errors import WeftError
from weft.judging.ensemble import grades_of, read_all
from weft.judging.judge import ANSWERS, by_endpoint
from weft.judging.pool import Pool
from weft.judging.prompt import SIDE
from weft.judging.rubric import RUBRICS, Rubric, rubric_of
from weft.pairs.grades import FILE, GRADES
from weft.progress import say

POOL = "pool"


def grade(
    run: Path | str, written: Path, out: Path, asked: Asked, rubric: Rubric, near: int = 2,
    pairs: Path | None = None, judgements: Path | None = None, side: int = SIDE, seed: int = 0,
) -> dict:  # fmt: skip
    """Writes `out/pool`, the judge's folder and `out/grades.parquet`.

    Graded are the written texts with their products and with `near` near misses each, or with the `pairs` named in a
    file in place of the misses. The judge is `weft judge`'s: nothing is paid twice, what it cannot say is missing.

    Args:
        asked: its `answers` are `out/answers.jsonl` by default, whatever the judge.
        judgements: of this pool by another judge, people or `weft judge`, in place of asking an endpoint.

    Returns:
        "estimate", and after grading "pairs" and their counts by status, "positives" and "near misses" by grade.

    Raises:
        WeftError: a file is missing or damaged, the rubric's grades have no place on the scale 0 to 3 or are not known,
            or as `weft.judging.judge.by_endpoint`.
    """
    scaled(rubric, 0.0)  # told before anything is paid
    folder, _ = curated(run)
    collection = Collection(folder)
    own = list(own_pairs(collection, written))
    misses = named_pairs(collection, pairs) if pairs else near_misses(collection, own, near)
    given = [(query.text, row, True) for query, row in own] + list(misses)
    if not given:
        raise WeftError(f"{written} has no text for training, so there is nothing to grade")
    wanted = {"near": near, "named": str(pairs or ""), "seed": seed}
    with tempfile.TemporaryDirectory(dir=run) as spare:  # what is only tried leaves nothing behind
        pool = write_pool(collection, given, (Path(spare) if asked.dry_run else out) / POOL, wanted, seed)
        told = "" if asked.dry_run else f"; pool {out / POOL}"
        say(f"{len(pool):,} pairs: {len(own):,} texts with their products, and near misses{told}")
        return _graded(collection, given, pool, out, asked, rubric, judgements, side)


def _graded(
    collection: Collection, given: list[tuple[str, int, bool]], pool: Pool, out: Path, asked: Asked, rubric: Rubric,
    judgements: Path | None, side: int,
) -> dict:  # fmt: skip
    """`grade` from its pool on. Args: given: (text, product row, whether it was written for that product)."""
    found: dict = {"pairs": len(pool)}
    if judgements is None:
        if asked.where is None:
            where = "there would be" if asked.dry_run else f"in {out / POOL}"
            return found | {"estimate": f"{len(pool):,} pairs {where}; name an --endpoint or --judgements"}
        # Another pool or judge has another folder; what was paid for equal questions serves them all.
        judgements = out / f"judged-{key_of([pool.key, str(rubric), asked.where.model, side, dict(asked.fields)])}"
        asked = dataclasses.replace(asked, answers=asked.answers or out / ANSWERS)
        told = by_endpoint(pool, judgements, asked, rubric, side=side)
        found |= {"estimate": told["estimate"], "spent": told.get("spent", ""), "left": told.get("left", 0)}
        if asked.dry_run:
            return found
    mine = {(query_id(text), collection.products[row].id) for text, row, own_query in given if own_query}
    rows = _rows(pool, judgements, mine)
    if asked.dry_run:
        graded = sum(row["grade"] is not None for row in rows)
        return found | {"estimate": f"{graded:,} of {len(rows):,} pairs would have their grades from {judgements}"}
    write_table(out / FILE, rows, GRADES)
    return found | counted(rows)


def scaled(rubric: Rubric, given: float) -> float:
    """A grade on the loss's scale, 0 to 3.

    `fashion-0-3` is that scale. Of `fashion-0-4` both grades above a small difference become 3: neither contradicts
    the query. Other rubrics must go from 0 to 3.

    Raises:
        WeftError: another scale.
    """
    if rubric.top != 3 and rubric not in RUBRICS.values():
        raise WeftError(f"grades of {rubric} go to {rubric.top}: the loss has weights for the grades 0 to 3 alone")
    return min(given, 3.0)


def _rows(pool: Pool, judgements: Path, mine: set[tuple[str, str]]) -> list[dict]:
    """Rows of `GRADES`, one a pair of the pool. Of a pair judged several times the lower median counts."""
    judged = read_all([judgements])
    values, rubric = grades_of(judged).values, rubric_of(judged[0]["rubric"], [judgements])
    status = {(row["task"], row["query_id"], row["doc_id"]): row["status"] for row in judged}
    rows = []
    for pair in pool.pairs():
        given = values.get(pair.key)
        rows.append(
            {
                "query": pair.query_text, "product_id": pair.doc_id, "given": given,
                "grade": None if given is None else scaled(rubric, given),
                "own": (pair.query_id, pair.doc_id) in mine,
                "status": "graded" if given is not None else status.get(pair.key, "not asked"),
                "judge": judged[0]["judge"], "rubric": str(rubric),
            }
        )  # fmt: skip
    return sorted(rows, key=lambda row: (row["query"], row["product_id"]))


def counted(rows: list[dict]) -> dict:
    """status -> pairs; "positives" and "near misses": grade -> pairs, "missing" for those without."""

    def by_grade(own: bool) -> dict[str, int]:
        names = ["missing" if row["grade"] is None else f"{row['grade']:g}" for row in rows if row["own"] is own]
        return dict(sorted(Counter(names).items()))

    status = dict(Counter(row["status"] for row in rows))
    return {"status": status, "positives": by_grade(True), "near misses": by_grade(False)}
