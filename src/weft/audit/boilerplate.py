"""Phrases that very many queries share.

Detects: runs of four words that stand in at least a twentieth of the queries, and in five of them ("the dress is made
    of"). Of phrases in the same queries one is shown.
Biases: words that are in every caption tell nothing apart, fill the text tower, and reward whoever was trained on
    texts of the same writer.
False alarms: a category task ("a photo of a {}") has one frame by design.
"""

from collections import Counter
from collections.abc import Iterator

from weft.audit.finding import Finding, severity
from weft.audit.subject import Subject

RUN, SHARE, LEAST = 4, 0.05, 5


def check(subject: Subject) -> Iterator[Finding]:
    phrases = shared(subject.words)
    if not phrases:
        return
    holders, total = {query for _, queries in phrases for query in queries}, len(subject)
    lead = ", ".join(f"“{phrase}” ({len(queries):,})" for phrase, queries in phrases[:3])
    told = {min(queries): f"“{phrase}” stands in {len(queries):,} queries" for phrase, queries in phrases}
    grave = severity(len(holders) / total, len(holders), 0.2)
    yield Finding(
        "boilerplate", grave, subject.task.name, len(holders), total, "queries",
        f"{len(holders):,} of {total:,} queries hold a phrase that many share, such as {lead}.",
        subject.examples(list(told), told.get),
        facts={"words of a phrase": RUN, "shared by at least": max(LEAST, int(SHARE * total)), "phrases": len(phrases)},
    )  # fmt: skip


def shared(texts: list[list[str]]) -> list[tuple[str, set[int]]]:
    """Phrases and the queries that hold them, the most shared first; of phrases in the same queries, one."""
    counts = Counter(run for said in texts for run in _runs(said))
    common = {run for run, count in counts.items() if count >= max(LEAST, SHARE * len(texts))}
    holders: dict[tuple[str, ...], set[int]] = {}
    for query, said in enumerate(texts if common else ()):
        for run in _runs(said) & common:
            holders.setdefault(run, set()).add(query)
    one_of = {frozenset(queries): " ".join(run) for run, queries in sorted(holders.items(), reverse=True)}
    return sorted(((phrase, set(queries)) for queries, phrase in one_of.items()), key=lambda p: (-len(p[1]), p[0]))


def _runs(said: list[str]) -> set[tuple[str, ...]]:
    return {tuple(said[i : i + RUN]) for i in range(len(said) - RUN + 1)}
