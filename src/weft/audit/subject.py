"""One task as the checks see it: facts that several of them need, each computed once, when first asked for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np

from weft.audit.finding import SHOWN, Example
from weft.audit.judged import Judged
from weft.audit.stock import Stock, groups
from weft.audit.text import Near, Texts, near_duplicates, words
from weft.benchmarks.record import Retrieval, Side
from weft.embed import Embedder
from weft.errors import Unable
from weft.evaluate import bm25_ranking, embed_task, score
from weft.progress import say
from weft.seen import Seen

NEEDS = {
    "texts": "queries of words",
    "titles": "texts of the corpus",
    "corpus": "the whole corpus, not answers alone",
    "pictures": "pictures of the corpus",
    "training list": "a model that says what it was trained on (--model)",
    "judgements": "judgements of pooled results",
}
"""What a check may need besides queries and answers -> the words for a page that says why it did not run."""


class Subject:
    """A retrieval task under audit. Q queries, N items of the corpus, A answers: (query, relevant item) pairs.

    Args:
        models: name -> encoder with its cache, for checks that rank or tokenise.
        seen: name -> what a model was trained on.
        answers_only: whether the corpus holds nothing but relevant items, because only a ground truth was read.
        prefixes: model name -> what its authors put before queries.
        cache: folder where looks of pictures are kept.
        stock: the corpus, if another task's subject knows it already (`Stock.asks`).
        judged: what a judge found in a pool.
    """

    def __init__(
        self, task: Retrieval, models: Mapping[str, Embedder] | None = None, seen: Mapping[str, Seen] | None = None,
        answers_only: bool = False, prefixes: Mapping[str, str] | None = None, cache: Path | None = None,
        stock: Stock | None = None, judged: Judged | None = None,
    ):  # fmt: skip
        self.task, self.answers_only, self.judged = task, answers_only, judged
        self.models, self.seen, self.prefixes = dict(models or {}), dict(seen or {}), dict(prefixes or {})
        self.ids, self.items = task.queries.ids, task.corpus.ids
        self.texts: Sequence[str] = task.queries.texts or ()
        self.stock = stock or Stock(task.corpus, cache)
        self.titles: Sequence[str] = () if answers_only or not any(self.stock.titles) else self.stock.titles

    def __len__(self) -> int:
        return len(self.ids)

    def lacks(self, needs: Sequence[str]) -> list[str]:
        """Those of a check's needs that this task does not meet."""
        met = {
            "texts": any(self.texts), "titles": bool(self.titles), "corpus": not self.answers_only,
            "pictures": self.task.corpus.pictures is not None, "training list": bool(self.seen),
            "judgements": self.judged is not None,
        }  # fmt: skip
        return [need for need in needs if not met[need]]

    @cached_property
    def relevant(self) -> list[np.ndarray]:
        """Per query the ascending rows of its relevant items."""
        return [np.asarray(rows)[np.asarray(grades) >= self.task.threshold] for rows, grades in self.task.relevant]

    @cached_property
    def sizes(self) -> np.ndarray:
        """(Q,) number of relevant items."""
        return np.asarray([len(rows) for rows in self.relevant])

    @cached_property
    def answers(self) -> tuple[np.ndarray, np.ndarray]:
        """(A,) query and (A,) item of every answer."""
        return np.repeat(np.arange(len(self)), self.sizes), np.concatenate(self.relevant).astype(np.int64)

    @cached_property
    def words(self) -> list[list[str]]:
        """The words of every query."""
        return [words(text) for text in self.texts]

    @cached_property
    def asked(self) -> Texts:
        """The queries as numbered words."""
        return Texts(self.words)

    @cached_property
    def near(self) -> Near:
        """Near-duplicate queries."""
        return near_duplicates(self.asked)

    @cached_property
    def rankings(self) -> dict[str, np.ndarray]:
        """Name -> (Q, K) rows of the corpus: BM25 over titles where there are texts, and every model that can."""
        found = {}
        if not self.lacks(("texts", "titles")):
            found["bm25"] = bm25_ranking(self.task)[0] if self.task.corpus.titles else _bm25_over_texts(self.task)
        for name, embedder in self.models.items() if not self.answers_only else ():
            try:
                found[name] = score(self.task, *embed_task(self.task, embedder, self.prefixes.get(name, ""))).ranking
            except Unable as reason:
                say(f"  {name} cannot do {self.task.name}: {reason}")
        return found

    def fitting(self, query: int) -> np.ndarray:
        """Ascending items whose titles hold all of a query's words and that are not listed as right."""
        return np.setdiff1d(self.stock.texts.with_all(self.words[query]), self.relevant[query], assume_unique=True)

    def unlisted(self, representative: np.ndarray) -> dict[int, np.ndarray]:
        """Query -> items of one group, (N,) the first of each one's, with an answer of it, but not listed as right."""
        members = {int(representative[items[0]]): np.asarray(items) for items in groups(representative)}
        found = {}
        for query, answers in enumerate(self.relevant):
            close = [members[g] for g in np.unique(representative[answers]).tolist() if g in members]
            close = np.setdiff1d(np.concatenate(close), answers) if close else ()
            if len(close):
                found[query] = close
        return found

    def lacking(self, more: Mapping[int, np.ndarray]) -> float:
        """The mean share, over all queries, of what would be right with `more` that is not listed as right."""
        return sum(len(rows) / (len(rows) + self.sizes[query]) for query, rows in more.items()) / len(self)

    def text(self, query: int) -> str:
        """What a query says; nothing where it is a picture."""
        return self.texts[query] if self.texts else ""

    def title(self, item: int) -> str:
        return self.titles[item] if self.titles else ""

    def example(self, query: int, items: Sequence[int] = (), note: str = "") -> Example:
        """A query with some items of the corpus, a picture each."""
        ids = (self.ids[query], *(self.items[item] for item in items))
        shown = [
            *_pictures(self.task.queries, query),
            *(name for i in items for name in _pictures(self.task.corpus, i)),
        ]
        return Example(self.text(query), ids, tuple(shown), note)

    def examples(
        self, queries: Sequence[int] | np.ndarray, note: Callable[[int], str] = lambda query: "", answers: int = 1
    ) -> tuple[Example, ...]:
        """The first of these queries with some of their answers; `note` says what is wrong with each."""
        shown = [int(query) for query in queries[:SHOWN]]
        return tuple(self.example(query, self.relevant[query][:answers].tolist(), note(query)) for query in shown)

    def item_example(self, items: Sequence[int], note: str = "") -> Example:
        """Items of the corpus as one case."""
        shown = [name for item in items[:4] for name in _pictures(self.task.corpus, item)]
        return Example(self.title(items[0]), tuple(self.items[item] for item in items[:SHOWN]), tuple(shown), note)


def _pictures(side: Side, thing: int) -> list[str]:
    """SHA-256 of the first picture that shows a thing, if there is one."""
    if side.pictures is None:
        return []
    rows = [side.rows[thing]] if side.owner is None else side.rows[side.owner == thing]
    return [side.pictures.image_hashes[row] for row in rows[:1]]


def _bm25_over_texts(task: Retrieval) -> np.ndarray:
    return bm25_ranking(replace(task, corpus=replace(task.corpus, titles=task.corpus.texts)))[0]
