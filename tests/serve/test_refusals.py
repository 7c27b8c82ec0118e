"""What the service refuses, how, and that it does so before any harm."""

import asyncio
import hashlib
import json

import pytest
import torch
from service import refused, service, url

import galleries
from test_bad_input import png_claiming
from weft.errors import Away
from weft.serve.limits import Limits

SMALL = Limits(body_bytes=20_000, all_bytes=50_000, requests=4, pixels=100_000, text=50, inputs=3, seconds=0.3)


@pytest.fixture(scope="module")
def strict(shop_indexes):
    with service(shop_indexes[:1], SMALL) as one:
        yield one


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"input": ""}, "an empty text"),
        ({"input": [" "]}, "an empty text"),
        ({"input": []}, "between 1 and 3 inputs"),
        ({"input": ["a"] * 4}, "between 1 and 3 inputs"),
        ({"input": "a" * 51}, "at most 50 characters"),
        ({"input": {"image": "http://127.0.0.1/a.jpg"}}, "never fetched"),
        ({"input": {"image": "file:///etc/passwd"}}, "never fetched"),
        ({"input": {"image": "data:text/html;base64,AAAA"}}, "data:image/"),
        ({"input": {"image": "data:image/png;base64,@@@"}}, "not base64"),
        ({"input": {"image": ""}}, "an empty picture"),
        ({"input": {"image": "AAAA"}}, "cannot be used"),
        ({"input": {"image": url(galleries.picture(1)[:-9])}}, "truncated"),
        ({"input": {"image": url(png_claiming(4_000, 4_000))}}, "more than 100000 pixels"),
        ({"input": {"image": url(png_claiming(4, 40))}}, "cannot be used"),
        ({"input": "a", "dimensions": 33}, "32 dimensions"),
        ({"input": "a", "dimensions": 0}, "greater than or equal to 1"),
        ({"input": [[1, 2]]}, "token ids belong to another model: send texts"),
        ({"input": [1, 2]}, "token ids belong to another model: send texts"),
        ({"input": 7}, "valid"),
        ({}, "required"),
        ([], "valid dictionary"),
        ({"input": "a", "encoding_format": "hex"}, "'float' or 'base64'"),
    ],
)
def test_embeddings_refuse_what_cannot_be_embedded(strict, told, says):
    assert says in refused(strict.post("/v1/embeddings", told), 422)


@pytest.mark.parametrize(
    ("told", "status", "says"),
    [
        ({"text": "a", "limit": 101}, 422, "limit"),
        ({"text": "a", "offset": 990}, 422, "down to rank 1000"),
        ({"text": "a", "offset": 10**30}, 422, ""),
        ({"text": "a", "offset": -1}, 422, "offset"),
        ({"text": "a", "compare": True}, 422, "start with --compare"),
        ({"text": "a", "model": "gpt"}, 404, "here are woven"),
        ({"text": "a", "like": "p1"}, 422, "ask for what is like a product"),
        ({"text": "a", "filters": {"x": ["y"]}}, 422, "no product can be filtered by 'x'"),
        ({"text": "a", "filters": {"x": "y"}}, 422, "list"),
        ({"text": "a", "filters": {str(n): [] for n in range(21)}}, 422, "at most 20"),
        ({"text": "a", "image": "http://x/y"}, 422, "never fetched"),
        ({"text": "a", "image_weight": 2}, 422, "less than or equal"),
        ({"text": ""}, 422, "an empty text"),
        ({"text": " "}, 422, "an empty text"),
        ({"image": ""}, 422, "an empty picture"),
        ({"like": ""}, 422, "an empty id"),
        ({"txt": "a"}, 422, "txt: Extra"),
        ({"query": "a"}, 422, "query: Extra"),
    ],
)
def test_search_refuses_what_cannot_be_asked(strict, told, status, says):
    assert says in refused(strict.post("/v1/search", told), status)


def test_what_is_no_json_or_no_text_is_refused(strict):
    head = {"content-type": "application/json"}
    for body in (b"{", b"", b"\xff\xfe", b"[" * 5000, b'{"input": "\\ud800"}', b'{"input": NaN}', b'{"\\ud800": 1}'):
        answer = strict.post("/v1/embeddings", content=body, headers=head)
        refused(answer, 422 if answer.status_code == 422 else 400)
    assert refused(strict.post("/v1/embeddings", content=b"{", headers=head), 400) == "the body is no JSON"
    for strange in ("\u0000", "a\u0000b", "\u202e", "😀", "\ufffe"):
        assert strict.post("/v1/embeddings", {"input": strange}).status_code == 200
    assert "Method" in refused(strict.get("/v1/search"), 405)
    assert "Not Found" in refused(strict.get("/nothing"), 404)


def test_what_is_the_server_s_fault_is_not_the_caller_s(strict, monkeypatch, capsys):
    """A proxy tries again after 503, an alarm counts from 500 on; what is behind the service is not told outside."""
    side = strict.engine.first

    def away(*asked):
        raise Away("Qdrant at http://db.internal:6333: Connection refused")

    monkeypatch.setattr(type(side.store), "search", away)
    answer = strict.post("/v1/search", {"text": "a"})
    assert "internal" not in refused(answer, 503) and int(answer.headers["retry-after"]) >= 1
    assert "db.internal" in capsys.readouterr().err
    monkeypatch.setattr(side.model.encoder, "text_features", lambda inputs: torch.zeros(len(inputs["input_ids"]), 32))
    assert "weights or its precision are broken" in refused(strict.post("/v1/embeddings", {"input": "another"}), 500)


def test_a_balancer_may_ask_for_the_head_alone(strict):
    answer = strict.do(lambda client: client.head("/health"))
    assert answer.status_code == 200 and not answer.content


def test_large_bodies_are_refused_by_their_head_and_by_their_bytes(strict):
    big = json.dumps({"input": "a" * 30_000}).encode()
    assert "at most" in refused(strict.post("/v1/embeddings", content=big), 413)

    async def streamed():
        for _ in range(100):
            yield b" " * 1000

    answer = strict.post("/v1/embeddings", content=streamed())
    assert "at most" in refused(answer, 413)
    assert refused(strict.post("/v1/embeddings", content=b"{}", headers={"content-length": "x"}), 400)
    answer = strict.post("/v1/embeddings", content=b"{}", headers={"content-length": "9" * 5000})
    assert "at most" in refused(answer, 413)


def test_a_body_that_dawdles_is_cut_off(strict):
    async def slow():
        yield b"{"
        await asyncio.sleep(5)

    assert "did not arrive" in refused(strict.post("/v1/embeddings", content=slow()), 408)
    assert strict.app.middleware_stack is not None and strict.get("/health").json()["status"] == "ok"


def test_more_at_once_than_agreed_is_refused_and_nothing_leaks(strict):
    async def flood(client):
        async def slow():
            await asyncio.sleep(0.1)
            yield b'{"input": "a"}'

        head = {"content-type": "application/json"}
        answers = await asyncio.gather(
            *(client.post("/v1/embeddings", content=slow(), headers=head) for _ in range(12))
        )
        return [answer.status_code for answer in answers], answers

    for _ in range(2):
        codes, answers = strict.do(flood)
        assert codes.count(200) == 4 and codes.count(429) == 8
        assert all(answer.headers["retry-after"] == "1" for answer in answers if answer.status_code == 429)


def test_held_bodies_are_bounded_together(shop_indexes):
    limits = Limits(body_bytes=20_000, all_bytes=30_000)
    with service(shop_indexes[:1], limits) as one:

        async def flood(client):
            async def part():
                yield b" " * 15_000
                await asyncio.sleep(0.1)
                yield b"{}"

            head = {"content-type": "application/json"}
            answers = [client.post("/v1/embeddings", content=part(), headers=head) for _ in range(5)]
            return sorted(answer.status_code for answer in await asyncio.gather(*answers))

        for _ in range(2):
            codes = one.do(flood)
            assert 429 in codes and 422 in codes


def test_keys_are_asked_for_where_there_are_any(shop_indexes):
    keys = tuple(hashlib.sha256(key).digest() for key in (b"one", b"two"))
    with service(shop_indexes[:1], keys=keys) as one:
        assert "API key" in refused(one.get("/v1/gallery"), 401)
        for head in ("Bearer three", "Basic one", "one", "Bearer ", "Bearer öne"):
            refused(one.get("/v1/gallery", headers={"authorization": head.encode()}), 401)
        for key in ("one", "two"):
            assert one.get("/v1/gallery", headers={"authorization": f"Bearer {key}"}).status_code == 200
        assert one.get("/metrics").status_code == 401 and one.get("/openapi.json").status_code == 401
        assert one.get("/health").status_code == 200 and one.get("/").status_code == 200
        assert one.get("/pictures/" + "0" * 64).status_code == 404  # open, because an <img> brings no key


def test_a_local_server_answers_to_local_names_only(shop_indexes):
    with service(shop_indexes[:1], hosts=("127.0.0.1", "localhost", "::1")) as one:
        for host in ("localhost:8000", "127.0.0.1", "[::1]:80"):
            assert one.get("/health", headers={"host": host}).status_code == 200
        for host in ("evil.example", "localhost.evil.example", "[", "127.0.0.1@evil.example:80"[10:]):
            refused(one.get("/health", headers={"host": host}), 421)


def test_every_answer_is_dressed(served):
    answers = [served.get("/"), served.get("/health"), served.get("/nothing"), served.post("/v1/search", {"limit": 0})]
    for answer in answers:
        assert answer.headers["content-security-policy"].startswith("default-src 'self';")
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY" and answer.headers["referrer-policy"] == "no-referrer"


def test_our_own_faults_tell_nothing_and_are_counted(shop_indexes, monkeypatch, capsys):
    with service(shop_indexes[:1]) as one:
        monkeypatch.setattr(one.engine, "side", lambda label: 1 / 0)
        answer = one.post("/v1/embeddings", {"input": "a"})
        assert "division" not in refused(answer, 500) and "x-frame-options" in answer.headers
        assert "ZeroDivisionError" in capsys.readouterr().err
        assert 'weft_requests_total{route="/v1/embeddings",status="500"} 1.0' in one.get("/metrics").text


def test_metrics_count_what_happened(shop_indexes):
    with service(shop_indexes[:1], SMALL) as one:
        one.post("/v1/embeddings", {"input": ["a", "b"]})
        one.post("/v1/embeddings", content=b"x" * 30_000)
        told = one.get("/metrics").text
    assert 'weft_batch_size_sum{tower="text"} 2.0' in told and "weft_queue_depth 0.0" in told
    assert 'weft_rejected_total{status="413"} 1.0' in told
    assert 'weft_request_seconds_count{route="/v1/embeddings"} 1.0' in told
