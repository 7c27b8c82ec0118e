"""What a benchmark is, counted: queries, answers, wording and strata of each part, and why others are not asked."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from weft.build.ask import TWINS, parts_of_groups
from weft.build.select import KINDS, NONE, Chosen, Question, brand, category
from weft.catalogue.collection import Collection
from weft.pairs.queries import words

LONG = (30, 60)
"""Words that a long query is to have where the attributes suffice."""


def statistics(collection: Collection, chosen: Chosen, parts: Sequence[str]) -> dict:
    """Everything that the card's tables show; see docs/building.md."""
    several = sum(len(collection.image_rows[row]) > 1 for row in chosen.gallery)
    answering = Counter(row for one in chosen.questions for row in one.asked.answers)
    relevant, held_by = {row for one in chosen.questions for row in one.asked.relevant}, parts_of_groups(collection)
    groups = Counter(collection.group[chosen.gallery].tolist())
    return {
        "gallery": {
            "products": len(chosen.gallery), "of": len(collection), "answers": len(answering),
            "answers_of_several": sum(many > 1 for many in answering.values()),
            "open_to_training": sum("train" in held_by[int(collection.group[row])] for row in relevant),
            "distractors": chosen.distractors, "more_pictures_left_out": several,
            "products_with_a_duplicate": sum(size for size in groups.values() if size > 1),
            "brands": len({brand(collection, row) for row in chosen.gallery}),
            "categories": len({category(collection, row) for row in chosen.gallery}),
        },
        "parts": {
            f"{part}, {kind}": _part(collection, chosen, part, kind)
            for part in parts
            for kind in KINDS
            if (part, kind) in chosen.wanted
        },
        "categories": _shares(collection, chosen),
    }  # fmt: skip


def _part(collection: Collection, chosen: Chosen, part: str, kind: str) -> dict:
    own = chosen.of(part, kind)
    rows = [one.asked.row for one in own]
    brands = [brand(collection, row) for row in rows]
    sizes = np.asarray([len(one.asked.answers) for one in own] or [0])
    return {
        "queries": len(own), "wanted": chosen.wanted[part, kind],
        "products": int((collection.split == f"{KINDS[kind]}{part}").sum()),
        "categories": len({category(collection, row) for row in rows}),
        "brands": len(set(brands)),
        "most_of_a_brand": max(Counter(name for name in brands if name != NONE).values(), default=0),
        "answers": {"mean": round(float(sizes.mean()), 3), "max": int(sizes.max()), "one": int((sizes == 1).sum())},
        "words": {twin: _words(own, twin) for twin in TWINS},
        "grades": {twin: _grades(own, chosen, twin) for twin in TWINS},
        "not_asked": dict(chosen.rejected[part, kind].most_common()),
    }  # fmt: skip


def _words(questions: Sequence[Question], twin: str) -> dict:
    count = np.asarray([words(one.asked.query[twin].text) for one in questions] or [0])
    told = {"mean": round(float(count.mean()), 2), "min": int(count.min()), "max": int(count.max())}
    if twin == "long":
        told["from_30_to_60"] = int(((count >= LONG[0]) & (count <= LONG[1])).sum())
    return told


def _grades(questions: Sequence[Question], chosen: Chosen, twin: str) -> dict[str, int]:
    counts = Counter(
        int(grade) for one in questions for row, grade in one.asked.grades[twin].items() if row in chosen.inside
    )
    return {str(grade): counts[grade] for grade in sorted(counts, reverse=True)}


def _shares(collection: Collection, chosen: Chosen) -> list[dict]:
    """Per category its held-out products and its queries, the largest first."""
    held = np.flatnonzero(np.isin(collection.split, ["test", "dev", "zero-test", "zero-dev"]))
    products = Counter(category(collection, row) for row in held.tolist())
    asked = Counter(category(collection, one.asked.row) for one in chosen.questions)
    return [
        {"category": name, "products": many, "queries": asked[name]}
        for name, many in sorted(products.items(), key=lambda one: (-one[1], one[0]))
    ]
