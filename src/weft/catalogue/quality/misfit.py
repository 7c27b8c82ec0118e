"""Texts that do not fit their pictures: rows that slipped, a photo of something else.

Detects: a product whose picture and text are less alike, by the base encoder, than those of its category are: its
robust z-score (distance from the median in units of 1.4826 times the median absolute deviation, which estimates the
standard deviation of a normal distribution; Iglewicz & Hoaglin 1993) is below -`FAR`. Categories of fewer than
`FEW` products are judged together. Why: such a pair teaches that the words mean something else. False alarms: the
unusual product that the base does not know yet, which is what training is for; so it is off unless asked for, and
never touches what is tested on, where it would spare the base its hardest queries.
"""

from collections.abc import Sequence

import numpy as np

from weft.pairs.queries import normal

FAR = 3.5  # Iglewicz & Hoaglin's recommendation
FEW = 20


def misfits(similarity: np.ndarray, categories: Sequence[str], far: float = FAR) -> list[tuple[int, str]]:
    """(row, reason) of every product that fits its text much worse than its category does.

    Args:
        similarity: (N,) cosine of each product's text and best picture; NaN where it is not known.
    """
    scores = robust(similarity, categories)
    return [
        (row, f"its text does not fit its picture: {-scores[row]:.1f} deviations below its category")
        for row in np.flatnonzero(scores < -far).tolist()
    ]


def robust(values: np.ndarray, categories: Sequence[str]) -> np.ndarray:
    """(N,) robust z-scores within categories; 0 where a value is not known or nothing varies."""
    values = np.asarray(values, dtype=np.float64)
    known = np.isfinite(values)
    _, label = np.unique([normal(name) for name in categories], return_inverse=True)
    size = np.bincount(label, weights=known)
    label = np.where(size[label] < FEW, -1, label)
    scores = np.zeros(len(values))
    for one in np.unique(label):
        rows = np.flatnonzero(known & (label == one))
        if not len(rows):
            continue
        apart = values[rows] - np.median(values[rows])
        spread = 1.4826 * np.median(np.abs(apart))
        if spread > 0:
            scores[rows] = apart / spread
    return scores
