"""How relevant a product is to a query, from the statements that both hold; a model's grades have the same form.

Grades: 3 the product satisfies everything the query states, or belongs to the source's duplicate group;
1 it misses exactly one of at least three statements; 0 otherwise. Grade 2 is left to judges that see.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

from weft.pairs.queries import Query


class Index:
    """Which of N products hold a statement; counts and grades without looking at every product.

    Args:
        facts: per product the statements that hold for it.
        group: (N,) duplicate group of each product.
    """

    def __init__(self, facts: Sequence[set[str]], group: np.ndarray):
        rows: dict[str, list[int]] = {}
        for row, held in enumerate(facts):
            for fact in held:
                rows.setdefault(fact, []).append(row)
        self.rows = {fact: np.asarray(found, dtype=np.int64) for fact, found in rows.items()}
        self.size = len(facts)
        self.group = group
        self._empty = np.empty(0, dtype=np.int64)

    def holding(self, stated: Iterable[str]) -> np.ndarray:
        """Sorted rows of the products for which every statement holds."""
        lists = sorted((self.rows.get(fact, self._empty) for fact in stated), key=len)
        found = lists[0]
        for other in lists[1:]:
            found = np.intersect1d(found, other, assume_unique=True)
        return found

    def count(self, stated: Iterable[str]) -> int:
        return len(self.holding(stated))

    def grades(self, query: Query, source: int) -> tuple[np.ndarray, np.ndarray]:
        """Judged rows and their grades, zeros left out."""
        held = np.concatenate([self.rows.get(fact, self._empty) for fact in query.stated])
        rows, counts = np.unique(held, return_counts=True)
        grades = grade_of(torch.from_numpy(counts), torch.tensor(len(query.stated))).numpy().astype(np.float32)
        found = dict(zip(rows[grades > 0].tolist(), grades[grades > 0].tolist(), strict=True))
        if source >= 0:
            for row in np.flatnonzero(self.group == self.group[source]):
                found[int(row)] = 3.0
        judged = np.asarray(sorted(found), dtype=np.int64)
        return judged, np.asarray([found[int(row)] for row in judged], dtype=np.float32)


def grade_of(held: Tensor, stated: Tensor) -> Tensor:
    """Number of statements held, number stated (broadcast) -> grade 0, 1 or 3."""
    missing = stated - held
    return torch.where(missing == 0, 3, torch.where((missing == 1) & (stated >= 3), 1, 0))


class BatchRelevance:
    """Grades between the B products and B queries of a training batch, a block at a time.

    Memory is (B, statements made in the batch) numbers, never (B, B). Duplicates and identical titles
    get grade 3, whatever the query states.
    """

    def __init__(
        self, facts: Sequence[set[str]], queries: Sequence[Query], group: Sequence[int], titles: Sequence[str]
    ):
        made = {fact: place for place, fact in enumerate(dict.fromkeys(f for q in queries for f in q.stated))}
        self.held = torch.zeros(len(facts), len(made))
        for row, own in enumerate(facts):
            places = [made[fact] for fact in own if fact in made]
            self.held[row, places] = 1.0
        self.stated = torch.zeros(len(queries), len(made))
        for row, query in enumerate(queries):
            self.stated[row, [made[fact] for fact in query.stated]] = 1.0
        self.lengths = self.stated.sum(1).long()
        self.group = torch.tensor(list(group))
        known: dict[str, int] = {}
        self.title = torch.tensor([known.setdefault(t, len(known)) if t else -1 - i for i, t in enumerate(titles)])

    def to(self, device: torch.device) -> None:
        for name in ("held", "stated", "lengths", "group", "title"):
            setattr(self, name, getattr(self, name).to(device))

    def products(self, rows: slice) -> Tensor:
        """(b, B) grades of products `rows` against every query."""
        held = (self.held[rows] @ self.stated.T).round().long()
        return self._same(grade_of(held, self.lengths[None, :]), rows)

    def queries(self, rows: slice) -> Tensor:
        """(b, B) grades of every product against queries `rows`: the transpose, for the other direction."""
        held = (self.stated[rows] @ self.held.T).round().long()
        return self._same(grade_of(held, self.lengths[rows, None]), rows)

    def _same(self, grades: Tensor, rows: slice) -> Tensor:
        same = (self.group[rows, None] == self.group[None, :]) | (self.title[rows, None] == self.title[None, :])
        return torch.where(same, 3, grades)
