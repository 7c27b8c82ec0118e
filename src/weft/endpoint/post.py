"""One attempt to ask: pictures put into the message, sent, and the whole answer read; in this process or a worker's."""

import re
import time
from collections.abc import Callable
from urllib.parse import urlsplit, urlunsplit

from weft.endpoint.wire import sent
from weft.errors import WeftError, extra

LARGEST = 1 << 22
"""Bytes of an answer beyond which it is not read: an endpoint is not trusted to be sane."""


class Again(Exception):
    """One attempt failed in a way that another may not. `wait`: seconds that the server asked for, or None;
    `charged`: whether it may have been billed."""

    def __init__(self, what: str, wait: float | None = None, charged: bool = False):
        super().__init__(what, wait, charged)  # all of them, so that it can travel between processes
        self.what, self.wait, self.charged = what, wait, charged


def no_address(url: str) -> WeftError:
    """What to raise for it, without what may be secret in it."""
    shown = re.split(r"[?#]", url)[0].rpartition("@")[2]
    return WeftError(f"{shown!r} is no endpoint: it looks like http://localhost:8000/v1")


class Post:
    """Sends requests to one address, from any number of threads. It can be copied to another process, which then
    opens connections of its own.

    Args:
        load: (SHA-256, longer side) -> the data URL of a picture that a message refers to.

    Raises:
        WeftError: httpx is not installed, or nothing can be sent to this address.
    """

    def __init__(
        self, url: str, key: str, timeout: float, connections: int, load: Callable[[str, int], str] | None = None
    ):
        httpx = extra("httpx", "judge", "an endpoint")
        self.url, self.key, self.timeout, self.connections, self.load = url, key, timeout, connections, load
        self._httpx = httpx
        parts = urlsplit(url)  # some have an ?api-version=
        self._address = urlunsplit(parts._replace(path=parts.path.rstrip("/") + "/chat/completions"))
        try:
            httpx.URL(self._address).raw_host.decode().encode("idna")  # as httpx and a socket will: no error of theirs
        except (httpx.InvalidURL, UnicodeError):
            raise no_address(url) from None
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.Client(headers=headers, timeout=timeout, limits=httpx.Limits(max_connections=connections))

    def __reduce__(self) -> tuple:
        return Post, (self.url, self.key, self.timeout, self.connections, self.load)

    def close(self) -> None:
        self._http.close()

    def __call__(self, body: dict) -> tuple[int, dict, bytes]:
        """Status, headers and body, within the timeout as a whole: httpx's own is for each read.

        Args:
            body: the request, whose messages may refer to pictures (`weft.endpoint.wire.picture`).

        Raises:
            Again: no connection, broken off, too late or too large.
        """
        httpx = self._httpx
        body = body | {"messages": sent(body["messages"], self.load)}
        until = time.monotonic() + self.timeout
        try:
            with self._http.stream("POST", self._address, json=body) as response:
                data = bytearray()
                for part in response.iter_bytes():
                    data += part
                    if time.monotonic() > until:
                        raise Again("timeout", charged=True)
                    if len(data) > LARGEST:
                        raise Again("not an answer: it is larger than 4 MB", charged=True)
                return response.status_code, dict(response.headers), bytes(data)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise Again(f"no connection: {self.clean(str(error))}") from None
        except httpx.TimeoutException:
            raise Again("timeout", charged=True) from None
        except httpx.HTTPError as error:
            raise Again(f"broken off: {self.clean(str(error))}", charged=True) from None

    def clean(self, text: str) -> str:
        """Servers repeat keys in their complaints; nothing that is kept or shown may hold one."""
        return text.replace(self.key, "[key]") if self.key else text
