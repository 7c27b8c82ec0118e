"""The judge under test: how far its grades agree with people's, with itself, and whether it favours a system."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from weft import stats
from weft.errors import WeftError
from weft.judging import agreement
from weft.judging.ensemble import RULE, Grades, Key, by_judge, grades_of, key_of, one_rubric

SCHEMA = "weft-agreement/1"
FEWEST = 10
"""Queries below which a system, a category or a task gets no interval."""

WEIGHTS = ("quadratic", "linear", "none")


def validate(
    judged: Sequence[dict],
    human: Sequence[dict] = (),
    systems: Mapping[Key, Sequence[str]] | None = None,
    labels: Mapping[str, Mapping[Key, str]] | None = None,
    seed: int = 0,
) -> dict:
    """Everything that can be said of judges from their judgements and people's of the same pairs.

    Args:
        judged: rows of judgements; each judge is tested by itself, and the median of all where there are several.
        human: rows that stand for the truth, several annotators' median; without them only consistency is told.
        systems: pair -> who returned it, for the question of favour.
        labels: name ("category", "task") -> pair -> label, for agreement by kind.

    Returns:
        levels, against (who, pairs, how their grades were combined), people (their agreement with each other, or
        None), judges (a row each: see docs/rejudging.md), notes.

    Raises:
        WeftError: no pair was graded by both, or two rubrics are mixed.
    """
    given = [*judged, *human]
    one_rubric(row["rubric"] for row in given)
    judges = by_judge(judged)
    everyone = {name: grades_of(rows) for name, rows in judges.items()}
    if len(judges) > 1:
        everyone[f"median of {len(judges)}"] = grades_of(judged)
    truth = grades_of(human) if human else None
    levels = _levels(given)
    rows = []
    for name, grades in everyone.items():
        own = judges.get(name, judged)
        row = {"judge": name, "models": sorted({r["model"] for r in own if r["model"]}), **_counts(own, grades)}
        if truth is not None:
            row |= _against(name, grades, truth, levels, systems or {}, labels or {}, seed)
        if name in judges:
            row |= {
                "repeats": consistency(own, "repeat", levels, seed),
                "orders": consistency(own, "order", levels, seed),
            }
        rows.append(row)
    return {
        "schema": SCHEMA,
        "rubric": sorted({r["rubric"] for r in given}),
        "levels": levels.tolist(),
        "against": None if truth is None else {"who": list(truth.judges), "pairs": len(truth.values)},
        "people": _among(by_judge(human), levels, seed) if human else _among(judges, levels, seed),
        "judges": rows,
        "notes": {
            "median": RULE,
            "intervals": f"95%, {agreement.RESAMPLES:,} bootstrap resamples of queries",
            "excess": "mean error of a system's pairs beyond that of other pairs of the same query that people graded "
            f"alike; p by up to {agreement.PERMUTATIONS:,} shuffles within those, Holm's over the systems",
        },
    }


def _levels(rows: Sequence[dict]) -> np.ndarray:
    """0 up to the highest grade that anybody gave: weighted kappa and alpha do not mind levels that are not used."""
    top = max((row["grade"] for row in rows if row["grade"] is not None), default=0)
    return np.arange(int(np.ceil(top)) + 1, dtype=np.float64)


def _counts(rows: Sequence[dict], grades: Grades) -> dict:
    status = Counter(row["status"] for row in rows)
    return {
        "judgements": len(rows), "status": dict(status), "pairs": len(grades.values),
        "missing": len(grades.missing), "tied": grades.tied,
    }  # fmt: skip


def _against(name, grades: Grades, truth: Grades, levels, systems, labels, seed: int) -> dict:
    """One judge against the truth on the pairs that both graded."""
    keys = sorted(grades.values.keys() & truth.values.keys())
    if not keys:
        raise WeftError(f"{name} and {', '.join(truth.judges)} have no graded pair in common: is it the same pool?")
    a = np.asarray([truth.values[key] for key in keys])
    b = np.asarray([grades.values[key] for key in keys])
    query = queries_of(keys)
    found = _agreement(a, b, levels, query, seed) | {
        "confusion": agreement.confusion(a, b, levels).astype(int).tolist()
    }
    found["by"] = {"system": _by_system(keys, a, b, levels, query, systems, seed)} if systems else {}
    for kind, of in ({"grade": dict(zip(keys, a.astype(int).astype(str), strict=True))} | dict(labels)).items():
        each = np.asarray([of.get(key, "") for key in keys])
        names = sorted(set(each.tolist()) - {""})
        if len(names) > 1:
            found["by"][kind] = [
                {"label": one, **_agreement(*(x[each == one] for x in (a, b)), levels, query[each == one], seed)}
                for one in names
            ]
    return {"common": len(keys), "unmatched": len(truth.values) - len(keys), "agreement": found}


def queries_of(keys: Sequence[Key]) -> np.ndarray:
    """(N,) numbers of the pairs' queries; the same id in two tasks is two queries."""
    number: dict[tuple[str, str], int] = {}
    return np.asarray([number.setdefault(key[:2], len(number)) for key in keys], dtype=np.int64)


def _agreement(a: np.ndarray, b: np.ndarray, levels: np.ndarray, query: np.ndarray, seed: int) -> dict:
    """Kappas, shares and the mean error of pairs, each with its interval where enough queries are there."""
    count = len(np.unique(query))
    by_query = agreement.tables(a, b, levels, query)
    found = {"pairs": len(a), "queries": count, "kappa": {}}
    for weights in WEIGHTS:
        ends = agreement.interval(by_query, lambda sums, w=weights: agreement.kappa(sums, levels, w), seed=seed)
        found["kappa"][weights] = _ends(ends, count)
    for name, values in {"exact": a == b, "within_one": np.abs(a - b) <= 1, "error": b - a}.items():
        found[name] = _ends(stats.bootstrap_mean(values.astype(float), agreement.RESAMPLES, seed, query), count)
    return found


def _ends(found: stats.Interval, queries: int) -> list[float | None]:
    """[value, low, high], None for what cannot be said."""
    ends = [found.value, *((found.low, found.high) if queries >= FEWEST else (None, None))]
    return [None if end is None or np.isnan(end) else float(end) for end in ends]


def _by_system(keys, a, b, levels, query, systems: Mapping[Key, Sequence[str]], seed: int) -> list[dict]:
    names = sorted({name for key in keys for name in systems.get(key, ())})
    if not names:
        return []
    member = np.asarray([[name in systems.get(key, ()) for name in names] for key in keys])
    stratum = query * (len(levels) + 1) + np.searchsorted(levels, a)
    excess, p_values = agreement.favour(b - a, member, stratum, seed=seed)
    rows = []
    for place, (name, adjusted) in enumerate(zip(names, stats.holm(p_values), strict=True)):
        own = member[:, place]
        told = {"excess": float(excess[place]), "p": float(p_values[place]), "p_holm": float(adjusted)}
        rows.append({"label": name, **_agreement(a[own], b[own], levels, query[own], seed), **told})
    return rows


def consistency(rows: Sequence[dict], by: str, levels: np.ndarray, seed: int = 0) -> dict | None:
    """How often one judge says the same again: over "repeat" with the image order held, or over "order".

    Returns:
        times, pairs (judged more than once), identical (share on which all agree), alpha (ordinal), shifts (mean
        grade of each repeat or order minus the pair's mean: a judge who prefers what is shown first has one); each
        [value, low, high]. None where nothing was judged twice.
    """
    other = "order" if by == "repeat" else "repeat"
    units: dict[tuple, dict[int, float]] = defaultdict(dict)
    for row in rows:
        if row["grade"] is not None:
            units[(*key_of(row), row[other])][row[by]] = float(row["grade"])
    units = {key: given for key, given in units.items() if len(given) > 1}
    if not units:
        return None
    times = sorted({one for given in units.values() for one in given})
    grades = np.asarray([[given.get(one, np.nan) for one in times] for given in units.values()])
    query = queries_of(list(units))
    count = len(np.unique(query))
    identical = (np.nanmax(grades, axis=1) == np.nanmin(grades, axis=1)).astype(float)
    shifts = grades - np.nanmean(grades, axis=1, keepdims=True)
    told = {"times": len(times), "pairs": len({key[:3] for key in units}), "queries": count}
    told["identical"] = _ends(stats.bootstrap_mean(identical, agreement.RESAMPLES, seed, query), count)
    told["alpha"] = _ends(_alpha(grades, levels, query, seed), count)
    told["shifts"] = []
    for one, shift in zip(times, shifts.T, strict=True):
        there = ~np.isnan(shift)
        ends = stats.bootstrap_mean(shift[there], agreement.RESAMPLES, seed, query[there])
        told["shifts"].append({"label": str(one), "shift": _ends(ends, count)})
    return told


def _alpha(grades: np.ndarray, levels: np.ndarray, query: np.ndarray, seed: int) -> stats.Interval:
    by_query = np.zeros((query.max() + 1, len(levels), len(levels)))
    np.add.at(by_query, query, agreement.coincidences(grades, levels))
    return agreement.interval(by_query, lambda sums: agreement.alpha(sums, levels), seed=seed)


def _among(annotators: Mapping[str, Sequence[dict]], levels: np.ndarray, seed: int) -> dict | None:
    """Agreement of annotators with each other: alpha over all, quadratic kappa of each two; None of fewer than two."""
    if len(annotators) < 2:
        return None
    given = {name: grades_of(rows).values for name, rows in annotators.items()}
    keys = sorted(set().union(*given.values()))
    grades = np.asarray([[of.get(key, np.nan) for of in given.values()] for key in keys])
    query, several = queries_of(keys), (~np.isnan(grades)).sum(axis=1) > 1
    count = len(np.unique(query[several]))
    pairs = []
    for one, first in enumerate(given):
        for other in list(given)[one + 1 :]:
            place = list(given).index(other)
            both = ~np.isnan(grades[:, one]) & ~np.isnan(grades[:, place])
            if both.any():
                found = _agreement(grades[both, one], grades[both, place], levels, query[both], seed)
                pairs.append({"a": first, "b": other, **found})
    told = _ends(_alpha(grades, levels, query, seed), count)
    return {"who": list(given), "pairs": int(several.sum()), "queries": count, "alpha": told, "each": pairs}
