"""The page's server: the files of the page, the pool's pictures, and four things that can be said of a pair."""

import re
import socket
from importlib import resources
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from weft.annotate.export import export, log_path, logs, named
from weft.annotate.log import Log
from weft.annotate.pairs import Pairs
from weft.annotate.session import Session
from weft.errors import WeftError, extra
from weft.files import disk_error
from weft.judging.pool import Pool
from weft.judging.rubric import Rubric
from weft.progress import say

HOSTS = ("127.0.0.1", "localhost", "[::1]")
"""Names by which the page may be asked for: a stranger's page that resolves its own name to this machine is refused."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

PAGE = {"": ("page.html", "text/html"), "page.css": ("page.css", "text/css"), "page.js": ("page.js", "text/javascript")}


def annotate(folder: Path, out: Path, name: str, rubric: Rubric, port: int = 8765) -> None:
    """Serves the page until Ctrl-C; every answer is kept as it is given, `out` is written at the start and the end.

    Args:
        folder: the pool. out: the Parquet file of everybody's grades; logs and qrels lie beside it.
        port: 0 for any that is free.

    Raises:
        WeftError: no such pool, a name that cannot be, a port or a log in use, or an extra that is missing.
    """
    uvicorn = extra("uvicorn", "serve", "the annotation page")
    session = open_session(folder, out, name, rubric)
    listening = _bind(port)
    export(out, rubric, session.every)
    print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    say(f"{session.name}: {len(session.answers)} of {len(session.every.pairs)} pairs are done; Ctrl-C ends")
    config = uvicorn.Config(app_of(session, rubric, out), log_level="warning", server_header=False)
    try:
        uvicorn.Server(config).run(sockets=[listening])
    finally:
        written = export(out, rubric, session.every)
        session.log.close()
    say("wrote " + ", ".join(map(str, written)))


def open_session(folder: Path, out: Path, name: str, rubric: Rubric) -> Session:
    name, shown = named(name), Pairs(Pool(folder))
    logs(out, rubric, shown.key)  # whoever would not be exported with the others finds out before the first grade
    log = Log(log_path(out, name), {"annotator": name, "pool": shown.key} | rubric.settings)
    return Session(shown, log, name, rubric.top)


def levels(rubric: Rubric) -> list[dict]:
    """The grades for buttons, upwards: what the rubric says of each, its first words as the name.

    Raises:
        WeftError: the rubric's text does not say of every grade, on a line of its own, what it means.
    """
    found = {int(grade): told for grade, told in re.findall(r"(?m)^\s*(\d+)\s*:\s*(.+)$", rubric.text)}
    if sorted(found) != list(range(rubric.top + 1)):
        raise WeftError(f"rubric {rubric}: its text needs a line 'GRADE: MEANING' for each of 0 to {rubric.top}")
    parts = {grade: re.split(r"[:;]\s*", told, maxsplit=1) for grade, told in sorted(found.items())}
    return [{"grade": grade, "name": name, "meaning": " ".join(rest)} for grade, (name, *rest) in parts.items()]


def _bind(port: int) -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
        listening.listen()  # before the address is printed: whoever follows it at once waits, and is not refused
    except OSError as error:
        listening.close()
        raise WeftError(f"port {port} cannot be used ({error.strerror}): take another --port, or 0 for any") from None
    return listening


def app_of(session: Session, rubric: Rubric, out: Path):
    """The page as an ASGI application, for one annotator."""
    from fastapi import Body, FastAPI, Request
    from fastapi.responses import JSONResponse, Response

    app, shown = FastAPI(openapi_url=None), levels(rubric)
    assets = {
        path: Response(resources.files("weft.annotate").joinpath(file).read_bytes(), media_type=kind)
        for path, (file, kind) in PAGE.items()
    }

    @app.middleware("http")
    async def guard(request: Request, answer):
        """Only this page itself may ask, from this machine, by its own name."""
        host, origin = request.headers.get("host", ""), request.headers.get("origin")
        foreign = origin is not None and urlsplit(origin).netloc != host
        if foreign or not {host, host.rpartition(":")[0]} & set(HOSTS):
            response = JSONResponse({"error": "this page answers only itself"}, 403)
        else:
            response = await answer(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    @app.exception_handler(WeftError)
    def refused(_, error: WeftError):
        return JSONResponse({"error": str(error)}, 422)

    @app.exception_handler(OSError)
    def failed(_, error: OSError):
        return JSONResponse({"error": str(disk_error(error, session.log.path))}, 500)

    @app.get("/api/state")
    def state() -> dict:
        return session.state() | {"rubric": shown, "files": out.name}

    @app.post("/api/answer")
    def answer(number: Annotated[int, Body()], grade: Annotated[int | None, Body()] = None) -> dict:
        session.answer(number, grade)
        return finished()

    @app.post("/api/undo")
    def undo(_: Annotated[dict, Body()]) -> dict:
        session.undo()
        return state()

    @app.post("/api/again")
    def again(_: Annotated[dict, Body()]) -> dict:
        session.again()
        return state()

    def finished() -> dict:
        told = state()
        if told["pair"] is None:
            export(out, rubric, session.every)
        return told

    @app.get("/image/{sha256}")
    def image(sha256: str):
        try:
            picture = session.every.jpeg(sha256)
        except WeftError:
            return Response(status_code=404)
        return Response(picture, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})

    @app.get("/{path:path}")
    def page(path: str):
        return assets.get(path, Response(status_code=204 if path == "favicon.ico" else 404))

    return app
