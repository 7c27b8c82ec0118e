"""Dynamic batching: requests wait a moment for company, then one thread runs the model on all of them."""

import asyncio
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

Forward = Callable[[list], np.ndarray]
"""n items -> (n, D) vectors."""


class Busy(Exception):
    """The queue is full. `retry_after`: whole seconds after which it should have room again."""

    def __init__(self, retry_after: int):
        super().__init__(f"busy; try again in {retry_after} s")
        self.retry_after = retry_after


@dataclass(frozen=True)
class _Job:
    item: object
    done: asyncio.Future
    since: float = field(default_factory=time.monotonic)


class Batcher:
    """A bounded queue in front of one thread that owns the models.

    Args:
        forwards: by key, the model's towers: one batch holds items of one key.
        max_batch: items of a forward pass.
        max_wait: seconds that the first item of a batch waits for others.
        room: items that may wait; more are refused with `Busy`.
        saw: called with (key, items) of every batch that is run.
    """

    def __init__(
        self,
        forwards: Mapping[str, Forward],
        max_batch: int = 32,
        max_wait: float = 0.003,
        room: int = 256,
        saw: Callable[[str, int], None] = lambda key, size: None,
    ):
        self.forwards, self.max_batch, self.max_wait, self.room, self.saw = forwards, max_batch, max_wait, room, saw
        self._queues: dict[str, deque[_Job]] = {key: deque() for key in forwards}
        self._change = threading.Condition()
        self._closing = False
        self._pace = 0.01  # seconds an item takes, as a moving average
        self._thread = threading.Thread(target=self._work, name="model", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Items in the queue."""
        return sum(map(len, self._queues.values()))

    async def submit(self, key: str, items: Sequence) -> np.ndarray:
        """(len(items), D) vectors, once their batches are through; all items are taken or none.

        Raises:
            Busy: there is no room. Whatever the model raises for an item is raised here.
        """
        loop = asyncio.get_running_loop()
        jobs = [_Job(item, loop.create_future()) for item in items]
        with self._change:
            if self._closing or self.waiting + len(jobs) > self.room:
                raise Busy(min(max(math.ceil(self.waiting * self._pace), 1), 60))
            self._queues[key].extend(jobs)
            self._change.notify()
        try:
            return np.stack(await asyncio.gather(*(job.done for job in jobs)))
        finally:
            for job in jobs:  # of a caller that went away: what has not begun will not
                job.done.cancel()

    async def close(self) -> None:
        """Takes nothing more, finishes what waits, and ends the thread."""
        with self._change:
            self._closing = True
            self._change.notify()
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        while jobs := self._next():
            key, batch = jobs
            start = time.monotonic()
            self.saw(key, len(batch))
            self._run(key, batch)
            self._pace += 0.1 * ((time.monotonic() - start) / len(batch) - self._pace)

    def _next(self) -> tuple[str, list[_Job]] | None:
        """The next batch, of the key whose first item waits longest; None when all is done and closed."""
        with self._change:
            while True:
                while not self.waiting:
                    if self._closing:
                        return None
                    self._change.wait()
                key = min((k for k, queue in self._queues.items() if queue), key=lambda k: self._queues[k][0].since)
                queue = self._queues[key]
                left = queue[0].since + self.max_wait - time.monotonic()
                if len(queue) < self.max_batch and left > 0 and not self._closing:
                    self._change.wait(left)
                    continue
                jobs = [queue.popleft() for _ in range(min(self.max_batch, len(queue)))]
                if jobs := [job for job in jobs if not job.done.cancelled()]:
                    return key, jobs

    def _run(self, key: str, jobs: list[_Job]) -> None:
        try:
            vectors = self.forwards[key]([job.item for job in jobs])
            if len(vectors) != len(jobs):
                raise ValueError(f"the model gave {len(vectors)} vectors for {len(jobs)} inputs")
        except Exception as error:
            if len(jobs) > 1:  # one item's fault must not be the others' too
                for job in jobs:
                    self._run(key, [job])
                return
            _tell(jobs[0], jobs[0].done.set_exception, error)
            return
        for job, vector in zip(jobs, vectors, strict=True):
            _tell(job, job.done.set_result, vector)


def _tell(job: _Job, how: Callable, what: object) -> None:
    def now() -> None:
        if not job.done.done():
            how(what)

    loop = job.done.get_loop()
    if not loop.is_closed():
        loop.call_soon_threadsafe(now)
