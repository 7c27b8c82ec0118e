"""Whether what somebody says of rows came out: confirmed, not confirmed, reversed or undecided, with the figures.

A claim is judged on means over a domain's tasks, part by part: one part for each row it is said to beat and each
domain. The rules were fixed before any score was seen:

confirmed       the interval of the difference lies above zero, Holm's test says so, over every pair that a claim names
                on every domain, also those that it does not speak of, and every seed agrees; "not better" is
                confirmed where the interval excludes a gain worth having.
reversed        the same on the other side.
not confirmed   neither, and the interval excludes a difference that is worth having.
undecided       the queries or the seeds cannot tell; also where a row has fewer than three seeds.
"""

from collections.abc import Mapping, Sequence

from weft.study.plan import Claim, Row, Study
from weft.study.sample import Sample

SEEDS = 3
"""Fewer seeds of a row decide nothing: the spread of trainings would be unknown."""

VERDICTS = ("confirmed", "not confirmed", "reversed", "undecided")


def pairs(study: Study, sample: Sample) -> list[tuple[str, str]]:
    """Every pair of rows that a claim compares and that was scored, each once."""
    found = [(claim.better, other) for claim in study.claims for other in claim.than]
    return [pair for pair in dict.fromkeys(found) if pair[0] in sample.values and pair[1] in sample.values]


def judge(study: Study, sample: Sample, rows: Sequence[Mapping]) -> list[dict]:
    """Each claim with its verdict and parts.

    Args:
        rows: the settled differences of `pairs`, for every domain.
    """
    by_pair = {(row["row"], row["against"], row["domain"]): row for row in rows}
    found = []
    for claim in study.claims:
        parts = [_part(study, sample, claim, other, domain, by_pair) for other in claim.than for domain in claim.on]
        verdict = _whole([part["verdict"] for part in parts])
        told = {"name": claim.name, "text": claim.text, "says": claim.says, "verdict": verdict}
        found.append(told | {"parts": parts})
    return found


def _part(study: Study, sample: Sample, claim: Claim, other: str, domain: str, by_pair: Mapping) -> dict:
    told = {"better": claim.better, "than": other, "domain": domain}
    row = by_pair.get((claim.better, other, domain))
    if row is None:
        return told | {"verdict": "undecided", "why": "not scored"}
    kept = ("difference", "low", "high", "p", "p_holm", "by_seed", "seeds_agree")
    told |= {name: row[name] for name in kept}
    verdict, why = call(row, claim.says, study.worth)
    few = [name for name in (claim.better, other) if _seeds(study.row(name), sample) < SEEDS]
    if few and verdict != "undecided":
        labels = " and ".join(study.row(name).label for name in few)
        verdict, why = "undecided", f"{labels}: fewer than {SEEDS} seeds (they alone would say: {verdict})"
    return told | {"verdict": verdict, "why": why}


def _seeds(row: Row, sample: Sample) -> int:
    """What is not trained does not vary with a seed."""
    return len(sample.values[row.name]) if row.trained else SEEDS


def call(row: Mapping, says: str, worth: float) -> tuple[str, str]:
    """The verdict on one part, and the reason where it is not plain.

    Args:
        row: `difference`, `low`, `high`, `p_holm`, `call` and `seeds_agree` of the row that is said to be better.
        worth: the smallest difference worth having.
    """
    if says == "not better":
        if row["high"] < worth:
            return "confirmed", f"a gain of {100 * worth:.1f} points is excluded"
        return ("reversed", "") if row["call"] == "better" else ("undecided", _doubt(row))
    if row["call"] != "undecided":
        return ("confirmed" if row["call"] == "better" else "reversed"), ""
    if row["high"] < worth:
        return "not confirmed", f"a gain of {100 * worth:.1f} points is excluded"
    return "undecided", _doubt(row)


def _doubt(row: Mapping) -> str:
    if row["low"] <= 0 <= row["high"]:
        return "the interval holds zero"
    return "the seeds disagree" if not row["seeds_agree"] else f"Holm's p is {row['p_holm']:.2f}"


def _whole(verdicts: Sequence[str]) -> str:
    """All parts confirmed or all reversed is that; any part denied denies the claim; else nobody can tell."""
    if len(set(verdicts)) == 1:
        return verdicts[0]
    return "not confirmed" if {"reversed", "not confirmed"} & set(verdicts) else "undecided"
