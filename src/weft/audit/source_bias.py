"""Ground truth that rewards finding the very item that a query was written from, and some systems more than others.

Detects: of all items that a judge found to fit a query, one is its source. A system's source preference is the chance
    that it ranks the source above another one of them, ties counting half, averaged over queries. If the source is one
    like the others, it is a uniform draw among them given the query and every score, so the expectation is 1/2 whatever
    the system does, and drawing other sources gives the exact null of all systems at once. The check fires where the
    preference of some system is above 1/2 (5%, Holm's correction over systems), is more than the judge's known errors
    explain, and is paid for: the score changes once everything that fits is counted right.
Biases: captions written from one picture tell what is accidental in it, and count the picture alone as right. A system
    that reads accidents then looks better than one that finds equally good products.
False alarms: where a judge calls fitting what does not fit, every good system prefers the source; "tolerates" is the
    share of such errors that could explain what was seen. Derivations: docs/source-bias.md.
"""

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from weft import stats
from weft.audit import effect
from weft.audit.finding import SHOWN, Effect, Finding
from weft.audit.preference import Fits, fits, preference_gaps, preferences, source_preference, standing
from weft.audit.subject import Subject
from weft.bm25 import BM25

LEVEL = 0.05


def check(subject: Subject) -> Iterator[Finding]:
    judged, task = subject.judged, subject.task
    found = fits(judged.fitting, sources(subject), judged.pooled)
    if not len(found.query) or not subject.rankings:
        return
    systems, scores = list(subject.rankings), np.stack(list(fair_scores(subject, found)), axis=1)
    seen = source_preference(scores, found, task.groups)
    p_holm = stats.holm([one.p for one in seen])
    fired = [
        at for at, one in enumerate(seen)
        if p_holm[at] <= LEVEL and one.mean.value > 0.5 and one.tolerates > judged.unfit
    ]  # fmt: skip
    stake = at_stake(subject, found)
    if not fired or not stake:
        return
    worst = max(fired, key=lambda at: seen[at].mean.value)
    flips = sum((a.before - b.before) * (a.after - b.after) < 0 for a, b in combinations(stake, 2))
    gaps = preference_gaps(scores, found, task.groups)
    unlike = sum(p * len(gaps) <= LEVEL for _, p in gaps.values())
    prefers = np.flatnonzero(found.source)[preferences(scores, found)[found.source][:, worst] == 1.0]
    yield Finding(
        "source bias", "error" if flips else "warning", task.name, len(fired), len(systems), "systems",
        f"{systems[worst]} ranks a query's source above an equally fitting item in {100 * seen[worst].mean.value:.0f}% "
        f"of the cases instead of 50% (p = {p_holm[worst]:.2g}), and {len(fired) - 1} of the other {len(systems) - 1} "
        f"systems prefer sources, too; with everything that fits counted right, {flips} pairs of systems change order.",
        tuple(
            subject.example(int(found.query[at]), [int(found.item[at])], f"{systems[worst]} ranks it above its equals")
            for at in prefers[:SHOWN].tolist()
        ),
        stake,
        {f"preference, {name}": round(one.mean.value, 4) for name, one in zip(systems, seen, strict=True)}
        | {f"p (Holm), {name}": float(p) for name, p in zip(systems, p_holm, strict=True)}
        | {"tolerates": round(seen[worst].tolerates, 4), "queries tested": len(found.tested)}
        | {"pairs of systems with unlike preferences": unlike},
    )  # fmt: skip


def fair_scores(subject: Subject, found: Fits) -> Iterator[np.ndarray]:
    """(P,) for each of the subject's rankings, with ties as ties.

    A ranking breaks them by the order of the corpus, which may know sources: answers stand first in many a file. So
    BM25, which has many, is asked for its scores, and items that no encoder can tell apart (of one picture; where there
    are no pictures, of one title) stand level.
    """
    if subject.lacks(("pictures",)):
        same = np.unique(subject.titles if len(subject.titles) else subject.items, return_inverse=True)[1]
    else:
        same = subject.stock.copies
    for name, ranking in subject.rankings.items():
        if name == "bm25" and name not in subject.models:
            index, parts = BM25(subject.titles), zip(found.tested, np.split(found.item, found.starts[1:]), strict=True)
            yield np.concatenate([index.scores([subject.text(query)])[0, items] for query, items in parts])
        else:
            yield level(standing(ranking, found), found, same)


def level(scores: np.ndarray, found: Fits, group: np.ndarray) -> np.ndarray:
    """(P,) scores in which items of one group, (N,) labels, have the best score of any of them, query by query."""
    label = np.unique(np.stack([found.query, group[found.item]]), axis=1, return_inverse=True)[1].ravel()
    best = np.full(label.max(initial=-1) + 1, -np.inf)
    np.maximum.at(best, label, scores)
    return best[label]


def sources(subject: Subject) -> np.ndarray:
    """(Q,) the item each query was written from; where a benchmark does not say, the only right answer; else -1."""
    known = subject.task.source if subject.task.source is not None else np.full(len(subject), -1)
    only = [rows[0] if len(rows) == 1 else -1 for rows in subject.relevant]
    return np.where(known >= 0, known, only)


def at_stake(subject: Subject, found: Fits) -> tuple[Effect, ...]:
    """Every system's score by the benchmark's answers, and with everything that fits counted right; empty if that is
    what the benchmark does."""
    lists = zip(found.tested.tolist(), np.split(found.item, found.starts[1:]), strict=True)
    more = {query: new for query, items in lists if len(new := np.setdiff1d(items, subject.relevant[query]))}
    return effect.counted_right(subject, more, "whatever fits as well as the source counted right") if more else ()
