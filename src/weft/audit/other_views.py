"""Other pictures of the same product that are counted as wrong.

Detects: items whose ids say that they show the product of a right answer, but that are not listed as right. Three
    patterns of ids are known (`PATTERNS`): a folder for each product (of at most 16 views), a view's name, a view's
    number. A pattern counts if half of the ids follow it and if items of one supposed product are described alike:
    their texts share at least a quarter of their words, and more than strangers' do. (Polyvore's 213720746_5 is the
    fifth item of an outfit, not the fifth view of a product: its "views" share nothing and are not counted.)
Biases: the picture that the caption was written from is right and its sister is wrong, so that what is rewarded is
    finding a source picture.
False alarms: a caption may describe what one view alone shows; ids may number colours as if they were views.
"""

import re
from collections.abc import Iterator, Sequence

import numpy as np

from weft.audit import effect
from weft.audit.finding import SHOWN, Finding, severity
from weft.audit.subject import Subject
from weft.audit.text import words

PATTERNS = {
    "a folder for each product": re.compile(r"(.+)/[^/]+"),
    "the view's name": re.compile(
        r"(.*?\d.*?)[_-](?:\d{1,2}[_-])?(?:front|back|side|full|flat|detail|additional)(?:\.\w+)?"
    ),
    "the view's number": re.compile(r"(.*\d{4,})[_-]\d{1,2}(?:\.\w+)?"),
}
ALIKE, PAIRS = 0.25, 2000
VIEWS = 16
"""Views that a product may have; a folder of more is a category."""


def check(subject: Subject) -> Iterator[Finding]:
    pattern, product, alike, strangers = products(subject)
    if product is None:
        return
    first = np.unique(product, return_index=True)[1]
    more, total = subject.unlisted(first[product]), len(subject)
    if not more:
        return
    unseen = " Only answers were read, so this is the least it can be." * subject.answers_only
    grave = severity(len(more) / total, len(more), 0.005, 0.1)
    yield Finding(
        "other views", grave, subject.task.name, len(more), total, "queries",
        f"{len(more):,} of {total:,} queries count another view of their own product as wrong; their ids tell so, by "
        f"{pattern}.{unseen}",
        tuple(
            subject.example(query, [*subject.relevant[query][:1].tolist(), *rows[:3].tolist()], "the first is listed")
            for query, rows in list(more.items())[:SHOWN]
        ),
        effect.counted_right(subject, more, "other views counted right"),
        {
            "ids": pattern, "words that views of a product share": round(alike, 3),
            "words that strangers share": round(strangers, 3), "products": len(first),
        },
    )  # fmt: skip


def products(subject: Subject) -> tuple[str, np.ndarray | None, float, float]:
    """The pattern that tells products by ids, (N,) product of each item or None, and the evidence for it."""
    texts = _described(subject)
    for name, pattern in PATTERNS.items():
        matches = [pattern.fullmatch(item) for item in subject.items]
        if sum(map(bool, matches)) * 2 < len(matches):
            continue
        keys = [match[1] if match else item for match, item in zip(matches, subject.items, strict=True)]
        product = np.unique(keys, return_inverse=True)[1].astype(np.int64)
        views = np.bincount(product)[product]
        if views.max() == 1 or (views > VIEWS).mean() > 0.5:
            continue
        alike, strangers = _evidence(product, texts)
        sure = np.isnan(alike) and name == "the view's name"  # no texts to go by, but it can mean nothing else
        if sure or (alike >= ALIKE and not alike <= strangers):  # strangers are nan where there is one product
            return name, product, alike, strangers
    return "", None, float("nan"), float("nan")


def _described(subject: Subject) -> list[str]:
    """(N,) what is said of each item: its title, else the first query that it answers."""
    texts = list(subject.titles) or [""] * len(subject.items)
    for query, item in zip(*(part.tolist() for part in subject.answers), strict=True):
        texts[item] = texts[item] or subject.text(query)
    return texts


def _evidence(product: np.ndarray, texts: Sequence[str]) -> tuple[float, float]:
    """Mean Jaccard similarity of neighbours within a product, and of items of different ones; nan without texts.

    Views described by the very same words tell nothing of the rest and are left out, if there are others.
    """
    told = np.asarray([bool(text) for text in texts])
    order = np.flatnonzero(told)[np.argsort(product[told], kind="stable")]
    pairs = np.stack([order[:-1], order[1:]], axis=1) if len(order) > 1 else np.empty((0, 2), dtype=np.int64)
    inside = pairs[product[pairs[:, 0]] == product[pairs[:, 1]]]
    differ = inside[[texts[a] != texts[b] for a, b in inside.tolist()]] if len(inside) else inside
    inside = (differ if len(differ) else inside)[:PAIRS]
    random = np.random.default_rng(0)
    apart = random.choice(order, (PAIRS, 2)) if len(order) else np.empty((0, 2), dtype=np.int64)
    apart = apart[product[apart[:, 0]] != product[apart[:, 1]]]
    return _mean(inside, texts), _mean(apart, texts)


def _mean(pairs: np.ndarray, texts: Sequence[str]) -> float:
    both = [(set(words(texts[a])), set(words(texts[b]))) for a, b in pairs.tolist()]
    return float(np.mean([len(a & b) / max(len(a | b), 1) for a, b in both])) if both else float("nan")
