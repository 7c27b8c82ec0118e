"""Words that many products share are kept once: a catalogue repeats a few thousand of them millions of times."""

import dataclasses

from weft.schema import Product


class Words:
    """The words met so far."""

    def __init__(self):
        self._known: dict = {}

    def bare(self, product: Product) -> Product:
        """The product without its pictures; its brand, category and attributes are the same objects as others'."""
        one = self._one
        attributes = {one(name): one(tuple(map(one, values))) for name, values in product.attributes.items()}
        told = {"brand": one(product.brand), "category": one(product.category), "attributes": attributes}
        return dataclasses.replace(product, images=(), **told)

    def _one(self, word: str | tuple[str, ...]) -> str | tuple[str, ...]:
        return self._known.setdefault(word, word)
