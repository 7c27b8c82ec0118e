"""Questions for the tests of endpoints."""

from pathlib import Path

from scripted import Server, words
from weft.endpoint import Endpoint, Ledger, Request, complete

SECRET = "sk-secret-1234567890"


def question(text: str, **more) -> Request:
    return Request(({"role": "user", "content": text},), body={"max_tokens": 50}, **more)


def ask(server: Server, cache: Path, *requests: Request, ledger: Ledger | None = None, **settings) -> dict:
    """Text of the question -> its answer."""
    endpoint = Endpoint(server.url, "toy", **{"first_wait": 0.01, "timeout": 5.0, **settings})
    found = complete(requests, endpoint, cache / "answers.jsonl", ledger)
    return {request.messages[0]["content"]: answer for request, answer in found}


def echo(body: dict, time: int) -> str:
    return f"heard {words(body)}"
