"""The pages of weft agree and weft rejudge: they say what the record says, escape everything, and fit a phone."""

import json

import pytest
from pages import Page

import browser
from weft.report import judging
from weft.report.judging.sheet import Sheet, as_html, as_markdown, as_text

HOSTILE = "<script>document.title='owned'</script>|`x`\n# \u202eb"


def gap(difference: float, p: float = 0.001) -> dict:
    call = "cannot be told" if p > 0.05 else "better" if difference > 0 else "worse"
    ends = {"difference": difference, "low": difference - 0.1, "high": difference + 0.1}
    return ends | {"p": p, "p_holm": p, "call": call, "queries": 9}


def system(name: str, rank: int, new: int, moved: str) -> dict:
    return {
        "system": name, "original_all": [0.5, 0.4, 0.6], "original": [0.51, 0.41, 0.61], "rank": rank,
        "rejudged": [0.7 - 0.1 * new, 0.2, 0.9], "new_rank": new, "moved": moved, "unjudged": 0.123,
        "holes": {"1": 0.012, "10": 0.123},
        "all_right": 0.8, "left_out": {"queries": 9, "with": 0.4, "without": 0.3, "rank_with": 1, "rank_without": 2},
        "corrections": {"relevant from 3": 0.33, "unjudged all right": 0.77},
    }  # fmt: skip


def rejudged(name: str = "alpha") -> dict:
    pair = {"task": "t", "metric": "recall@10", "a": name, "b": "beta", "original": gap(0.2), "rejudged": gap(-0.3)}
    pair |= {"worst_case": 0.05, "corrections": {"relevant from 3": gap(-0.1)}, "kind": "reversed", "against": []}
    task = {
        "task": "t", "file": "t", "metric": "recall@10", "relevant": 2.0, "original_relevant": 1.0, "queries": 9,
        "queries_judged": 10, "queries_all": 12, "judged_pairs": 1234, "original_answers_unjudged": 3,
        "merged_pictures": 0, "impossible": {"another judge": "needs a second judge"},
        "systems": [system(name, 1, 2, "down"), system("beta", 2, 1, "up")],
    }  # fmt: skip
    return {
        "schema": "weft-rejudge/1", "judges": ["vlm"], "rubric": ["fashion-0-3@1"], "relevant": 2.0, "missing": 5,
        "tied": 0, "tasks": [task], "pairs": [pair | {"robust": True}], "kinds": {"reversed": "turned round"},
        "verdict": [f"beta is above {name}.", "It holds."], "notes": {"median": "m", "unjudged": "u", "test": "how"},
    }  # fmt: skip


def agreed(name: str = "vlm") -> dict:
    three = [0.61, 0.5, 0.7]
    found = {"pairs": 40, "queries": 12, "kappa": {"quadratic": three, "linear": three, "none": [0.4, None, None]}}
    found |= {"exact": [0.7, 0.6, 0.8], "within_one": [0.9, 0.8, 1.0], "error": [-0.25, -0.3, -0.2]}
    row = {"label": "ours", **found, "excess": 0.31, "p": 0.001, "p_holm": 0.002}
    whole = found | {"confusion": [[20, 1], [2, 17]], "by": {"system": [row], "grade": [{"label": "0", **found}]}}
    again = {"times": 2, "pairs": 40, "queries": 12, "identical": three, "alpha": three}
    again["shifts"] = [{"label": "0", "shift": [-0.1, None, None]}, {"label": "1", "shift": [0.1, None, None]}]
    judge = {"judge": name, "models": [], "judgements": 80, "status": {"graded": 78}, "pairs": 40, "missing": 2}
    judge |= {"tied": 0, "common": 40, "unmatched": 0, "agreement": whole, "repeats": None, "orders": again}
    people = {"who": ["human:A", "human:B"], "pairs": 30, "queries": 10, "alpha": three}
    people["each"] = [{"a": "human:A", "b": "human:B", **found}]
    return {
        "schema": "weft-agreement/1", "rubric": ["r@1"], "levels": [0.0, 1.0], "judges": [judge], "people": people,
        "against": {"who": ["human:A"], "pairs": 40}, "notes": {},
    }  # fmt: skip


@pytest.mark.parametrize("make", [rejudged, agreed])
def test_three_files_that_hold_what_the_record_holds(tmp_path, make):
    record = make()
    page = judging.write(record, tmp_path / "new" / "out", "results")
    assert json.loads((page.parent / "results.json").read_text()) == record
    text = page.read_text()
    assert not Page(text).outside and "<script" not in text and "default-src &#x27;none&#x27;" in text
    assert {path.name for path in page.parent.iterdir()} == {"results.json", "results.md", "results.html"}


def test_the_terminal_says_the_scores_the_orders_and_the_verdict():
    told = judging.terminal(rejudged())
    for said in (
        "51.0 [41.0, 61.0]",
        "1 → 2",
        "12.3",
        "30.0 (rank 2)",
        "alpha above beta",
        "reversed",
        "+20.0 [",
        "−30.0 [",
    ):
        assert said in told, said
    assert "beta is above alpha." in told and "3 of the benchmark's own answers were not judged" in told


def test_the_terminal_says_how_far_a_judge_agrees_and_whom_it_favours():
    told = judging.terminal(agreed())
    for said in ("0.61 [0.50, 0.70]", "stricter than they are, by 0.25", "2 pairs have no grade", "ours by +0.31"):
        assert said in told, said
    assert "20 (95.2)" in told and "substantial" in told and "query or product first" in told


def test_a_judge_that_is_not_caught_is_not_accused():
    record = agreed()
    record["judges"][0]["agreement"]["by"]["system"][0]["p_holm"] = 0.2
    assert "favours any of 1 systems is not shown" in judging.terminal(record)


@pytest.mark.parametrize("make", [rejudged, agreed])
def test_names_from_outside_stay_text(tmp_path, make):
    page = judging.write(make(HOSTILE), tmp_path)
    text = page.read_text()
    assert "<script" not in text and "\u202e" not in text and "&lt;script&gt;" in text
    lines = (tmp_path / "results.md").read_text().splitlines()
    tables = [line for line in lines if line.startswith("|")]
    assert all("<script" not in line.replace("\\<", "") for line in lines) and len(tables) > 6
    assert not any(line.startswith("# \u202e") or line.startswith("# b") for line in lines)


def test_a_sheet_reads_alike_everywhere():
    sheet = Sheet("Title", ["name", "a|b"], [["x", "1.0"], ["longer", "−2.0"]], note="why", marks={1: "bad"})
    assert as_text(sheet) == "Title\nname     a|b\nx        1.0\nlonger  −2.0"
    assert as_markdown(sheet).splitlines()[-3:] == ["|---|---:|", "| x | 1.0 |", "| longer | −2.0 |"]
    assert '<tr class="bad"><th scope="row"><bdi>longer' in as_html(sheet)


def test_in_a_browser_nothing_overflows_and_the_chart_says_who_moved(tmp_path):
    url = judging.write(rejudged("A rather long name of an encoder, indeed"), tmp_path).as_uri()
    with browser.chromium() as chrome:
        for width, dark in ((360, True), (1200, False)):
            page = chrome.open(url, width, 800, dark)
            assert page.overflow() == 0 and not page.errors
            assert page.evaluate(
                "[...document.querySelectorAll('.slopes g')].map(g => g.className.baseVal).join()"
            ) == ("down,up")
            assert ("image", "t: by the new answers the order is beta, A rather long name of an encoder, indeed") in (
                page.accessible()
            )
            left, right = page.evaluate(
                "(t => [t[2].getBoundingClientRect().left, innerWidth - t[3].getBoundingClientRect().right])"
                "(document.querySelectorAll('.slopes text'))"
            )
            assert left >= 0 and right >= 0  # names are cut rather than cut off
