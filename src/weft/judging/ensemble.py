"""One grade a pair from many judgements: the median over a judge's repeats, then over the judges."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from weft.endpoint import journal
from weft.errors import WeftError
from weft.judging import judgements
from weft.judging.judgements import LINES, SCHEMA, TABLE

Key = tuple[str, str, str]
"""A judged pair: task, query id, document id."""

RULE = (
    "the median over a judge's repeats and image orders, then the median over the judges; of an even number "
    "the lower of the two middle grades; a judgement without a grade is left out, never counted as 0"
)


@dataclass(frozen=True)
class Grades:
    """What several judgements of the same pairs come to.

    Attributes:
        values: pair -> grade. judges: whose they are.
        missing: pairs that were asked about and have no grade at all.
        tied: pairs whose two middle judges differ, so that the rule and not a judge decided.
    """

    values: dict[Key, float]
    judges: tuple[str, ...]
    missing: frozenset[Key] = field(default_factory=frozenset)
    tied: int = 0


def grades_of(rows: Iterable[dict], judges: Collection[str] = ()) -> Grades:
    """The grades of judgement rows by `RULE`, of the named judges or of all.

    Raises:
        WeftError: a named judge gave no judgement here, or the rows follow different rubrics.
    """
    by_judge: dict[Key, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    seen, rubrics = Counter(), set()
    for row in rows:
        if judges and row["judge"] not in judges:
            continue
        seen[row["judge"]] += 1
        rubrics.add(row["rubric"])
        grades = by_judge[key_of(row)]
        if row["grade"] is not None:
            grades[row["judge"]].append(float(row["grade"]))
    if unknown := set(judges) - set(seen):
        raise WeftError(f"no judgement by {', '.join(sorted(unknown))}")
    one_rubric(rubrics)
    values, tied = {}, 0
    for key, of in by_judge.items():
        if of:
            each = [middle(grades)[0] for grades in of.values()]
            values[key], between = middle(each)
            tied += between
    return Grades(values, tuple(seen), frozenset(by_judge.keys() - values.keys()), tied)


def one_rubric(rubrics: Iterable[str]) -> None:
    """Raises `WeftError` where these, of judgements that are to be compared, are several."""
    if len(several := sorted(set(rubrics))) > 1:
        raise WeftError(
            f"the judgements follow several rubrics ({', '.join(several)}), whose grades are not one scale: "
            "give one rubric's at a time"
        )


def middle(grades: Sequence[float]) -> tuple[float, bool]:
    """The median, the lower one of an even number, and whether the two middle grades differ.

    Lower, because people are stricter than models, and because half a grade is none that anybody gave.
    """
    ordered = sorted(grades)
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return low, low != high


def key_of(row: dict) -> Key:
    return row["task"], row["query_id"], row["doc_id"]


def by_judge(rows: Iterable[dict]) -> dict[str, list[dict]]:
    """Rows by their judge, in the order of appearance."""
    found: dict[str, list[dict]] = {}
    for row in rows:
        found.setdefault(row["judge"], []).append(row)
    return found


def read_all(paths: Sequence[Path]) -> list[dict]:
    """The judgements of several files, or of folders that hold `judgements.parquet` or `.jsonl`, one list.

    Of a folder's two the newer counts: a run that was killed leaves the table of the one before it.

    Raises:
        WeftError: a file is missing or damaged, is none of judgements, or holds none.
    """
    rows = [row for path in paths for row in _read(Path(path))]
    if not rows:
        raise WeftError(f"there is no judgement in {', '.join(map(str, paths))}")
    return rows


def file_of(path: Path) -> Path:
    """The file that `read_all` reads. Raises `WeftError` where there is none."""
    if path.is_dir():
        there = [each for each in (path / TABLE, path / LINES) if each.exists()]
        path = max(there, key=lambda each: each.stat().st_mtime_ns, default=path)
    if not path.is_file():
        raise WeftError(f"there is no {path}: name a file of judgements, or a folder that holds judgements.parquet")
    return path


def _read(path: Path) -> list[dict]:
    path = file_of(path)
    try:
        rows = journal.read(path) if path.suffix == ".jsonl" else pq.read_table(path).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise WeftError(f"{path} cannot be read as judgements: {error}") from None
    if missing := {name for row in rows for name in SCHEMA.names if name not in row}:
        raise WeftError(f"{path} has no {', '.join(sorted(missing))}: it is not a file of judgements")
    if path.suffix == ".jsonl":  # lines are only ever added: of a repeated judgement the last counts
        return list({(row["judge"], *judgements.key_of(row)): row for row in rows}.values())
    return rows
