"""Metrics that a perfect ranking cannot bring to 1.

Detects: recall@k where a query has more than k relevant items, precision@k where it has fewer than k; the highest
    value that any ranking can reach, per metric, and how many queries hold it down.
Biases: a low ceiling squeezes systems together and makes two benchmarks' figures incomparable; "R@1 = .2" may be
    perfect. Hit rate, MRR, nDCG and AP over min(k, n) have no ceiling below 1.
False alarms: none, it is arithmetic; but a metric that nobody quotes may have the low ceiling.
"""

from collections.abc import Iterator

import numpy as np

from weft import metrics
from weft.audit.finding import Effect, Finding, severity
from weft.audit.subject import Subject


def check(subject: Subject) -> Iterator[Finding]:
    task, sizes, total = subject.task, subject.sizes, len(subject)
    reachable = {name: ceiling(name, sizes) for name in task.metrics}
    low = {name: each for name, each in reachable.items() if each is not None and each.mean() < 1 - 1e-9}
    if not low:
        return
    best = {name: float(each.mean()) for name, each in low.items()}
    lowest, primary = min(best, key=best.get), task.primary
    told = [f"{best[primary]:.3f} in {primary}, the task's primary metric,"] if primary in best else []
    told += [f"{best[lowest]:.3f} in {lowest}"] if lowest != primary else []
    count = int(np.any([each < 1 - 1e-9 for each in low.values()], axis=0).sum())
    yield Finding(
        "low ceilings", severity(1 - best.get(primary, 1.0), count, 0.02, 0.2), task.name, count, total, "queries",
        f"No system can score more than {' or '.join(told)}: a query has {sizes.mean():,.2f} relevant items on average "
        f"and at most {sizes.max():,}.",
        subject.examples(np.argsort(-sizes, kind="stable"), lambda query: f"{sizes[query]:,} relevant items"),
        tuple(Effect("a perfect ranking", "perfect", name, 1.0, value, len(sizes)) for name, value in best.items()),
        {
            "relevant items per query": round(float(sizes.mean()), 4), "most relevant items": int(sizes.max()),
            "queries with one": int((sizes == 1).sum()), "share of queries with one": float((sizes == 1).mean()),
        }
        | {f"ceiling of {name}": round(value, 4) for name, value in best.items()},
    )  # fmt: skip


def ceiling(name: str, sizes: np.ndarray) -> np.ndarray | None:
    """(Q,) highest value of a metric; None where it is 1 for every query."""
    base, _, cut = name.partition("@")
    if base in ("recall", "map_all"):
        return metrics.ceiling_recall(sizes, int(cut))
    return np.minimum(sizes, int(cut)) / int(cut) if base == "precision" else None
