"""Captions that a text tower cuts off.

Detects: with a model, by its own tokenizer: a text is cut where leaving out its last word changes nothing of what the
    tower is given. Without one, by bounds that hold for any tokenizer of subwords: a word is at least one token, so 64
    tokens (SigLIP) hold at most 63 words and an end mark, 77 (CLIP) at most 75; at 1.25 tokens a word, an assumption,
    64 tokens hold 50 words.
Biases: what stands at the end is not asked for; two queries that differ there are one; models with longer towers are
    given more.
False alarms: what is cut may say nothing ("model is 5'9\" tall"). A tower that cuts within the last word is missed.
"""

from collections.abc import Iterator

import numpy as np

from weft.audit import effect
from weft.audit.finding import Finding, severity
from weft.audit.subject import Subject
from weft.embed import Embedder
from weft.errors import Unable

TOWERS = {"64 tokens": 63, "77 tokens": 75}
LIKELY = 50


def check(subject: Subject) -> Iterator[Finding]:
    length = np.asarray([len(text.split()) for text in subject.texts])
    by = {f"more than {most} words, cut at {tower} for certain": length > most for tower, most in TOWERS.items()}
    by[f"more than {LIKELY} words, cut at 64 tokens if a word is 1.25 tokens"] = length > LIKELY
    measured = {}
    for name, embedder in subject.models.items():
        try:
            measured[f"cut by the tokenizer of {name}"] = cut_by(embedder, subject.texts)
        except Unable:
            continue
    cut = np.any(list(measured.values()) or [length > LIKELY], axis=0)
    count, total = int(cut.sum()), len(subject)
    if not count:
        return
    longest = np.argsort(-np.where(cut, length, -1), kind="stable")[:count]
    told = f"exceed {LIKELY} words, which is 64 tokens at 1.25 a word"
    told = f"are cut by the tokenizer of {' or '.join(subject.models)}" if measured else told
    yield Finding(
        "cut captions", severity(count / total, count, 0.02, 0.3), subject.task.name, count, total, "queries",
        f"{count:,} of {total:,} queries ({count / total:.0%}) {told}; {int((length > 63).sum()):,} exceed 63 words "
        f"and are cut at 64 tokens by any tokenizer. The mean is {length.mean():.1f} words.",
        subject.examples(longest, lambda query: f"{length[query]} words"),
        effect.left_out(subject, cut, "queries that are cut left out"),
        {"words": "split at blanks", "mean words": round(float(length.mean()), 2), "most words": int(length.max())}
        | {what: int(which.sum()) for what, which in (by | measured).items()},
    )  # fmt: skip


def cut_by(embedder: Embedder, texts: list[str]) -> np.ndarray:
    """(Q,) whether the model is given the same inputs without a text's last word. Raises `Unable`: no text tower."""
    cut = np.zeros(len(texts), dtype=bool)
    for start in range(0, len(texts), embedder.batch):
        whole = list(texts[start : start + embedder.batch])
        shorter = [text.rstrip().rpartition(" ")[0] or text for text in whole]
        given = embedder.encoder.tokens(whole + shorter)  # in one batch: some pad to its longest text
        rows = [value.tolist() if hasattr(value, "tolist") else list(value) for value in given.values()]
        for place, text in enumerate(whole):
            same = all(one[place] == one[place + len(whole)] for one in rows)
            cut[start + place] = same and len(text.split()) > 1
    return cut
