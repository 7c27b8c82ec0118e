"""One annotator at work on a pool: which pair is next, what was said, undo, and how long the rest may take."""

import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from weft.annotate.log import Log, now
from weft.annotate.pairs import Pairs
from weft.errors import WeftError

RECENT = 50  # answers whose median time tells how long the rest may take
PAUSE = 120.0  # seconds after which somebody went for a coffee


@dataclass(frozen=True)
class Answer:
    """What was said of a pair; `grade` is None where it was skipped."""

    grade: int | None
    seconds: float
    created: str


class Session:
    """Grades by pair number; every change is in the log before it is answered.

    Args:
        highest: the rubric's highest grade. clock: seconds, for tests.
    """

    def __init__(self, shown: Pairs, log: Log, name: str, highest: int, clock: Callable[[], float] = time.monotonic):
        self.every, self.log, self.name, self.highest, self.clock = shown, log, name, highest, clock
        self.answers: dict[int, Answer] = {}
        self.history: list[int] = []  # answered pairs, the last one last: what undo goes back through
        self.back: int | None = None  # a pair that undo brought back, to be shown before all others
        self.lock = threading.Lock()
        self.since = clock()
        number = {pair.key: n for n, pair in enumerate(shown.pairs)}
        for event in log.events:
            self._apply(number[tuple(event["pair"])], event)
        self.back = None

    def _apply(self, number: int, event: dict) -> None:
        if number in self.history:
            self.history.remove(number)
        if event["action"] == "undo":
            self.answers.pop(number, None)
            self.back = number
        else:
            self.answers[number] = Answer(event.get("grade"), event.get("seconds", 0.0), event.get("created", ""))
            self.history.append(number)
            self.back = None

    @property
    def current(self) -> int | None:
        """The number of the pair to grade, None when all are done."""
        if self.back is not None:
            return self.back
        return next((number for number in range(len(self.every.pairs)) if number not in self.answers), None)

    def answer(self, number: int, grade: int | None) -> None:
        """Grades the pair shown, or skips it with None. An answer to another pair, as from a key pressed twice, is
        ignored. Raises `WeftError` for a grade off the scale, or if it cannot be kept."""
        if grade is not None and not 0 <= grade <= self.highest:
            raise WeftError(f"a grade is 0 to {self.highest}, not {grade}")
        with self.lock:
            if number == self.current:
                told = {"action": "skip"} if grade is None else {"action": "grade", "grade": grade}
                self._write(number, told | {"seconds": round(self.clock() - self.since, 2)})

    def undo(self) -> None:
        """Takes the last answer back and shows its pair again; does nothing where there is none."""
        with self.lock:
            if self.history:
                self._write(self.history[-1], {"action": "undo"})

    def again(self) -> None:
        """Brings every skipped pair back."""
        with self.lock:
            for number in [n for n, answer in self.answers.items() if answer.grade is None]:
                self._write(number, {"action": "undo"})
            self.back = None

    def _write(self, number: int, event: dict) -> None:
        pair = self.every.pairs[number]
        event = {"pair": pair.key, **event, "created": now()}
        self.log.append(event)
        self._apply(number, event)
        self.since = self.clock()

    def state(self) -> dict:
        """What the page shows; nothing in it tells a system."""
        with self.lock:
            number, total = self.current, len(self.every.pairs)
            skipped = sum(answer.grade is None for answer in self.answers.values())
            left = total - len(self.answers)
            recent = [min(self.answers[n].seconds, PAUSE) for n in self.history[-RECENT:]]
            told = {"annotator": self.name, "total": total, "graded": len(self.answers) - skipped, "skipped": skipped}
            told |= {"left": left, "seconds": round(statistics.median(recent) * left) if recent else None}
            return told | {"undo": bool(self.history), "pair": None if number is None else self._pair(number)}

    def _pair(self, number: int) -> dict:
        pairs, pair = self.every.pairs, self.every.pairs[number]
        first, count = self.every.places[pair.task, pair.query_id]
        following = pairs[number + 1].image if number + 1 < len(pairs) else ""
        return {
            "number": number, "query": pair.query_text, "query_image": pair.query_image, "title": pair.title,
            "image": pair.image, "place": number - first + 1, "of": count, "next_image": following,
        }  # fmt: skip
