"""The page in a real Chromium: what people do with it, and what a hostile catalogue cannot do to it."""

import hashlib
import json
import threading
import time
from contextlib import contextmanager
from urllib.parse import quote

import pytest
import uvicorn
from service import HOSTILE, indexes, service

import browser
import galleries
from galleries import shop

CARDS = "document.querySelectorAll('.card').length"
BOTH = "document.querySelectorAll('.pane').length === 2"


@contextmanager
def running(one):
    """The service on a port of this machine; gives its address."""
    server = uvicorn.Server(uvicorn.Config(one.app, port=0, log_level="warning", access_log=False, lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="module")
def hostile_indexes(tmp_path_factory):
    return indexes(tmp_path_factory.mktemp("page"), shop(60), {"p0": HOSTILE}, ["colour=colour", "label=title"])


@pytest.fixture(scope="module")
def place(hostile_indexes):
    with service(hostile_indexes) as one, running(one) as address:
        yield address


@pytest.fixture(scope="module")
def chrome():
    with browser.chromium() as one:
        yield one


@pytest.fixture
def opened(chrome, place):
    def open_(path="/", **named):
        page = chrome.open(place + path, **named)
        page.wait(f"{CARDS} > 0 || document.querySelector('#message').textContent")
        return page

    return open_


def settled(page):
    """Until no search is under way and the last one is drawn."""
    page.wait("new Promise(done => setTimeout(() => done(!document.querySelector('.waiting')), 200))")


def ids(page, pane=0):
    return page.evaluate(
        f"[...document.querySelectorAll('.pane')[{pane}].querySelectorAll('.card')].map(c => c.dataset.id)"
    )


def ask(page, text):
    page.evaluate("document.querySelector('#q').focus()")
    page.type(text)
    page.wait(f"(new URLSearchParams(location.search).get('q') ?? '').endsWith({json.dumps(text)})")
    page.wait(BOTH)
    settled(page)


def clean(page):
    assert page.errors == [] and page.outside() == []


def test_it_opens_with_the_gallery(opened):
    page = opened()
    assert page.text("#count") == "60 products" and page.text("#facts") == "60 products, 80 pictures"
    assert page.evaluate(CARDS) == 24 and ids(page)[:2] == ["p0", "p1"]
    page.click("#more")
    page.wait(f"{CARDS} === 48")
    assert "shown=48" in page.evaluate("location.search") and ids(page) == [f"p{n}" for n in range(48)]
    clean(page)


def test_a_hostile_title_is_text_wherever_it_stands(opened, place):
    page = opened("/?product=p0")
    page.wait("document.querySelector('#detail[open] h2')")
    assert page.text("#detail h2") == HOSTILE
    assert page.evaluate("document.querySelector('.card .title').textContent") == HOSTILE
    page.click("#similar")
    page.wait("location.search.includes('like=p0') && document.querySelector('.tile img').alt.includes('script')")
    page.go(f"{place}/?filter={quote('label=' + HOSTILE.lower())}")
    page.wait("document.querySelectorAll('#chosen .chip').length === 1")
    assert HOSTILE.lower() in page.text("#chosen") and ids(page) == ["p0"]
    ask(page, HOSTILE)
    assert page.evaluate("document.title") == f"{HOSTILE} – Weft"
    assert page.evaluate("[window.hacked ?? 0, document.querySelectorAll('main script').length]") == [0, 0]
    clean(page)


def test_typing_searches_and_only_the_last_word_counts(opened, place):
    page = opened()
    for letter in "navy dress":
        page.press(letter)  # the field has no focus yet: nothing happens
    page.press("/")
    assert page.focused() == "q"
    for letter in "navy dress":
        page.press(letter)
    page.wait("location.search === '?q=navy+dress'")
    settled(page)
    shown = page.evaluate("fetch('/v1/search', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: "
                          "JSON.stringify({text: 'navy dress', compare: true})}).then(a => a.json())")  # fmt: skip
    assert ids(page, 0) == [hit["id"] for hit in shown["other"]["results"]]
    assert ids(page, 1) == [hit["id"] for hit in shown["results"]]
    searches = sum(url.endswith("/v1/search") for url in page.requests)
    assert searches <= 12, "keys typed at once are one search, not many"
    assert "60 products, nearest first" in page.text("#count") and "are in both" in page.text("#count")
    told = page.evaluate(
        "[...document.querySelectorAll('.pane')[1].querySelectorAll('.place')].map(e => e.textContent)"
    )
    for text, hit in zip(told, shown["results"], strict=True):
        up = hit["other_rank"] - hit["rank"]
        assert (f"▲ {up}" if up > 0 else f"▼ {-up}" if up < 0 else "=") in text
    clean(page)


def test_keys_alone_do_everything(opened):
    page = opened()
    ask(page, "red skirt")
    page.press("ArrowDown")
    card = "document.activeElement.closest('.card')?.dataset.id"
    left, right = ids(page, 0), ids(page, 1)
    assert page.evaluate(card) == left[0]
    page.press("ArrowRight")
    assert page.evaluate(card) == left[1]
    assert page.evaluate("!!document.querySelector('#thread')") == (left[1] in right)
    page.press("Enter")
    page.wait("document.querySelector('#detail[open] h2')")
    assert page.evaluate("new URLSearchParams(location.search).get('product')") == left[1]
    assert page.focused() == "similar"
    page.press("Escape")
    page.wait("!document.querySelector('#detail[open]')")
    assert page.evaluate(card) == left[1]
    page.press("s")
    page.wait(f"location.search === '?like={left[1]}'")
    settled(page)
    assert left[1] not in ids(page, 0) and page.text("#q") == ""
    page.press("Escape")
    page.wait("location.search === ''")
    assert page.focused() == "q"
    clean(page)


def test_filters_narrow_and_the_link_and_the_way_back_reproduce_them(opened, chrome, place):
    page = opened("/?q=dress")
    page.wait(BOTH)
    page.click("#f-category-skirt")
    page.wait("document.querySelector('#count').textContent.startsWith('20 products')")
    page.click("#f-brand-b1")
    page.wait("document.querySelector('#count').textContent.startsWith('10 products')")
    assert page.focused() == "f-brand-b1"
    link, found = page.evaluate("location.href"), [ids(page, 0), ids(page, 1)]
    again = chrome.open(link)
    again.wait("document.querySelectorAll('#chosen .chip').length === 2")
    assert [ids(again, 0), ids(again, 1)] == found
    page.evaluate("history.back()")
    page.wait("document.querySelector('#count').textContent.startsWith('20 products')")
    page.click("#chosen .chip")
    page.wait("document.querySelector('#count').textContent.startsWith('60 products')")
    clean(page), clean(again)


def test_a_picture_is_a_query_that_a_link_carries(opened, chrome, tmp_path):
    (tmp_path / "some.jpg").write_bytes(galleries.picture(7))
    page = opened()
    page.choose("#file", tmp_path / "some.jpg")
    page.wait(BOTH)
    settled(page)
    assert page.evaluate("location.hash.startsWith('#image=')") and not any("image=" in url for url in page.requests)
    again = chrome.open(page.evaluate("location.href"))
    again.wait(BOTH)
    assert ids(again, 1) == ids(page, 1)
    ask(page, "in green")
    page.wait("document.querySelector('.weight input')")
    page.evaluate("document.querySelector('.weight input').focus()")
    page.press("ArrowRight")
    page.wait("location.search.includes('weight=0.55')")
    settled(page)
    assert page.evaluate("document.activeElement.type") == "range"
    (tmp_path / "none.jpg").write_bytes(b"no picture")
    page.choose("#file", tmp_path / "none.jpg")
    page.wait("document.querySelector('#message').textContent.includes('no picture')")
    clean(page), clean(again)


def test_a_query_that_is_known_shows_its_other_form(opened):
    page = opened()
    page.click(".try")
    page.wait("document.querySelectorAll('#under [aria-pressed]').length === 2")
    short = page.evaluate("document.querySelector('#q').value")
    page.click("#under [aria-pressed=false]")
    page.wait(f"document.querySelector('#q').value !== {json.dumps(short)}")
    assert len(page.evaluate("document.querySelector('#q').value")) > len(short)
    clean(page)


def test_one_model_or_both(opened):
    page = opened("/?q=hat")
    page.wait(BOTH)
    woven = ids(page, 1)
    page.click("#models label:has([value=woven])")
    page.wait("document.querySelectorAll('.pane').length === 1")
    assert ids(page) == woven and page.evaluate("location.search") == "?q=hat&model=woven"
    clean(page)


def test_nothing_found_and_nothing_there(opened):
    page = opened("/?filter=brand%3Dnobody")
    assert "No product satisfies" in page.text("#message") and page.evaluate(CARDS) == 0
    page.click("#message button")
    page.wait(f"{CARDS} === 24")
    page = opened("/?like=gone")
    assert "no such product" in page.text("#message")


def test_a_service_that_is_gone_or_busy_says_so_and_comes_back(opened):
    page = opened("/?q=hat")
    page.wait(BOTH)
    page.offline()
    page.evaluate("document.querySelector('#q').focus()")
    page.type("s")
    page.wait("document.querySelector('#message').textContent.includes('cannot be reached')")
    page.offline(False)
    page.click("#message button")
    page.wait("!document.querySelector('#message').textContent")
    assert page.evaluate(CARDS) == 48


def test_an_id_that_ends_as_an_address_does_is_asked_for_as_an_id(opened):
    asked = "import('/page/api.js').then((api) => api.product('p1/similar')).catch((refusal) => refusal.status)"
    assert opened().evaluate(asked) == 404, "not what is similar to p1"


def test_a_key_is_asked_for_once(hostile_indexes, chrome):
    with service(hostile_indexes[:1], keys=(hashlib.sha256(b"secret").digest(),)) as one, running(one) as address:
        page = chrome.open(address)
        page.wait("document.querySelector('#key')")
        page.type("secret")
        page.press("Enter")
        page.wait(f"{CARDS} === 24")
        page.wait(
            "document.querySelector('.card img').complete && document.querySelector('.card img').naturalWidth > 0"
        )
        assert page.evaluate("document.querySelector('#models').hidden")


@pytest.mark.parametrize("dark", [False, True])
def test_a_phone_has_room_for_all_of_it(opened, tmp_path, dark):
    page = opened("/?q=red+dress", width=390, height=844, dark=dark, touch=True)
    page.wait(BOTH)
    display = "getComputedStyle(document.querySelector('#filters')).display"
    assert page.overflow() == 0 and page.evaluate(display) == "none"
    page.click("#narrow")
    page.wait(f"{display} === 'block'")
    assert page.overflow() == 0
    page.click("#show")
    page.wait(f"{display} === 'none'")
    page.click(".card .open")
    page.wait("document.querySelector('#detail[open] h2')")
    assert page.overflow() == 0
    clean(page)


def test_a_screen_reader_is_told_everything(opened):
    page = opened("/?q=red+dress")
    page.wait(BOTH)
    told = page.accessible()
    assert all(name for role, name in told if role in ("button", "searchbox", "checkbox", "radio", "link", "slider")), (
        told
    )
    assert ("searchbox", "Describe what you are looking for") in told
    assert any(role == "status" for role, _ in told) and ("list", "Results of woven") in told
    ranked = [name for role, name in told if role == "button" and "rank 1" in name]
    assert ranked and " in base" in " ".join(ranked)
    assert page.evaluate("document.querySelectorAll('.open[tabindex=\"0\"]').length") == 1
