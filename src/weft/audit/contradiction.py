"""Captions that contradict the title of what they describe.

Detects: a query and the title of an item listed as right for it that both name a colour, or a kind of garment, and name
    different ones; the lists are `vocabulary.COLOURS` and `KINDS`.
Biases: one of the two is wrong; a model that believes the title is punished where the caption erred, and the other
    way round.
False alarms: word lists know no grammar: "cap sleeves" names no cap, a garment of two colours may be called by either;
    colours that people confuse (teal: green or blue) are not counted as contradictions.
"""

from collections.abc import Iterator

import numpy as np

from weft.audit import effect
from weft.audit.finding import SHOWN, Finding, many, severity
from weft.audit.subject import Subject
from weft.audit.text import words
from weft.audit.vocabulary import ALIKE, CLOSE, colours, disagree, kinds


def check(subject: Subject) -> Iterator[Finding]:
    asked = [(colours(said), kinds(said)) for said in subject.words]
    queries, items = subject.answers
    told = {}
    for item in np.unique(items).tolist():
        said = words(subject.title(item))
        told[item] = colours(said), kinds(said)
    comparable, found = 0, {}
    for query, item in zip(queries.tolist(), items.tolist(), strict=True):
        both = list(zip(("colour", "kind"), asked[query], told[item], (CLOSE, ALIKE), strict=True))
        comparable += any(mine and theirs for _, mine, theirs, _ in both)
        if wrong := [_told(what, mine, theirs) for what, mine, theirs, near in both if disagree(mine, theirs, near)]:
            found[query, item] = "; ".join(wrong)
    if not found:
        return
    count, wrong = len(found), np.zeros(len(subject), dtype=bool)
    wrong[[query for query, _ in found]] = True
    grave = severity(count / comparable, count, 0.005, 0.1)
    yield Finding(
        "contradictions", grave, subject.task.name, count, comparable, "answers",
        f"Of {many(comparable, 'answer')} whose title names a colour or kind as the query does, {count:,} name another "
        f"one, in {many(int(wrong.sum()), 'query', 'queries')}.",
        tuple(
            subject.example(query, [item], f"{why}: {subject.title(item)}")
            for (query, item), why in list(found.items())[:SHOWN]
        ),
        effect.left_out(subject, wrong, "queries with a contradiction left out"),
        {
            "queries": int(wrong.sum()), "of colour": sum("colour:" in why for why in found.values()),
            "of kind": sum("kind:" in why for why in found.values()),
        },
    )  # fmt: skip


def _told(what: str, mine: frozenset[str], theirs: frozenset[str]) -> str:
    return f"{what}: {', '.join(sorted(mine))} asked, {', '.join(sorted(theirs))} in the title"
