"""What a benchmark is, whatever files it came from: queries, a corpus, graded answers, and where they are from."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from weft import metrics
from weft.errors import WeftError


class Pictures(Protocol):
    """Encoded pictures by row, read when they are asked for; a curated `Collection` is one."""

    @property
    def image_count(self) -> int: ...

    @property
    def image_hashes(self) -> Sequence[str]:
        """SHA-256 of every picture's bytes, in hex."""
        ...

    @property
    def identity(self) -> str:
        """Equal for the same pictures in the same order: a key for kept embeddings."""
        ...

    def image(self, row: int) -> bytes: ...


@dataclass(frozen=True)
class Side:
    """The queries of a task, or its corpus: N things with a text, pictures, or both.

    Attributes:
        ids: N names, each once.
        texts: N texts that are embedded; None where only pictures are.
        pictures: where pictures lie; `rows` (P,) those in play; `owner` (P,) the thing that each one shows, None
            where thing n has just the picture `rows[n]`.
        image_weight: of a thing with both: its embedding is unit(w * image + (1 - w) * text), as Marqo's documents
            of several fields are (0.9).
        titles: N texts that BM25 reads and pages show, if it has any; never embedded.
    """

    ids: Sequence[str]
    texts: Sequence[str] | None = None
    pictures: Pictures | None = None
    rows: np.ndarray | None = None
    owner: np.ndarray | None = None
    image_weight: float = 1.0
    titles: Sequence[str] | None = None

    def __post_init__(self) -> None:
        if len(set(self.ids)) < len(self.ids):
            raise WeftError("an id is there twice: a reader must merge or report repeated ids")
        if self.texts is None and self.pictures is None:
            raise WeftError("there is neither a text nor a picture to embed")

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Retrieval:
    """Find things of the corpus by a query, by text or by picture.

    Attributes:
        name: within its benchmark: "text-to-image/short/in-domain".
        domain: "in-domain", "zero-shot" or "out-of-domain" to the model that a recipe makes; "" where nobody asks.
        limited: whether the gallery is a part of the whole corpus: easier, and the name says so.
        relevant: per query the judged corpus rows, ascending, and their grades; unjudged is not relevant.
        threshold: the lowest grade that yes-or-no metrics call relevant.
        primary: the metric of the verdict; metrics: all that are reported, the primary one among them.
        source: (Q,) corpus row that the query was made from, -1 where unknown; None if no query knows.
        groups: (Q,) labels of what is resampled together (duplicates, one product's queries, a brand), or None.
        strata: name -> (Q,) labels, "" where it does not apply: {"query type": ..., "length": ...}. No name may be one
            of the columns of `weft.per_query`.
        counts: what was read and what could not be used, for the page: {"relevant ids not in the corpus": 25}.
    """

    name: str
    queries: Side
    corpus: Side
    relevant: Sequence[tuple[np.ndarray, np.ndarray]]
    threshold: float = 1.0
    domain: str = ""
    limited: bool = False
    primary: str = "recall@10"
    metrics: tuple[str, ...] = ("hit_rate@1", "hit_rate@10", "recall@1", "recall@10", "mrr@10", "map@10", "ndcg@10")
    source: np.ndarray | None = None
    groups: np.ndarray | None = None
    strata: dict[str, np.ndarray] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not len(self.corpus) or not len(self.queries):
            what = "corpus" if len(self.queries) else "list of queries"
            raise WeftError(f"task {self.name!r}: its {what} is empty")
        if len(self.relevant) != len(self.queries):
            raise WeftError(f"task {self.name!r}: {len(self.queries)} queries, answers of {len(self.relevant)}")
        if self.primary not in self.metrics:
            raise WeftError(f"task {self.name!r}: its primary metric {self.primary} is not among its metrics")
        bases = {name: metrics.parsed(name)[0] for name in self.metrics}  # what is wrong shows before any embedding
        if bases[self.primary] in metrics.UNRANKED:
            raise WeftError(
                f"task {self.name!r}: {self.primary} says nothing of a ranking: take recall@10, for instance"
            )

    @property
    def kind(self) -> str:
        return "retrieval"

    @property
    def query_ids(self) -> list[str]:
        return list(self.queries.ids)


@dataclass(frozen=True)
class Classification:
    """Name each picture's class by zero-shot prompts.

    Attributes:
        items: the pictures; truth: (N,) their classes.
        classes: names as the prompts say them; prompts: templates with {}, whose embeddings are averaged.
    """

    name: str
    items: Side
    classes: Sequence[str]
    truth: np.ndarray
    prompts: tuple[str, ...] = ("a photo of a {}.",)
    domain: str = ""
    primary: str = "balanced_accuracy"
    metrics: tuple[str, ...] = ("balanced_accuracy", "accuracy")
    groups: np.ndarray | None = None
    strata: dict[str, np.ndarray] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        return "classification"

    @property
    def query_ids(self) -> list[str]:
        return list(self.items.ids)


AnyTask = Retrieval | Classification


@dataclass(frozen=True)
class Benchmark:
    """A benchmark as it was read.

    Attributes:
        tasks: every task of it, in the order of tables.
        source: hub id or path; revision: the commit that was read, "" for a local copy; licence: SPDX or as stated.
        citation: who made it. notes: what a reader of its scores must know (a limited gallery, known faults).
    """

    name: str
    tasks: tuple[AnyTask, ...]
    source: str = ""
    revision: str = ""
    licence: str = ""
    citation: str = ""
    notes: tuple[str, ...] = ()
