"""The audit's page shows every finding with its cases, escapes what strangers wrote, fetches nothing, fits a phone."""

import base64
import hashlib
import json
import re

import pytest
from audit_fixtures import CHECKS, PICTURES, PLACES, finding, make_audit, make_image
from pages import HOSTILE, Page

import browser
from weft.report import audit
from weft.report.audit import faults
from weft.report.audit.index import Index


@pytest.fixture(scope="module")
def text() -> str:
    return audit.page(make_audit(), make_image)


def test_the_verdict_comes_first_and_every_finding_is_told(text):
    page = Page(text)
    assert page.text.index("1 ✗ error 1 ! warning 2 · notes") < page.text.index("Scores can be wrong on Street")
    assert page.text.index("Scores can be wrong") < page.text.index("At a glance") < page.text.index("About ")
    assert page.text.count("30 of 1,200 queries hedge") == 4, "each of the four findings once"
    assert "Hedging queries left out" not in page.text and "hedging queries left out" in page.text
    assert "50.0 52.1 +2.1 1\u202f170" in page.text and "“possibly” 20" in page.text
    assert page.text.index("error Duplicate pictures") < page.text.index("warning Hedging captions")
    assert "Did not run: needs a model training leak" in page.text
    assert "Silent on every task cut captions" in page.text


def test_the_glance_has_a_cell_for_every_check_that_ran(text):
    glance = Page(re.search(r'<table class="glance">.*?</table>', text, re.DOTALL)[0])
    rows = [attributes for tag, attributes in glance.elements if tag == "th" and attributes.get("scope") == "row"]
    assert len(rows) == len(CHECKS) - 1
    assert len([tag for tag, _ in glance.elements if tag == "td"]) == len(rows) * len(PLACES)
    assert {"is-error", "is-warning", "is-note", "none"} <= set(glance.classes())
    assert "✗ 100%" not in glance.text and "✗ 1\u202f200" in glance.text and "! 2.5%" in glance.text


def test_every_link_leads_somewhere(text):
    page = Page(text)
    ids = [attributes["id"] for _, attributes in page.elements if attributes.get("id")]
    links = {attributes["href"] for tag, attributes in page.elements if tag == "a"}
    assert len(ids) == len(set(ids)) and links <= {f"#{name}" for name in ids} and len(links) >= 6


def test_pictures_are_stored_once_and_a_missing_one_says_so():
    results = make_audit()
    results["findings"].append(finding(check="cut captions", examples=[
        {"text": "a", "ids": ["q", "p"], "pictures": [PICTURES[0], PICTURES[-1]], "note": ""}]))  # fmt: skip
    text = audit.page(results, make_image)
    assert text.count("data:image/jpeg") == 3 and "no picture" in Page(text).text


@pytest.mark.parametrize("hostile", HOSTILE)
def test_what_strangers_wrote_is_shown_not_run(hostile):
    results = make_audit()
    results["benchmarks"][0]["tasks"][0]["name"] = hostile
    results["benchmarks"][0]["notes"] = results["benchmarks"][0]["citation"] = [hostile]
    results["environment"]["command"] = hostile
    for row in [*results["findings"], *results["outcomes"]]:
        row["task"] = hostile if row["task"] == "text-to-image" and row["benchmark"] == "Shop" else row["task"]
    told = {"sentence": hostile, "facts": {hostile: hostile}}
    told["examples"] = [{"text": hostile, "ids": [hostile], "pictures": [], "note": hostile}]
    told["effect"] = [results["findings"][1]["effect"][0] | {"what": hostile, "ranking": hostile}]
    results["findings"][1] |= told
    page = Page(audit.page(results, make_image))
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "img"}
    assert not {name for _, attributes in page.elements for name in attributes if name.startswith("on")}
    text = audit.markdown(results)
    assert not re.search(r"(?<!\\)<", text) and "\x1b" not in text + audit.terminal(results)
    for line in text.splitlines():
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) == len(PLACES) + 2, line


def test_the_policy_lets_through_these_very_styles(text):
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', text)
    styles = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    hashes = {base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() for style in styles}
    assert set(re.findall(r"sha256-([\w+/=]+)", policy.replace("&#x27;", "'"))) == hashes and len(styles) == 4
    assert "default-src" in policy and "script" not in policy
    assert not re.findall(r'(?:src|href)="(?!#)', text) and "http" not in re.sub(r"http-equiv", "", text)


def test_files_are_written_together(tmp_path):
    assert audit.write(make_audit(), make_image, tmp_path / "out") == tmp_path / "out" / "audit.html"
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"audit.html", "audit.md", "audit.json"}
    kept = json.loads((tmp_path / "out" / "audit.json").read_text())
    assert kept["schema"] == audit.SCHEMA and kept["findings"][3]["effect"][0]["after"] is None
    assert "recall@10 50.0 → –".capitalize() in (tmp_path / "out" / "audit.md").read_text()


def test_markdown_and_terminal_tell_the_same():
    text, lines = audit.markdown(make_audit()), audit.terminal(make_audit()).splitlines()
    assert text.startswith("# Audit\n\n**Scores can be wrong on Street (duplicate pictures).**")
    assert "| hedging captions | ! 2.5% | – | – |" in text and "1 error, 1 warning, 2 notes." in text
    assert lines[-1] == "Scores can be wrong on Street (duplicate pictures)." and len(lines) == 6
    assert lines[0].startswith("✗ error   duplicate pictures  Street, text-to-image: 30 of")


@pytest.mark.parametrize(
    ("count", "of", "told"),
    [(1, 3, "33%"), (1, 3000, "<0.1%"), (2, 2000, "0.1%"), (7, 7, "7"), (198, 2000, "9.9%"), (0, 0, "0")],
)
def test_shares(count, of, told):
    assert faults.share({"count": count, "of": of}) == told


def test_an_audit_without_findings():
    results = make_audit() | {"findings": [], "verdict": {"sentence": "Nothing was found.", "counts": {}}}
    page = Page(audit.page(results, make_image))
    assert "0 ✗ errors" in page.text and "Nothing was found." in page.text
    assert Index(results).ordered() == list(CHECKS)


@pytest.fixture(scope="module")
def chrome():
    with browser.chromium() as found:
        yield found


@pytest.mark.parametrize(("width", "dark"), [(390, True), (1300, False)])
def test_in_a_browser(text, tmp_path, chrome, width, dark):
    path = tmp_path / "audit.html"
    path.write_text(text, encoding="utf-8")
    page = chrome.open(f"file://{path}", width=width, height=900, dark=dark)
    page.wait("document.querySelector('.glance')")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert not page.errors and page.outside() == []
    assert page.evaluate("getComputedStyle(document.querySelector('.glance td.is-error')).fontWeight") == "700"
    light = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", light)[:3])) < 150) == dark
    assert page.evaluate("[...document.querySelectorAll('details')].every(d => !d.open)")
