"""How well each product's words fit its pictures, by an encoder: what the quality rule "misfit" reads."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from weft.artefact import key_of
from weft.embed import Embedder
from weft.pairs.queries import Writer
from weft.recipe import Pairs
from weft.schema import Product


@dataclass(frozen=True)
class _Read:
    """Pictures that are not yet a collection, as `Embedder` reads them."""

    image_hashes: Sequence[str]
    image: Callable[[int], bytes]

    @property
    def image_count(self) -> int:
        return len(self.image_hashes)

    @property
    def identity(self) -> str:
        return key_of(list(self.image_hashes))


def similarity(
    embedder: Embedder, products: Sequence[Product], image_rows: Sequence[Sequence[int]], hashes: Sequence[str],
    image: Callable[[int], bytes],
) -> np.ndarray:  # fmt: skip
    """(N,) cosine of each product's title, or whatever words it has, and the picture of it that fits best.

    Args:
        image_rows: rows of each product's pictures, at least one; hashes: SHA-256 of all pictures; image: reads one.
    """
    writer = Writer(Pairs(long="title"))
    texts = embedder.texts([writer.long(product).text for product in products])
    rows = np.concatenate([np.asarray(own, dtype=np.int64) for own in image_rows])
    pictures = embedder.images(_Read(hashes, image), rows)
    starts = np.cumsum([0, *(len(own) for own in image_rows[:-1])])
    cosines = np.einsum("nd,nd->n", pictures, np.repeat(texts, [len(own) for own in image_rows], axis=0))
    return np.maximum.reduceat(cosines, starts)
