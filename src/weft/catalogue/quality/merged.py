"""Near-duplicate products: one thing listed several times.

Detects: products of one duplicate group with the same title, or the same variant name. Why: a thing listed ten times
is learnt ten times, fills a batch with pairs that are no negatives, and counts tenfold in every average. One of them
is trained on; all stay in the gallery, where any of them is the right answer. False alarms: sizes of one garment,
which are the same thing for anyone who looks at pictures.
"""

from collections.abc import Sequence

import numpy as np

from weft.pairs.queries import normal
from weft.schema import Product


def repeated(products: Sequence[Product], group: np.ndarray, rows: np.ndarray) -> list[tuple[int, str]]:
    """(row, reason) of every product among `rows` that an earlier one of them already shows."""
    first: dict[tuple[int, str], int] = {}
    found = []
    for row in rows.tolist():
        names = [f"title={normal(products[row].title)}"] if normal(products[row].title) else []
        names += [f"variant={products[row].variant}"] if products[row].variant else []
        known = [first[name] for name in ((int(group[row]), name) for name in names) if name in first]
        kept = min(known, default=row)
        if known:
            found.append((row, f"the same product as {products[kept].id}, which is trained on"))
        for name in names:
            first.setdefault((int(group[row]), name), kept)
    return found
