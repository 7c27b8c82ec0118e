"""Which system stands above which by one version of the answers, and what becomes of that by another."""

from collections.abc import Mapping, Sequence

import numpy as np

from weft import stats
from weft.family import call

RESAMPLES = 10_000

KINDS = {
    "reversed": "the order is turned round, and the new one is shown",
    "order changed": "the order is turned round, but neither is shown by the new answers",
    "no longer shown": "the order stays, but the new answers no longer show it",
    "newly shown": "the order stays, and only the new answers show it",
    "confirmed": "the order stays, shown before and after",
    "open": "the order stays, shown neither before nor after",
}


def ranks(systems: Sequence[str], values: np.ndarray) -> list[dict]:
    """Systems with their mean over (S, Q) values, and the first and the last rank of those whose means are equal."""
    means = values.mean(axis=1)
    return [
        {"system": name, "value": float(mean), "rank": 1 + int((means > mean + stats.SAME).sum())}
        | {"last": int((means > mean - stats.SAME).sum())}
        for name, mean in zip(systems, means, strict=True)
    ]


def gaps(
    systems: Sequence[str], values: np.ndarray, groups: np.ndarray, comparisons: int, seed: int = 0
) -> dict[tuple[str, str], dict]:
    """(a, b) -> the difference a - b with its interval and p, for every two systems; all share their draws.

    Args:
        values: (S, Q); groups: (Q,) what is resampled together; comparisons: how many Holm will correct for.
    """
    pairs = [(a, b) for a in range(len(systems)) for b in range(a + 1, len(systems))]
    if not pairs:
        return {}
    apart = np.stack([stats.difference(values[a], values[b]) for a, b in pairs], axis=1)
    flips = stats.permutations_for(comparisons)
    p_values = stats.sign_flips(apart, flips, seed, groups)
    ends = stats.bootstrap_means(apart, RESAMPLES, seed, groups, within=(-1, 1))
    return {
        (systems[a], systems[b]): {"difference": mean, "low": low, "high": high, "p": float(p), "queries": len(apart)}
        for (a, b), p, (mean, low, high) in zip(pairs, p_values, ends, strict=True)
    }


def turn(gaps: Mapping[tuple[str, str], dict], a: str, b: str) -> dict:
    """The difference a - b, whichever way round it was computed."""
    if (a, b) in gaps:
        return dict(gaps[a, b])
    row = gaps[b, a]
    return row | {"difference": -row["difference"], "low": -row["high"], "high": -row["low"]}


def called(pairs: list[dict]) -> list[dict]:
    """Every comparison's call, by Holm's correction over all pairs of all tasks, and what became of the order."""
    names = list(dict.fromkeys(name for row in pairs for name in row["corrections"]))
    for get in [
        lambda row: row["original"],
        lambda row: row["rejudged"],
        *(lambda row, name=name: row["corrections"].get(name) for name in names),
    ]:
        found = [gap for row in pairs if (gap := get(row))]
        for gap, p in zip(found, stats.holm([gap["p"] for gap in found]), strict=True):
            gap["p_holm"] = float(p)
            gap["call"] = call(gap["difference"], float(p))
    for row in pairs:
        before, after = row["original"], row["rejudged"]
        shown = [gap["call"] != "cannot be told" for gap in (before, after)]
        turned = before["difference"] * after["difference"] < 0
        if turned:
            row["kind"] = "reversed" if shown[1] else "order changed"
        else:
            row["kind"] = {
                (True, True): "confirmed", (True, False): "no longer shown", (False, True): "newly shown",
                (False, False): "open",
            }[tuple(shown)]  # fmt: skip
        against = [name for name, gap in row["corrections"].items() if gap["difference"] * after["difference"] <= 0]
        row["against"] = against
        row["robust"] = shown[1] and not against
    return pairs


def verdict(pairs: Sequence[dict]) -> list[str]:
    """Sentences made from the pairs alone."""
    if not pairs:
        return ["There is one system, so there is no order to hold against the new answers."]
    turned = [row for row in pairs if row["kind"] in ("reversed", "order changed")]
    shown = [row for row in pairs if row["rejudged"]["call"] != "cannot be told"]
    robust = [row for row in shown if row["robust"]]
    changed = f"{len(turned)} {'changes its' if len(turned) == 1 else 'change their'} order"
    told = [f"{row['b']} is above {row['a']} on {row['task']}" for row in turned if row["kind"] == "reversed"]
    rest = f"; shown by the new answers: {'; '.join(told)}" if told else "; none is shown" if turned else ""
    said = [f"Of {_count(len(pairs), 'pair')} of systems, {changed} when judged again{rest}."]
    tried = max(len(row["corrections"]) for row in pairs)
    said.append(
        f"The new answers show {_count(len(shown), 'difference')}; {len(robust)} of them "
        f"{'keeps its' if len(robust) == 1 else 'keep their'} sign under every one of "
        f"{_count(tried, 'other correction')}."
    )
    fragile = [f"{_ahead(row)} on {row['task']} ({', '.join(row['against'])})" for row in shown if not row["robust"]]
    if fragile:
        said.append(f"Not robust: {'; '.join(fragile)}.")
    return said


def _ahead(row: dict) -> str:
    a, b = (row["a"], row["b"]) if row["rejudged"]["difference"] > 0 else (row["b"], row["a"])
    return f"{a} above {b}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def method(pairs: Sequence[dict]) -> str:
    flips = stats.permutations_for(max(len(pairs), 1))
    return (
        f"paired by query: {RESAMPLES:,} bootstrap resamples of queries or their groups, two-sided randomisation test "
        f"with at least {flips:,} sign flips, Holm's correction over all {len(pairs)} pairs"
    )
