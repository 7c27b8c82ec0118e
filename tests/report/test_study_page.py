"""The study's page stands alone, says what it must, escapes what others wrote; no name in figure 1 covers another."""

import json
import re
from xml.etree import ElementTree

import numpy as np
import pytest
import study_fixtures
from matplotlib.figure import Figure

from weft.report import study
from weft.report.html import clean
from weft.report.study import figures
from weft.report.study.index import Index
from weft.report.study.places import place_names


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study") / "report"
    study.write(study_fixtures.results(), folder)
    return folder


def test_everything_is_written_and_nothing_is_left_over(written):
    assert {path.name for path in written.iterdir()} == {"study.html", "study.md", "study.json", "figures"}
    made = {path.name for path in (written / "figures").iterdir()}
    assert made == {f"{name}.{kind}" for name in ("trade", "alpha", "effects") for kind in ("svg", "pdf", "png")}
    assert (written / "figures" / "trade.pdf").read_bytes()[:5] == b"%PDF-"
    for path in (written / "figures").glob("*.svg"):
        ElementTree.parse(path)
    held = json.loads((written / "study.json").read_text())
    assert held["schema"] == "weft-study/1" and len(held["rows"]) == 6


def test_the_page_needs_nothing_else(written):
    page = (written / "study.html").read_text()
    assert "default-src &#x27;none&#x27;" in page and "<script" not in page
    assert not re.findall(r'(?:src|href)="(?!#|data:)[^"]*"', page) and "url(http" not in page
    anchors = set(re.findall(r'href="#([^"]+)"', page))
    assert anchors >= {"claims", "scores", "trade", "alpha", "effects"} and all(f'id="{a}"' in page for a in anchors)


def test_what_others_wrote_is_escaped(written):
    page = (written / "study.html").read_text()
    assert not re.findall(r"<(i|u|s|after|every)>", page)
    assert "toy &lt;b&gt;" in page and "claim reversed &lt;u&gt;" in page
    assert "\\|" in (written / "study.md").read_text(), "a bar in a label does not break the Markdown table"


@pytest.mark.parametrize("told", ["✓ confirmed", "✗ not confirmed", "⇄ reversed", "? undecided"])
def test_every_verdict_is_shown_with_its_figures(written, told):
    page = (written / "study.html").read_text()
    assert told in page and "+1.2 [−1.0, +3.0]; seeds +1.0, −2.0, +3.0" in page


def test_what_must_not_be_forgotten_is_said(written):
    page, text = (written / "study.html").read_text(), (written / "study.md").read_text()
    for one in (page, text):
        assert "do not speak for all bases" in one and "its choice changed" in one and "its seeds disagree" in one
    assert "Not run yet: not yet" in page and "one seed" in page and "α 0.8 / 0.6 / 0.7" in page
    assert "searches at most 4,000 products" in page and "3 of the pairs that claims name, on every domain" in page
    assert "72\u202f386" in page and "* zero-shot/long: the base is below twice chance" in page


def test_a_mark_means_what_its_side_says():
    index = Index(study_fixtures.results())
    assert index.marks("r3", "task", "street") == "▲" and index.marks("r4", "task", "street") == "▼"
    assert index.marks("r1", "task", "street") == "▽", "r0 was better than r1, so r1 is worse than the base"
    gap = index.gap("r1", "r0", "mean", "street") or index.gap("r1", "r0", "mean", "in-domain")
    assert (gap["low"], gap["high"], gap["call"]) == (-0.05, 0.01, "worse") and gap["by_seed"] == [-0.01, -0.02]


def test_the_terminal_has_a_line_a_row_and_a_claim():
    lines = study.terminal(study_fixtures.results()).splitlines()
    assert sum(line.startswith("r") and "±" in line for line in lines) == 6
    assert [line.split()[0] for line in lines if " claim " in line] == ["✓", "✗", "⇄", "?"]
    assert max(map(len, lines)) <= 140 and "32.0 ±2.0" not in lines[0]


def test_what_cannot_be_drawn_is_left_out(tmp_path):
    few = study_fixtures.results(1) | {"curves": {}, "claims": [], "front": ["r0"], "reference": "r0"}
    study.write(few, tmp_path)
    page = (tmp_path / "study.html").read_text()
    assert "Figure" not in page.split("<main>")[1] and "None was declared" in page


@pytest.mark.parametrize("count", [6, 26])
def test_names_cover_neither_each_other_nor_points(count):
    axes = Figure(figsize=(7.2, 5)).add_subplot()
    random = np.random.default_rng(count)
    spots = {f"row {n}": (random.uniform(3, 9), random.uniform(20, 27)) for n in range(count)}
    axes.plot(*np.asarray(list(spots.values())).T, "o")
    axes.figure.draw_without_rendering()
    names = {key: (f"{key}, interpolated", spot, False) for key, spot in spots.items()}
    boxes = np.asarray(list(place_names(axes, names, []).values()))
    wide = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:]) - np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    area = wide.clip(0).prod(axis=2)
    np.fill_diagonal(area, 0)
    assert area.max() < 1
    at = axes.transData.transform(np.asarray(list(spots.values()))) * 72 / axes.figure.dpi
    inside = ((at[:, None] > boxes[None, :, :2]) & (at[:, None] < boxes[None, :, 2:])).all(axis=2)
    assert not inside.any()


def test_many_points_are_numbered_and_named_below(monkeypatch):
    """The base, the reference and ours keep their names; every row has its number in the key."""
    monkeypatch.setattr(figures, "NAMED", 1)
    index = Index(study_fixtures.results())
    figure = figures.draw_trade(index)
    figure.draw_without_rendering()
    key = {text.get_text().split("  ")[0].strip("\u2007"): text.get_text() for text in figure.legends[1].get_texts()}
    shown = [note.get_text() for note in figure.axes[0].texts if note.get_text()]
    assert sorted(text.split()[0] for text in shown) == sorted(key)
    named = {text.partition(" ")[2] for text in shown if not text.isdigit()}
    assert named == {clean(index.label(name), 34) for name in (index.base, index.reference, index.results["ours"])}
    assert figure.legends[1].get_window_extent().y1 < figure.axes[0].get_window_extent().y0
    assert figure.legends[1].get_window_extent().x1 <= figure.bbox.width


def test_a_figure_is_the_same_each_time():
    held = study_fixtures.results()
    once, again = (figures.svg(figures.draw_trade, held) for _ in range(2))
    assert once == again and "var(--series-0" in once and "trade-" in once


def test_a_name_in_a_figure_is_no_formula(tmp_path):
    """Of a row and of a task, in every figure and format."""
    held = json.loads(json.dumps(study_fixtures.results()).replace("<i>|</i>", "a$x^$b").replace('"street"', '"$5^$"'))
    for draw in figures.FIGURES:
        assert "a$x^$b" in "".join(ElementTree.fromstring(figures.svg(draw, held)).itertext())
    assert "$5^$" in figures.svg(figures.draw_alpha, held)
    assert len(figures.save_all(held, tmp_path)) == 9


def test_the_legend_of_every_kind_of_row_lies_inside_the_figure():
    held = study_fixtures.results()
    for row, kind in zip(held["rows"], ("base", "tuned", "woven", "encoder", "woven"), strict=False):
        row |= {"model": kind, "one_seed": kind == "tuned"}
    figure = figures.draw_trade(Index(held))
    figure.draw_without_rendering()
    (legend,) = figure.legends
    assert len(legend.get_texts()) == 6
    assert 0 <= legend.get_window_extent().x0 < legend.get_window_extent().x1 <= figure.bbox.width
