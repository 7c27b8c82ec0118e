"""An evaluation scored again by new judgements: who moves, what nobody judged, and which verdicts survive.

The judgements alone decide: what was not judged is not relevant, whatever the benchmark said. Original and re-judged
scores are compared on the same queries, those that have a relevant document in both. Then each of the other ways to
put the answers right (`weft.judging.corrections`) is applied instead, and a difference is called robust only if every
one of them gives it the same sign.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from weft import stats
from weft.benchmarks.trec import word
from weft.errors import WeftError
from weft.judging import corrections, order
from weft.judging.ensemble import RULE, Grades, grades_of
from weft.judging.evaluated import Evaluated, Qrels, Runs, lowest, score

SCHEMA = "weft-rejudge/1"
CUTS = (1, 5, 10, 20, 50)
"""Ranks down to which the unjudged share is told, besides the primary metric's own."""


def rejudge(
    tasks: Sequence[Evaluated],
    rows: Sequence[dict],
    relevant: float = 2.0,
    images: Mapping[str, str] | None = None,
    seed: int = 0,
) -> tuple[dict, dict[str, Qrels]]:
    """Scores every task again.

    Args:
        rows: judgements of the tasks' pairs, by one judge or several.
        relevant: the lowest grade that yes-or-no metrics call relevant.
        images: document -> SHA-256 of its picture, for the correction that merges equal ones.

    Returns:
        What `docs/rejudging.md` describes, and the new qrels of each judged task by its file's name.

    Raises:
        WeftError: no judgement belongs to a task, no query has a relevant document, or files do not fit together.
    """
    whole = grades_of(rows)
    judged = [(task, found) for task in tasks if (found := qrels_of(task, whole))]
    if not judged:
        names = ", ".join(sorted({row["task"] for row in rows})[:4])
        raise WeftError(f"no judgement is of this evaluation: it has {', '.join(t.label for t in tasks)}, they {names}")
    bare = Counter(task.task for task, _ in judged if any(row["task"] == task.task for row in rows))
    if shared := [task.label for task, _ in judged if bare[task.task] > 1]:
        raise WeftError(f"the judgements could be of {' or '.join(shared)}, which share ids: choose one by --task")
    cases = [Case(task, found, relevant, images or {}, tuple(rows), whole.judges) for task, found in judged]
    comparisons = sum(len(case.systems) * (len(case.systems) - 1) // 2 for case in cases)
    pairs = order.called([row for case in cases for row in _pairs(case, comparisons, seed)])
    record = {
        "schema": SCHEMA, "judges": list(whole.judges), "rubric": sorted({row["rubric"] for row in rows}),
        "relevant": relevant, "missing": len(whole.missing), "tied": whole.tied,
        "tasks": [_facts(case) | {"systems": _systems(case, seed)} for case in cases], "pairs": pairs,
        "kinds": order.KINDS, "verdict": order.verdict(pairs),
        "notes": {"median": RULE, "unjudged": "wrong, unless a correction says otherwise", "test": order.method(pairs)},
    }  # fmt: skip
    return record, {case.task.file: case.qrels for case in cases}


def qrels_of(task: Evaluated, grades: Grades) -> dict[str, dict[str, float]]:
    """Query -> document -> grade of one task's judged pairs, queries in the evaluation's order."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for (name, query, doc), grade in grades.values.items():
        if name in (task.task, task.label):
            found[word(query)][word(doc)] = grade
    return {query: found[query] for query in task.queries if query in found}


@dataclass(frozen=True)
class Case:
    """One task with its new answers, scored by them and by every correction that the files allow."""

    task: Evaluated
    qrels: Qrels
    relevant: float
    images: Mapping[str, str]
    rows: Sequence[dict]
    judges: Sequence[str]

    @property
    def systems(self) -> list[str]:
        return list(self.task.runs)

    @property
    def top(self) -> float:
        """The highest grade that was given."""
        return max(max(of.values()) for of in self.qrels.values())

    def score(self, qrels: Qrels, runs: Runs | None = None, minimum: float | None = None):
        minimum = lowest(self.task.metric, self.relevant) if minimum is None else minimum
        return score(self.task.runs if runs is None else runs, qrels, self.task.metric, minimum)

    @cached_property
    def after(self) -> tuple[list[str], np.ndarray]:
        """The queries that have a relevant document, and the (S, Q) re-judged values on them."""
        queries, values = self.score(self.qrels)
        if not queries:
            least = f"no judged query has a document of grade {self.relevant:g} or more"
            raise WeftError(f"{self.task.label}: {least}; --relevant says from which grade on a document is right")
        return queries, values

    @property
    def before(self) -> np.ndarray:
        """(S, Q) the evaluation's own values on the same queries."""
        return on(self.after[0], self.task.queries, self.task.before())

    @cached_property
    def threshold(self) -> float:
        return self.task.threshold()

    def groups(self, queries: Sequence[str]) -> np.ndarray:
        return on(queries, self.task.queries, self.task.groups[None])[0]

    @cached_property
    def variants(self) -> dict[str, tuple[list[str], np.ndarray]]:
        """Correction -> the queries it leaves and the (S, Q) values on them; one that leaves none is not there."""
        runs, qrels, top = self.task.runs, self.qrels, self.top
        found = {}
        given = sorted({grade for of in qrels.values() for grade in of.values() if grade > 0})
        usual = next(grade for grade in given if grade >= lowest(self.task.metric, self.relevant))
        for other in (grade for grade in given if grade != usual):
            found[f"relevant from {other:g}"] = self.score(qrels, minimum=other)
        if self.images:
            one, merged = corrections.deduplicated(runs, qrels, self.images)
            found["same pictures merged"] = self.score(merged, one)
        for judge in self.judges if len(self.judges) > 1 else ():
            found[f"{judge} alone"] = self.score(qrels_of(self.task, grades_of(self.rows, [judge])))
        found["unjudged left out of the lists"] = self.score(qrels, corrections.condensed(runs, qrels))
        kept = corrections.merged(qrels, self.task.qrels, self.threshold, top)
        found["unjudged as the benchmark says"] = self.score(kept)
        found["unjudged all right"] = self.score(corrections.generous(runs, qrels, top, self.task.depth))
        return {name: scored for name, scored in found.items() if scored[0]}

    @property
    def impossible(self) -> dict[str, str]:
        """Corrections that these files do not allow, and what is missing."""
        found = {}
        if not any(name.startswith("relevant from") for name in self.variants):
            found["another lowest grade"] = "only one grade above 0 was given"
        if not self.images:
            found["same pictures merged"] = "needs the pool, which knows the pictures: --pool"
        if len(self.judges) < 2:
            found["another judge"] = "needs a second judge's judgements: --judgements once more"
        return found


def on(wanted: Sequence[str], queries: Sequence[str], values: np.ndarray) -> np.ndarray:
    """The columns of (..., Q) values that belong to the wanted queries, in their order."""
    place = {query: row for row, query in enumerate(queries)}
    return values[:, [place[query] for query in wanted]]


def _facts(case: Case) -> dict:
    task, queries = case.task, case.after[0]
    right = ((q, doc) for q in case.qrels for doc, old in task.qrels.get(q, {}).items() if old >= case.threshold)
    return {
        "task": task.label, "file": task.file, "metric": task.metric, "relevant": case.relevant,
        "original_relevant": case.threshold, "queries": len(queries), "queries_judged": len(case.qrels),
        "queries_all": len(task.queries), "judged_pairs": sum(map(len, case.qrels.values())),
        "original_answers_unjudged": sum(doc not in case.qrels[query] for query, doc in right),
        "merged_pictures": corrections.duplicates(case.images), "impossible": case.impossible,
    }  # fmt: skip


def _pairs(case: Case, comparisons: int, seed: int) -> list[dict]:
    """A row for every two systems, the one that the benchmark puts higher first."""
    queries, values = case.after
    old = order.gaps(case.systems, case.before, case.groups(queries), comparisons, seed)
    new = order.gaps(case.systems, values, case.groups(queries), comparisons, seed)
    others = {
        name: order.gaps(case.systems, scored, case.groups(asked), comparisons, seed)
        for name, (asked, scored) in case.variants.items()
    }
    down = [row["system"] for row in sorted(order.ranks(case.systems, case.before), key=lambda row: row["rank"])]
    return [
        {"task": case.task.label, "metric": case.task.metric, "a": a, "b": b, "original": order.turn(old, a, b)}
        | {"rejudged": order.turn(new, a, b), "worst_case": _worst(case, order.turn(new, a, b), a, b)}
        | {"corrections": {name: order.turn(gap, a, b) for name, gap in others.items()}}
        for place, a in enumerate(down)
        for b in down[place + 1 :]
    ]


def _worst(case: Case, gap: dict, a: str, b: str) -> float:
    """The gap a - b if every unjudged document that only the one behind returned were right."""
    ahead, behind = (a, b) if gap["difference"] >= 0 else (b, a)
    other = corrections.generous(case.task.runs, case.qrels, case.top, case.task.depth, only=behind, but=ahead)
    _, (mine, theirs) = case.score(other, {name: case.task.runs[name] for name in (a, b)})
    return float(np.mean(mine - theirs))


def _systems(case: Case, seed: int) -> list[dict]:
    """A row a system: original and re-judged scores and ranks, holes, and its score without what only it found."""
    task, (queries, values) = case.task, case.after
    old, new = order.ranks(case.systems, case.before), order.ranks(case.systems, values)
    everywhere = stats.bootstrap_means(task.before().T, order.RESAMPLES, seed, task.groups, within=(0, 1))
    groups = case.groups(queries)
    before, after = (
        stats.bootstrap_means(v.T, order.RESAMPLES, seed, groups, within=(0, 1)) for v in (case.before, values)
    )
    cuts = sorted({k for k in CUTS if k < task.depth} | {task.depth})
    unjudged = {k: corrections.holes(task.runs, case.qrels, k) for k in cuts}
    rows = []
    for place, name in enumerate(case.systems):
        best = case.score(corrections.generous(task.runs, case.qrels, case.top, task.depth, only=name))
        rows.append(
            {"system": name, "original_all": list(everywhere[place])}
            | {"original": list(before[place]), "rank": old[place]["rank"]}
            | {"rejudged": list(after[place]), "new_rank": new[place]["rank"]}
            | {"moved": _moved(old[place], new[place])}
            | {"unjudged": unjudged[task.depth][name], "holes": {str(k): unjudged[k][name] for k in cuts}}
            | {"all_right": float(on(queries, *best)[place].mean()), "left_out": _left_out(case, name, place)}
            | {"corrections": {key: float(scored[place].mean()) for key, (_, scored) in case.variants.items()}}
        )
    return rows


def _moved(old: dict, new: dict) -> str:
    """ "up" or "down" only where the ranks that equal scores share do not overlap."""
    return "up" if new["last"] < old["rank"] else "down" if new["rank"] > old["last"] else ""


def _left_out(case: Case, name: str, place: int) -> dict:
    """A system's score and rank with the pairs that only it brought into the pool, and without, on the same queries."""
    asked, alone = case.score(corrections.without(case.task.runs, case.qrels, name, case.task.depth))
    if not asked:
        return {"queries": 0, "with": None, "without": None, "rank_with": None, "rank_without": None}
    full, less = (order.ranks(case.systems, one)[place] for one in (on(asked, *case.after), alone))
    told = {"with": full["value"], "without": less["value"], "rank_with": full["rank"], "rank_without": less["rank"]}
    return {"queries": len(asked)} | told
