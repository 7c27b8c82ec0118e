"""What goes with what: which attributes a kind of garment has, and how likely each value is."""

from functools import cache

import numpy as np

from weft.demo.vocabulary import VALUES

_TOP, _CUT = ("sleeve", "neckline", "length", "fit"), ("length", "fit")
APPLIES: dict[str, tuple[str, ...]] = {
    "t-shirt": _TOP,
    "sweater": _TOP,
    "dress": _TOP,
    "shirt": ("sleeve", *_CUT),
    "hoodie": ("sleeve", *_CUT),
    "jacket": ("sleeve", *_CUT),
    "cardigan": ("sleeve", *_CUT),
    "coat": _CUT,
    "waistcoat": _CUT,
    "skirt": _CUT,
    "trousers": _CUT,
    "jeans": _CUT,
    "dungarees": _CUT,
    "shorts": ("fit",),
    "poncho": ("neckline", "length"),
    "boot": ("length",),
    "scarf": ("length",),
    "gloves": ("length",),
}
"""Kind -> the attributes it has beyond kind, colour, pattern, material and brand. The rest have none."""

_USUAL = {"plain": 3.0, "regular": 1.3, "cotton": 1.5, "leather": 0.5, "satin": 0.7, "denim": 0.6}

_TASTE: dict[str, dict[str, float]] = {
    "t-shirt": {"cotton": 3, "leather": 0.1, "denim": 0.2, "corduroy": 0.2, "short-sleeve": 2, "turtleneck": 0.4},
    "shirt": {"cotton": 2, "knit": 0.2, "satin": 2, "denim": 2, "checked": 2, "leather": 0.2},
    "sweater": {"knit": 6, "denim": 0, "leather": 0, "long-sleeve": 2.5, "sleeveless": 0.5, "camouflage": 0.5},
    "hoodie": {"fleece": 3, "satin": 0.3, "denim": 0.3, "leather": 0.2, "long-sleeve": 2, "floral": 0.5},
    "jacket": {"leather": 4, "denim": 3, "long-sleeve": 3, "floral": 0.4, "dotted": 0.4},
    "coat": {"floral": 0.2, "dotted": 0.3, "knit": 1.5, "leather": 2, "checked": 2, "satin": 0.4, "cropped": 0.5},
    "cardigan": {"knit": 6, "denim": 0, "leather": 0, "long-sleeve": 2},
    "waistcoat": {"pinstriped": 2, "checked": 2, "fleece": 0.5, "plain": 0.7},
    "dress": {"floral": 2.5, "dotted": 2, "satin": 3, "fleece": 0.3, "camouflage": 0.4},
    "skirt": {"floral": 1.5, "denim": 1.5, "satin": 2},
    "trousers": {"pinstriped": 2, "corduroy": 2.5, "denim": 0, "floral": 0.6},
    "jeans": {"plain": 2.5, "black": 1.5, "blue": 2.5, "navy": 2, "grey": 1.5, "floral": 0.5, "checked": 0.5},
    "shorts": {"floral": 1.5, "fleece": 0.4},
    "bag": {"leather": 6, "knit": 0.6, "fleece": 0.4},
    "backpack": {"leather": 2, "knit": 0.3, "camouflage": 2},
    "shoe": {"leather": 6, "knit": 0.6, "fleece": 0.3, "plain": 1.5},
    "boot": {"leather": 7, "fleece": 0.6, "plain": 1.5, "floral": 0.5},
    "sandal": {"leather": 5, "fleece": 0.3},
    "hat": {"fleece": 1.5, "corduroy": 1.5},
    "scarf": {"knit": 4, "denim": 0.1, "leather": 0.1, "satin": 2, "checked": 2},
    "poncho": {"knit": 4, "denim": 0.3, "leather": 0.2, "zigzag": 3},
    "dungarees": {"denim": 6, "corduroy": 2, "knit": 0.2},
    "gloves": {"knit": 3, "leather": 4, "fleece": 2},
}
"""Kind -> how many times likelier than usual a value is: coats are rarely floral, jeans often blue."""


def truth(kinds: tuple[str, ...], brands: tuple[str, ...], random: np.random.Generator) -> dict[str, str]:
    """Draws a garment's attributes in canonical words; always takes the same count of random numbers."""
    kind = kinds[int(random.integers(len(kinds)))]
    brand = brands[int(random.integers(len(brands)))]
    found = {"kind": kind}
    for name in ("colour", "pattern", "sleeve", "neckline", "length", "fit", "material"):
        place = random.random()
        if name in ("colour", "pattern", "material") or name in APPLIES.get(kind, ()):
            found[name] = VALUES[name][int(np.searchsorted(_steps(kind, name), place, side="right"))]
    if kind == "jeans":
        found["material"] = "denim"
    return {**found, "brand": brand}


@cache
def _steps(kind: str, name: str) -> np.ndarray:
    """Cumulative probabilities of an attribute's values for a kind."""
    taste = _TASTE.get(kind, {})
    weights = np.array([_USUAL.get(value, 1.0) * taste.get(value, 1.0) for value in VALUES[name]])
    return np.cumsum(weights / weights.sum())[:-1]
