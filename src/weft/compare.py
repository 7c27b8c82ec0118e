"""Compares two evaluated models query by query and says which one is better, where, and where that cannot be told."""

import itertools
import textwrap
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from weft.errors import WeftError
from weft.family import Family, beats_all, compare_all, strata, told_p
from weft.per_query import Scores, Table

__all__ = ["beats_all", "compare", "render"]

PRIMARY = ("recall@10", "balanced_accuracy", "ndcg@10", "hit_rate@1", "hit_rate@10", "mrr@10", "recall@1", "accuracy")
"""A task's primary metric where neither the caller nor the file says: the first of these that both models have."""

RESAMPLES = 10_000
SHOWN = 12  # strata in the terminal; all are in the record


def compare(
    a: Path, b: Path, model_a: str = "", model_b: str = "", metric: str = "", alpha: float = 0.05, seed: int = 0
) -> dict:
    """Paired comparison of two models on every task that both were evaluated on.

    Args:
        a, b: folders of evaluations or their per-query Parquet files; the same one for two models of one evaluation.
        model_a, model_b: which model; may be left out where a file holds only one.
        metric: for all tasks; by default each task's primary metric, fixed before any score is seen.

    Returns:
        a, b (label, model, path), tasks (the rows of `family.compare_all`: values of both, difference, interval, p,
        Holm's p, minimum detectable effect, call, queries, groups), strata (exploratory rows of `family.strata`),
        not_compared (task -> why), a_beats_b and b_beats_a (`family.beats_all`), verdict (sentences), method.

    Raises:
        WeftError: an unreadable file, an ambiguous model, no task or metric in common, or different queries.
    """
    left, right = Table(Path(a), model_a), Table(Path(b), model_b)
    first, second = _labels(left, right)
    primary, not_compared = _primary(left, right, metric)
    scores, groups, classes, slices = {}, {}, {}, []
    for task, name in primary.items():
        mine, theirs = left.scores(task, name), right.scores(task, name)
        _same_queries(task, mine, theirs)
        scores[task] = {first: mine.values, second: theirs.values}
        groups[task] = _groups(task, mine, theirs)
        classes[task] = theirs.classes if mine.classes is None else mine.classes
        if classes[task] is not None:  # a mean over all classes has no share of a part of them
            name = "accuracy"
            if not all(name in table.tasks[task] for table in (left, right)):
                continue
            mine, theirs = left.scores(task, name), right.scores(task, name)
            _same_queries(task, mine, theirs)
        labels = theirs.strata | mine.strata
        found = strata(mine.values, theirs.values, labels, groups[task], seed)
        slices += [{"task": task, "metric": name} | row for row in found]
    family = Family(first, (second,), primary, alpha=alpha)
    rows = compare_all(family, scores, groups, seed, RESAMPLES, classes=classes)
    turned = Family(second, (first,), primary, alpha=alpha)
    flipped = [
        row | {"model": second, "against": first, "difference": -row["difference"], "low": -row["high"]}
        | {"high": -row["low"]} for row in rows
    ]  # fmt: skip
    forth, back = beats_all(rows, family), beats_all(flipped, turned)
    same = all(np.array_equal(values[first], values[second]) for values in scores.values())
    return {
        "a": {"label": first, "model": left.model, "path": str(left.path)},
        "b": {"label": second, "model": right.model, "path": str(right.path)},
        "tasks": rows,
        "strata": slices,
        "not_compared": not_compared,
        "a_beats_b": forth,
        "b_beats_a": back,
        "verdict": _verdict(rows, forth, back, same, not_compared),
        "method": {"alpha": alpha, "permutations": family.permutations, "resamples": RESAMPLES, "seed": seed},
    }


def _labels(left: Table, right: Table) -> tuple[str, str]:
    if left.model != right.model:
        return left.model, right.model
    if left.path.resolve() == right.path.resolve():
        raise WeftError(f"{left.model!r} of {left.path} is compared with itself: name two models or two evaluations")
    return f"{left.model} ({left.path.parent})", f"{right.model} ({right.path.parent})"


def _primary(left: Table, right: Table, metric: str) -> tuple[dict[str, str], dict[str, str]]:
    """task -> the metric to compare by; and task -> why it is not compared."""
    chosen = {}
    refused = {task: "only A has it" for task in left.tasks if task not in right.tasks}
    refused |= {task: "only B has it" for task in right.tasks if task not in left.tasks}
    common = [task for task in left.tasks if task in right.tasks]
    if not common:
        names = " and ".join(", ".join(itertools.islice(table.tasks, 3)) for table in (left, right))
        raise WeftError(f"{left.path} and {right.path} have no task in common: {names}")
    shared = {task: [name for name in left.tasks[task] if name in right.tasks[task]] for task in common}
    for task, names in shared.items():
        declared = [left.primary.get(task), right.primary.get(task)]
        if not metric and len(set(declared) - {None}) == 2:
            raise WeftError(f"task {task} was declared with {declared[0]} and with {declared[1]}: choose one metric")
        wanted = (metric,) if metric else tuple(filter(None, declared)) or PRIMARY
        found = [name for name in wanted if name in names]
        if found:
            chosen[task] = found[0]
        else:
            refused[task] = f"not both have {'a primary metric' if wanted is PRIMARY else wanted[0]}"
    if not chosen:
        every = sorted(set(itertools.chain.from_iterable(shared.values())))
        raise WeftError(
            f"{left.model} and {right.model} have no {metric or 'primary'} in common on any task; "
            + (f"choose one of {', '.join(every)}" if every else "they have no metric in common at all")
        )
    return chosen, refused


def _same_queries(task: str, left: Scores, right: Scores) -> None:
    apart = sorted(set(left.ids.tolist()) ^ set(right.ids.tolist()))
    if apart:
        mine = set(left.ids.tolist())
        told = ", ".join(f"{query} ({'A' if query in mine else 'B'})" for query in apart[:3])
        raise WeftError(
            f"task {task}: {len(apart)} queries are in one of the two only ({len(left.ids)} in A, {len(right.ids)} in "
            f"B), the first of them {told}: evaluate both models on the same revision and split"
        )


def _groups(task: str, left: Scores, right: Scores) -> np.ndarray | None:
    if left.groups is None or right.groups is None:
        return right.groups if left.groups is None else left.groups
    if (left.groups != right.groups).any():
        raise WeftError(f"task {task}: A and B group its queries differently: evaluate both with the same version")
    return left.groups


def _verdict(rows: list[dict], forth: dict, back: dict, same: bool, not_compared: Mapping[str, str]) -> str:
    """Sentences made from the rows alone."""
    first, second, tasks = forth["candidate"], back["candidate"], f"{len(rows)} task{'s' * (len(rows) > 1)}"
    by_call = {call: [row["task"] for row in rows if row["call"] == call] for call in ("better", "worse")}
    if same:
        said = f"{first} and {second} give every query of {tasks} the same score."
    elif forth["holds"] or back["holds"]:
        said = (forth if forth["holds"] else back)["sentence"]
    elif not forth["won"] and not back["won"]:
        said = f"Which of {first} and {second} is better cannot be told from {tasks}."
    else:
        said = (forth if forth["won"] >= back["won"] else back)["sentence"]
        ahead = [
            f"{model} is better on {len(names)} ({', '.join(names)})"
            for model, names in ((first, by_call["better"]), (second, by_call["worse"]))
            if names
        ]
        shown = len(by_call["better"]) + len(by_call["worse"])
        rest = [f"{len(rows) - shown} cannot be told"] if shown < len(rows) else []
        said += f" Each task by itself, with Holm's correction over {tasks}: {'; '.join(ahead + rest)}."
    if not_compared:
        said += f" Not compared: {'; '.join(f'{task} ({why})' for task, why in not_compared.items())}."
    return said


def render(result: Mapping) -> str:
    """The comparison for a terminal; scores, differences and effects in points (100 times the metric).

    What a terminal would obey or not show, as names from a file can hold it, is shown as U+FFFD.
    """
    head = ["task", "metric", "queries", "groups", "A", "B", "A - B", "95% interval", "p", "Holm", "A is"]
    body = []
    for row in result["tasks"]:
        sizes = f"{row['queries']:,}", f"{row['groups']:,}"
        values = f"{100 * row['value']:.1f}", f"{100 * row['value_against']:.1f}"
        chances = (told_p(row[name]).removeprefix(" = ").strip() for name in ("p", "p_holm"))
        body.append([row["task"], row["metric"], *sizes, *values, *_gap(row), *chances, row["call"]])
    method = result["method"]
    lines = [
        *(f"{side.upper()}  {result[side]['label']}  {result[side]['path']}" for side in "ab"),
        "",
        *_table(head, body, left=(0, 1, 10)),
        "",
        *textwrap.wrap(result["verdict"], 116, break_on_hyphens=False),
        "",
        "What could be seen (80% power at 5%):",
        *(f"  {row['task']}: {row['visible']}" for row in result["tasks"]),
    ]
    told = [row for row in result["strata"] if not row["small"] and (row["low"] > 0 or row["high"] < 0)]
    if result["strata"]:
        told = sorted(told, key=lambda row: -abs(row["difference"]))[:SHOWN]
        lines += ["", f"Strata (exploratory, uncorrected; {len(result['strata'])} looked at, the largest shown):"]
        lines += [f"  {line}" for line in _strata(told)]
    how = f"{method['resamples']:,} bootstrap resamples of queries or their groups"
    test = f"two-sided randomisation test, {method['permutations']:,} sign flips"
    lines += ["", f"Paired by query. Intervals: {how}.", f"p: {test}; Holm: over {len(body)} comparisons."]
    return "\n".join("".join(one if one.isprintable() else "\ufffd" for one in line) for line in lines)


def _strata(rows: list[dict]) -> list[str]:
    head = ["task", "stratum", "queries", "A - B", "95% interval"]
    body = [[row["task"], f"{row['stratum']}: {row['label']}", f"{row['queries']:,}", *_gap(row)] for row in rows]
    return _table(head, body, left=(0, 1)) if rows else ["none differs"]


def _table(head: list[str], body: list[list[str]], left: tuple[int, ...]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
    lines = []
    for cells in (head, *body):
        pairs = enumerate(zip(cells, widths, strict=True))
        lines.append("  ".join(c.ljust(w) if i in left else c.rjust(w) for i, (c, w) in pairs).rstrip())
    return lines


def _gap(row: Mapping) -> tuple[str, str]:
    """The difference in points and the ends of its interval."""
    return f"{100 * row['difference']:+.1f}", f"[{100 * row['low']:+.1f}, {100 * row['high']:+.1f}]"
