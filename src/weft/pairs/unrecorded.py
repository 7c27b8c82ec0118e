"""A catalogue that is read as open: an attribute that a product does not record may hold all the same.

Read as closed, a coat of unrecorded colour is no answer to "red coat", and is pushed away from it with full weight,
though one in a few such coats is red.
"""

import functools
from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor

from weft.pairs.queries import Query
from weft.pairs.relevance import BatchRelevance, _common, _incidence

USUAL = 0.05  # share of a category's products that record an attribute, from which its absence in one says nothing
NOT_SEEN = ("title", "asked")  # facts that are words, not properties


def open_names(facts: Sequence[set[str]]) -> list[set[str]]:
    """Per product the attributes that it does not record and that others of its category do: they may hold anything.

    An attribute that a category never records (a bag's sleeve) is no secret: it does not apply.

    Args:
        facts: "name=value" statements that hold, `weft.pairs.queries.facts`.
    """
    same: dict[frozenset[str], frozenset[str]] = {}  # few sets of names are many products': each is kept once
    found = (frozenset(fact.partition("=")[0] for fact in held) - {*NOT_SEEN} for held in facts)
    known = [same.setdefault(own, own) for own in found]
    kinds = [next((fact for fact in held if fact.startswith("category=")), "") for held in facts]
    sizes, counts = (
        Counter(kinds),
        Counter((kind, name) for kind, own in zip(kinds, known, strict=True) for name in own),
    )
    usual: dict[str, set[str]] = {}
    for (kind, name), count in counts.items():
        if count >= USUAL * sizes[kind]:
            usual.setdefault(kind, set()).add(name)
    missing = functools.cache(lambda kind, own: usual.get(kind, set()) - own)
    return [missing(kind, own) for kind, own in zip(kinds, known, strict=True)]


class OpenRelevance(BatchRelevance):
    """As `BatchRelevance`, but a product against which nothing is recorded is not called irrelevant: grade 2.

    A statement is open where the product does not record the attribute (`open_names`) and so cannot deny it. With
    `train.negative_weights` = (1, 1, 0.5, 0) such a pair counts half.

    Args:
        unknown: per product its open names; the others as there.
    """

    def __init__(
        self, facts: Sequence[set[str]], queries: Sequence[Query], group: Sequence[int], titles: Sequence[str],
        unknown: Sequence[set[str]],
    ):  # fmt: skip
        super().__init__(facts, queries, group, titles)
        asked = [[fact.partition("=")[0] for fact in dict.fromkeys(query.stated)] for query in queries]
        column = {name: place for place, name in enumerate(sorted({name for own in asked for name in own}))}
        self.asked = _incidence([[column[name] for name in own] for own in asked], len(column))
        self.unknown = _incidence([sorted(column[n] for n in own if n in column) for own in unknown], len(column))

    def to(self, device: torch.device) -> None:
        super().to(device)
        self.asked, self.unknown = self.asked.to(device), self.unknown.to(device)

    def products(self, rows: slice) -> Tensor:
        held, open_ = _common(self.held, self.stated, rows), _common(self.unknown, self.asked, rows)
        return self._or_open(super().products(rows), held, open_, self.lengths[None, :])

    def queries(self, rows: slice) -> Tensor:
        held, open_ = _common(self.stated, self.held, rows), _common(self.asked, self.unknown, rows)
        return self._or_open(super().queries(rows), held, open_, self.lengths[rows, None])

    @staticmethod
    def _or_open(grades: Tensor, held: Tensor, open_: Tensor, stated: Tensor) -> Tensor:
        return torch.where((open_ > 0) & (held + open_ == stated) & (grades < 2), 2, grades)
