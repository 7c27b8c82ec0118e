"""Placeholders: one picture that many unlike products show, such as "photo coming soon".

Detects: a picture, by its bytes or by its look, of at least `THINGS` different things from at least `KINDS`
categories, or of `MANY` things where categories cannot tell. Products with one title or one variant name are one
thing. Why: the notice becomes the best answer to every product's query, and as a shared picture it makes one
duplicate group, hence one split, of all its products. False alarms: a photo of a whole outfit, listed with six or
more of its parts; a case of jewellery.
"""

from collections.abc import Sequence

import numpy as np

from weft.pairs.queries import normal
from weft.schema import Product

THINGS, KINDS = 6, 2
MANY = 20


def shown(products: Sequence[Product], owner: np.ndarray, look: np.ndarray) -> dict[int, str]:
    """Row of each placeholder picture -> the reason to leave it out.

    Args:
        owner: (images,) row of the product that shows each picture; look: (images,) the first picture that looks
            the same, as curation groups them.
    """
    order = np.argsort(look, kind="stable")
    found: dict[int, str] = {}
    for rows in np.split(order, np.flatnonzero(np.diff(look[order])) + 1):
        if len(rows) < THINGS:
            continue
        showing = [products[row] for row in np.unique(owner[rows])]
        things = {one.variant or normal(one.title) or one.id for one in showing}
        kinds = {normal(one.category) for one in showing} - {""}
        if len(things) >= MANY or (len(things) >= THINGS and len(kinds) >= KINDS):
            reason = f"placeholder: {len(things)} different products show this picture"
            found |= dict.fromkeys(rows.tolist(), reason)
    return found
