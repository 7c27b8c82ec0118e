"""The verdict: computed from per-query differences, every loss named, nothing typed by hand."""

from collections.abc import Iterable, Mapping

import numpy as np

from weft import stats
from weft.evaluate import Scored
from weft.family import Family, compare_all

ALPHA_LEVEL = 0.05
Classes = Mapping[str, np.ndarray | None] | None
KEPT = ("model", "against", "task", "metric", "difference", "low", "high", "p", "mde")
"""Of a row of `weft.family.compare_all`."""


def intervals(
    model: str, task: str, scored: Scored, seed: int, groups: np.ndarray | None = None, classes: Classes = None
) -> list[dict]:
    """A row per metric: mean and 95% bootstrap interval over the queries, or over groups of queries; [0, 1] where there
    is one of them, which shows no spread. classes: metric -> (Q,) labels that it is a mean over."""
    rows = []
    for metric, values in scored.values.items():
        values = stats.centred(values, (classes or {}).get(metric))
        mean, low, high = stats.bootstrap_mean(values, seed=seed, groups=groups, within=(0, 1))
        rows.append(
            {"model": model, "task": task, "metric": metric, "value": mean, "low": low, "high": high, "n": len(values)}
        )
    return rows


def call(row: dict, domain: str, delta: float) -> str:
    """What one comparison shows. "better"/"worse": the interval excludes zero and so does Holm's test.
    Out of domain "within delta" means that the interval excludes a loss greater than `delta`, "worse"
    that it excludes any smaller one; what is neither is undecided."""
    sure = row["p_holm"] < ALPHA_LEVEL
    if row["low"] > 0 and sure:
        return "better"
    if domain == "out-of-domain":
        return "within delta" if row["low"] >= -delta else "worse" if row["high"] < -delta else "undecided"
    return "worse" if row["high"] < 0 and sure else "undecided"


def comparisons(
    tasks: list[dict],
    scored: dict[str, dict[str, Scored]],
    groups: dict[str, np.ndarray | None],
    delta: float,
    seed: int,
    classes: Classes = None,
) -> list[dict]:
    """The declared family of a run: the woven model against every other, and the tuned against the base, each on every
    task's primary metric, corrected together by Holm. Empty without a task, or for a model trained from nothing.

    Args:
        scored: model -> task -> its per-query values; groups: task -> what is resampled together: queries of one
            product, of one unseen brand. classes: task -> (Q,) labels where its primary metric is a mean over them.
    """
    if "woven" not in scored or not tasks:
        return []
    primary = {task["name"]: task["primary"] for task in tasks}
    values = {
        task: {model: found[task].values[metric] for model, found in scored.items() if task in found}
        for task, metric in primary.items()
    }
    rivals = tuple(model for model in scored if model not in ("woven", "tuned"))
    rows = []
    for model, against in (("woven", rivals), ("tuned", ("base",))):
        absent = tuple((rival, task) for rival in against for task in primary if rival not in values[task])
        found = compare_all(Family(model, against, primary, absent), values, groups, seed, classes=classes)
        rows += sorted(
            ({key: row[key] for key in KEPT} for row in found), key=lambda row: against.index(row["against"])
        )
    domain = {task["name"]: task["domain"] for task in tasks}
    for row, adjusted in zip(rows, stats.holm([row["p"] for row in rows]), strict=True):
        row["p_holm"] = float(adjusted)
        row["call"] = call(row, domain[row["task"]], delta)
    return rows


def verdict(differences: Iterable[dict], tasks: list[dict], delta: float) -> dict:
    """One sentence and its evidence from the woven model's rows against the base.

    `holds` only if every in-domain task is better, no out-of-domain task that counts lost more than
    `delta`, and none of these is undecided; `state` tells "undecided" from "fails", and "none" where nothing is
    claimed. Losses are listed whether or not their task counts.
    """
    domain = {task["name"]: task["domain"] for task in tasks}
    counts = {task["name"]: task["counts"] for task in tasks}
    woven = [row for row in differences if row["model"] == "woven"]
    against_base = [row for row in woven if row["against"] == "base"]
    own = [row for row in against_base if counts[row["task"]]]
    asked = [row for row in own if domain[row["task"]] == "in-domain"]
    outside = [row for row in own if domain[row["task"]] == "out-of-domain"]
    better = [row for row in asked if row["call"] == "better"]
    kept = [row for row in outside if row["call"] in ("better", "within delta")]
    worse = [row for row in own if row["call"] == "worse"]
    undecided = [row for row in own if row["call"] == "undecided"]
    if not woven:
        sentence = "This model was trained from nothing: there is no base to compare it with, and nothing is claimed"
    elif all(row["difference"] == row["low"] == row["high"] == 0 for row in against_base):
        sentence = "The woven model is the base itself: it gained nothing and lost nothing"
    else:
        sentence = (
            f"The woven model is better than the base on {_of(better, asked, 'in-domain')} and keeps "
            f"{_of(kept, outside, 'out-of-domain')} within {100 * delta:.1f} points"
        )
        if worse:
            sentence += f"; it is worse on {_names(worse)}"
        if undecided:
            sentence += f"; undecided on {_names(undecided)}"
    rivals = [row for row in woven if row["against"] != "base"]
    holds = bool(asked) and len(better) == len(asked) and len(kept) == len(outside) and not worse
    open_ = [row for row in (*asked, *outside) if row["call"] == "undecided"]
    return {
        "sentence": sentence + ".",
        "holds": holds,
        "state": "none" if not woven else "holds" if holds else "undecided" if open_ and not worse else "fails",
        "gains": [_told(row) for row in own if row["call"] == "better"],
        "losses": [
            *(_told(row) + ("" if counts[row["task"]] else " (does not count)") for row in _lost(against_base)),
            *(f"{row['against']} is ahead on {_told(row)}" for row in _lost(rivals)),
        ],
        "undecided": [_told(row) for row in undecided],
    }


def _lost(rows: list[dict]) -> list[dict]:
    return [row for row in rows if row["difference"] < 0]


def _of(some: list[dict], all_: list[dict], domain: str) -> str:
    """For instance "2 of 3 in-domain tasks"."""
    return f"{len(some)} of {len(all_)} {domain} task{'' if len(all_) == 1 else 's'}"


def _names(rows: list[dict]) -> str:
    return ", ".join(row["task"] for row in rows)


def _told(row: dict) -> str:
    return (
        f"{row['task']}: {100 * row['difference']:+.1f} points {row['metric']} "
        f"[{100 * row['low']:+.1f}, {100 * row['high']:+.1f}]"
    )
