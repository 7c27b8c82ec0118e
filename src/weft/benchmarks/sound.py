"""Takes pictures that cannot be decoded out of play, one by one and counted, before a model is asked about them."""

import dataclasses

import numpy as np

from weft.benchmarks.assemble import part_of
from weft.benchmarks.pictures import Encoded
from weft.benchmarks.record import AnyTask, Benchmark, Classification, Side
from weft.errors import WeftError

LOST = "pictures that cannot be read"


def sound(benchmark: Benchmark) -> Benchmark:
    """The benchmark with only pictures that every encoder can be shown; each task counts what it lost.

    A thing of the corpus stays in the corpus: its row and its id remain, it may be relevant, it is just never found
    (`Side.owner` is set, so that the other pictures keep their things). A query, or a picture to be classified,
    whose picture is broken cannot be asked by anyone: it is left out. Reading every picture takes a while, once
    for a cache.

    Raises:
        WeftError: a task has no readable picture left.
    """
    return dataclasses.replace(benchmark, tasks=tuple(map(_sound, benchmark.tasks)))


def broken(side: Side) -> dict[str, str]:
    """Id -> why its picture cannot be decoded, for what is in play; a curated collection's are sound already."""
    if not isinstance(side.pictures, Encoded):
        return {}
    bad = side.pictures.broken
    owner = range(len(side)) if side.owner is None else side.owner
    return {side.ids[thing]: bad[row] for thing, row in zip(owner, side.rows.tolist(), strict=True) if row in bad}


def _sound(task: AnyTask) -> AnyTask:
    if isinstance(task, Classification):
        lost = broken(task.items)
        keep = _others(task.items, lost, task.name)
        if not lost:
            return task
        return dataclasses.replace(
            task, items=part_of(task.items, keep), truth=task.truth[keep], groups=_at(task.groups, keep),
            strata={name: labels[keep] for name, labels in task.strata.items()}, counts=task.counts | {LOST: len(lost)},
        )  # fmt: skip
    lost = broken(task.corpus)
    if lost:
        owner = np.arange(len(task.corpus)) if task.corpus.owner is None else task.corpus.owner
        fine = np.asarray([row not in task.corpus.pictures.broken for row in task.corpus.rows.tolist()], dtype=bool)
        if not fine.any():
            raise WeftError(
                f"task {task.name!r}: none of its {len(fine)} pictures can be read ({next(iter(lost.values()))})"
            )
        corpus = dataclasses.replace(task.corpus, rows=task.corpus.rows[fine], owner=owner[fine])
        task = dataclasses.replace(task, corpus=corpus, counts=task.counts | {LOST: len(lost)})
    unasked = broken(task.queries)
    if not unasked:
        return task
    keep = _others(task.queries, unasked, task.name)
    return dataclasses.replace(
        task, queries=part_of(task.queries, keep), relevant=[task.relevant[row] for row in keep],
        source=_at(task.source, keep), groups=_at(task.groups, keep),
        strata={name: labels[keep] for name, labels in task.strata.items()},
        counts=task.counts | {"queries": len(keep), "queries whose picture cannot be read": len(unasked)},
    )  # fmt: skip


def _others(side: Side, lost: dict[str, str], name: str) -> np.ndarray:
    keep = np.asarray([row for row, thing in enumerate(side.ids) if thing not in lost], dtype=np.int64)
    if not len(keep):
        raise WeftError(f"task {name!r}: none of its {len(side)} pictures can be read ({next(iter(lost.values()))})")
    return keep


def _at(values: np.ndarray | None, keep: np.ndarray) -> np.ndarray | None:
    return None if values is None else values[keep]
