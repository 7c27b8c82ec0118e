"""What is unfit to train on, one rule a file; a recipe names the ones that it wants (`curate.quality`).

A picture that shows no product is left out of its product; a product left without pictures is skipped. A product
with words that cannot be trusted, or listed twice, is not trained on and stays in the gallery. Everything is counted.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from weft.catalogue.quality import blank, chart, language, merged, misfit, placeholder
from weft.errors import WeftError
from weft.pairs.language import LANGUAGES
from weft.schema import Product

RULES = {
    "blank": "pictures on which there is nothing to see",
    "chart": "size charts, which show a table of text",
    "placeholder": "pictures that many unlike products show",
    "language": "texts in another language than the shop's",
    "misfit": "texts that fit their pictures much worse than their category's do",
    "merged": "products listed several times, of which one is trained on",
}
PICTURES = {"blank": blank.fault, "chart": chart.fault}
"""Rules that look at one picture: -> the reason to leave it out, or ""."""
SHOWN = 12
"""Examples of each rule that the report shows."""

Fit = Callable[[Sequence[Product], Sequence[Sequence[int]], Sequence[str], Callable[[int], bytes]], np.ndarray]
"""Products, the rows of their pictures, SHA-256 of all pictures and a reader of them -> (N,) cosine of each product's
text and best picture, for "misfit"."""


def fault(rules: Sequence[str], picture: Image.Image) -> tuple[str, str] | None:
    """The first of these rules that leaves the picture out by itself, and its reason; None for a good picture."""
    for rule in rules:
        if rule in PICTURES and (reason := PICTURES[rule](picture)):
            return rule, reason
    return None


@dataclass
class Sieve:
    """What the named rules find in one collection. Raises `WeftError`: the shop's language is not a known one.

    Attributes:
        pictures: picture row -> (rule, reason); items: picture row -> its name in lists.
        skipped: rule -> how many products it left without a picture.
        dropped: (product row, rule, reason) of those that are not trained on.
    """

    rules: Sequence[str]
    language: str = "en"
    pictures: dict[int, tuple[str, str]] = field(default_factory=dict)
    items: dict[int, str] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)
    dropped: list[tuple[int, str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if "language" in self.rules and self.language not in LANGUAGES:
            raise WeftError(f"curate.language is {self.language!r}; known are {', '.join(LANGUAGES)}")

    def compare(self, products: Sequence[Product], owner: np.ndarray, look: np.ndarray) -> None:
        """Judges all pictures together: (images,) their product's row, and the first picture of the same look."""
        if "placeholder" in self.rules:
            for row, reason in placeholder.shown(products, owner, look).items():
                self.pictures.setdefault(row, ("placeholder", reason))

    def good(self, item: str, rows: Sequence[int]) -> list[int]:
        """Those of a product's pictures that stay."""
        self.items |= {row: f"{item}#{n}" for n, row in enumerate(rows, 1) if row in self.pictures}
        return [row for row in rows if row not in self.pictures]

    def skip(self, rows: Sequence[int]) -> str:
        """Counts a product none of whose pictures (rows) is left; the reason."""
        rule, reason = self.pictures[rows[0]]
        self.skipped[rule] = self.skipped.get(rule, 0) + 1
        return f"no usable picture: {reason}"

    def judge(
        self,
        products: Sequence[Product],
        group: np.ndarray,
        rows: np.ndarray,
        fits: Callable[[np.ndarray], np.ndarray] | None,
    ) -> None:
        """Judges the words of the products at `rows`, which would be trained on.

        Args:
            group: (N,) duplicate groups; fits: rows -> cosine of each one's text and picture.

        Raises:
            WeftError: "misfit" is asked for, and there is no encoder.
        """
        if "misfit" in self.rules and fits is None:
            raise WeftError("curate.quality names 'misfit', which compares texts and pictures: it needs an encoder")
        found: dict[int, tuple[str, str]] = {}
        if "language" in self.rules:
            reasons = ((row, language.fault(products[row], self.language)) for row in rows.tolist())
            found |= {row: ("language", reason) for row, reason in reasons if reason}
        if "misfit" in self.rules:
            similarity = np.full(len(products), np.nan)
            similarity[rows] = fits(rows)
            for row, reason in misfit.misfits(similarity, [product.category for product in products]):
                found.setdefault(row, ("misfit", reason))
        if "merged" in self.rules:  # last: what is dropped for another reason cannot stand for its copies
            left = np.asarray([row for row in rows.tolist() if row not in found], dtype=np.int64)
            found |= {row: ("merged", reason) for row, reason in merged.repeated(products, group, left)}
        self.dropped = [(row, *found[row]) for row in sorted(found)]

    def summary(self, products: Sequence[Product], image_rows: Sequence[Sequence[int]], hashes: Sequence[str]) -> dict:
        """Rule -> how many pictures and products it took, with examples (pictures by their SHA-256), for the report."""
        told = {}
        for rule in self.rules:
            pictures = [(row, self.items[row], reason) for row, (by, reason) in self.pictures.items() if by == rule]
            dropped = [(image_rows[row][0], products[row].id, why) for row, by, why in self.dropped if by == rule]
            told[rule] = {
                "tells": RULES[rule],
                "pictures": len(pictures),
                "skipped": self.skipped.get(rule, 0),
                "dropped": len(dropped),
                "examples": [
                    {"image": hashes[row], "item": item, "reason": reason}
                    for row, item, reason in (*sorted(pictures)[:SHOWN], *dropped[:SHOWN])
                ],
            }
        return told
