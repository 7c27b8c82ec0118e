"""How relevant a product is to a query, from the statements that both hold; a model's grades have the same form.

Grades: 3 the product satisfies everything the query states, or is a duplicate of the query's source or has
its title; 1 it misses exactly one of at least three statements; 0 otherwise. Grade 2 is left to judges that see.
"""

from array import array
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

from weft.pairs.queries import Query, normal


class Index:
    """Which of N products hold a statement; counts and grades without looking at every product.

    Args:
        facts: per product the statements that hold for it.
        group: (N,) duplicate group of each product.
    """

    def __init__(self, facts: Iterable[set[str]], group: np.ndarray):
        rows: dict[str, array] = {}
        self.titles: list[str] = []
        for row, held in enumerate(facts):  # one at a time: the sets of a million products are gigabytes
            title = ""
            for fact in held:
                rows.setdefault(fact, array("i")).append(row)
                title = fact if fact.startswith("title=") else title
            self.titles.append(title)
        self.rows = {fact: np.asarray(found, dtype=np.int64) for fact, found in rows.items()}
        self.size = len(self.titles)
        self.group = group
        self._empty = np.empty(0, dtype=np.int64)

    def _lists(self, stated: Iterable[str]) -> list[np.ndarray]:
        """Sorted rows of the products for which each statement holds, the rarest statement first."""
        return sorted((self.rows.get(fact, self._empty) for fact in stated), key=len)

    def holding(self, stated: Iterable[str]) -> np.ndarray:
        """Sorted rows of the products for which every statement holds."""
        found, *others = self._lists(stated)
        for other in others:
            found = found[among(found, other)]
        return found

    def count(self, stated: Iterable[str]) -> int:
        return len(self.holding(stated))

    def grades(self, query: Query, source: int) -> tuple[np.ndarray, np.ndarray]:
        """Judged rows, ascending, and their grades, zeros left out. The source (a row, -1 if there is none), its
        duplicate group and the products of the very same title have grade 3, whatever the query states."""
        lists = self._lists(query.stated)
        rows, *others = lists or [self._empty]
        if len(lists) > 2:  # what misses one statement is in one of any two lists, so of the two rarest
            rows, others = np.sort(np.concatenate([rows, others[0][~among(others[0], rows)]])), lists
        missing = np.zeros(len(rows), dtype=np.int64)
        for other in others:
            missing += ~among(rows, other)
            rows, missing = rows[missing < 2], missing[missing < 2]
        grades = grade_of(torch.from_numpy(len(lists) - missing), torch.tensor(len(lists))).numpy().astype(np.float32)
        rows, grades = rows[grades > 0], grades[grades > 0]
        if source >= 0:
            alike = np.flatnonzero(self.group == self.group[source])
            alike = np.concatenate([alike, self.rows.get(self.titles[source], self._empty)])
            rows, first = np.unique(np.concatenate([alike, rows]), return_index=True)
            grades = np.concatenate([np.full(len(alike), 3, dtype=np.float32), grades])[first]
        return rows, grades


def among(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(len(rows),) bool, whether each row is one of the others, which ascend."""
    if not len(others):
        return np.zeros(len(rows), dtype=bool)
    place = np.searchsorted(others, rows)
    return others[np.minimum(place, len(others) - 1)] == rows


def grade_of(held: Tensor, stated: Tensor) -> Tensor:
    """Number of statements held, number stated (broadcast) -> grade 0, 1 or 3; what states nothing finds nothing."""
    missing = stated - held
    return torch.where((missing == 0) & (stated > 0), 3, torch.where((missing == 1) & (stated >= 3), 1, 0))


class BatchRelevance:
    """Grades between the B products and B queries of a training batch, a block of rows at a time.

    Duplicates, identical titles and identical queries get grade 3, whatever is stated. Who holds and who
    states what is kept as sparse (B, statements) matrices: where every query has statements of its own,
    titles for instance, dense ones would be as large as the (B, B) matrix that is never held.

    Args:
        facts: per product the statements that hold for it; queries: per product its own query.
        group: per product its duplicate group; titles: per product its title, "" if it has none.
    """

    def __init__(
        self, facts: Sequence[set[str]], queries: Sequence[Query], group: Sequence[int], titles: Sequence[str]
    ):
        stated = [dict.fromkeys(query.stated) for query in queries]
        column = {fact: place for place, fact in enumerate(dict.fromkeys(fact for own in stated for fact in own))}
        self.held = _incidence([sorted(column[fact] for fact in own if fact in column) for own in facts], len(column))
        self.stated = _incidence([[column[fact] for fact in own] for own in stated], len(column))
        self.lengths = torch.tensor([float(len(own)) for own in stated])
        self.same = [_numbers(group), _numbers(titles), _numbers([normal(query.text) for query in queries])]

    def to(self, device: torch.device) -> None:
        for name in ("held", "stated", "lengths"):
            setattr(self, name, getattr(self, name).to(device))
        self.same = [numbers.to(device) for numbers in self.same]

    def products(self, rows: slice) -> Tensor:
        """(b, B) grades of products `rows` against every query."""
        return self._alike(grade_of(_common(self.held, self.stated, rows), self.lengths[None, :]), rows)

    def queries(self, rows: slice) -> Tensor:
        """(b, B) grades of every product against queries `rows`: the transpose, for the other direction."""
        return self._alike(grade_of(_common(self.stated, self.held, rows), self.lengths[rows, None]), rows)

    def _alike(self, grades: Tensor, rows: slice) -> Tensor:
        for numbers in self.same:
            grades = grades.masked_fill(numbers[rows, None] == numbers[None, :], 3)
        return grades


def _incidence(places: Sequence[Sequence[int]], columns: int) -> Tensor:
    """A sparse (rows, columns) matrix with ones at each row's places."""
    rows = [row for row, own in enumerate(places) for _ in own]
    index = torch.tensor([rows, [place for own in places for place in own]], dtype=torch.long)
    ones, shape = torch.ones(len(rows)), (len(places), columns)
    return torch.sparse_coo_tensor(index, ones, shape, check_invariants=True).coalesce()


def _common(one: Tensor, other: Tensor, rows: slice) -> Tensor:
    """(b, B) how many columns each of `one`'s rows shares with each row of `other`; whole numbers, exact."""
    wanted = torch.arange(one.shape[0], device=one.device)[rows]
    return torch.sparse.mm(other, one.index_select(0, wanted).to_dense().T).T


def _numbers(names: Sequence[object]) -> Tensor:
    """A number for each name, equal for equal names; an empty name equals none."""
    known: dict[object, int] = {}
    return torch.tensor([-1 - i if name == "" else known.setdefault(name, len(known)) for i, name in enumerate(names)])
