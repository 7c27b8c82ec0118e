"""Where the heavy work of a command is done: on this machine by default, or by the workers of a Ray cluster.

    for vectors in current().map(work, batches):     # in the order of `batches`, whoever did them
        ...

Decoding, hashing and embedding are maps; requests to a language model are calls. Which engine does them is an option
of the command (`--engine ray --address HOST:6379`) and no part of what is made: both make the same.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol

from weft.errors import WeftError

ENGINES = ("local", "ray")


class Lost(Exception):
    """A worker ended while it did one call; whether the call had been done, nobody knows."""


class Engine(Protocol):
    """What the rest of Weft asks of an engine.

    Attributes:
        spreads: whether work is done by other processes; then it is copied to them, and must not change afterwards.
    """

    spreads: bool

    def map(self, work: Callable[[Any], Any], items: Iterable, each: int = 1, heavy: bool = False) -> Iterator:
        """`work(item)` of every item, in the order of the items, which are read as they are needed.

        Args:
            work: gives the same whenever and wherever it is asked; an object that is passed again is not sent again.
            each: items that one worker takes at once, where there are several.
            heavy: whether it computes with a model, on a GPU where there is one.

        Raises:
            Exception: what `work` or `items` raised for the first item that failed, after the results before it.
        """
        ...

    def calls(self, work: Callable, at_once: int) -> AbstractContextManager[Callable]:
        """A function for several threads that does `work`, once for each call and at most `at_once` at a time.

        Raises:
            Lost: the worker ended; unlike `map`, nothing is done twice of its own accord.
        """
        ...


class Local:
    """This process: a map is Python's own, a call is a call."""

    spreads = False

    def map(self, work: Callable[[Any], Any], items: Iterable, each: int = 1, heavy: bool = False) -> Iterator:
        return map(work, items)

    def calls(self, work: Callable, at_once: int) -> AbstractContextManager[Callable]:
        return nullcontext(work)


_used: list[Engine] = [Local()]


def current() -> Engine:
    """The engine of the command that is running."""
    return _used[-1]


@contextmanager
def using(name: str, address: str = "") -> Iterator[Engine]:
    """Everything inside is done by the engine of that name.

    Args:
        address: of a Ray cluster, "HOST:6379" or "auto"; "" is RAY_ADDRESS, or else a cluster of this machine alone.

    Raises:
        WeftError: there is no such engine, Ray is not installed, or nothing answers at the address.
    """
    if name not in ENGINES:
        raise WeftError(f"--engine is {name!r}; known are {', '.join(ENGINES)}")
    if name == "local":
        if address:
            raise WeftError(f"--address {address} is that of a Ray cluster: add --engine ray")
        yield _used[-1]
        return
    from weft.engine.cluster import connected

    with connected(address) as engine:
        _used.append(engine)
        try:
            yield engine
        finally:
            _used.pop()


def beside(work: Callable[[Any], Any], items: Iterable, part: Callable[[Any], Any], each: int = 1) -> Iterator[tuple]:
    """Every item with `work(part(item))`, as the current engine maps it: only the part travels to a worker."""
    waiting: deque = deque()

    def parts() -> Iterator:
        for item in items:
            waiting.append(item)
            yield part(item)

    for found in current().map(work, parts(), each):
        yield waiting.popleft(), found
