"""One question and one answer as they pass over the wire, in OpenAI's chat format, and the names they are kept by."""

import datetime
import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cached_property

PICTURE = "picture:"
"""Begins a reference to a picture inside a message; it becomes a data URL only when the message is sent."""

LETTERS = 3.5
"""ASSUMED letters a token, until the endpoint's own counts are known; English prose has about 4, JSON less."""
PATCH = 28
"""ASSUMED side in pixels of what one token sees, as in Qwen2-VL (Wang et al. 2024, arXiv 2409.12191, section 2.1)."""
OVERHEAD = 8
"""ASSUMED tokens that the chat format adds to each message."""


@dataclass(frozen=True)
class Request:
    """One question.

    Attributes:
        messages: OpenAI's, with pictures as `{"type": "image_url", "image_url": {"url": reference}}`, the reference
            as `picture` makes it: what is kept and compared stays small.
        body: further fields of the request, `{"temperature": 0, "max_tokens": 200}`; null leaves a field out.
        schema: the JSON schema of the answer, for endpoints that can hold themselves to one.
        repeat: tells equal questions apart that are to be asked anew, to see whether the answers agree.
        tag: the caller's own, whatever it likes; no part of the question.
    """

    messages: tuple[dict, ...]
    body: dict = field(default_factory=dict)
    schema: dict | None = None
    repeat: int = 0
    tag: object = None

    @cached_property
    def hash(self) -> str:
        """SHA-256 of everything that is asked: 64 hex digits."""
        asked = {"messages": list(self.messages), "body": self.body, "schema": self.schema}
        text = json.dumps(asked, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def tokens(self) -> int:
        """A guess at the tokens of the question: letters / 3.5, and a token per 28 x 28 pixels of a picture."""
        return sum(OVERHEAD + _tokens(message["content"]) for message in self.messages)

    @property
    def most(self) -> int:
        """The most tokens that the answer may have."""
        return int(self.body.get("max_tokens") or self.body.get("max_completion_tokens") or 1024)


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes:
        status: "answered"; "refused" by the model or its provider's filter; "failed", where none could be had.
        text: as it came; reason: why there is none. finish: the endpoint's own word ("stop", "length"); of a failed one
            the HTTP status by which it turned the question down, "" where it never came to that.
        model: that was asked; served: what the endpoint says it was.
        tokens_in, tokens_out: as the endpoint counts them; guesses where it does not.
        seconds: from sending to the whole answer, without waiting for a turn; created: when, ISO 8601 UTC.
    """

    hash: str
    model: str
    repeat: int
    status: str
    text: str = ""
    reason: str = ""
    finish: str = ""
    served: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0
    created: str = field(default_factory=lambda: datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"))

    @property
    def key(self) -> tuple[str, str, int]:
        return self.hash, self.model, self.repeat

    def row(self) -> dict:
        return asdict(self)


def picture(sha256: str, side: int) -> dict:
    """The part of a message that shows a picture, by the SHA-256 of its bytes and the longer side it is sent with."""
    return {"type": "image_url", "image_url": {"url": f"{PICTURE}{sha256}@{side}"}}


def sent(messages: tuple[dict, ...], load: Callable[[str, int], str] | None) -> list[dict]:
    """The messages with every reference replaced by what `load(sha256, side)` gives: a data URL."""

    def part(one: dict) -> dict:
        url = one.get("image_url", {}).get("url", "")
        if not url.startswith(PICTURE):
            return one
        name, _, side = url.removeprefix(PICTURE).partition("@")
        return {"type": "image_url", "image_url": {"url": load(name, int(side))}}

    def content(one: str | list) -> str | list:
        return one if isinstance(one, str) else [part(each) for each in one]

    return [message | {"content": content(message["content"])} for message in messages]


def _tokens(content: str | list) -> int:
    if isinstance(content, str):
        return math.ceil(len(content) / LETTERS)
    found = 0
    for part in content:
        url = part.get("image_url", {}).get("url", "")
        if url.startswith(PICTURE):
            found += math.ceil(int(url.partition("@")[2]) / PATCH) ** 2
        else:
            found += math.ceil(len(part.get("text", "")) / LETTERS)
    return found
