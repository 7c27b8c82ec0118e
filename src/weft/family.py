"""The comparisons that are declared before any score is seen, and whether a candidate beats every baseline everywhere.

Two questions, two procedures. "Better on this task than this baseline": the p-value corrected by Holm over the whole
family, since one may pick any cell of the table. "Beats all on all": an intersection-union test, in which every
single comparison must pass at level alpha without correction, since all must hold at once (Berger, "Multiparameter
hypothesis testing and acceptance sampling", Technometrics 1982, theorem 1): if the candidate is not ahead
somewhere, the claim passes with probability alpha at most.
"""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from weft import stats
from weft.errors import WeftError

SMALLEST_STRATUM = 30
"""Independent groups of queries below which a stratum gets no interval: percentile intervals of fewer are too short."""


@dataclass(frozen=True)
class Family:
    """What will be tested.

    Attributes:
        candidate: the model that the claim is about; baselines: all that it is compared with.
        primary: task -> its one metric.
        absent: pairs (baseline, task) that cannot exist, for instance BM25 on picture queries.
        alpha: the level of every test; p-values are two-sided.
    """

    candidate: str
    baselines: tuple[str, ...]
    primary: Mapping[str, str]
    absent: tuple[tuple[str, str], ...] = ()
    alpha: float = 0.05

    def __post_init__(self) -> None:
        if self.candidate in self.baselines or len(set(self.baselines)) < len(self.baselines):
            raise WeftError(f"{self.candidate!r} against {', '.join(self.baselines)}: each model may be there once")
        if unknown := set(self.absent) - {(b, task) for b in self.baselines for task in self.primary}:
            raise WeftError(f"absent names pairs that the family does not have: {sorted(unknown)}")
        if not self.pairs:
            raise WeftError("a family of comparisons needs a baseline and a task")

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Every (baseline, task) that is compared."""
        return [(b, task) for task in self.primary for b in self.baselines if (b, task) not in self.absent]

    @property
    def permutations(self) -> int:
        return stats.permutations_for(len(self.pairs), self.alpha)


def compare_all(
    family: Family,
    scores: Mapping[str, Mapping[str, np.ndarray]],
    groups: Mapping[str, Sequence | None] | None = None,
    seed: int = 0,
    resamples: int = 10_000,
    permutations: int | None = None,
    classes: Mapping[str, np.ndarray | None] | None = None,
) -> list[dict]:
    """A row for every pair of the family that has scores: difference, interval, p, Holm's p, call.

    Args:
        scores: task -> model -> (Q,) values of the task's primary metric, queries in one order.
        groups: task -> (Q,) labels of the queries that are resampled together, or None.
        permutations: by default as many as the family needs.
        classes: task -> (Q,) labels, where its metric is a mean over classes (`stats.centred`).

    Raises:
        WeftError: too few permutations for this family, or scores of two models that cover different queries.
    """
    needed = stats.permutations_for(len(family.pairs), family.alpha, least=1)
    if permutations is not None and permutations < needed:
        raise WeftError(
            f"{permutations} permutations cannot tell {len(family.pairs)} comparisons: take {needed} or more"
        )
    rows = []
    for task, metric in family.primary.items():
        values, labels = scores.get(task, {}), (groups or {}).get(task)
        against = [b for b, where in family.pairs if where == task and b in values]
        if family.candidate not in values or not against:
            continue
        ours, count = np.asarray(values[family.candidate], float), _count(values[family.candidate], labels)
        gaps = np.stack([stats.difference(ours, values[b]) for b in against], axis=1)
        draws = [seed, zlib.crc32(task.encode())]  # a task's rows do not depend on which other tasks there are
        p_values = stats.sign_flips(gaps, permutations or family.permutations, draws, labels)
        most = max(1.0, float(np.abs(gaps).max(initial=0.0)))  # others may count in points
        gaps = stats.centred(gaps, (classes or {}).get(task))
        intervals = stats.bootstrap_means(gaps, resamples, draws, labels, within=(-most, most))
        for b, gap, p, (mean, low, high) in zip(against, gaps.T, p_values, intervals, strict=True):
            rows.append(
                {"model": family.candidate, "against": b, "task": task, "metric": metric}
                | {"queries": len(ours), "groups": count}
                | {"value": float(ours.mean()), "value_against": float(np.mean(values[b]))}
                | {"difference": mean, "low": low, "high": high, "p": float(p)}
                | {"mde": _visible(gap, labels, count, family.alpha)}
            )
    # What was declared and not measured still counts as a comparison, one that shows nothing.
    adjusted = stats.holm([row["p"] for row in rows] + [1.0] * (len(family.pairs) - len(rows)))
    for row, p in zip(rows, adjusted, strict=False):
        row["p_holm"] = float(p)
        row["call"] = call(row["difference"], float(p), family.alpha)
        row["visible"] = visible(row)
    return rows


def call(difference: float, p: float, alpha: float = 0.05) -> str:
    """What one comparison shows: "better", "worse" or "cannot be told"."""
    return "cannot be told" if p > alpha or not difference else "better" if difference > 0 else "worse"


def told_p(p: float) -> str:
    """For instance " = 0.032", after a "p"."""
    return " < 0.001" if p < 0.001 else f" = {p:.3f}"


def visible(row: Mapping) -> str:
    """What so many queries can show, as a sentence: the minimum detectable effect with a power of 80%."""
    grouped = f" in {row['groups']:,} groups" if row["groups"] < row["queries"] else ""
    size = f"with {row['queries']:,} {'query' if row['queries'] == 1 else 'queries'}{grouped}"
    if row["mde"] is None:
        return f"{size}, no difference can be told"
    if not row["mde"]:
        return f"{size}, every one shows the same difference"
    return f"{size}, differences under {100 * row['mde']:.{1 if row['mde'] > 0.001 else 2}f} points cannot be told"


def beats_all(
    rows: Sequence[Mapping],
    family: Family | None = None,
    alpha: float = 0.05,
    veto: Callable[[Mapping], str] = lambda row: "",
) -> dict:
    """Whether one candidate beats every baseline on every task: an intersection-union test at level alpha.

    Args:
        rows: of one candidate, with `model`, `against`, `task`, `metric`, `difference`, `low`, `high`, `p`.
        family: what was declared; without it, every baseline and every task that a row names.
        veto: why a row that passes its test does not count as won all the same, or "".

    Returns:
        holds, p (the largest: that of the whole claim), won and comparisons, exceptions (each a dict with `against`,
        `task`, `kind` and `text`), the sentence that says all of it, and the summary that leaves out the list.

    Raises:
        WeftError: rows of several candidates, or two rows of one comparison.
    """
    models = sorted({row["model"] for row in rows} | ({family.candidate} if family else set()))
    if len(models) != 1:
        raise WeftError(f"one candidate at a time, please: there are rows of {', '.join(models) or 'none'}")
    if family is None:
        tasks = {row["task"]: row["metric"] for row in rows}
        family = Family(models[0], tuple(dict.fromkeys(row["against"] for row in rows)), tasks, alpha=alpha)
    by_pair = {(row["against"], row["task"]): row for row in rows}
    if len(by_pair) < len(rows):
        raise WeftError("a comparison is there twice: one primary metric for each baseline and task")
    found = [(pair, by_pair.get(pair)) for pair in family.pairs]
    lost = []
    for pair, row in found:
        note = veto(row) if _won(row, family.alpha) else ""
        if note or not _won(row, family.alpha):
            lost.append(_exception(pair, row, family.alpha, note))
    p = max(1.0 if row is None or row["difference"] <= 0 else row["p"] for _, row in found)
    return {
        "candidate": family.candidate,
        "holds": not lost,
        "p": p,
        "won": len(found) - len(lost),
        "comparisons": len(found),
        "exceptions": lost,
        "sentence": _sentence(family, len(found), p, lost),
        "summary": _sentence(family, len(found), p, lost, listed=False),
    }


def strata(
    a: np.ndarray,
    b: np.ndarray,
    labels: Mapping[str, Sequence],
    groups: Sequence | None = None,
    seed: int = 0,
    smallest: int = SMALLEST_STRATUM,
    resamples: int = 2_000,
) -> list[dict]:
    """Differences a - b with intervals by kind of query: exploratory, outside of every family, not for claims.

    Args:
        a, b: (Q,) scores of two models on the same queries.
        labels: stratum ("length", "language") -> (Q,) labels; "" or None where it does not apply.
        smallest: a label with fewer independent groups of queries gets `small` and no interval.
    """
    rows, gaps, groups = [], stats.difference(a, b), None if groups is None else np.asarray(groups)
    for stratum, every in labels.items():
        names = np.asarray(["" if label is None else str(label) for label in every])
        for name in sorted(set(names.tolist()) - {""}):
            inside = names == name
            within = None if groups is None else groups[inside]
            count = _count(gaps[inside], within)
            mean, low, high = float(gaps[inside].mean()), None, None
            if count >= smallest:
                _, low, high = stats.bootstrap_mean(gaps[inside], resamples, seed, within)
            rows.append(
                {"stratum": stratum, "label": name, "queries": int(inside.sum()), "groups": count}
                | {"difference": mean, "low": low, "high": high, "small": count < smallest, "exploratory": True}
            )
    return rows


def _count(values: Sequence, groups: Sequence | None) -> int:
    return len(values) if groups is None else len(np.unique(np.asarray(groups)))


def _visible(gap: np.ndarray, groups: Sequence | None, count: int, alpha: float) -> float | None:
    """The minimum detectable effect; None where so few groups can never reach alpha, whatever they show."""
    if stats.smallest_p(count) > alpha:
        return None
    return stats.minimum_detectable(gap, np.zeros(len(gap)), groups=groups)


def _won(row: Mapping | None, alpha: float) -> bool:
    return row is not None and call(row["difference"], row["p"], alpha) == "better"


def _exception(pair: tuple[str, str], row: Mapping | None, alpha: float, note: str = "") -> dict:
    against, task = pair
    kind = "not measured" if row is None else "cannot be told" if note else call(row["difference"], row["p"], alpha)
    told = {"not measured": "was not measured against", "cannot be told": "cannot be told from"}
    text = f"{task}: {told.get(kind, f'{kind} than')} {against}"
    if row is not None:
        ends = f"[{100 * row['low']:+.1f}, {100 * row['high']:+.1f}]"
        text += f", {100 * row['difference']:+.1f} points {row['metric']} {ends}, p{told_p(row['p'])}"
    return {"against": against, "task": task, "kind": kind, "text": f"{text}; {note}" if note else text}


def _sentence(family: Family, comparisons: int, p: float, lost: list[dict], listed: bool = True) -> str:
    baselines = list(dict.fromkeys(b for b, _ in family.pairs))
    tasks = list(dict.fromkeys(task for _, task in family.pairs))
    whom = baselines[0] if len(baselines) == 1 else f"every one of {len(baselines)} baselines"
    where = f"on {tasks[0]}" if len(tasks) == 1 else f"on every one of {len(tasks)} tasks"
    how = f"intersection-union test of {comparisons} two-sided tests at {100 * family.alpha:g}% each"
    gaps = {b: [task for other, task in family.absent if other == b] for b, _ in family.absent}
    told = {b: ", ".join(names) if len(names) < 4 else f"{len(names)} tasks" for b, names in gaps.items()}
    some = "; ".join(f"{b} has no score on {names}" for b, names in told.items())
    note = f" (not compared: {some})" if some else ""
    if not lost:
        return f"{family.candidate} beats {whom} {where}: {how}, largest p{told_p(p)}{note}."
    fails = "does not beat" if any(e["kind"] == "worse" for e in lost) else "is not shown to beat"
    exceptions = f"; exceptions: {'; '.join(e['text'] for e in lost)}" if listed else ""
    said = f"{comparisons - len(lost)} of {comparisons} comparisons pass at {100 * family.alpha:g}%"
    return f"{family.candidate} {fails} {whom} {where}: {said}{exceptions}{note}."
