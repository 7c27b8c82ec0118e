"""A service in this process, asked as over the network: the same bytes, no socket."""

import asyncio
import base64
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import httpx

import tiny
from galleries import table
from weft.index import build
from weft.serve import open_engine
from weft.serve.app import create_app
from weft.serve.limits import Limits
from weft.serve.metrics import Metrics

HOSTILE = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'>"


def indexes(folder: Path, products: dict[str, list[int]], titles=None, columns=("colour=colour",)) -> list[Path]:
    """Two models' indexes of one shop: "woven" and "base"."""
    source = table(folder / "shop", products, titles)
    for seed, label in enumerate(("base", "woven")):
        tiny.encoder(seed=seed).save(folder / label)
        build(f"{label}={folder / label}", source, folder / f"{label}-index", columns)
    return [folder / "woven-index", folder / "base-index"]


class Service:
    """Attributes: engine, and `app` as a server would run it."""

    def __init__(self, folders: list[Path], limits: Limits, keys=(), hosts=(), **batching):
        self.metrics = Metrics()
        self.engine = open_engine(*folders, limits=limits, metrics=self.metrics, **batching)
        self.app = create_app(self.engine, self.metrics, keys, hosts)

    def do(self, work: Callable):
        """Runs `await work(client)`."""

        async def main():
            inside = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=inside, base_url="http://localhost") as client:
                return await work(client)

        return asyncio.run(main())

    def get(self, path: str, **named) -> httpx.Response:
        return self.do(lambda client: client.get(path, **named))

    def post(self, path: str, json=None, **named) -> httpx.Response:
        return self.do(lambda client: client.post(path, json=json, **named))

    def close(self) -> None:
        asyncio.run(self.engine.close())


@contextmanager
def service(folders: list[Path], limits: Limits = Limits(), **named):  # noqa: B008  (it is frozen)
    one = Service(folders, limits, **named)
    try:
        yield one
    finally:
        one.close()


def url(data: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()


def refused(answer: httpx.Response, status: int) -> str:
    """The message of a refusal, once its shape is right."""
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"} and error["code"] == status
    return error["message"]
