"""Local and Qdrant searches against the definition, hybrid fusion, and the export."""

import itertools
import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from galleries import table, unit
from weft.bm25 import BM25, fuse
from weft.errors import Away, WeftError
from weft.index import Local, build, export, hybrid, open_index
from weft.index.qdrant import Qdrant, _batches, collection_name, connect, synchronise

FILTERS = [
    {}, {"category": ["dress"]}, {"category": ["dress", "skirt"], "colour": ["red", "navy"]}, {"brand": ["nobody"]},
    {"brand": ["b1"], "colour": []},
]  # fmt: skip


def brute(index, vector, k, filters):
    """The definition: float64 cosines, the best picture of each product that has a value under every name."""
    told = []
    for row in range(len(index)):
        product = index.product(row)
        has = {"brand": {product["brand"]}, "category": {product["category"]}}
        has |= {name: set(values) for name, values in product["attributes"].items()}
        if all(has[name] & set(values) for name, values in filters.items() if values):
            own = index.vectors[list(index.images_of(row))].astype(np.float64) @ vector.astype(np.float64)
            told.append((-np.float32(own.max()), row))
    return [row for _, row in sorted(told)[:k]]


@pytest.mark.parametrize("filters", FILTERS)
@pytest.mark.parametrize("k", [1, 7, 100])
def test_the_folder_finds_what_is_nearest(shelf_index, filters, k):
    index = open_index(shelf_index)
    for vector in unit(np.random.default_rng(k), 4):
        rows, scores = Local(index).search(vector, k, filters)
        assert rows.tolist() == brute(index, vector, k, filters)
        assert (np.diff(scores) <= 0).all() and len(rows) == len(scores)


def test_a_gallery_of_one_picture_each_is_searched_alike(model, tmp_path):
    build(str(model), table(tmp_path / "shop", {f"p{n}": [n % 9] for n in range(20)}), tmp_path / "index")
    index = open_index(tmp_path / "index")
    for filters in ({}, {"brand": ["b1"]}, {"brand": ["b0"], "category": ["dress"]}, {"brand": ["nobody"]}):
        for vector in unit(np.random.default_rng(1), 3):
            for k in (1, 8, 50):
                assert Local(index).search(vector, k, filters)[0].tolist() == brute(index, vector, k, filters)


def test_the_page_on_serving_runs(shelf_index, tmp_path, monkeypatch):
    (tmp_path / "runs" / "demo").mkdir(parents=True)
    (tmp_path / "runs" / "demo" / "index").symlink_to(shelf_index)
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[2] / "docs" / "serving.md").read_text()
    (code,) = re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    names: dict = {}
    exec(code.replace('["robe", "jersey"]', '["dress", "skirt"]'), names)
    assert len(names["titles"]) == 10 and all("dress" in title or "skirt" in title for title in names["titles"])


@pytest.fixture(scope="module")
def both(shelf_index):
    index, client = open_index(shelf_index), connect(":memory:")
    assert synchronise(index, client, "shop", ":memory:") == (40, 0)
    return index, client


@pytest.mark.parametrize("filters", FILTERS)
def test_qdrant_finds_the_same_with_the_same_scores(both, filters):
    index, client = both
    for vector in unit(np.random.default_rng(3), 4):
        for k in (1, 5, 60):
            ours = Local(index).search(vector, k, filters)
            theirs = Qdrant(index, client, "shop", ":memory:").search(vector, k, filters)
            np.testing.assert_array_equal(ours[0], theirs[0])
            np.testing.assert_array_equal(ours[1], theirs[1])


def test_near_ties_at_the_end_of_the_list_are_settled_alike(both, monkeypatch):
    """With no candidates to spare, the server's own order of products that are equal but for rounding must not show."""
    index, client = both
    monkeypatch.setattr("weft.index.qdrant.SPARE", 1)
    vector = index.vector(0) - (index.vector(0) @ index.vector(1)) * index.vector(1)
    monkeypatch.setattr("weft.index.qdrant.ROUNDING", 0.2)  # everything near is a tie
    vector = (vector / np.linalg.norm(vector)).astype(np.float32)
    rows, _ = Qdrant(index, client, "shop", ":memory:").search(vector, 4, {})
    assert rows.tolist() == brute(index, vector, 4, {})


def test_only_differences_are_sent(both, monkeypatch):
    index, client = both
    name = collection_name(index, "shop")
    assert synchronise(index, client, "shop", ":memory:") == (0, 0)
    point = client.scroll(name, limit=1)[0][0]
    client.set_payload(name, {"hash": "old"}, points=[point.id])
    client.upsert(name, [_stray(client, name)])
    assert synchronise(index, client, "shop", ":memory:") == (1, 1)
    assert client.count(name).count == len(index)


def _stray(client, name):
    from qdrant_client import models

    payload = {"product_id": "gone", "facets": [], "hash": ""}
    return models.PointStruct(id=7, vector=[[0.5] * 32], payload=payload)


def test_another_model_s_vectors_lie_elsewhere(both, monkeypatch):
    index, client = both
    monkeypatch.setitem(index.manifest, "fingerprint", "f" * 64)
    with pytest.raises(WeftError, match=r"no collection shop-ffffffffffff: run weft index again"):
        Qdrant(index, client, "shop", ":memory:")


def test_folders_called_alike_share_a_server(model, tmp_path, monkeypatch):
    """The second to come must not take the first's products for what is gone."""
    client = connect(":memory:")
    monkeypatch.setattr("weft.index.qdrant.connect", lambda address: client)
    indexes = []
    for shop in ("a", "b"):
        goods = table(tmp_path / shop, {f"{shop}{n}": [n] for n in range(5)})
        build(str(model), goods, tmp_path / shop / "index", address=":memory:")
        indexes.append(open_index(tmp_path / shop / "index"))
    names = [index.manifest["store"]["name"] for index in indexes]
    assert len(set(names)) == 2 and all(re.fullmatch(r"index-[0-9a-f]{8}", name) for name in names)
    for index, name in zip(indexes, names, strict=True):
        ours = Local(index).search(index.vector(0), 5, {})
        np.testing.assert_array_equal(
            ours[0], Qdrant(index, client, name, ":memory:").search(index.vector(0), 5, {})[0]
        )
    build(str(model), str(tmp_path / "a" / "shop.csv"), tmp_path / "a" / "index")  # brought up to date, it stays there
    assert open_index(tmp_path / "a" / "index").manifest["store"]["name"] == names[0]
    with pytest.raises(Away, match="holds other products"):
        client.delete(collection_name(indexes[0], names[0]), _all(client, collection_name(indexes[0], names[0])))
        client.upsert(collection_name(indexes[0], names[0]), [_stray(client, "")])
        Qdrant(indexes[0], client, names[0], ":memory:").search(indexes[0].vector(0), 3, {})


def _all(client, name):
    from qdrant_client import models

    return models.PointIdsList(points=[point.id for point in client.scroll(name, limit=100)[0]])


def test_a_request_holds_few_enough_numbers(both, monkeypatch):
    """A server refuses more than 32 MB, and products have many pictures."""
    index, _ = both
    monkeypatch.setattr("weft.index.qdrant.FLOATS_AT_ONCE", 3 * index.dim)
    batches = _batches(index, [*range(len(index))])
    sizes = [sum(len(index.images_of(row)) for row in rows) for rows in batches]
    assert [*itertools.chain(*batches)] == [*range(len(index))]
    assert max(sizes) <= 3 < min(map(sum, itertools.pairwise(sizes))), "none could be joined"
    monkeypatch.setattr("weft.index.qdrant.FLOATS_AT_ONCE", 1)
    assert [len(rows) for rows in _batches(index, [4, 2])] == [1, 1]
    monkeypatch.undo()
    assert len(_batches(index, [0] * 600)) == 3


def test_vectors_in_half_the_room_are_other_vectors(model, tmp_path):
    client, name = connect(":memory:"), "shop"
    goods = table(tmp_path / "shop", {f"p{n}": [n] for n in range(4)})
    for half in (False, True):
        build(str(model), goods, tmp_path / "index", half=half, again=True)
        assert synchronise(open_index(tmp_path / "index"), client, name, ":memory:") == (4, 0)


def test_the_key_goes_to_no_server_that_a_file_names(monkeypatch):
    monkeypatch.setenv("QDRANT_API_KEY", "secret")
    sent = [connect("https://qdrant.example:6333", known)._client._rest_headers for known in (True, False)]
    assert ["secret" in headers.values() for headers in sent] == [True, False]


def test_a_server_that_is_not_there_is_one_line(shelf_index):
    index, client = open_index(shelf_index), connect("http://127.0.0.1:1")
    with pytest.raises(WeftError, match=r"Qdrant at http://127.0.0.1:1: .*see that it runs"):
        synchronise(index, client, "shop", "http://127.0.0.1:1")


def test_hybrid_is_the_fusion_of_both_rankings(shelf_index):
    index, vector = open_index(shelf_index), unit(np.random.default_rng(0), 1)[0]
    near = brute(index, vector, 40, {})
    said, _ = BM25(index.products["title"].to_pylist()).top_k(["red dress"], 40)
    expected, scores = fuse(np.asarray([near]), said)
    rows, fused = hybrid(index, Local(index), vector, "red dress", 10, {})
    assert rows.tolist() == expected[0][:10].tolist() and fused.tolist() == scores[0][:10].tolist()
    rows, _ = hybrid(index, Local(index), vector, "red dress", 40, {"category": ["skirt"]})
    assert {index.product(row)["category"] for row in rows} == {"skirt"}


def test_pages_of_a_hybrid_search_neither_repeat_nor_skip(shelf_index, monkeypatch):
    monkeypatch.setattr("weft.index.store.DEPTH", 12)
    index = open_index(shelf_index)
    for vector in unit(np.random.default_rng(1), 4):
        whole, _ = hybrid(index, Local(index), vector, "red dress", 40, {})
        pages = [
            hybrid(index, Local(index), vector, "red dress", first + 3, {})[0][first:] for first in range(0, 18, 3)
        ]
        assert np.concatenate(pages).tolist() == whole.tolist() and len(whole) == 12


def test_the_export_is_the_index(shelf_index, tmp_path):
    index = open_index(shelf_index)
    assert export(index, tmp_path / "out" / "vectors.parquet") == len(index.vectors)
    table = pq.read_table(tmp_path / "out" / "vectors.parquet")
    rows = table.to_pylist()
    np.testing.assert_array_equal(np.asarray([row["vector"] for row in rows], np.float32), index.vectors)
    assert [row["id"] for row in rows] == [f"p{owner}" for owner in index.owner]
    assert [row["picture"] for row in rows[:4]] == [0, 1, 0, 0] and rows[0]["sha256"] == index.sha(0)
    assert dict(rows[0]["attributes"]) == index.product(0)["attributes"] == {"colour": ["red", "c0"]}
    assert table.schema.metadata[b"fingerprint"].decode() == index.fingerprint
