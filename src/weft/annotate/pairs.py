"""A pool as annotators see it: one query after another, its documents as the pool shuffled them, and their pictures."""

from collections import defaultdict
from functools import cached_property, lru_cache

from weft.artefact import key_of
from weft.catalogue.images import decode, jpeg
from weft.judging.pool import Pair, Pool

SIDE = 1000
"""The longest side of a served picture, in pixels."""


class Pairs:
    """The pairs in the order in which they are shown, the same for every annotator. Systems are never read.

    Attributes:
        pairs: all of them. places: (task, query id) -> the number of its first pair, and how many it has.
    """

    def __init__(self, pool: Pool):
        self.pool = pool
        of: dict[tuple[str, str], list[Pair]] = defaultdict(list)
        for pair in pool.pairs():
            of[pair.task, pair.query_id].append(pair)
        self.pairs, self.places = [], {}
        for query, pairs in of.items():
            self.places[query] = len(self.pairs), len(pairs)
            self.pairs += pairs
        self.jpeg = lru_cache(maxsize=64)(self._jpeg)

    @cached_property
    def key(self) -> str:
        """Equal for the same pairs in the same order."""
        return key_of([pair.key for pair in self.pairs])

    def _jpeg(self, sha256: str) -> bytes:
        """A picture decoded and written anew: whatever else its file held stays here.

        Raises:
            WeftError: there is no such picture, or it cannot be shown.
        """
        return jpeg(decode(self.pool.image(sha256)), SIDE, quality=90)
