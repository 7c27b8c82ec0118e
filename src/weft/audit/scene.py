"""Captions that speak of the person or the photo instead of the product.

Detects: who wears it ("a woman", "wearing"), how one stands ("standing", "posing", "mannequin") and the photo
    ("background", "wall", "camera"); the patterns are `vocabulary.SCENE`. "Women's" names an audience, not a person.
Biases: such a query is answered by the model's pose or the studio's wall. It asks for a picture, not for a product, so
    that another picture of the same product is wrong.
False alarms: a print may show a person or a wall; "back" and "front" of the garment are not counted.
"""

from collections.abc import Iterator

import numpy as np

from weft.audit import effect
from weft.audit.finding import Finding, severity
from weft.audit.subject import Subject
from weft.audit.vocabulary import SCENE


def check(subject: Subject) -> Iterator[Finding]:
    told = {what: np.asarray([bool(p.search(text)) for text in subject.texts]) for what, p in SCENE.items()}
    either = np.any(list(told.values()), axis=0)
    count, total = int(either.sum()), len(subject)
    if not count:
        return
    counts = {what: int(which.sum()) for what, which in told.items()}
    apart = int((told["how one stands"] | told["the photo"]).sum())
    yield Finding(
        "scene captions", severity(count / total, count, 0.02), subject.task.name, count, total, "queries",
        f"{count:,} of {total:,} queries speak of "
        + ", ".join(f"{what} ({counts[what]:,})" for what in told if counts[what]) + ".",
        subject.examples(np.flatnonzero(either), lambda query: _found(subject.text(query))),
        effect.left_out(subject, either, "queries about the scene left out"),
        counts | {"how one stands, or the photo": apart},
    )  # fmt: skip


def _found(text: str) -> str:
    return " · ".join(match.group() for pattern in SCENE.values() if (match := pattern.search(text)))
