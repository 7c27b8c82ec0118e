"""Chooses alpha on development queries for the price of a few evaluations, not eleven.

The only step back from scores to weights. The endpoints' embeddings, interpolated and renormalised,
estimate every alpha at no cost; true weights are evaluated only where the estimate, corrected by what
was already measured, has its best alpha that may be feasible. See `choose`.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import product

import numpy as np

from weft.benchmarks.record import AnyTask, Pictures
from weft.embed import Embedder
from weft.evaluate import embed_task, score
from weft.progress import progress

DOUBT = 0.03
"""How far an estimate may be off where feasibility is at stake. Without it the best alpha was sometimes never
looked at: estimates have missed by 1.6 points on KAGL and by up to 5.3 on toy models (docs/LOG.md)."""

Row = dict[str, np.ndarray]
"""Task name -> (Q,) primary metric per query, for one alpha."""


@dataclass(frozen=True)
class Rule:
    """How an alpha is preferred.

    Attributes:
        kind: "delta": the best mean in-domain score among alphas that lose at most `delta` on every
            out-of-domain task, and at most `mean_delta` on the mean of these (below 0 it must rise).
            "margin": the largest worst-case margin over the strongest baseline, in standard errors of
            the paired difference.
        domains: of every task; "" of one that does not count and so decides nothing.
        baselines: rows of the outside models, for "margin".
    """

    kind: str
    delta: float
    domains: dict[str, str]
    baselines: tuple[Row, ...] = ()
    mean_delta: float = 1.0

    def in_domain(self, means: dict[str, float]) -> float:
        own = [value for task, value in means.items() if self.domains[task] == "in-domain"]
        return float(np.mean(own))

    def feasible(self, means: dict[str, float], base: dict[str, float], doubt: float = 0.0) -> bool:
        outside = [task for task in means if self.domains[task] == "out-of-domain"]
        losses = [base[task] - means[task] - doubt - 1e-12 for task in outside] or [0.0]
        return self.kind == "margin" or (max(losses) <= self.delta and float(np.mean(losses)) <= self.mean_delta)

    def value(self, row: Row) -> float:
        if self.kind == "delta":
            return self.in_domain(mean(row))
        return min(self._margin(task, values) for task, values in row.items() if self.domains[task])

    def _margin(self, task: str, values: np.ndarray) -> float:
        rival = max((b[task] for b in self.baselines if task in b), key=np.mean, default=np.zeros_like(values))
        difference = values - rival
        error = difference.std(ddof=1) / np.sqrt(len(difference)) if len(difference) > 1 else 0.0
        return float(difference.mean() / max(error, 1e-9))


@dataclass(frozen=True)
class Choice:
    """The chosen place on the grid; `measured` holds a row wherever the true weights were evaluated."""

    place: int
    measured: dict[int, Row]
    feasible: list[bool]
    values: list[float]


def mean(row: Row) -> dict[str, float]:
    return {task: float(values.mean()) for task, values in row.items()}


def estimates(tasks: Sequence[AnyTask], base: Embedder, tuned: Embedder, grid: np.ndarray) -> list[Row]:
    """Rows estimated in the output space: e(alpha) = unit((1 - alpha) e_base + alpha e_tuned), for
    queries and pictures alike. Exact at both ends; between them the towers' non-linearity is ignored."""
    rows: list[Row] = [{} for _ in grid]
    for task in tasks:
        ends = [embed_task(task, embedder) for embedder in (base, tuned)]
        for row, alpha in zip(rows, grid, strict=True):
            queries, images = (_between(a, b, alpha) for a, b in zip(*ends, strict=True))
            row[task.name] = score(task, queries, images).values[task.primary]
    return rows


class Memory:
    """What one model said of everything it was asked, to be asked again in its place when it is gone."""

    def __init__(self, embedder: Embedder, tasks: Sequence[AnyTask]):
        self.known: dict[tuple, np.ndarray] = {}
        self.embedder: Embedder | None = embedder
        for task in tasks:
            embed_task(task, self)
        self.embedder = None

    def images(self, pictures: Pictures, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        key = (pictures.identity, tuple(map(int, rows)))
        if key not in self.known:
            self.known[key] = self.embedder.images(pictures, rows)
        return self.known[key]

    def texts(self, texts: list[str]) -> np.ndarray:
        key = tuple(texts)
        if key not in self.known:
            self.known[key] = self.embedder.texts(texts)
        return self.known[key]


@dataclass(frozen=True)
class Towers:
    """One model's image tower beside another's text tower."""

    image: Memory
    text: Memory

    def images(self, pictures: Pictures, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        return self.image.images(pictures, rows)

    def texts(self, texts: list[str]) -> np.ndarray:
        return self.text.texts(texts)


def of_towers(
    tasks: Sequence[AnyTask],
    base: Embedder,
    tuned: Embedder,
    between: Callable[[float], AbstractContextManager[Embedder]],
    grid: np.ndarray,
) -> tuple[list[tuple[float, float]], list[Row]]:
    """Every pair of an image alpha and a text alpha, with its true row; from (0, 0), by their sum, to (1, 1).

    A tower's embeddings do not depend on the other tower, so `len(grid)` models, the ends among them, give the rows of
    all len(grid)^2 pairs for no more than their scoring. All their dev embeddings are held in memory.
    """
    memories = {}
    for alpha in map(float, grid):
        if alpha in (0.0, 1.0):
            memories[alpha] = Memory(tuned if alpha else base, tasks)
        else:
            with between(alpha) as embedder:
                memories[alpha] = Memory(embedder, tasks)
    places = sorted(product(memories, memories), key=lambda place: (round(sum(place), 6), place))
    rows = []
    for image, text in progress(places, "scoring every pair of alphas", unit="pair"):
        both = Towers(memories[image], memories[text])
        rows.append({task.name: score(task, *embed_task(task, both)).values[task.primary] for task in tasks})
    return places, rows


def _between(base: np.ndarray, tuned: np.ndarray, alpha: float) -> np.ndarray:
    if alpha in (0.0, 1.0):
        return tuned if alpha else base
    mixed = (1 - alpha) * base + alpha * tuned
    return mixed / np.maximum(np.linalg.norm(mixed, axis=1, keepdims=True), 1e-12)


def choose(estimated: list[Row], measure: Callable[[int], Row], rule: Rule, full: bool = False) -> Choice:
    """Measures true rows until the best place that may be feasible is one that was measured.

    What the estimate got wrong at measured places is interpolated linearly between them (it is nothing
    at both ends) and added. An unmeasured place may be feasible if it loses at most `DOUBT` more than is
    allowed; the best such place is measured, until the best of all was measured and is feasible in truth.
    At most every place is measured, which is the full sweep. Where no place is feasible (the mean should rise and does
    not) it is the first, the base.

    Args:
        estimated: a row for each place of the grid; the first and the last are exact.
        measure: place -> row of the true weights.
    """
    last = len(estimated) - 1
    measured = {0: estimated[0], last: estimated[last]}
    if full:
        measured |= {place: measure(place) for place in range(1, last)}
    while True:
        rows = corrected(estimated, measured)
        base, means = mean(rows[0]), [mean(row) for row in rows]
        values = [rule.value(row) for row in rows]
        possible = [p for p in range(last + 1) if rule.feasible(means[p], base, 0.0 if p in measured else DOUBT)]
        # On equal values the smaller alpha, which is nearer to the base, is preferred.
        place = max(possible or [0], key=lambda p: (round(values[p], 9), -p))
        if place in measured:
            return Choice(place, measured, [rule.feasible(own, base) for own in means], values)
        measured[place] = measure(place)


def corrected(estimated: list[Row], measured: dict[int, Row]) -> list[Row]:
    """The estimates, shifted per task so that they pass through the measured means."""
    places = sorted(measured)
    rows = []
    for place, row in enumerate(estimated):
        if place in measured:
            rows.append(measured[place])
            continue
        shift = {
            task: np.interp(place, places, [measured[p][task].mean() - estimated[p][task].mean() for p in places])
            for task in row
        }
        rows.append({task: values + shift[task] for task, values in row.items()})
    return rows
