"""The annotation page in a real browser: keys, undo, skip, resume, what it looks like and what it must never do."""

import threading
import time
from contextlib import contextmanager

import pyarrow.parquet as pq
import pytest
import small_pool

import browser

pytest.importorskip("uvicorn")
import uvicorn

from weft.annotate.server import _bind, app_of, open_session


@pytest.fixture(scope="module")
def chrome():
    with browser.chromium() as one:
        yield one


@contextmanager
def served(folder, out, name="ANNA"):
    """The page's address, with its server in a thread."""
    session = open_session(folder, out, name, small_pool.RUBRIC)
    listening = _bind(0)
    config = uvicorn.Config(app_of(session, small_pool.RUBRIC, out), log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", server
    finally:
        server.should_exit = server.force_exit = True
        thread.join()
        session.log.close()


CONTRAST = """(() => {
  const linear = (x) => (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
  const luminance = (colour) => {
    const [r, g, b] = colour.match(/\\d+/g).map((x) => linear(x / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ink = luminance(getComputedStyle(document.querySelector("#count")).color);
  const paper = luminance(getComputedStyle(document.documentElement).backgroundColor);
  return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
})()"""


def counted(page, told: str) -> None:
    page.wait(f"document.querySelector('#count').textContent.startsWith({told!r})")


def grades(out) -> dict:
    small_pool.exported(out)
    return {row["doc_id"]: row["grade"] for row in pq.read_table(out).to_pylist()}


def test_a_person_grades_a_pool_with_the_keyboard(chrome, tmp_path):
    folder, out = small_pool.pool(tmp_path / "pool"), tmp_path / "human.parquet"
    with served(folder, out) as (url, _):
        page = chrome.open(url)
        counted(page, "0 of 6")
        assert page.text("#annotator") == "ANNA" and page.text("#query") == "red dress"
        seen = []
        for presses, key in enumerate(["3", "2", "0", "s", "1", "2"], start=1):
            seen.append(page.text("#title"))
            page.press(key)
            counted(page, f"{presses} of 6")
        assert len(set(seen)) == 6 and page.text("#done-head") == "Nothing is left but what was skipped"
        assert page.focused() == "done-head" and not page.errors and page.outside() == []
        page.press("Backspace")  # the last answer comes back
        counted(page, "5 of 6")
        assert page.text("#title") == seen[-1]
        page.press("u")
        counted(page, "4 of 6")
        assert page.text("#title") == seen[-2]
        page.press("3")
        counted(page, "5 of 6")
        page.press("3")
        page.click("#again")
        page.wait("!document.querySelector('#pair').hidden")
        assert page.text("#title") == seen[3]
        page.press("0")
        page.wait("document.querySelector('#done-head').textContent == 'All done, thank you'")
    found = grades(out)
    assert [found[title.removeprefix("thing ")] for title in seen] == [3, 2, 0, 0, 3, 3]


def test_text_stays_text_and_nothing_comes_from_outside(chrome, tmp_path):
    folder = small_pool.pool(tmp_path / "pool", queries=(small_pool.HOSTILE,), titles=[small_pool.HOSTILE] * 3)
    with served(folder, tmp_path / "human.parquet", "<b>ANNA</b>") as (url, _):
        page = chrome.open(url)
        counted(page, "0 of 3")
        assert "<script>" in page.text("#query") and "onerror" in page.text("#title")
        assert page.text("#annotator") == "<b>ANNA</b>"
        assert page.evaluate("document.querySelectorAll('main script, main img[onerror], #annotator b').length") == 0
        assert "owned" not in page.evaluate("document.title")
        page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=/x onerror=\"document.title=1\">')")
        page.evaluate("new Promise(done => setTimeout(done, 100))")
        assert page.evaluate("document.title") != "1"  # the policy holds even where the escaping would not
        assert page.outside() == []


def test_resuming_and_two_annotators(chrome, tmp_path):
    folder, out = small_pool.pool(tmp_path / "pool"), tmp_path / "human.parquet"
    with served(folder, out) as (url, _):
        page = chrome.open(url)
        counted(page, "0 of 6")
        page.press("1")
        counted(page, "1 of 6")
    with served(folder, out) as (url, _), served(folder, out, "BEN") as (other, _):
        page, second = chrome.open(url), chrome.open(other)
        counted(page, "1 of 6")
        counted(second, "0 of 6")
        assert second.text("#annotator") == "BEN"
        first = second.text("#title")
        second.press("3")
        counted(second, "1 of 6")
        page.press("u")
        counted(page, "0 of 6")
        assert page.text("#title") == first  # both see the pairs in one order
        page.press("2")
        counted(page, "1 of 6")
        small_pool.exported(out)
    rows = pq.read_table(out).to_pylist()
    assert {(row["judge"], row["grade"]) for row in rows} == {("human:ANNA", 2.0), ("human:BEN", 3.0)}
    assert (tmp_path / "human.qrels").read_text() == f"q_0 0 {first.removeprefix('thing ')} 2\n"  # the lower middle


def test_a_server_that_is_gone_is_said_and_the_answer_is_kept(chrome, tmp_path):
    with served(small_pool.pool(tmp_path / "pool"), tmp_path / "human.parquet") as (url, _):
        page = chrome.open(url)
        counted(page, "0 of 6")
        page.offline()
        page.press("2")
        page.wait("!document.querySelector('#problem').hidden")
        assert "Not saved" in page.text("#problem") and ("alert", "") in page.accessible()
        page.offline(False)
        page.press("r")
        counted(page, "1 of 6")
        assert page.text("#problem") == ""


def test_an_empty_pool_and_a_damaged_picture(chrome, tmp_path):
    with served(small_pool.pool(tmp_path / "empty", queries=()), tmp_path / "a.parquet") as (url, _):
        page = chrome.open(url)
        page.wait("!document.querySelector('#done').hidden")
        assert page.text("#done-head") == "This pool holds no pairs" and not page.errors
    folder = small_pool.pool(tmp_path / "lost", pictures=False)
    with served(folder, tmp_path / "b.parquet") as (url, _):
        page = chrome.open(url)
        counted(page, "0 of 6")
        assert page.text("#lost") == "no picture"


@pytest.mark.parametrize(("width", "dark"), [(360, True), (390, False), (1280, True)])
def test_it_fits_a_phone_and_can_be_read_aloud(chrome, tmp_path, width, dark):
    long = "Averyverylongword" * 12
    folder = small_pool.pool(tmp_path / "pool", queries=("", long), titles=[long, "", "b"])
    with served(folder, tmp_path / "human.parquet") as (url, _):
        page = chrome.open(url, width, 740, dark, touch=width < 600)
        counted(page, "0 of 6")
        assert page.overflow() == 0
        inside = "(i => i.clientHeight <= i.parentElement.clientHeight)(document.querySelector('#image'))"
        assert page.evaluate(inside)  # the whole picture is seen, whatever its shape
        told = page.accessible()
        names = [name for role, name in told if role == "button"]
        assert names[0].startswith("0: unrelated. somebody who") and names[1].startswith("1: related, but wrong. the")
        assert [name for role, name in told if role == "progressIndicator" or role == "progressbar"] == ["Pairs done"]
        assert any(role == "image" and name == "The picture that was asked with" for role, name in told)
        for number in range(6):
            page.click("#grade-1")
            counted(page, f"{number + 1} of 6")
        assert page.overflow() == 0
        page.press("Tab")
        ring = "getComputedStyle(document.activeElement).outlineStyle"
        assert page.evaluate(ring) == "solid"
        contrast = page.evaluate(CONTRAST)
        assert contrast >= 4.5  # WCAG 2.2, 1.4.3


def test_keys_pressed_twice_grade_once(chrome, tmp_path):
    with served(small_pool.pool(tmp_path / "pool"), tmp_path / "human.parquet") as (url, _):
        page = chrome.open(url)
        counted(page, "0 of 6")
        page.evaluate("for (let n = 0; n < 5; n++) document.dispatchEvent(new KeyboardEvent('keydown', {key: '2'}))")
        counted(page, "1 of 6")
        time.sleep(0.1)
        assert page.text("#count").startswith("1 of 6")
        page.press("2", "Control")
        assert page.text("#count").startswith("1 of 6")
