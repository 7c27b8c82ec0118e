"""The measures of one garment: its attributes as lengths, plus a tailor's small variations."""

from dataclasses import dataclass

import numpy as np

_SLEEVE = {"sleeveless": 0.0, "short-sleeve": 0.36, "three-quarter-sleeve": 0.72, "long-sleeve": 1.06}
_LENGTH = {"cropped": 0.0, "mid-length": 0.5, "full-length": 1.0}
_WIDTH = {"slim": 0.78, "regular": 1.0, "loose": 1.3}


@dataclass(frozen=True)
class Form:
    """What the outline functions need to know.

    Attributes:
        sleeve: length along the arm, 0 for none.
        length: 0 cropped, 0.5 mid-length, 1 full-length.
        width: factor on the girth, 1 for a regular fit.
        wobble: 8 numbers in [-1, 1] that vary the cut from garment to garment.
    """

    sleeve: float
    neckline: str
    length: float
    width: float
    wobble: tuple[float, ...]


def form(attributes: dict[str, str], numbers: np.random.Generator) -> Form:
    wobble = tuple((2.0 * numbers.random(8) - 1.0).tolist())
    return Form(
        sleeve=_SLEEVE[attributes.get("sleeve", "long-sleeve")],
        neckline=attributes.get("neckline", "round-neck"),
        length=_LENGTH[attributes.get("length", "mid-length")] + 0.05 * wobble[0],
        width=_WIDTH[attributes.get("fit", "regular")] * (1 + 0.03 * wobble[1]),
        wobble=wobble,
    )
