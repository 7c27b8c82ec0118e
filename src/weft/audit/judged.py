"""Judgements as checks see them: what was found fitting in a pool, and what the pool holds by its own rule."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from weft.benchmarks.record import Benchmark, Retrieval
from weft.errors import WeftError
from weft.judging.ensemble import grades_of, read_all
from weft.judging.lookup import systems_of
from weft.judging.pool import ANSWERS, RANDOM, Pool
from weft.judging.rubric import rubric_of
from weft.progress import say


@dataclass(frozen=True)
class Judged:
    """Judgements of a task's pooled pairs.

    Attributes:
        fitting: per query the ascending items that were judged relevant.
        pooled: per query the items that are in the pool because a system returned them; None where everything was
            judged. Not those judged only because the benchmark lists them as answers; nor random draws, which were
            drawn from what is neither.
        unfit: share of what was judged relevant that is not, as far as it is known (`weft agree`).
    """

    fitting: Sequence[np.ndarray]
    pooled: Sequence[np.ndarray] | None = None
    unfit: float = 0.0

    @classmethod
    def read(cls, task: Retrieval, pool: Pool, rows: Sequence[dict], relevant: float, unfit: float = 0.0) -> "Judged":
        """From a pool and the judgements of its pairs, as `weft.judging.ensemble.read_all` gives them.

        Args:
            relevant: the lowest grade that fits.

        Raises:
            WeftError: the judgements follow several rubrics, or the pool is damaged.
        """
        fit = {key for key, grade in grades_of(rows).values.items() if grade >= relevant}
        own = {key for key, names in systems_of(pool).items() if set(names) - {RANDOM, ANSWERS}}
        place = {name: row for row, name in enumerate(task.corpus.ids)}
        return cls(_rows(task, fit, place), _rows(task, own, place), unfit)


def reader(pool: Path, judgements: Sequence[Path], unfit: float = 0.0) -> Callable[[Benchmark], dict[str, Judged]]:
    """From a benchmark to the judgements of its tasks, by name; of another benchmark than the pool's there are none.

    What fits is what the judgements' rubric calls relevant.

    Args:
        judgements: files or folders, as `weft.judging.ensemble.read_all` reads them.

    Raises:
        WeftError: there is no such pool or no judgement, their rubric is not known, or `unfit` is no share.
    """
    if not 0 <= unfit < 1:
        raise WeftError(f"the share of wrong ones among what was judged relevant is from 0 to below 1, not {unfit}")
    at, rows = Pool(pool), read_all(judgements)
    relevant = rubric_of(rows[0]["rubric"], judgements).relevant
    tasks, pooled = {row["task"] for row in rows}, at.facts["benchmark"]

    def of(benchmark: Benchmark) -> dict[str, Judged]:
        # Its tasks and ids may be called alike, and yet ask and hold other things.
        if (benchmark.name, _place(benchmark.source)) != (pooled["name"], _place(pooled["source"])):
            told = f"{at.folder} is a pool of {pooled['name']} ({pooled['source']})"
            say(f"  {told}: its judgements are not of {benchmark.name} ({benchmark.source})")
            return {}
        own = [task for task in benchmark.tasks if isinstance(task, Retrieval) and task.name in tasks]
        return {task.name: Judged.read(task, at, rows, relevant, unfit) for task in own}

    return of


def _place(source: str) -> str:
    """The same for one folder, however its path is written."""
    return source if source.startswith("hf:") else str(Path(source).expanduser().resolve())


def _rows(task: Retrieval, keys: set[tuple[str, str, str]], place: Mapping[str, int]) -> list[np.ndarray]:
    """Per query the ascending rows of the pairs (task, query id, document id) that are of this task."""
    found: dict[str, list[int]] = {}
    for name, query, document in keys:
        if name == task.name and document in place:
            found.setdefault(query, []).append(place[document])
    return [np.asarray(sorted(found.get(query, ())), dtype=np.int64) for query in task.query_ids]
