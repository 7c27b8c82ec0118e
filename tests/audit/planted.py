"""A sound benchmark in which no check finds anything, and one fault planted into it for each of them."""

import io
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from weft.audit import CHECKS, Finding, Subject
from weft.audit.judged import Judged
from weft.benchmarks.record import Retrieval, Side
from weft.catalogue.images import fingerprint
from weft.demo.source import products
from weft.seen import NO_LOOKS, Seen, first64

MANY = 220


class Wall:
    """Pictures in memory."""

    def __init__(self, pictures: list[bytes]):
        self.pictures, self.image_count = pictures, len(pictures)
        self.image_hashes = [fingerprint(data) for data in pictures]
        self.identity = fingerprint("".join(self.image_hashes).encode())

    def image(self, row: int) -> bytes:
        return self.pictures[row]


def encoded(image: Image.Image, kind: str = "PNG", **more) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **more)
    return buffer.getvalue()


def document(path: Path, value: object) -> Path:
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def noise(seed: int) -> bytes:
    return encoded(Image.fromarray(np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)))


def plain(colour: tuple[int, int, int], number: int) -> bytes:
    """A square of one colour on white, a little larger with each number."""
    image = Image.new("RGB", (64, 64), "white")
    image.paste(colour, (16, 16, 40 + number, 48))
    return encoded(image)


NOISE = [noise(seed) for seed in range(MANY)]


@dataclass
class Plan:
    """What a small benchmark is made of; a test changes a part and asks for the subject."""

    texts: list[str]
    answers: list[set[int]]
    titles: list[str]
    pictures: list[bytes] | None
    ids: list[str]

    def task(self, **more) -> Retrieval:
        wall = Wall(self.pictures) if self.pictures else None
        rows = np.arange(len(self.ids)) if self.pictures else None
        relevant = [(np.asarray(sorted(items)), np.ones(len(items))) for items in self.answers]
        queries = Side([f"q{number}" for number in range(len(self.texts))], self.texts)
        corpus = Side(self.ids, None if wall else [""] * len(self.ids), wall, rows, titles=self.titles)
        return Retrieval("made", queries, corpus, relevant, **more)

    def subject(self, seen=None, judged=None, **more) -> Subject:
        return Subject(self.task(**more), seen=seen, judged=judged)


def sound(count: int = MANY) -> Plan:
    """Each query of six words has one answer, whose title of six words shares none with any other text."""
    texts = [" ".join(f"ask{number}{letter}" for letter in "abcdef") for number in range(count)]
    titles = [" ".join(f"say{number}{letter}" for letter in "abcdef") for number in range(count)]
    ids = [f"{10000 + number}_0" for number in range(count)]
    return Plan(texts, [{number} for number in range(count)], titles, list(NOISE[:count]), ids)


def run(name: str, subject: Subject) -> list[Finding]:
    (check,) = (one for one in CHECKS if one.name == name)
    assert not subject.lacks(check.needs), subject.lacks(check.needs)
    return list(check.function(subject))


def with_texts(*texts: str, **more) -> Subject:
    """The sound benchmark with its first queries said otherwise."""
    plan = sound()
    plan.texts[: len(texts)] = texts
    return plan.subject(**more)


def with_titles(*titles: str) -> Subject:
    plan = sound()
    plan.titles[: len(titles)] = titles
    return plan.subject()


def low_ceiling() -> Subject:
    plan = sound()
    plan.answers[0] = {0, 1}
    return plan.subject()


def contradiction() -> Subject:
    plan = sound()
    plan.texts[:3] = "a red dress here", "a navy shirt there", "black sandals now"
    plan.titles[:3] = "Long Blue Dress", "Blue Shirt", "Black Sandals"
    return plan.subject()


def same_words() -> Subject:
    plan = sound()
    plan.texts[1] = " ".join(reversed(plan.texts[0].split()))
    return plan.subject()


def same_pictures() -> Subject:
    plan = sound()
    plan.pictures[1] = plan.pictures[0]
    return plan.subject()


def alike_pictures() -> Subject:
    plan = sound()
    (product,) = products("studio", 1, seed=5)
    photo = Image.open(io.BytesIO(product.images[0]))
    plan.pictures[:2] = encoded(photo), encoded(photo.resize((128, 128)), "JPEG", quality=80)
    return plan.subject()


def views() -> Subject:
    plan = sound()
    plan.ids[:2] = "20001_0", "20001_1"
    plan.titles[1] = " ".join([*plan.titles[0].split()[:3], *plan.titles[1].split()[:3]])
    return plan.subject()


def colours() -> Subject:
    """Ten queries name a colour that nothing but the picture shows."""
    plan = sound()
    for number in range(10):
        plan.texts[number] = f"{'red' if number < 5 else 'green'} ask{number}x ask{number}y"
        plan.pictures[number] = plain((190, 30, 45) if number < 5 else (70, 120, 70), number)
    return plan.subject()


def trained_on() -> Subject:
    plan = sound()
    exact = np.asarray([first64(fingerprint(plan.pictures[7]))], dtype=np.uint64)
    return plan.subject(seen={"ours": Seen(frozenset({"none"}), exact, NO_LOOKS)})


def unasked() -> Subject:
    plan = sound()
    task = plan.task()
    keep = slice(0, MANY - 1)
    queries = replace(task.queries, ids=task.queries.ids[keep], texts=task.queries.texts[keep])
    return Subject(replace(task, queries=queries, relevant=task.relevant[keep]))


def unanswered() -> Subject:
    fitting = [np.asarray([number]) for number in range(MANY)]
    fitting[3] = np.asarray([3, 4])
    return sound().subject(judged=Judged(fitting))


def from_sources() -> Subject:
    """Words find each query's source and never the other item that a judge found to fit."""
    plan = sound()
    plan.texts = list(plan.titles)
    return plan.subject(
        judged=Judged([np.unique([number, (number + 1) % MANY]) for number in range(MANY)]), source=np.arange(MANY)
    )


ASK = sound().texts
PLANTED = {
    "low ceilings": (low_ceiling, 1),
    "few queries": (lambda: sound(12).subject(), 12),
    "dependent queries": (lambda: sound().subject(groups=np.maximum(np.arange(MANY), 2)), 3),
    "duplicate queries": (lambda: with_texts("Red, dress", "red dress!"), 2),
    "near-duplicate queries": (lambda: with_texts(ASK[0], ASK[0].rpartition(" ")[0]), 2),
    "contained queries": (lambda: with_texts(" ".join(ASK[1].split()[1:4])), 1),
    "generic queries": (lambda: with_texts("t-shirt."), 1),
    "differing duplicates": (same_words, 2),
    "single answers": (lambda: with_titles("Red Dress", "red  dress"), 2),
    "near-duplicate titles": (lambda: with_titles("a b c d e", "a b c d e f"), 2),
    "duplicate pictures": (same_pictures, 2),
    "near-duplicate pictures": (alike_pictures, 2),
    "other views": (views, 2),
    "hedging captions": (lambda: with_texts("a dress that is possibly red"), 1),
    "scene captions": (lambda: with_texts("a dress in front of a white wall", "a tall woman in silk"), 2),
    "boilerplate": (lambda: with_texts(*(f"the dress is made of wool{n}" for n in range(11))), 11),
    "cut captions": (lambda: with_texts(" ".join(f"word{n}" for n in range(70))), 1),
    "contradictions": (contradiction, 1),
    "text shortcut": (lambda: with_titles(*ASK), MANY),
    "colour shortcut": (colours, 10),
    "trivial baselines": (lambda: sound(100).subject(), 100),
    "unreachable items": (unasked, 1),
    "training leak": (trained_on, 1),
    "missing answers": (unanswered, 1),
    "source bias": (from_sources, 1),
    "lost data": (lambda: sound().subject(counts={"relevant ids": 223, "relevant ids not in the corpus": 3}), 3),
}  # fmt: skip
"""Check -> the sound benchmark with its fault, and how many cases it must count."""
