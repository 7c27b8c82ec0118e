"""From an index folder to a running server, and to a graceful end."""

import contextlib
import os
import signal
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from weft.encoders import load
from weft.encoders.python import unasked
from weft.errors import Unable, WeftError, extra
from weft.index import Index, Local, Store, open_index
from weft.index.finished import index_run, is_run
from weft.progress import say

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def open_engine(
    index: Path,
    compare: Path | None = None,
    model: str = "",
    remote_code: tuple[str, ...] = (),
    exact: bool = True,
    address: str = "",
    limits=None,
    metrics=None,
    **batching,
):
    """Opens one index or two, with the models that made them.

    Args:
        model: where the first index's model lies now, if not where it was.
        exact: of an index that is kept in Qdrant: compare every vector.
        address: the Qdrant server that may be sent QDRANT_API_KEY; one on this machine may in any case.
        batching: `max_batch`, `max_wait` (seconds) and `room` of `weft.serve.batching.Batcher`.

    Raises:
        WeftError: a folder is no index, its model is gone or another one, or two indexes share a label.
    """
    extra("fastapi", "serve", "weft serve")
    from weft.serve.engine import Engine, Model, Side
    from weft.serve.limits import Limits
    from weft.serve.metrics import Metrics

    opened: dict[str, Model] = {}
    sides, store_of = [], partial(_store, exact=exact, address=address)
    for folder, place in ((index, model), (compare, "")):
        if folder is None:
            continue
        found = open_index(folder)
        if found.fingerprint not in opened:
            opened[found.fingerprint] = Model(_model(found, place, remote_code))
        sides.append(Side(found, store_of(found), opened[found.fingerprint], store_of))
    if len({side.label for side in sides}) < len(sides):
        raise WeftError(
            f"both indexes call their model {sides[0].label!r}: make one again with weft index LABEL=MODEL ..."
        )
    for side in sides:
        side.index.warm()
        with contextlib.suppress(Unable):  # a model of pictures alone still finds by them
            side.model.texts(["warm"])
    return Engine(sides, limits or Limits(), metrics or Metrics(), **batching)


def _model(index: Index, place: str, remote_code: tuple[str, ...]):
    if not place:
        place = index.manifest["model"]
        unasked(place, index.folder.parent, remote_code)
    encoder = load(place, remote_code=remote_code)
    if encoder.fingerprint() != index.fingerprint:
        raise WeftError(
            f"{index.folder.parent} was made with another model than {place} is now (fingerprint "
            f"{index.fingerprint[:12]}): say with --model where that one lies, or index again with this one"
        )
    return encoder


def _store(index: Index, exact: bool, address: str) -> Store:
    kept = index.manifest.get("store")
    if not kept:
        return Local(index)
    from weft.index.qdrant import Qdrant, connect

    # An index may be a stranger's, and so may be the server that it names.
    known = kept["address"] == address or urlsplit(kept["address"]).hostname in LOOPBACK
    if not known and os.environ.get("QDRANT_API_KEY"):
        say(f"  {kept['address']} is not sent QDRANT_API_KEY: if it is yours, say --address {kept['address']}")
    return Qdrant(index, connect(kept["address"], known), kept["name"], kept["address"], exact)


def serve(index: Path, compare: Path | None = None, host: str = "127.0.0.1", port: int = 8000, **options) -> None:
    """Answers until SIGTERM or Ctrl-C; then finishes what was begun, for at most half a minute, and returns.

    Args:
        index: an index, or a finished run: its catalogue is indexed first, by its base as well.
        compare: another index, to be shown beside; of a run its base's by default.
        host: the address to listen on; one that others can reach needs keys (WEFT_KEYS) or a network that is safe.
        options: see `open_engine`.

    Raises:
        WeftError: as `open_engine`, or the port is taken.
    """
    import socket

    uvicorn = extra("uvicorn", "serve", "weft serve")
    from weft.serve.app import create_app
    from weft.serve.limits import keys_from_environment
    from weft.serve.metrics import Metrics

    if is_run(index):
        index, base = index_run(index)
        compare = compare or base
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
        except OSError as error:
            raise WeftError(f"cannot listen on {host}:{port}: {error.strerror}; choose another --port") from None
        metrics, keys = Metrics(), keys_from_environment()
        engine = open_engine(index, compare, metrics=metrics, **options)
        if host not in LOOPBACK and not keys:
            say(
                f"  listening on {host} without keys: everybody who reaches it may search; set WEFT_KEYS to ask for one"
            )
        app = create_app(engine, metrics, keys, LOOPBACK if host in LOOPBACK else ())
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=30,
            timeout_keep_alive=30, backlog=2048,
        )  # fmt: skip
        for number in (signal.SIGINT, signal.SIGTERM):  # uvicorn raises them again once all is done: that is a good end
            signal.signal(number, lambda *_: None)
        shown = f"[{host}]" if ":" in host else host
        say(f"  {' and '.join(engine.sides)}: {len(engine.first.index)} products; Ctrl-C stops")
        listening.listen(2048)  # from here on who calls is answered, if a moment later
        print(f"http://{shown}:{listening.getsockname()[1]}", flush=True)
        uvicorn.Server(config).run(sockets=[listening])
