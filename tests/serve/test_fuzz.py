"""What no document describes (test_schema.py asks the rest): hostile strings, mangled bodies, a thousand at once."""

import asyncio
import json
from collections import Counter
from urllib.parse import quote

from hypothesis import example, given, settings
from hypothesis import strategies as st
from service import service, url

import galleries
from weft.serve.limits import Limits

PICTURE = url(galleries.picture(1))
STRANGE = [
    "", " ", "\x00", "\ud800", "data:image/png;base64,", "data:image/png;base64,AAAA", PICTURE, PICTURE[:90],
    "http://127.0.0.1/x", "../../etc/passwd", "woven", "base", "p3", "category", "dress",
]  # fmt: skip
NUMBERS = st.integers(-(10**20), 10**20) | st.floats()
LEAF = st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=12), st.sampled_from(STRANGE))
JSON = st.recursive(
    LEAF,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
KEYS = {
    "/v1/embeddings": ["input", "model", "encoding_format", "dimensions"],
    "/v1/similarity": ["queries", "documents", "model"],
    "/v1/search": ["text", "image", "image_weight", "like", "filters", "limit", "offset", "model", "hybrid", "compare",
                   "facets"],
}  # fmt: skip
GOOD = {
    "/v1/embeddings": {"input": "a red dress"},
    "/v1/similarity": {"queries": ["a"], "documents": ["b"]},
    "/v1/search": {"text": "a red dress", "filters": {"category": ["dress"]}, "limit": 3},
}


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_no_request_is_our_fault(served, data):
    path = data.draw(st.sampled_from(list(KEYS)))
    if data.draw(st.booleans()):
        body = data.draw(JSON)
    else:  # nearly right: some fields replaced
        fields = data.draw(st.dictionaries(st.sampled_from(KEYS[path]), JSON, max_size=3))
        body = GOOD[path] | fields
    head = {"content-type": "application/json"}
    answer = served.post(path, content=json.dumps(body).encode(), headers=head)
    assert answer.status_code in (200, 400, 404, 422), (body, answer.text)
    assert answer.status_code == 200 or set(answer.json()) == {"error"}


@settings(deadline=None, max_examples=60)
@given(
    st.binary(max_size=60),
    st.sampled_from([*KEYS, "/v1/search/upload"]),
    st.sampled_from(
        ["application/json", "multipart/form-data; boundary=x", "multipart/form-data", "text/html", "", "é"]
    ),
)
def test_no_bytes_are_our_fault(served, body, path, kind):
    wrapped = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n' + body + b"\r\n--x--\r\n"
    content = wrapped if "multipart" in kind else body
    answer = served.post(path, content=content, headers={"content-type": kind.encode()})
    assert answer.status_code in (200, 400, 422), answer.text


@settings(deadline=None, max_examples=20)
@given(st.text(st.characters(codec="utf-8"), max_size=20))
@example("")  # is no redirect to what the Host header says
def test_no_address_of_a_page_is_our_fault(served, name):
    assert served.get("/page/" + quote(name, safe="")).status_code in (200, 404, 405)


def test_a_thousand_at_once_are_answered_or_refused_in_order(shop_indexes):
    with service(shop_indexes[:1], Limits(requests=600), room=100) as one:

        async def flood(client):
            done = []

            async def ask(number):
                answer = await client.post(
                    "/v1/embeddings", json={"input": f"text {number}", "encoding_format": "base64"}
                )
                done.append((number, answer.status_code, answer.headers.get("retry-after")))

            await asyncio.gather(*map(ask, range(1000)))
            return done

        ran: list[int] = []
        (key,) = (key for key in one.engine.batcher.forwards if key.endswith("/text"))
        forward = one.engine.batcher.forwards[key]
        one.engine.batcher.forwards[key] = lambda texts: (ran.extend(int(t.split()[1]) for t in texts), forward(texts))[
            1
        ]
        done = one.do(flood)
        codes = Counter(code for _, code, _ in done)
        assert set(codes) == {200, 429} and codes[200] >= 100
        assert all(int(wait) >= 1 for _, code, wait in done if code == 429)
        assert len(ran) == codes[200] and ran == sorted(ran)
        assert one.get("/health").json()["waiting"] == 0
        assert 'weft_rejected_total{status="429"} ' + f"{float(codes[429])}" in one.get("/metrics").text
