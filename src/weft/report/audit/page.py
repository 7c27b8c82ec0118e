"""`audit.html`: the verdict, all checks on all tasks at a glance, then every fault with its cases and its effect."""

from collections.abc import Callable

from weft import __version__
from weft.report.audit import faults
from weft.report.audit.index import GRAVITY, Index
from weft.report.html import Html, clean, head, join, quoted, resource, tag
from weft.report.leaderboard.cases import Pictures
from weft.report.tables import heads, scrolled
from weft.report.words import number

ROOM = 8 * 2**20
"""Bytes of the page that pictures may fill."""


def page(results: dict, image: Callable[[str], bytes]) -> str:
    """The whole page as text; see `weft.report.audit.write` for the arguments."""
    index = Index(results)
    pictures = Pictures(image, ROOM)
    for digest in index.pictures():
        pictures.add(digest)
    sections = [("glance", "At a glance", _glance(index))]
    for anchor, check, rows in index.by_check():
        sections.append((anchor, faults.heading(check, rows), faults.section(index, check, rows, pictures)))
    sections += [
        ("silent", "What was silent, and what did not run", _silent(index)),
        ("from", "Benchmarks", _sources(index)),
        ("again", "To do it again", _again(results)),
    ]
    shown = [tag("section", tag("h2", head), content, id=anchor) for anchor, head, content in sections if content]
    written = f"Written by Weft {clean(results.get('weft') or __version__)}."
    body = [
        tag("a", "Skip to the findings", href="#glance", class_="skip"),
        tag("header", _title(index), _verdict(results.get("verdict") or {})),
        tag("main", shown),
        tag("footer", written, " The same figures for machines: audit.json, beside this page."),
    ]
    styles = [resource("style.css"), resource("leaderboard.css"), resource("audit.css"), pictures.sheet()]
    return "<!doctype html>\n" + tag("html", head("Weft audit", styles), tag("body", body), lang="en") + "\n"


def _title(index: Index) -> Html:
    results = index.results
    told = [
        ("Benchmarks", ", ".join(benchmark["name"] for benchmark in index.benchmarks)),
        ("Tasks", len(index.tasks)),
        ("Checks", len(results.get("checks") or ())),
        ("Models", ", ".join(model["name"] for model in results.get("models") or ())),
        ("Made", str(results.get("created") or "")[:10]),
    ]
    shown = [tag("div", tag("dt", name), tag("dd", quoted(value))) for name, value in told if value]
    return join(tag("p", "Weft audit", class_="eyebrow"), tag("dl", shown, class_="facts"))


def _verdict(verdict: dict) -> Html:
    counts = verdict.get("counts") or {}
    tally = []
    for name, mark in GRAVITY.items():
        word = f" {mark} {name}{'s' * (counts.get(name) != 1)}"
        tally.append(tag("li", tag("b", number(counts.get(name, 0))), word, class_=f"is-{name}"))
    return join(tag("ul", tally, class_="tally"), tag("h1", quoted(verdict.get("sentence") or "", 2000)))


def _glance(index: Index) -> Html:
    """Checks that ran as rows, tasks as columns; a cell leads to its finding."""
    several = len(index.benchmarks) > 1
    names = [join(tag("small", quoted(b, 60)) if several else None, tag("span", quoted(t, 60))) for b, t in index.tasks]
    alone = len(index.tasks) == 1  # then there is room for what was found
    body = []
    for check in index.ordered():
        if not index.ran(check):
            continue
        head = tag("a", check, href=f"#{index.anchor(check)}") if index.rows(check) else check
        cells = [_cell(index, check, place) for place in index.tasks]
        if alone:
            cells.append(tag("td", [quoted(row["sentence"], 240) for row in index.rows(check)[:1]], class_="text said"))
        body.append(tag("tr", tag("th", head, scope="row"), cells))
    label = "Every check on every task: how much of it is at fault"
    legend = "✗ error, ! warning, · note; a dash: silent; empty: did not run. A figure leads to its cases."
    top = heads("Check", *names, *[tag("span", "What was found")] * alone)
    table = tag(
        "table", tag("caption", label, "."), top, tag("tbody", body), class_="glance alone" if alone else "glance"
    )
    return join(scrolled(label, table), tag("p", legend, class_="notes"))


def _cell(index: Index, check: str, place: tuple[str, str]) -> Html:
    rows = index.found.get((check, *place))
    if not rows:
        return tag("td", "–" if index.status.get((check, *place)) == "silent" else "", class_="none")
    told = f"{GRAVITY[rows[0]['severity']]} {faults.share(rows[0])}"
    link = tag("a", told, href=f"#{index.anchor(check, *place)}")
    return tag("td", link, class_=f"is-{rows[0]['severity']}", title=clean(rows[0]["sentence"], 300))


def _silent(index: Index) -> Html | None:
    reasons: dict[str, dict[str, None]] = {}
    for row in index.results.get("outcomes") or ():
        if row["status"] == "not run":
            reasons.setdefault(row["why"], {})[row["check"]] = None
    quiet = [check for check in index.ordered() if index.quiet(check)]
    told = [("Silent on every task", quiet)] if quiet else []
    told += [(f"Did not run: {clean(why, 200)}", list(checks)) for why, checks in reasons.items()]
    shown = [tag("div", tag("dt", why), tag("dd", ", ".join(checks))) for why, checks in told]
    return tag("dl", shown, class_="terms counts") if shown else None


def _sources(index: Index) -> Html:
    """Where each benchmark is from, and the sizes of its tasks."""
    shown = []
    for benchmark in index.benchmarks:
        told = [(name, benchmark.get(name.lower())) for name in ("Source", "Revision", "Licence", "Citation")]
        facts = [tag("div", tag("dt", name), tag("dd", quoted(value))) for name, value in told if value]
        notes = [tag("li", quoted(note, 600)) for note in benchmark.get("notes") or ()]
        body = []
        for task in benchmark["tasks"]:
            sizes = [tag("td", number(task.get(key))) for key in ("queries", "gallery", "relevant_per_query")]
            head = tag("th", quoted(task["name"], 80), scope="row")
            body.append(tag("tr", head, sizes, tag("td", quoted(task.get("primary", "")))))
        top = heads("Task", "Queries", "Corpus", "Relevant per query", "Primary metric")
        shown += [
            tag("h3", quoted(benchmark["name"])),
            tag("dl", facts, class_="facts from") if facts else None,
            tag("ul", notes, class_="notes") if notes else None,
            scrolled(f"Tasks of {clean(benchmark['name'], 80)}", tag("table", top, tag("tbody", body))),
        ]
    return join(shown)


def _again(results: dict) -> Html | None:
    environment = dict(results.get("environment") or {})
    command = environment.pop("command", None)
    told = ", ".join(f"{clean(key)} {clean(value, 80)}" for key, value in environment.items())
    shown = tag("pre", tag("code", clean(command)), tabindex="0") if command else None
    return join(shown, tag("p", told, ".", class_="plain") if told else None) if command or told else None
