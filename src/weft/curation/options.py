"""Reads what the verbs of curation are given: an endpoint with its key, fields of a request, other words of values."""

import json
import os
from pathlib import Path

from weft.endpoint import Endpoint
from weft.errors import WeftError


def endpoint_of(
    url: str, model: str, key_variable: str, timeout: float, concurrency: int, requests: float, tokens: float
) -> Endpoint | None:
    """None where no address is given. Raises `WeftError` as `Endpoint`."""
    if not url:
        return None
    key = os.environ.get(key_variable, "").strip()
    return Endpoint(url, model, key, timeout, concurrency=concurrency, requests=requests, tokens=tokens)


def fields_of(text: str) -> dict:
    """Raises `WeftError` if the text is no JSON object."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise WeftError(f'--body {text!r} is no JSON object; one looks like {{"top_p": 0.9}}')
    return found


def words_of(path: Path | None) -> dict[str, tuple[str, ...]]:
    """Value -> other ways of saying it. Raises `WeftError` if the file is missing or holds anything else."""
    if path is None:
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeftError(f"{path} cannot be read: {error}") from None
    sound = isinstance(found, dict) and all(
        isinstance(others, list) and all(isinstance(one, str) for one in others) for others in found.values()
    )
    if not sound:
        raise WeftError(f'{path}: expected each value with a list of other words, {{"navy": ["dark blue"]}}')
    return {value: tuple(others) for value, others in found.items()}
