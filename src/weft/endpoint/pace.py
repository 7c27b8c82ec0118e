"""When the next request may leave: limits a minute, pauses that a server asks for, and back-off with jitter."""

import datetime
import email.utils
import random
import threading
import time

LONGEST = 60.0
"""Seconds: no wait of our own choosing is longer. What a server asks for in Retry-After is kept whole."""


class Pace:
    """Spaces requests evenly: one of t tokens is followed by the next after max(60 / R, 60 t / T) seconds.

    Evenly, because a burst at the start of a minute is what servers answer with 429.

    Args:
        requests: R a minute; tokens: T a minute, of question and longest answer; 0 for no limit.
    """

    def __init__(self, requests: float = 0, tokens: float = 0):
        self.requests, self.tokens = requests, tokens
        self.stopped = threading.Event()
        self._lock, self._next, self._held = threading.Lock(), 0.0, 0.0

    def turn(self, tokens: int) -> bool:
        """Waits until a request of so many tokens may leave; False once everything has been stopped."""
        gap = max(60 / self.requests if self.requests else 0.0, 60 * tokens / self.tokens if self.tokens else 0.0)
        start = -1.0
        while start < self._held:  # again where the server asked everyone to wait meanwhile
            with self._lock:
                start = max(time.monotonic(), self._next)
                self._next = start + gap
            if self.stopped.wait(max(0.0, start - time.monotonic())):
                return False
        return not self.stopped.is_set()

    def hold(self, seconds: float) -> None:
        """Nothing leaves for so many seconds: what one request is told holds for all."""
        with self._lock:
            self._held = max(self._held, time.monotonic() + seconds)
            self._next = max(self._next, self._held)

    def sleep(self, seconds: float) -> bool:
        """Waits; False once everything has been stopped."""
        return not self.stopped.wait(seconds)


def backoff(attempt: int, first: float) -> float:
    """Seconds before attempt 1, 2, ...: uniform between 0 and first * 2^attempt, at most `LONGEST`.

    "Full jitter": requests that failed together do not come back together (M. Brooker, Exponential backoff and jitter,
    AWS Architecture Blog, 2015).
    """
    return random.uniform(0, min(LONGEST, first * 2**attempt))


def retry_after(value: str | None) -> float | None:
    """Seconds that a Retry-After header asks for, as a number or a date (RFC 9110, section 10.2.3); None if none."""
    if not value:
        return None
    if value.strip().replace(".", "", 1).isdecimal():
        return float(value)
    try:
        when = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=datetime.UTC)
    return max(0.0, (when - datetime.datetime.now(datetime.UTC)).total_seconds())
