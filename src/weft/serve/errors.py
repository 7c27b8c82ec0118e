"""Every refusal in one shape, the one that OpenAI's clients read."""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from weft.errors import Away, Broken, WeftError
from weft.progress import say
from weft.serve.batching import Busy

KINDS = {401: "authentication_error", 404: "not_found", 408: "timeout", 413: "too_large", 429: "rate_limit_exceeded"}


class ApiError(Exception):
    """What the caller can mend: an HTTP status, a sentence, and the part of the request that it is about."""

    def __init__(self, status: int, message: str, param: str | None = None):
        super().__init__(message)
        self.status, self.message, self.param = status, message, param


def body(status: int, message: str, param: str | None = None) -> dict:
    """{"error": {message, type, param, code}}."""
    kind = KINDS.get(status, "invalid_request_error" if status < 500 else "server_error")
    return {"error": {"message": message, "type": kind, "param": param, "code": status}}


def answer(status: int, message: str, param: str | None = None, headers: dict | None = None) -> JSONResponse:
    return JSONResponse(body(status, message, param), status, headers)


def install(app: FastAPI) -> None:
    """Makes every exception an answer in this shape; none repeats what was sent, which may not even be valid text."""

    @app.exception_handler(ApiError)
    async def refused(request: Request, error: ApiError):
        return answer(error.status, error.message, error.param)

    @app.exception_handler(Busy)
    async def busy(request: Request, error: Busy):
        return answer(429, "the queue is full", headers={"Retry-After": str(error.retry_after)})

    @app.exception_handler(Away)
    async def away(request: Request, error: Away):
        say(f"  503: {error}")  # whose address and reason are not for strangers
        return answer(503, "the search behind this service does not answer", headers={"Retry-After": "5"})

    @app.exception_handler(Broken)
    async def broken(request: Request, error: Broken):
        say(f"  500: {error}")
        return answer(500, str(error))

    @app.exception_handler(WeftError)
    async def unusable(request: Request, error: WeftError):
        return answer(422, str(error))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError):
        first = error.errors()[0]
        if first["type"] == "json_invalid":
            return answer(400, "the body is no JSON")
        where = ".".join(str(part) for part in first["loc"][1:])  # the first says body, query or path
        printable = where.encode("ascii", "backslashreplace").decode()[:200]
        return answer(422, f"{printable or 'the body'}: {first['msg']}"[:500], printable or None)

    @app.exception_handler(HTTPException)
    async def other(request: Request, error: HTTPException):
        return answer(error.status_code, str(error.detail), headers=dict(error.headers or {}))
