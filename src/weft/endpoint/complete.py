"""Asks many questions at once; what was answered before is read back, and what is answered is kept at once."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

from weft.endpoint import journal
from weft.endpoint.client import Client, Endpoint
from weft.endpoint.ledger import Ledger
from weft.endpoint.wire import Answer, Request
from weft.errors import WeftError

HOPELESS = 20
"""Questions that fail one after another, as `complete` counts them, before the endpoint is given up."""

Key = tuple[str, str, int]


def answered(cache: Path) -> dict[Key, Answer]:
    """Every answer that a cache holds, by (hash, model, repeat); not the questions that were turned down."""
    return {key: answer for key, answer in _held(cache).items() if answer.status != "failed"}


def _held(cache: Path) -> dict[Key, Answer]:
    found = (Answer(**row) for row in _sound(cache))
    return {answer.key: answer for answer in found}


def _sound(cache: Path) -> Iterator[dict]:
    names = set(Answer.__dataclass_fields__)
    for row in journal.read(cache):
        if set(row) != names:
            raise WeftError(f"{cache} holds other things than answers; name another file, or move it away")
        yield row


def complete(
    requests: Iterable[Request], endpoint: Endpoint, cache: Path, ledger: Ledger | None = None,
    load: Callable[[str, int], str] | None = None, readable: Callable[[Answer], bool] | None = None,
) -> Iterator[tuple[Request, Answer]]:  # fmt: skip
    """Each question with its answer, in the order in which they come.

    Equal questions (hash, model and repeat) are asked once, now and in every later run with the same cache. A killed
    run loses at most what was in flight. Failed questions are asked again by a later run. Once what was spent leaves
    no room for one more question, those whose answers are known still come, the others are counted in `ledger.left`.
    Whoever stops reading early still has the answers kept that were on their way.

    The endpoint is given up when `HOPELESS` questions fail one after another. One that it turns down (400: too long, a
    bad picture) may be bad by itself: it counts only while this run has seen no answer, known ones included, and not
    if an earlier run wrote down that it was turned down. So bad questions never keep a run from those behind them,
    and an endpoint that turns everything down (a wrong parameter) is still given up. So is one of whose first
    `HOPELESS` answers none is `readable`: the others would cost as much and say as little.

    Args:
        requests: read as they are needed, never all at once.
        cache: a file of JSON lines, one an answer.
        load: (SHA-256, longer side) -> the data URL of a picture that a question refers to.
        readable: whether an answer says what it was asked for; not looked at if left out.

    Raises:
        WeftError: the endpoint is useless (`client.Useless`) or given up; what was answered until then is kept.
    """
    ledger = ledger if ledger is not None else Ledger()
    client = Client(endpoint, ledger, load)
    with journal.Journal(cache) as kept, ThreadPoolExecutor(endpoint.concurrency) as threads:
        held = _held(cache)
        known = {key: answer for key, answer in held.items() if answer.status != "failed"}
        bad = held.keys() - known.keys()  # turned down by an earlier run
        flying: dict[Future, Key] = {}
        waiting: dict[Key, list[Request]] = {}
        streak, serves = 0, False
        unread = 0 if readable else None  # answers, as long as none could be read

        def read(answer: Answer) -> None:
            nonlocal unread
            if unread is not None and answer.status == "answered":
                unread = None if readable(answer) else unread + 1
                if unread == HOPELESS:
                    cut = "cut at its longest (raise max_tokens by --body)" if answer.finish == "length" else "whole"
                    raise WeftError(
                        f"{endpoint.place}: none of the first {unread} answers says what was asked for; the last one, "
                        f"{cut}: {answer.text[:60]!r}. The others were not asked; nothing that was answered is lost"
                    )

        def landed() -> Iterator[tuple[Request, Answer]]:
            nonlocal streak, serves
            for future in wait(flying, return_when=FIRST_COMPLETED).done:
                key, answer = flying.pop(future), future.result()
                same = waiting.pop(key)
                if answer.status != "failed":
                    known[key] = answer
                    ledger.kept += len(same) - 1
                    streak, serves = 0, True
                else:
                    streak += not (answer.finish and (serves or key in bad))
                    if answer.finish and key not in bad:
                        kept.add(answer.row())
                yield from ((request, answer) for request in same)
                read(answer)
                if streak >= HOPELESS:
                    raise WeftError(
                        f"{endpoint.place} failed {streak} questions in a row, the last one so: {answer.reason}. "
                        "Nothing that was answered is lost; run again to go on"
                    )

        try:
            for request in requests:
                key = (request.hash, endpoint.model, request.repeat)
                if key in known:
                    ledger.kept, serves = ledger.kept + 1, True
                    yield request, known[key]
                    read(known[key])
                    continue
                if key in waiting:
                    waiting[key].append(request)
                    continue
                while (reserved := ledger.reserve(request)) is None and flying:
                    yield from landed()  # each had its longest answer set aside, and mostly costs less
                if reserved is None:
                    ledger.left += 1
                    continue
                waiting[key] = [request]
                flying[threads.submit(_ask, client, request, reserved, kept)] = key
                while len(flying) >= endpoint.concurrency:
                    yield from landed()
            while flying:
                yield from landed()
        finally:
            client.pace.stopped.set()  # ends waits; what was sent is still received and kept
            threads.shutdown(wait=True, cancel_futures=True)
            client.close()


def _ask(client: Client, request: Request, reserved: float, kept: journal.Journal) -> Answer:
    stopped = Answer(request.hash, client.endpoint.model, request.repeat, "failed", reason="stopped")
    answer = client.ask(request) or stopped
    if answer.status != "failed":
        kept.add(answer.row())
    client.ledger.book(request, answer, reserved)
    return answer
