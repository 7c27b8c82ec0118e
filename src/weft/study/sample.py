"""The test scores of a study as arrays, and what is resampled: queries within tasks, never seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from weft import stats
from weft.benchmarks.groups import together
from weft.benchmarks.record import AnyTask, Classification
from weft.errors import WeftError
from weft.evaluate import classes_of
from weft.per_query import Table
from weft.progress import say
from weft.study.choose import Choices, Touched, asked, wanted
from weft.study.lab import Lab
from weft.study.plan import Study

RESAMPLES = 10_000
BLOCK = 2**22  # numbers held at a time


@dataclass(frozen=True)
class Sample:
    """Per-query scores of the primary metrics.

    Attributes:
        values: row -> seed -> task -> (Q,), queries in the order of their ids.
        groups: task -> (Q,) what is resampled together within the task, or None.
        clusters: task -> (Q,) labels that are shared between tasks: queries of one product, short and long.
        classes: task -> (Q,) labels where its metric is a mean over classes (`weft.stats.centred`), or None.
    """

    values: Mapping[str, Mapping[int, Mapping[str, np.ndarray]]]
    groups: Mapping[str, np.ndarray | None]
    clusters: Mapping[str, np.ndarray]
    classes: Mapping[str, np.ndarray | None] = field(default_factory=dict)

    def mean(self, row: str, task: str, seeds: Sequence[int] = ()) -> np.ndarray:
        """(Q,) per query, averaged over all its seeds, or over these."""
        return np.mean([by_task[task] for s, by_task in self.values[row].items() if not seeds or s in seeds], axis=0)

    def common(self, row: str, against: str) -> tuple[int, ...]:
        """The seeds over which two rows are compared, where each has several: those of both. Else (), all of each."""
        ours, theirs = self.values[row].keys(), self.values[against].keys()
        return tuple(sorted(ours & theirs)) if min(len(ours), len(theirs)) > 1 and ours != theirs else ()

    def by_seed(self, row: str, tasks: Sequence[str]) -> dict[int, float]:
        """Seed -> the mean over tasks of the task's mean."""
        return {s: float(np.mean([found[task].mean() for task in tasks])) for s, found in self.values[row].items()}

    def gaps_by_seed(self, row: str, against: str, tasks: Sequence[str]) -> list[float]:
        """A difference for every seed that both have; where one of them has a single model (a base, a soup, a row of
        one seed), for every model of the other."""
        ours, theirs = self.by_seed(row, tasks), self.by_seed(against, tasks)
        common = ours.keys() & theirs.keys() if min(len(ours), len(theirs)) > 1 else set()
        if common:
            return [ours[seed] - theirs[seed] for seed in sorted(common)]
        left, right = (list(found.values()) for found in (ours, theirs))
        return [a - float(np.mean(right)) for a in left] if len(left) > 1 else [float(np.mean(left)) - b for b in right]


def gather(study: Study, lab: Lab, choices: Choices, touched: Touched) -> Sample:
    """Reads the test scores of every row and seed that was put to test as the study stands now.

    Raises:
        WeftError: two models were not asked the same queries.
    """
    values: dict[str, dict[int, dict[str, np.ndarray]]] = {}
    groups, ids = {}, {}
    for row in study.rows:
        chosen = (row, study.row(row.soup_of)) if row.soup_of else (row,)
        settled = all(choices.settled(one.name, asked(study, lab, one)) for one in chosen)
        for seed, model in choices.rows.get(row.name, {}).get("seeds", {}).items():
            path = lab.scores_path("test", model["model"])
            looked = touched.has(row.name, int(seed), model["model"], lab.tasks_key)
            if int(seed) not in study.seeds_of(row) or not looked or not path.exists():
                continue
            if not settled or model["wanted"] != wanted(study, lab, choices, row, int(seed)):
                say(f"  {row.label}, seed {seed}: its scores are of an earlier version of the study; not shown")
                continue
            table = Table(path)
            found = {task: table.scores(task, table.primary[task]) for task in table.tasks}
            for task, scores in found.items():
                if not np.array_equal(ids.setdefault(task, scores.ids), scores.ids):
                    raise WeftError(
                        f"{path}: {row.label} was asked other queries of {task}: delete the file, run again"
                    )
                groups[task] = scores.groups
            values.setdefault(row.name, {})[int(seed)] = {task: scores.values for task, scores in found.items()}
    classes = {task.name: by_id(task, classes_of(task, task.primary)) for task in lab.tasks("test")}
    return Sample(values, groups, clusters(lab.tasks("test")), classes)


def by_id(task: AnyTask, labels: np.ndarray | None) -> np.ndarray | None:
    """(Q,) labels in the order of query ids."""
    return None if labels is None else labels[np.argsort(np.asarray(task.query_ids, dtype=object), kind="stable")]


def clusters(tasks: Sequence[AnyTask]) -> dict[str, np.ndarray]:
    """Task -> (Q,) labels in the order of query ids. Two queries share one if they are resampled together within
    their task, or were written from one product of one catalogue, directly or through others."""
    own, source = [], []
    for place, task in enumerate(tasks):
        ids = task.query_ids
        held = range(len(ids)) if task.groups is None else task.groups
        own += [f"{place} {label}" for label in held]
        if isinstance(task, Classification) or task.source is None:
            source += [""] * len(ids)
        else:
            where = task.corpus.pictures.identity if task.corpus.pictures is not None else f"task {place}"
            source += [f"{where} {task.corpus.ids[row]}" if row >= 0 else "" for row in task.source]
    labels = together([own, source], len(own))
    labels = np.arange(len(own)) if labels is None else labels
    found, start = {}, 0
    for task in tasks:
        part = labels[start : start + len(task.query_ids)]
        found[task.name] = by_id(task, part)
        start += len(part)
    return found


def draws(
    values: Sequence[np.ndarray], labels: Sequence[np.ndarray], resamples: int = RESAMPLES, seed: int = 0
) -> np.ndarray:
    """(resamples, M) bootstrap draws of the mean over tasks of the task's mean.

    Whole clusters are drawn, independently in each set of tasks that share none with another: short and long queries
    of one catalogue move together, another benchmark moves by itself.

    Args:
        values: a (Q, M) array for each task, the M columns being models; labels: (Q,) clusters of each task.
    """
    total = np.zeros((resamples, values[0].shape[1]))
    rng = np.random.default_rng(seed)
    for tasks in _strata(labels):
        names = np.unique(np.concatenate([labels[task] for task in tasks]))
        sums, sizes = [], []
        for task in tasks:
            place = np.searchsorted(names, labels[task])
            sizes.append(np.bincount(place, minlength=len(names)).astype(np.float64))
            summed = np.zeros((len(names), values[task].shape[1]))
            np.add.at(summed, place, values[task])
            sums.append(summed)
        step = max(1, BLOCK // len(names))
        for start in range(0, resamples, step):
            count = min(step, resamples - start)
            drawn = rng.integers(0, len(names), size=(count, len(names)), dtype=np.int32)
            drawn += np.arange(count, dtype=np.int32)[:, None] * len(names)
            times = np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape).astype(np.float64)
            for summed, size in zip(sums, sizes, strict=True):
                total[start : start + count] += (times @ summed) / np.maximum(times @ size, 1)[:, None]
    return total / len(values)


def p_value(gaps: Sequence[np.ndarray], labels: Sequence[np.ndarray], permutations: int, seed: int = 0) -> np.ndarray:
    """(M,) two-sided p of the mean over tasks of the mean gap: the signs of whole clusters are flipped.

    Each query is weighted by 1 / (queries of its task x tasks), so that the sum that is tested is that mean.
    """
    weighted = np.concatenate([gap / (len(gap) * len(gaps)) for gap in gaps])
    return stats.sign_flips(weighted, permutations, seed, np.concatenate(list(labels)))


def single(labels: Sequence[np.ndarray]) -> bool:
    """Whether what is drawn together is all one cluster somewhere: no draw differs from another there."""
    return any(len(np.unique(np.concatenate([labels[task] for task in tasks]))) < 2 for tasks in _strata(labels))


def _strata(labels: Sequence[np.ndarray]) -> list[list[int]]:
    """Tasks in sets that share no cluster with each other."""
    names = [set(one.tolist()) for one in labels]
    found: list[tuple[list[int], set]] = []
    for task, own in enumerate(names):
        joined = [one for one in found if not own.isdisjoint(one[1])]
        found = [one for one in found if one not in joined]
        members = sorted(sum((one[0] for one in joined), [task]))
        found.append((members, own.union(*(one[1] for one in joined))))
    return [members for members, _ in found]
