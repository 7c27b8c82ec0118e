"""A study's results: scores and means with intervals, the declared comparisons, the front, curves and costs."""

import datetime
import zlib
from collections.abc import Mapping, Sequence

import numpy as np

from weft import stats
from weft.artefact import versions
from weft.evaluate import describe
from weft.family import Family, beats_all, compare_all
from weft.progress import progress
from weft.study import claims, details
from weft.study.choose import Choices, Touched
from weft.study.lab import Lab
from weft.study.plan import DOMAINS, Study
from weft.study.sample import RESAMPLES, Sample, draws, gather, p_value, single

LEVEL = 0.05
SCHEMA = "weft-study/1"


def results(study: Study, lab: Lab, choices: Choices, touched: Touched, counting: Mapping[str, str]) -> dict:
    """What `results.json` holds; docs/study.md describes it. Computed from the kept per-query scores alone.

    Args:
        counting: task -> domain, of the tasks that count by the base's dev scores.
    """
    sample = gather(study, lab, choices, touched)
    rows = [row for row in study.rows if row.name in sample.values]
    tasks = [describe(task) | {"counts": task.name in counting} for task in lab.tasks("test")]
    primary = {task["name"]: task["primary"] for task in tasks}
    pairs = declared(study, sample)
    scores, differences = by_task(sample, primary, [row.name for row in rows], pairs)
    domains = {domain: [t for t, own in counting.items() if own == domain and t in primary] for domain in DOMAINS}
    domains = {domain: names for domain, names in domains.items() if names}
    judged = claims.pairs(study, sample)
    means, gaps = by_domain(sample, domains, [row.name for row in rows], pairs + judged)
    aggregates, of_claims = gaps[: len(pairs) * len(domains)], gaps[len(pairs) * len(domains) :]
    for family in (differences, aggregates, of_claims):
        settle(family)
    return {
        "schema": SCHEMA, "name": study.name, "recipe": study.recipe, "set": list(study.set), "base": lab.recipe.base,
        "seeds": list(study.seeds), "trial_set": list(study.trial_set), "select": study.select,
        "reference": study.reference, "base_row": study.base.name, "ours": study.final, "worth": study.worth,
        "created": datetime.datetime.now().astimezone().isoformat(timespec="seconds"), "environment": versions(),
        "tasks": tasks, "domains": domains,
        "rows": [details.row(study, lab, choices, row, sample.values[row.name]) for row in rows],
        "labels": {row.name: row.label for row in study.rows},
        "missing": [row.label for row in study.rows if row not in rows],
        "scores": scores, "means": means, "front": front(means), "differences": differences,
        "mean_differences": aggregates, "claims": claims.judge(study, sample, of_claims),
        "claim_comparisons": len(of_claims), "gallery": lab.recipe.weave.gallery,
        "final": final(study, sample, primary), "curves": details.curves(study, lab, choices, counting, sample.values),
        "test": touched.looks, "warnings": touched.changed(study, shown(choices, sample)),
    }  # fmt: skip


def shown(choices: Choices, sample: Sample) -> dict[str, dict[int, str]]:
    """Row -> seed -> key of the model whose scores are in the sample."""
    seeds = {row: choices.rows[row]["seeds"] for row in sample.values}
    return {row: {seed: seeds[row][str(seed)]["model"] for seed in found} for row, found in sample.values.items()}


def declared(study: Study, sample: Sample) -> list[tuple[str, str]]:
    """The family of comparisons: every row against the reference, and every other one against the base."""
    reference, base = study.reference, study.base.name
    names = [row.name for row in study.rows if row.name in sample.values]
    found = [(name, reference) for name in names if name != reference]
    found += [(name, base) for name in names if name not in (base, reference) and base != reference]
    return [(name, against) for name, against in found if against in sample.values]


def by_task(
    sample: Sample, primary: Mapping[str, str], rows: Sequence[str], pairs: Sequence[tuple[str, str]]
) -> tuple[list[dict], list[dict]]:
    """Scores of every row and differences of every pair on each task's primary metric, with 95% intervals."""
    scores, differences = [], []
    permutations = stats.permutations_for(max(1, len(pairs) * len(primary)), LEVEL)
    for task, metric in progress(primary.items(), "testing every pair of rows", total=len(primary), unit="task"):
        values = np.stack([sample.mean(row, task) for row in rows], axis=1)  # (Q, rows)
        groups, classes, random = sample.groups[task], sample.classes.get(task), [zlib.crc32(task.encode())]
        for row, (mean, low, high) in zip(
            rows,
            stats.bootstrap_means(stats.centred(values, classes), RESAMPLES, random, groups, within=(0, 1)),
            strict=True,
        ):
            told = {"row": row, "task": task, "metric": metric, "value": mean, "low": low, "high": high}
            scores.append(told | {"n": len(values), "by_seed": sample.by_seed(row, [task])})
        if not pairs:
            continue
        both = [tuple(sample.mean(row, task, sample.common(*pair)) for row in pair) for pair in pairs]
        gaps = np.stack([stats.difference(*one) for one in both], axis=1)
        ends = stats.bootstrap_means(stats.centred(gaps, classes), RESAMPLES, random, groups, within=(-1, 1))
        chances = stats.sign_flips(gaps, permutations, random, groups)
        for (a, b), (gap, low, high), p in zip(pairs, ends, chances, strict=True):
            told = {"row": a, "against": b, "task": task, "metric": metric, "difference": gap, "low": low, "high": high}
            differences.append(told | {"p": float(p)} | agreement(sample, a, b, [task], gap))
    return scores, differences


def by_domain(
    sample: Sample, domains: Mapping[str, Sequence[str]], rows: Sequence[str], pairs: Sequence[tuple[str, str]]
) -> tuple[list[dict], list[dict]]:
    """The same for the means over a domain's tasks. Differences come in the order of `pairs`, domain by domain."""
    means, gaps = [], {}
    columns = [(row, ()) for row in rows]  # a row over all its seeds; in a pair over those of both
    columns += [(row, sample.common(*pair)) for pair in pairs for row in pair]
    columns = list(dict.fromkeys(columns))
    permutations = stats.permutations_for(max(1, len(pairs) * len(domains)), LEVEL)
    for domain, tasks in domains.items():
        values = [np.stack([sample.mean(row, task, seeds) for row, seeds in columns], axis=1) for task in tasks]
        labels, random = [sample.clusters[task] for task in tasks], zlib.crc32(domain.encode())
        ready = [stats.centred(one, sample.classes.get(task)) for task, one in zip(tasks, values, strict=True)]
        drawn = draws(ready, labels, RESAMPLES, random)  # (resamples, columns): one set of queries for all
        alone = single(labels)  # then resampling shows no spread, and nothing is known of other queries
        held = np.mean([one.mean(axis=0) for one in values], axis=0)
        every = np.quantile(drawn, [0.025, 0.975], axis=0).T
        for row, value, ends in zip(rows, held, [(0.0, 1.0)] * len(rows) if alone else every, strict=False):
            told = {"row": row, "domain": domain, "value": float(value), "low": float(ends[0]), "high": float(ends[1])}
            means.append(told | {"by_seed": sample.by_seed(row, tasks)})
        if not pairs:
            continue
        left, right = ([columns.index((pair[side], sample.common(*pair))) for pair in pairs] for side in (0, 1))
        ends = np.quantile(drawn[:, left] - drawn[:, right], [0.025, 0.975], axis=0)
        ends = np.stack([np.full(len(pairs), side) for side in (-1.0, 1.0)]) if alone else ends
        chances = p_value(
            [stats.difference(one[:, left], one[:, right]) for one in values], labels, permutations, random
        )
        for number, (a, b) in enumerate(pairs):
            gap = float(held[left[number]] - held[right[number]])
            told = {"row": a, "against": b, "domain": domain, "difference": gap}
            told |= {"low": float(ends[0, number]), "high": float(ends[1, number]), "p": float(chances[number])}
            gaps[number, domain] = told | agreement(sample, a, b, tasks, gap)
    return means, [gaps[number, domain] for number in range(len(pairs)) for domain in domains]


def agreement(sample: Sample, row: str, against: str, tasks: Sequence[str], gap: float) -> dict:
    """The difference of every seed, and whether all have the sign of their mean."""
    each = sample.gaps_by_seed(row, against, tasks)
    return {"by_seed": each, "seeds_agree": all(one * gap > 0 for one in each)}


def settle(rows: list[dict]) -> None:
    """Adds Holm's p over the family, and the call: better or worse where interval, test and every seed say so."""
    for row, p in zip(rows, stats.holm([row["p"] for row in rows]) if rows else (), strict=True):
        row["p_holm"] = float(p)
        sure = p < LEVEL and row["seeds_agree"]
        row["call"] = "better" if sure and row["low"] > 0 else "worse" if sure and row["high"] < 0 else "undecided"


def front(means: Sequence[Mapping]) -> list[str]:
    """Rows that no other one is above in both the in-domain and the out-of-domain mean, from left to right."""
    at: dict[str, dict[str, float]] = {}
    for mean in means:
        at.setdefault(mean["row"], {})[mean["domain"]] = mean["value"]
    spots = {
        row: (m["in-domain"], m["out-of-domain"]) for row, m in at.items() if {"in-domain", "out-of-domain"} <= set(m)
    }

    def beaten(row: str) -> bool:
        x, y = spots[row]
        return any(a >= x and b >= y and (a, b) != (x, y) for a, b in spots.values())

    return sorted((row for row in spots if not beaten(row)), key=lambda row: spots[row])


def final(study: Study, sample: Sample, primary: Mapping[str, str]) -> dict:
    """Whether the final model beats every other row on every task, by the program's own verdict, with exceptions.
    A comparison counts as won only where all seeds have its sign."""
    ours = study.row(study.final)
    others = [row for row in study.rows if row.name in sample.values and row != ours]
    if ours.name not in sample.values or not others:
        return {"sentence": f"{ours.label} has not been scored: nothing is claimed.", "exceptions": []}
    names = {row.label: row.name for row in (ours, *others)}
    family = Family(ours.label, tuple(row.label for row in others), primary)
    values = {task: {label: sample.mean(name, task) for label, name in names.items()} for task in primary}
    rows = compare_all(family, values, sample.groups, classes=sample.classes)
    for row in rows:
        row |= agreement(sample, ours.name, names[row["against"]], [row["task"]], row["difference"])
    told = beats_all(rows, family, veto=lambda row: "" if row["seeds_agree"] else "its seeds disagree")
    kept = ("task", "metric", "value", "value_against", "difference", "low", "high", "p", "p_holm", "call")
    return {
        "row": ours.name, "holds": told["holds"], "won": told["won"], "comparisons": told["comparisons"],
        "sentence": told["summary"],
        "exceptions": [one | {"against": names[one["against"]]} for one in told["exceptions"]],
        "rows": [{"against": names[row["against"]]} | {name: row[name] for name in kept} for row in rows],
    }  # fmt: skip
