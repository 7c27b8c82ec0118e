"""Answers that colour alone finds.

Detects: queries that name a colour are asked of a ranking by colour: the share of a picture's cells (8 x 8, the
    lightest or darkest background left out) that is nearest, in CIELAB, to a typical value of the named family. It
    fires where that finds at least five times as many of their answers as chance, and one in twenty.
Biases: such queries measure whether a model sees colours, which the smallest encoder does; garment, cut and pattern
    are never asked.
False alarms: where colour is the question ("color-to-product") it is no shortcut but the task.
"""

from collections.abc import Iterator

import numpy as np

from weft import metrics
from weft.audit import effect
from weft.audit.finding import Finding, severity
from weft.audit.subject import Subject
from weft.audit.vocabulary import INK, colours
from weft.grading import grade

DEPTH, TIMES, LEAST = 10, 5, 0.05


def check(subject: Subject) -> Iterator[Finding]:
    named = [colours(said) for said in subject.words]
    asking = np.asarray([query for query, found in enumerate(named) if found], dtype=np.int64)
    if not len(asking):
        return
    shares, families = palette(subject), list(INK)
    ranking = np.asarray([
        np.argsort(-shares[:, [families.index(name) for name in named[query]]].sum(axis=1), kind="stable")[:DEPTH]
        for query in asking.tolist()
    ])  # fmt: skip
    judged = [subject.task.relevant[query] for query in asking.tolist()]
    graded = grade(ranking, judged, subject.task.threshold)
    hit = metrics.hit_rate(graded.grades, ranking.shape[1]) > 0
    chance = metrics.hit_rate_by_chance(graded.relevant, len(subject.items), ranking.shape[1])
    if hit.mean() < max(LEAST, TIMES * chance):
        return
    count, found = int(hit.sum()), np.zeros(len(subject), dtype=bool)
    found[asking[hit]] = True
    yield Finding(
        "colour shortcut", severity(found.mean(), count, 0.02, 0.5), subject.task.name, count, len(asking),
        "queries that name a colour",
        f"Colour alone finds an answer of {hit.mean():.0%} of the {len(asking):,} queries that name one among the "
        f"first ten; chance is {chance:.1%}.",
        subject.examples(asking[hit], lambda query: ", ".join(sorted(named[query]))),
        effect.left_out(subject, found, "queries that colour alone answers left out"),
        {"hit rate@10 by colour": round(float(hit.mean()), 4), "by chance": round(chance, 5)},
    )  # fmt: skip


def palette(subject: Subject) -> np.ndarray:
    """(N, F) share of each family of colour in an item's pictures, backgrounds aside; zeros where none can be seen."""
    looks = subject.stock.looks
    cells = looks.thumb.reshape(len(looks.thumb), 64, 3)
    ink = lab(np.asarray(list(INK.values()), dtype=np.float64))
    border = cells.reshape(-1, 8, 8, 3)[:, [0, 0, 7, 7], [0, 7, 0, 7]].astype(np.float64).mean(axis=1)  # the corners
    shares = np.zeros((len(subject.items), len(INK)))
    for start in range(0, len(cells), 4096):
        part = cells[start : start + 4096].astype(np.float64)
        own = np.abs(part - border[start : start + 4096, None]).max(axis=2) > 24  # what is not background
        own[~own.any(axis=1)] = True
        nearest = ((lab(part)[:, :, None] - ink) ** 2).sum(axis=3).argmin(axis=2)
        seen = (nearest[:, :, None] == np.arange(len(INK))) & own[:, :, None]
        np.add.at(shares, looks.item[start : start + 4096], seen.sum(axis=1) / own.sum(axis=1)[:, None])
    return shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-9)


def lab(rgb: np.ndarray) -> np.ndarray:
    """(..., 3) sRGB levels of 0 to 255 as CIELAB (D65; IEC 61966-2-1 and CIE 15)."""
    linear = np.where(rgb / 255 <= 0.04045, rgb / 255 / 12.92, ((rgb / 255 + 0.055) / 1.055) ** 2.4)
    xyz = linear @ np.asarray([[0.4124, 0.2126, 0.0193], [0.3576, 0.7152, 0.1192], [0.1805, 0.0722, 0.9505]])
    scaled = xyz / np.asarray([0.9505, 1.0, 1.089])
    f = np.where(scaled > 216 / 24389, np.cbrt(scaled), (24389 / 27 * scaled + 16) / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1)
