"""What the service answers: equal to the model and the index it stands on."""

import base64

import numpy as np
import pytest
from service import refused, service, url

import galleries
from weft.catalogue.images import decode
from weft.encoders import load
from weft.index import Local, hybrid, open_index


@pytest.fixture(scope="module")
def woven(shop_indexes):
    index = open_index(shop_indexes[0])
    return index, load(index.manifest["model"])


def vectors_of(encoder, texts=(), pictures=()):
    parts = []
    if texts:
        parts.append(encoder.text_features(encoder.tokens(list(texts))))
    if pictures:
        parts.append(encoder.image_features(encoder.pixels([decode(data) for data in pictures])))
    return np.concatenate([part.detach().numpy() for part in parts])


def test_embeddings_have_openai_s_shape_and_the_model_s_values(served, woven):
    picture = galleries.picture(3)
    told = {"input": ["a red dress", {"image": url(picture)}, url(picture), {"text": "a hat"}], "model": "woven"}
    answer = served.post("/v1/embeddings", told).json()
    expected = vectors_of(woven[1], ["a red dress"], [picture, picture])
    assert answer["object"] == "list" and answer["model"] == "woven"
    assert [one["index"] for one in answer["data"]] == [0, 1, 2, 3]
    got = np.asarray([one["embedding"] for one in answer["data"]])
    assert np.abs(got[:3] - expected).max() < 1e-5
    assert answer["usage"]["prompt_tokens"] == sum(woven[1].token_lengths(["a red dress", "a hat"]))
    coded = served.post("/v1/embeddings", told | {"encoding_format": "base64"}).json()
    for one, row in zip(coded["data"], got, strict=True):
        np.testing.assert_array_equal(np.frombuffer(base64.b64decode(one["embedding"]), "<f4"), row.astype("<f4"))
    other = served.post("/v1/embeddings", {"input": "a red dress", "model": "base"}).json()["data"][0]["embedding"]
    assert np.abs(np.asarray(other) - expected[0]).max() > 0.01
    short = served.post("/v1/embeddings", {"input": "a red dress", "dimensions": 8}).json()["data"][0]["embedding"]
    np.testing.assert_allclose(short, got[0, :8] / np.linalg.norm(got[0, :8]), atol=1e-6)


def test_similarity_is_the_cosine(served, woven):
    picture = galleries.picture(5)
    answer = served.post("/v1/similarity", {"queries": ["a hat", "a coat"], "documents": [{"image": url(picture)}]})
    texts, images = vectors_of(woven[1], ["a hat", "a coat"]), vectors_of(woven[1], [], [picture])
    np.testing.assert_allclose(answer.json()["scores"], texts @ images.T, atol=1e-5)


@pytest.mark.parametrize("how", ["text", "image", "both"])
def test_search_ranks_as_the_index_does(served, woven, how):
    index, encoder = woven
    picture, told = galleries.picture(9), {}
    vector = 0.7 * vectors_of(encoder, ["red skirt"]) + 0.3 * vectors_of(encoder, [], [picture])
    if how != "image":
        told["text"] = "red skirt"
    if how != "text":
        told["image"] = url(picture)
    if how == "both":
        told["image_weight"] = 0.3
    else:
        vector = vectors_of(encoder, ["red skirt"]) if how == "text" else vectors_of(encoder, [], [picture])
    vector = (vector / np.linalg.norm(vector))[0]
    filters = {"category": ["dress", "skirt"]}
    rows, scores = Local(index).search(vector, 12, filters)
    answer = served.post("/v1/search", told | {"filters": filters, "limit": 4, "offset": 5}).json()
    assert [hit["id"] for hit in answer["results"]] == [index.product(row)["product_id"] for row in rows[5:9]]
    np.testing.assert_allclose([hit["score"] for hit in answer["results"]], scores[5:9], atol=1e-5)
    assert [hit["rank"] for hit in answer["results"]] == [6, 7, 8, 9] and answer["total"] == 20
    assert answer["model"] == "woven" and answer["other"] is None and answer["facets"] is None


def test_an_upload_finds_what_its_base64_finds(served):
    picture = galleries.picture(2)
    form = {"image": ("a.jpg", picture, "image/jpeg")}
    told = {"request": '{"filters": {"category": ["dress"]}, "limit": 3}'}
    uploaded = served.post("/v1/search/upload", files=form, data=told).json()
    sent = served.post("/v1/search", {"image": url(picture), "filters": {"category": ["dress"]}, "limit": 3}).json()
    assert uploaded["results"] == sent["results"] and len(sent["results"]) == 3
    assert "valid JSON" in refused(served.post("/v1/search/upload", files=form, data={"request": "{"}), 422)
    assert "Extra" in refused(served.post("/v1/search/upload", files=form, data={"request": '{"what": 1}'}), 422)
    twice = served.post("/v1/search/upload", files=form, data={"request": '{"image": ""}'})
    assert "two pictures" in refused(twice, 422), "the file is not what is empty"


def test_a_picture_of_the_gallery_finds_itself(served):
    answer = served.post("/v1/search", {"image": url(galleries.picture(11)), "limit": 1}).json()
    assert answer["results"][0]["score"] > 0.999


def test_two_models_side_by_side_and_where_each_product_stands(served):
    told = {"text": "navy dress", "compare": True, "limit": 6}
    both = served.post("/v1/search", told).json()
    alone = [
        served.post("/v1/search", {"text": "navy dress", "model": m, "limit": 30}).json() for m in ("woven", "base")
    ]
    for side, mine, other in ((both, *alone), (both["other"], *alone[::-1])):
        assert side["model"] == mine["model"]
        ranks = {hit["id"]: hit["rank"] for hit in other["results"]}
        assert [hit["id"] for hit in side["results"]] == [hit["id"] for hit in mine["results"][:6]]
        assert [hit["other_rank"] for hit in side["results"]] == [ranks[hit["id"]] for hit in side["results"]]
    with_first = served.post("/v1/search", told | {"model": "base"}).json()
    assert with_first["results"] == both["other"]["results"] and with_first["other"]["results"] == both["results"]


def test_hybrid_is_the_index_s(served, woven):
    index, encoder = woven
    rows, _ = hybrid(index, Local(index), vectors_of(encoder, ["red dress"])[0], "red dress", 5, {})
    answer = served.post("/v1/search", {"text": "red dress", "hybrid": True, "limit": 5}).json()
    assert [hit["id"] for hit in answer["results"]] == [index.product(row)["product_id"] for row in rows]
    assert "needs a text" in refused(served.post("/v1/search", {"hybrid": True}), 422)


def test_without_a_query_the_gallery_is_leafed_through(served):
    answer = served.post("/v1/search", {"limit": 3, "offset": 28, "facets": True}).json()
    assert [hit["id"] for hit in answer["results"]] == ["p28", "p29"] and answer["results"][0]["score"] is None
    assert answer["facets"]["category"] == [{"value": kind, "count": 10} for kind in ("dress", "shirt", "skirt")]
    only = served.post("/v1/search", {"filters": {"brand": ["b1"], "category": ["shirt"]}, "facets": True}).json()
    assert only["total"] == 5 and [hit["id"] for hit in only["results"]] == ["p1", "p7", "p13", "p19", "p25"]
    assert {v["value"]: v["count"] for v in only["facets"]["brand"]} == {"b0": 5, "b1": 5}


def test_a_product_and_what_is_like_it(served, woven):
    index, _ = woven
    product = served.get("/v1/products/p3").json()
    assert product["attributes"] == index.product(3)["attributes"] and len(product["pictures"]) == 2
    rows, _ = Local(index).search(index.vector(3), 6, {})
    like = served.get("/v1/products/p3/similar?limit=5").json()
    assert [hit["id"] for hit in like["results"]] == [f"p{row}" for row in rows if row != 3][:5]
    assert served.post("/v1/search", {"like": "p3", "limit": 5}).json()["results"] == like["results"]
    narrow = served.post("/v1/search", {"like": "p3", "filters": {"category": ["shirt"]}, "limit": 30}).json()
    assert len(narrow["results"]) == 10 and {hit["category"] for hit in narrow["results"]} == {"shirt"}
    picture = served.get(f"/pictures/{product['pictures'][0]}")
    assert picture.headers["content-type"] == "image/jpeg" and "immutable" in picture.headers["cache-control"]
    assert decode(picture.content).size == decode(galleries.picture(4)).size


def test_ids_are_names_not_paths(served):
    for name in ("p99", "%2e%2e", "%2e%2e%2fp3", "p3%00", "p3/%2e%2e/p4", "//p3", "a" * 5000):
        assert served.get(f"/v1/products/{name}").status_code in (404, 405)
        assert served.get(f"/pictures/{name}").status_code == 404
        assert served.get(f"/page/{name}").status_code == 404
    assert "no such product" in refused(served.post("/v1/search", {"like": "../p3"}), 404)


def test_ids_with_slashes_are_found(tmp_path):
    from service import indexes

    folders = indexes(tmp_path, {"red/a b": [1], "ä": [2], "c": [3]})
    with service(folders[:1]) as one:
        assert one.get("/v1/products/red/a b").json()["id"] == "red/a b"
        assert one.get("/v1/products/red%2Fa%20b/similar").json()["results"][0]["id"] in ("ä", "c")


def test_an_id_may_end_as_an_address_does(tmp_path):
    from service import indexes

    folders = indexes(tmp_path, {"a": [1], "a/similar": [2], "b": [3]})
    with service(folders[:1]) as one:
        product = one.get("/v1/products/a%2Fsimilar").json()
        assert product["id"] == "a/similar" and set(product) == set(one.get("/v1/products/a").json())
        assert one.get("/v1/products/a/similar").json()["results"][0]["id"] in ("a/similar", "b")
        assert one.get("/v1/products/a%2fsimilar/similar").json()["results"][0]["id"] in ("a", "b")
        assert "no such product" in refused(one.get("/v1/products/b%2Fsimilar"), 404)


def test_what_the_page_begins_with(served):
    told = served.get("/v1/gallery").json()
    assert told["models"] == ["woven", "base"] and told["products"] == 30
    assert told["facets"] == ["brand", "category", "colour"] and set(told["examples"][0]) == {
        "product_id",
        "short",
        "long",
    }
    models = served.get("/v1/models").json()
    assert [m["id"] for m in models["data"]] == ["woven", "base"] and models["data"][0]["dimensions"] == 32


def test_the_openapi_document_shows_examples_that_work(served):
    document = served.get("/openapi.json").json()
    schemas, tried = document["components"]["schemas"], 0
    for path, methods in document["paths"].items():
        for told in methods.values():
            assert told["description"] and "422" in told["responses"]
            body = told.get("requestBody", {}).get("content", {}).get("application/json")
            for example in schemas[body["schema"]["$ref"].rpartition("/")[2]]["examples"] if body else ():
                tried += 1
                answer = served.post(path, example)
                assert answer.status_code == 200 or answer.json()["error"]["param"] == "like", answer.text
    assert tried == 6
