"""Which queries are resampled together, and how long they are."""

from collections.abc import Sequence

import numpy as np

from weft.catalogue.splits import connected

LENGTHS = ((3, "1-3 words"), (8, "4-8"), (30, "9-30"))


def together(labelings: Sequence[Sequence[str]], count: int) -> np.ndarray | None:
    """(Q,) group numbers: queries that share a label in any labeling, directly or through others, are one group.

    None if every query stands alone.
    """
    links = []
    for labels in labelings:
        first: dict[str, int] = {}
        links += [(first.setdefault(label, place), place) for place, label in enumerate(labels) if label != ""]
    groups = connected(count, links)
    return None if len(np.unique(groups)) == count else groups


def length(text: str) -> str:
    """The stratum of a text by its number of words."""
    count = len(text.split())
    return next((label for most, label in LENGTHS if count <= most), ">30")
