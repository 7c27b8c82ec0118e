"""Asks one question of an OpenAI-compatible endpoint until it is answered, refused, or not worth asking again."""

import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

from weft.endpoint.ledger import Ledger
from weft.endpoint.pace import Pace, backoff, retry_after
from weft.endpoint.post import Again, Post, no_address
from weft.endpoint.wire import Answer, Request
from weft.engine import Lost, current
from weft.errors import WeftError
from weft.progress import say

PATIENCE = 900.0
"""Seconds that a server may ask us to wait; for longer, a person had better come back."""
LOCAL = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Endpoint:
    """Where to ask, and how hard.

    Attributes:
        url: up to and without `/chat/completions`, such as `http://localhost:8000/v1`.
        key: sent as a bearer token and nowhere else; no record, message or `repr` holds it.
        timeout: seconds for one whole answer; tries: how often a question is sent at most.
        concurrency: requests in flight at once. requests, tokens: a minute, 0 for no limit.
        first_wait: seconds, see `weft.endpoint.pace.backoff`.
    """

    url: str
    model: str
    key: str = field(default="", repr=False)
    timeout: float = 120.0
    tries: int = 6
    concurrency: int = 8
    requests: float = 0
    tokens: float = 0
    first_wait: float = 1.0

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:  # half a bracket, or a port that is none
            sound = False
        if not sound:
            raise no_address(self.url)
        if not (self.key.isascii() and self.key.isprintable()):
            raise WeftError("the key holds letters that no header can: was it copied whole, without line ends?")
        if not self.model:
            raise WeftError("an endpoint serves several models: say which one, --model NAME")
        if self.concurrency < 1 or self.tries < 1 or self.timeout <= 0:
            raise WeftError("concurrency and tries are at least 1, a timeout is longer than 0 seconds")

    @property
    def place(self) -> str:
        """The address without what may be secret in it."""
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
        return urlunsplit((parts.scheme, f"[{host}]{port}" if ":" in host else f"{host}{port}", parts.path, "", ""))


class Useless(WeftError):
    """Nothing that is asked of this endpoint will be answered: a wrong key, model or address, or no credit."""


class Client:
    """What is asked of one endpoint, by any number of threads. Pace, tries and costs are kept here, in one process;
    the requests themselves are sent by the engine's workers, one call an attempt.

    Raises:
        WeftError: httpx is not installed.
    """

    def __init__(self, endpoint: Endpoint, ledger: Ledger, load: Callable[[str, int], str] | None = None):
        self.endpoint, self.ledger = endpoint, ledger
        self.pace = Pace(endpoint.requests, endpoint.tokens)
        self.schemas = True  # until the endpoint says that it knows none
        post = Post(endpoint.url, endpoint.key, endpoint.timeout, endpoint.concurrency, load)
        self._clean, self._open = post.clean, ExitStack()
        self._open.callback(post.close)
        self._call = self._open.enter_context(current().calls(post, endpoint.concurrency))
        if endpoint.key and endpoint.url.startswith("http:") and urlsplit(endpoint.url).hostname not in LOCAL:
            say(f"the key goes to {endpoint.place} unencrypted: anyone on the way can read it")

    def close(self) -> None:
        self._open.close()

    def ask(self, request: Request) -> Answer | None:
        """The answer, "failed" if there is none after all tries; None if everything was stopped meanwhile.

        Raises:
            Useless: further questions are useless, too.
        """
        reason = ""
        for attempt in range(1, self.endpoint.tries + 1):
            if not self.pace.turn(round(request.tokens + request.most)):
                return None
            started = time.monotonic()
            try:
                return self._answer(request, self._post(request), time.monotonic() - started)
            except Again as failure:
                reason = failure.what
                self.ledger.count(reason.partition(":")[0])
                if failure.charged and not self.ledger.charge(request):
                    return self._failed(request, f"{reason} (no budget to ask again)")
                if failure.wait is not None:
                    self.pace.hold(failure.wait)
                elif attempt < self.endpoint.tries and not self.pace.sleep(backoff(attempt, self.endpoint.first_wait)):
                    return None
        return self._failed(request, f"{reason} ({self.endpoint.tries} tries)")

    def _failed(self, request: Request, reason: str, status: str = "failed", finish: str = "") -> Answer:
        return Answer(request.hash, self.endpoint.model, request.repeat, status, reason=reason, finish=finish)

    def _post(self, request: Request, with_schema: bool = True) -> dict:
        """The answer's JSON, or `{"refused": reason}`, `{"failed": reason}` where it is no use to ask this again; the
        latter with the HTTP status, as "finish"."""
        with_schema = with_schema and self.schemas and request.schema is not None
        fields = {"temperature": 0.0, **request.body}
        body = {"model": self.endpoint.model, "messages": request.messages}
        body |= {name: value for name, value in fields.items() if value is not None}
        if with_schema:
            named = {"name": "answer", "strict": True, "schema": request.schema}
            body["response_format"] = {"type": "json_schema", "json_schema": named}
        status, headers, data = self._send(body)
        if status == 200:
            try:
                found = json.loads(data)
                found["choices"][0]["message"].get("content")
            except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
                raise Again(f"not an answer: {self._told(data)}", charged=True) from None
            return {name: found.get(name) for name in ("choices", "usage", "model")}  # "failed" is a word of ours alone
        told, asked = self._told(data), json.dumps(request.messages, ensure_ascii=False)
        passing = status in (408, 409, 425, 429) or status >= 500
        # Errors repeat what they were asked: a title that "was flagged as sale" is no filter's word.
        if not passing and any(sign in told and sign not in asked for sign in FILTERED):
            return {"refused": told}
        if status in (401, 403):
            raise Useless(f"{self.endpoint.place} refuses the key ({status}): {told}")
        if status in (404, 405):
            raise Useless(f"{self.endpoint.place} has no /chat/completions or no model {self.endpoint.model!r}: {told}")
        if status == 402 or (status == 429 and "insufficient_quota" in told):
            raise Useless(f"{self.endpoint.place} has no credit left: {told}")
        if passing:
            wait = retry_after(headers.get("retry-after")) or None  # 0 says nothing: then our own back-off
            if wait is not None and wait > PATIENCE:
                raise Useless(f"{self.endpoint.place} asks to wait for {wait:,.0f} s: run again then ({told})")
            raise Again(f"{status}: {told}", wait)
        if with_schema and status in (400, 415, 422):
            found = self._post(request, with_schema=False)
            if self.schemas and "failed" not in found:  # so it was the schema, and not a bad picture
                self.schemas = False
                say(f"{self.endpoint.place} does not take a JSON schema ({status}): answers are read from text")
            return found
        return {"failed": f"{status}: {told}", "finish": str(status)}

    def _send(self, body: dict) -> tuple[int, dict, bytes]:
        try:
            return self._call(body)
        except Lost as error:  # it may have been sent, answered and billed, so it is charged like what broke off
            raise Again(f"worker lost: {error}", charged=True) from None

    def _answer(self, request: Request, found: dict, seconds: float) -> Answer:
        for status in ("refused", "failed"):
            if status in found:
                return self._failed(request, found[status], status, found.get("finish", ""))
        choice = found["choices"][0]
        message, usage = choice["message"], found.get("usage")
        usage = usage if isinstance(usage, dict) else {}
        text = message.get("content") or ""
        if isinstance(text, list):  # some give parts, as in a question
            text = "".join(str(part.get("text") or "") for part in text if isinstance(part, dict))
        finish, refusal = str(choice.get("finish_reason") or ""), message.get("refusal")
        refused = bool(refusal) or finish == "content_filter"
        return Answer(
            request.hash, self.endpoint.model, request.repeat, "refused" if refused else "answered",
            text=self._clean(str(text)), reason=self._clean(str(refusal or (finish if refused else ""))),
            finish=finish, served=str(found.get("model") or ""),
            tokens_in=_number(usage.get("prompt_tokens"), request.tokens),
            tokens_out=_number(usage.get("completion_tokens"), len(str(text)) // 3), seconds=round(seconds, 3),
        )  # fmt: skip

    def _told(self, data: bytes) -> str:
        """What an error says, short and in one line."""
        try:
            error = json.loads(data)
            error = error.get("error", error) if isinstance(error, dict) else error
            told = " ".join(str(error.get(name) or "") for name in ("code", "type", "message"))
        except (ValueError, AttributeError, RecursionError):
            told = data[:400].decode("utf-8", "replace")
        return self._clean(" ".join(told.split())[:200]) or "no explanation"


FILTERED = ("content_filter", "content_policy", "ResponsibleAIPolicyViolation", "data_inspection_failed", "was flagged")
"""How providers say that their filter, and not their server, turned a question away."""


def _number(value: object, otherwise: int) -> int:
    return value if isinstance(value, int) and value >= 0 else otherwise
