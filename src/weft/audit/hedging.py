"""Captions whose writer is not sure.

Detects: "possibly", "appears", "seems", "likely" and their like in a query; the list is `vocabulary.HEDGES`.
Biases: such texts come from a captioning model that guessed from one picture. No shopper types them, what is guessed
    may be wrong, and encoders trained on such captions are at home in them.
False alarms: "seams", "could", "may" alone are not counted; "likely" in a slogan is.
"""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from weft.audit import effect
from weft.audit.finding import Finding, severity
from weft.audit.subject import Subject
from weft.audit.vocabulary import HEDGES


def check(subject: Subject) -> Iterator[Finding]:
    said = [{match.lower() for match in HEDGES.findall(text)} for text in subject.texts]
    hedged = np.asarray([bool(found) for found in said])
    count, total = int(hedged.sum()), len(subject)
    if not count:
        return
    counts = Counter(word for found in said for word in found)
    common, often = counts.most_common(1)[0]
    yield Finding(
        "hedging captions", severity(count / total, count, 0.01, 0.3), subject.task.name, count, total, "queries",
        f"{count:,} of {total:,} queries hedge, most often by “{common}” ({often:,}).",
        subject.examples(np.flatnonzero(hedged), lambda query: ", ".join(sorted(said[query]))),
        effect.left_out(subject, hedged, "hedging queries left out"),
        {f"“{word}”": times for word, times in counts.most_common()},
    )  # fmt: skip
