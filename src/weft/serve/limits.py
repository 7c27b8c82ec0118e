"""What a stranger may send: sizes, counts, keys and hosts, checked before anything is read or run."""

import asyncio
import hashlib
import hmac
import os
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders

from weft.index.store import DEPTH
from weft.progress import say
from weft.serve.errors import answer
from weft.serve.metrics import Metrics

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
OPEN = ("/", "/health", "/page/", "/pictures/")
"""What needs no key: the page itself, and pictures, because an <img> sends none. A picture's address is the SHA-256 of
its bytes: nobody guesses it who does not have the picture."""


REFUSED = (401, 408, 413, 421, 429)
"""Statuses of requests that were turned away for what they are, not for what they say."""


@dataclass(frozen=True)
class Limits:
    """Attributes:

    body_bytes: of one request; all_bytes: of all requests' bodies that are being held.
    requests: in flight at once, whatever they ask for.
    pixels: of one picture, by its header, before it is decoded.
    text: characters of one text; inputs: texts and pictures of one request.
    page: products of one answer; deep: how far down a ranking can be asked for; a hybrid one has no more than `DEPTH`.
    seconds: that a request's body may take to arrive.
    """

    body_bytes: int = 12 << 20
    all_bytes: int = 256 << 20
    requests: int = 256
    pixels: int = 25_000_000
    text: int = 2000
    inputs: int = 64
    page: int = 100
    deep: int = DEPTH
    seconds: float = 30.0


def keys_from_environment() -> tuple[bytes, ...]:
    """SHA-256 of each of WEFT_KEYS, which are separated by commas or spaces; none means that none is asked for."""
    told = os.environ.get("WEFT_KEYS", "").replace(",", " ").split()
    return tuple(hashlib.sha256(key.encode()).digest() for key in told)


class Gate:
    """The outermost layer: counts, refuses, holds each body until it is whole, and dresses every answer.

    Args:
        keys: SHA-256 of the keys, one of which a request must bring as `Authorization: Bearer KEY`.
        hosts: names that the Host header may have, or none for any: a server on this machine alone answers to its own
            names only, or any web page could reach it through a name of its own that points here.
    """

    def __init__(
        self, app, limits: Limits, metrics: Metrics, keys: tuple[bytes, ...] = (), hosts: tuple[str, ...] = ()
    ):
        self.app, self.limits, self.metrics, self.keys, self.hosts = app, limits, metrics, keys, hosts
        self.held = self.running = 0

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, status, mine, counted, begun = time.perf_counter(), 500, 0, 0, False

        async def dressed(message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                status, begun = message["status"], True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        def hold(count: int) -> bool:
            nonlocal mine
            mine, self.held = mine + count, self.held + count
            return self.held <= self.limits.all_bytes

        try:
            refusal = self._refusal(scope)
            if refusal is None:
                self.running += (counted := 1)
                refusal, body = await self._body(scope, receive, hold)
            if refusal is None:
                await self.app(scope, replay(body, receive), dressed)
            else:
                await refusal(scope, receive, dressed)
        except Exception as error:
            say(f"  {scope['method']} {scope['path']}: {''.join(traceback.format_exception(error))}")
            if begun:
                raise
            await answer(500, "something went wrong here; the server's log says what")(scope, receive, dressed)
        finally:
            self.running -= counted
            self.held -= mine
            route = getattr(scope.get("route"), "path", "other")
            self.metrics.requests.labels(route, str(status)).inc()
            if status in REFUSED:
                self.metrics.rejected.labels(str(status)).inc()
            self.metrics.seconds.labels(route).observe(time.perf_counter() - start)

    def _refusal(self, scope):
        headers = Headers(scope=scope)
        if self.hosts and _host(headers) not in self.hosts:
            return answer(421, "this server does not answer to that host name")
        path = scope["path"]
        if self.keys and not (path in OPEN or path.startswith(OPEN[2:])) and not self._known(headers):
            return answer(
                401, "an API key is needed: Authorization: Bearer KEY", headers={"WWW-Authenticate": "Bearer"}
            )
        if self.running >= self.limits.requests and path not in ("/health", "/metrics"):
            return answer(429, "too many requests at once", headers={"Retry-After": "1"})
        told = headers.get("content-length", "0")
        if not told.isascii() or not told.isdigit():
            return answer(400, "Content-Length is no number")
        if len(told) > 20 or int(told) > self.limits.body_bytes:  # Python reads no number of thousands of digits
            return self._too_large()
        return None

    def _known(self, headers: Headers) -> bool:
        kind, _, key = headers.get("authorization", "").partition(" ")
        given = hashlib.sha256(key.strip().encode("utf-8", "replace")).digest()
        found = [hmac.compare_digest(given, known) for known in self.keys]  # all of them: the time taken tells nothing
        return kind.lower() == "bearer" and any(found)

    def _too_large(self):
        return answer(413, f"a request holds at most {self.limits.body_bytes >> 20} MB")

    async def _body(self, scope, receive, hold: Callable[[int], bool]):
        """(a refusal or None, the whole body)."""
        if scope["method"] in ("GET", "HEAD"):
            return None, b""
        parts, size = [], 0
        try:
            async with asyncio.timeout(self.limits.seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return answer(400, "the request ended early"), b""
                    part = message.get("body", b"")
                    size += len(part)
                    if size > self.limits.body_bytes:
                        return self._too_large(), b""
                    if not hold(len(part)):
                        return answer(429, "too much is being sent at once", headers={"Retry-After": "1"}), b""
                    parts.append(part)
                    if not message.get("more_body"):
                        return None, b"".join(parts)
        except TimeoutError:
            return answer(408, f"the body did not arrive within {self.limits.seconds:g} s"), b""


def _host(headers: Headers) -> str:
    try:
        return urlsplit("//" + headers.get("host", "")).hostname or ""
    except ValueError:
        return ""


def replay(body: bytes, receive) -> Callable[[], Awaitable[dict]]:
    """A `receive` that gives the body at once, and then whatever the connection says."""
    given = False

    async def again() -> dict:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
