"""Answers that a model was trained on.

Detects: for models that say what they were trained on (`weft_trained_on.parquet`, `weft.seen`): right answers with the
    id, the very picture, or nearly the picture (at most 15 of 256 bits) of a training product.
Biases: a model that saw the answer with its text is asked what it learnt by heart.
False alarms: a catalogue's own gallery holds training products by design, so that some answers are known and the
    product that the query was made from is not: a warning. Ids of two catalogues may agree by chance (row numbers do):
    ids alone are a reason to look, and are not left out of the second score unless a picture agrees, too.
"""

from collections.abc import Iterator

import numpy as np

from weft.audit import effect
from weft.audit.finding import Finding, many
from weft.audit.subject import Subject
from weft.seen import Seen, alike, first64


def check(subject: Subject) -> Iterator[Finding]:
    queries, items = subject.answers
    things = np.unique(items)
    looked = subject.task.corpus.pictures is not None
    for name, seen in subject.seen.items():
        by = trained(subject, seen, things)
        certain = by["picture"] | by["look"] if looked else by["id"]
        known = np.isin(items, things[certain])
        whole = np.bincount(queries[known], minlength=len(subject)) == subject.sizes
        wrong = np.zeros(len(subject), dtype=bool)
        wrong[queries[known]] = True
        count = int((certain | by["id"]).sum())
        if not count:
            continue
        told = {f"by {what}": int(found.sum()) for what, found in by.items()}
        counted = ", ".join(f"{times:,} {how}" for how, times in told.items())
        yield Finding(
            "training leak", _gravity(wrong, whole) if looked else "note", subject.task.name,
            count, len(things), "different answers",
            f"{name} was trained on {count:,} of {many(len(things), 'different answer')} ({counted}); those agreeing "
            f"{'in more than their ids' if looked else 'in their ids'} answer {int(wrong.sum()):,} of "
            f"{len(subject):,} queries.",
            subject.examples(np.flatnonzero(wrong), lambda query, name=name: f"trained on by {name}", answers=2),
            effect.left_out(subject, wrong, f"queries that {name} was trained on left out"),
            told
            | {"queries": int(wrong.sum()), "queries all of whose answers are": int(whole.sum()), "model": name},
        )  # fmt: skip


def _gravity(some: np.ndarray, every: np.ndarray) -> str:
    """An error where a hundredth of the queries have no answer that is new to the model."""
    return "error" if every.mean() >= 0.01 else "warning" if some.any() else "note"


def trained(subject: Subject, seen: Seen, things: np.ndarray) -> dict[str, np.ndarray]:
    """How -> whether each of these items was trained on."""
    found = {"id": np.asarray([subject.items[thing] in seen.ids for thing in things.tolist()], dtype=bool)}
    if subject.task.corpus.pictures is None:
        none = np.zeros(len(things), dtype=bool)
        return found | {"picture": none, "look": none}
    looks = subject.stock.looks
    exact = np.isin(np.asarray([first64(digest) for digest in looks.exact], dtype=np.uint64), seen.exact)
    near = alike(looks.hash, seen.looks) >= 0
    return found | {"picture": np.isin(things, looks.item[exact]), "look": np.isin(things, looks.item[near])}
