"""A running service and a catalogue that grows: new products are found, what was begun ends, faults stay out."""

import asyncio
import dataclasses
import shutil

import httpx
import pytest
from service import Service

import tiny
from galleries import shop, table
from weft.files import write_json
from weft.index import build
from weft.serve import renew
from weft.serve.limits import Limits


@pytest.fixture
def grown(tmp_path):
    """A service over ten products, and a function that gives its index any number of them."""
    tiny.encoder(seed=1).save(tmp_path / "woven")

    def index(count: int, seed: int = 1) -> None:
        tiny.encoder(seed=seed).save(tmp_path / "woven")
        source = table(tmp_path / "shop", shop(count))
        build(f"woven={tmp_path / 'woven'}", source, tmp_path / "index", ("colour=colour",), again=seed != 1)

    index(10)
    one = Service([tmp_path / "index"], Limits())
    yield one, index, tmp_path / "index"
    one.close()


def test_a_new_version_is_found_without_a_restart(grown):
    service, index, _ = grown
    begun = service.engine.side(None)
    vectors = begun.index.vectors.copy()

    async def ask(client: httpx.AsyncClient) -> list:
        looking = asyncio.create_task(renew.keep(service.engine, every=0.01))
        before = (await client.get("/v1/products/p11")).status_code
        await asyncio.to_thread(index, 12)
        async with asyncio.timeout(20):
            while (await client.get("/health")).json()["indexes"]["woven"] != "v000002":
                await asyncio.sleep(0.01)
        looking.cancel()
        return [before, await client.get("/v1/products/p11"), await client.get("/v1/gallery")]

    before, after, gallery = service.do(ask)
    assert before == 404 and after.status_code == 200 and gallery.json()["products"] == 12
    found = service.post("/v1/search", {"like": "p11", "limit": 3}).json()["results"]
    assert len(found) == 3 and service.engine.first is service.engine.side("woven")
    assert (begun.index.vectors == vectors).all() and len(begun.index) == 10, "who holds the old version ends on it"


def test_there_is_nothing_to_take_where_nothing_changed(grown):
    assert renew.renewed(grown[0].engine.first) is None


def test_an_index_that_was_deleted_and_made_again_is_taken(grown):
    service, index, folder = grown
    shutil.rmtree(folder)
    index(12)
    newer = renew.renewed(service.engine.first)
    assert newer is not None and len(newer.index) == 12
    assert newer.index.folder.name == service.engine.first.index.folder.name, "its versions are counted from 1 again"
    assert renew.renewed(newer) is None


@pytest.mark.parametrize("fault", ["model", "damage", "gone", "store"])
def test_what_cannot_be_used_is_told_once_and_the_old_version_answers(grown, fault, capsys):
    service, index, folder = grown
    if fault == "model":
        index(12, seed=2)
    elif fault == "damage":
        write_json(folder / "current.json", {"version": "v000009"})
    elif fault == "gone":
        shutil.move(folder, folder.with_name("elsewhere"))
    else:
        index(12)

        def away(_: object) -> None:
            raise ConnectionError("the database is away")

        service.engine.replace(dataclasses.replace(service.engine.first, store_of=away))

    async def wait(client: httpx.AsyncClient) -> httpx.Response:
        looking = asyncio.create_task(renew.keep(service.engine, every=0.01))
        await asyncio.sleep(0.3)
        assert not looking.done(), "it goes on looking"
        looking.cancel()
        return await client.get("/v1/gallery")

    assert service.do(wait).json()["products"] == 10
    told = [line for line in capsys.readouterr().err.splitlines() if "stays at v000001" in line]
    assert len(told) == 1
    assert {"model": "another model", "damage": "v000009", "gone": "current.json", "store": "is away"}[fault] in told[0]
