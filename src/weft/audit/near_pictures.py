"""Nearly the same picture under several ids.

Detects: pictures that differ by compression, size or a slight crop: a 256-bit perceptual hash and a colour thumbnail
    agree (`weft.catalogue.duplicates`, which compares no more than N log N pairs).
Biases: as with equal copies; and a caption of one describes the other as well.
False alarms: plain garments of one cut and colour, photographed the same way, look alike at this size though they are
    two products; small thumbnails (60 x 80) make more of them.
"""

from collections.abc import Iterator

import numpy as np

from weft.audit import effect
from weft.audit.finding import SHOWN, Finding, severity
from weft.audit.stock import groups
from weft.audit.subject import Subject
from weft.catalogue.duplicates import MAX_COLOUR, MAX_DISTANCE


def check(subject: Subject) -> Iterator[Finding]:
    alike, copies = subject.stock.alike, subject.stock.copies
    sets = sorted((items for items in groups(alike) if len(np.unique(copies[items])) > 1), key=len, reverse=True)
    if not sets:
        return
    count, total = sum(map(len, sets)), len(subject.items)
    more = subject.unlisted(alike)
    lacking = subject.lacking(more)
    yield Finding(
        "near-duplicate pictures", severity(lacking, len(more), 0.01, 0.1), subject.task.name, count, total, "items",
        f"{count:,} of {total:,} items look nearly as another one does, equal files aside. {len(more):,} of "
        f"{len(subject):,} queries count a look-alike or copy of their answer as wrong.",
        tuple(subject.item_example(items, f"{len(items):,} look alike") for items in sets[:SHOWN]),
        (
            *effect.merged(subject, alike, "copies and look-alikes merged"),
            *effect.counted_right(subject, more, "copies and look-alikes of an answer counted right"),
        ),
        {
            "compared by": f"at most {MAX_DISTANCE} of 256 bits and {MAX_COLOUR:g} grey levels", "sets": len(sets),
            "queries that count one of their answer's as wrong": len(more),
            "share of what would be right that is not listed": round(lacking, 4),
        },
    )  # fmt: skip
