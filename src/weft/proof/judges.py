"""Judges of known competence for the proof: the truth, half of it, pixels alone, dice on top of the truth.

Each is a rule of `weft.judging.attribute`: 3 where all that is stated seems to hold, 1 where one of at least three
statements fails, else 0. It reads what is stated of the product and never what is told of the photograph: that is the
rubric ("is this the product?"), and the difference between a caption and a request.
"""

from dataclasses import dataclass

import numpy as np
import torch

from weft.catalogue.images import decode
from weft.demo.faults import Planted, Shelf
from weft.demo.vocabulary import VALUES
from weft.judging.attribute import Blurred
from weft.judging.pool import Pair
from weft.judging.rubric import RUBRICS
from weft.pairs.relevance import grade_of
from weft.proof.systems import COLUMN, LOOKS, Eyes, Probe

RUBRIC = RUBRICS["fashion-0-3"]
HALF = ("kind", "colour", "pattern", "sleeve")
"""What the judge of half the attributes knows; whatever else is asked for, it takes for granted."""
_PLACES = torch.arange(len(VALUES) + 1)
GRADES = grade_of(_PLACES[:, None], _PLACES[None, :]).tolist()
"""Number held, number stated -> grade."""


@dataclass(frozen=True)
class Attributes:
    """A rule over what is believed of every item.

    Attributes:
        stated: query id -> attributes asked for; believed: item id -> attribute -> value.
        known: the attributes that it knows of.
    """

    name: str
    stated: dict[str, dict[str, str]]
    believed: dict[str, dict[str, str]]
    known: tuple[str, ...] = tuple(VALUES)

    def __str__(self) -> str:
        return self.name

    def grade(self, pair: Pair) -> float:
        asked, held = self.stated[pair.query_id], self.believed[pair.doc_id]
        holds = [held.get(name) == value for name, value in asked.items() if name in self.known]
        return float(GRADES[sum(holds)][len(holds)])


def restating(planted: Planted, known: tuple[str, ...] = tuple(VALUES), name: str = "attributes") -> Attributes:
    """The truth, or the part of it that is `known`; the kind, which every query states, always is."""
    return Attributes(name, _stated(planted), dict(zip(planted.shelf.ids, _truth(planted), strict=True)), known)


def pixels(planted: Planted, probe: Probe) -> Attributes:
    """Takes for a picture's colour, kind, ... the value that a probe finds the likeliest: it never sees the truth."""
    likely = probe.probabilities([decode(data, verified=True) for data in planted.shelf.pictures])
    seen = {
        name: np.asarray(values)[likely[:, [COLUMN[value] for value in values]].argmax(axis=1)].tolist()
        for name, values in VALUES.items()
    }
    believed = [dict(zip(seen, values, strict=True)) for values in zip(*seen.values(), strict=True)]
    return Attributes(probe.name, _stated(planted), dict(zip(planted.shelf.ids, believed, strict=True)))


def truthful(planted: Planted) -> Blurred:
    """The judge that restates the truth."""
    return Blurred(restating(planted), RUBRIC.top)


def panel(planted: Planted, eyes: Eyes, school: Shelf, own: Shelf) -> dict[str, Blurred]:
    """The judges that may err. school: the products that the systems learnt from; own: others, for a judge that shares
    neither their features nor their lessons."""
    truth, half = restating(planted), restating(planted, HALF, "half of them")
    other = pixels(planted, Probe("other pixels", eyes, own, ("outline", "palette")))
    reader = pixels(planted, Probe("reader's pixels", eyes, school, LOOKS))
    probe = pixels(planted, Probe("probe's pixels", eyes, school, ("embedding",)))
    return {
        "half the attributes": Blurred(half, RUBRIC.top),
        "10% of grades wrong": Blurred(truth, RUBRIC.top, 0.1),
        "20% of grades wrong": Blurred(truth, RUBRIC.top, 0.2),
        "40% of grades wrong": Blurred(truth, RUBRIC.top, 0.4),
        "pixels, eyes of its own": Blurred(other, RUBRIC.top),
        "pixels, the reader's eyes": Blurred(reader, RUBRIC.top),
        "pixels, the probe's eyes": Blurred(probe, RUBRIC.top),
    }


def query_id(row: int) -> str:
    return f"q{row:04d}"


def _stated(planted: Planted) -> dict[str, dict[str, str]]:
    return {query_id(row): stated for row, stated in enumerate(planted.stated)}


def _truth(planted: Planted) -> list[dict[str, str]]:
    return [one.attributes for one in planted.shelf.garments]
