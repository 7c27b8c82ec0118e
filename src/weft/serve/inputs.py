"""What a request says, read: texts, pictures, and the question that a search asks."""

import base64
import binascii

from weft.serve import records as say
from weft.serve.engine import Engine, Query
from weft.serve.errors import ApiError


def text_of(text: str, longest: int, param: str) -> str:
    """One line, its blanks single. Raises `ApiError`: it is empty, longer than `longest` characters or no text."""
    if len(text) > longest:
        raise ApiError(422, f"a text has at most {longest} characters", param)
    if not text.strip():
        raise ApiError(422, "an empty text", param)
    if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):  # JSON can say it, no file can
        raise ApiError(422, "a text with half of a surrogate pair", param)
    return " ".join(text.split())


def picture_of(text: str, param: str) -> bytes:
    """The bytes of a base64 data URL, or of bare base64. Raises `ApiError`; nothing is ever fetched."""
    if text[:5].lower() == "data:":
        head, comma, text = text.partition(",")
        if not comma or not head.lower().startswith("data:image/") or not head.lower().endswith(";base64"):
            raise ApiError(422, "a picture's data URL begins with data:image/...;base64,", param)
    elif "://" in text[:16]:
        raise ApiError(422, "addresses are never fetched: send the picture itself as a base64 data URL", param)
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ApiError(422, "not base64", param) from None
    if not data:
        raise ApiError(422, "an empty picture", param)
    return data


def inputs_of(told: list[say.Input], engine: Engine, param: str) -> list[str | bytes]:
    """Texts and pictures to embed. Raises `ApiError`: none or too many of them, or one that cannot be read."""
    if not 1 <= len(told) <= engine.limits.inputs:
        raise ApiError(422, f"between 1 and {engine.limits.inputs} inputs a request", param)
    return [_input(one, engine.limits.text, param) for one in told]


def _input(one: say.Input, longest: int, param: str) -> str | bytes:
    if isinstance(one, say.ImageInput):
        return picture_of(one.image, param)
    text = one.text if isinstance(one, say.TextInput) else one
    return picture_of(text, param) if text.startswith("data:image/") else text_of(text, longest, param)


def query_of(request: say.SearchRequest, engine: Engine, image: bytes = b"") -> Query:
    """What a search asks; `image` is a picture that came as a file.

    Raises:
        ApiError: what is asked is empty (to leaf through the gallery, leave it out), contradicts itself, or goes
            further down than this server answers.
    """
    limits, offered = engine.limits, request.offset + request.limit
    text = "" if request.text is None else text_of(request.text, limits.text, "text")
    if request.image is not None:
        image = picture_of(request.image, "image")
    if request.like is not None and not request.like:
        raise ApiError(422, "an empty id", "like")
    if request.like and (text or image):
        raise ApiError(422, "ask for what is like a product, or by text and picture", "like")
    if request.hybrid and not text:
        raise ApiError(422, "a hybrid search needs a text", "hybrid")
    if request.limit > limits.page or offered > limits.deep:
        raise ApiError(422, f"at most {limits.page} products at once, down to rank {limits.deep}", "limit")
    if request.compare and len(engine.sides) < 2:
        raise ApiError(422, "one model is served here: start with --compare to have two", "compare")
    return Query(text, image, request.image_weight, request.like or "")
