"""Queries too short or too general to single anything out.

Detects: queries of at most two words with fewer than ten answers, unless titles hold the words and all such items are
    listed; and queries all of whose words stand in the titles of ten or more items that are not their answers, and of
    as many as are.
Biases: many items fit, few are listed; a score on such queries is a lottery that rewards whoever shares the labelling's
    accidents.
False alarms: two words can be a model's name ("air jordan"); a title that holds the words may be about something else.
"""

from collections.abc import Iterator

import numpy as np

from weft.audit import effect
from weft.audit.finding import Finding, many, severity
from weft.audit.subject import Subject
from weft.audit.text import count

WORDS, MANY = 2, 10


def check(subject: Subject) -> Iterator[Finding]:
    short = np.asarray([count(text) <= WORDS for text in subject.texts])
    holders = [subject.stock.texts.with_all(said) if subject.titles else [] for said in subject.words]
    fits = np.asarray([np.setdiff1d(rows, own).size for rows, own in zip(holders, subject.relevant, strict=True)])
    complete = (np.asarray(list(map(len, holders))) > fits) & (fits == 0)  # titles say it, and all that do are listed
    few = short & (subject.sizes < MANY) & ~complete
    open_ = fits >= np.maximum(MANY, subject.sizes)
    generic, total = few | open_, len(subject)
    cases = int(generic.sum())
    if not cases:
        return
    length = [len(text) for text in subject.texts]
    order = np.lexsort((np.arange(total), length, -fits, ~generic))[:cases]
    told = f"; {int(open_.sum()):,} whose words stand in {MANY} or more further titles" if subject.titles else ""

    def note(query: int) -> str:
        further = f", {fits[query]:,} further titles hold all its words" if subject.titles else ""
        return f"{many(int(subject.sizes[query]), 'item')} listed as right{further}"

    yield Finding(
        "generic queries", severity(cases / total, cases, 0.02, 0.3), subject.task.name, cases, total, "queries",
        f"{cases:,} of {total:,} queries single nothing out: {int(few.sum()):,} have at most {WORDS} words, which "
        f"more must fit than the fewer than {MANY} listed as right{told}.",
        subject.examples(order, note, answers=2),
        effect.left_out(subject, generic, "generic queries left out"),
        {
            "words": "split at blanks, Han and kana one by one", "of at most two words": int(short.sum()),
            "of at most two words with one answer": int((short & (subject.sizes == 1)).sum()),
        }
        | ({"that many further titles fit": int(open_.sum())} if subject.titles else {}),
    )  # fmt: skip
