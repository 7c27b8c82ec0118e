"""What became of the texts that were asked for: counts by reason, lengths, diversity, what was invented."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from weft.pairs.checking import Problem
from weft.pairs.diversity import diversity
from weft.pairs.queries import words
from weft.pairs.writing import Wanted

UNASKED = ("not asked", "failed")
"""Why there is no answer to look at: the budget, or the endpoint. A later run asks again."""
SHOWN = 20
"""Invented values that are named."""


@dataclass
class Text:
    """One text on its way: the last answer, every reason why one was rejected or missing, and of the one taken the
    prompt's hash, "" while there is none."""

    wanted: Wanted
    text: str = ""
    why: list[Problem] = field(default_factory=list)
    hash: str = ""
    tries: int = 0


def tally(texts: Sequence[Text], rows: Sequence[dict]) -> dict:
    """Counts, lengths and diversity, by kind of text; the deterministic writer's own diversity beside it."""
    found: dict = {"kinds": {}}
    for kind in ("short", "long", "twin"):
        places = [n for n, text in enumerate(texts) if kind == ("twin" if text.wanted.query_id else text.wanted.form)]
        own = [texts[n] for n in places]
        if not own:
            continue
        written = [text for text in own if text.hash]
        lengths = [words(text.text) for text in written]
        found["kinds"][kind] = {
            "texts": len(own),
            "written": len(written),
            "at try": {str(n): count for n, count in sorted(Counter(text.tries for text in written).items())},
            "rejected": dict(
                Counter(why.kind for text in own for why in text.why if why.kind not in UNASKED).most_common()
            ),
            "deterministic": dict(Counter(text.why[-1].kind for text in own if not text.hash and text.why)),
            "words": {"mean": float(np.mean(lengths)), "min": min(lengths), "max": max(lengths)} if lengths else {},
            "diversity": diversity([rows[n]["text"] for n in places]),
            "diversity of the deterministic writer": diversity([text.wanted.query.text for text in own]),
        }
    named = Counter(why.detail for text in texts for why in text.why if why.kind == "invented")
    return found | {"invented": dict(named.most_common(SHOWN))}
