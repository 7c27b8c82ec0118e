"""`leaderboard.html`: the verdict with its exceptions first, then every score and what it rests on."""

from collections.abc import Callable

from weft import __version__
from weft.report.html import Html, clean, head, join, quoted, resource, tag
from weft.report.leaderboard import cases, details, facts, strips, tables
from weft.report.leaderboard.index import Index

SHOWN = 24
"""Exceptions that are listed at once; the others unfold."""


def page(results: dict, image: Callable[[str], bytes]) -> str:
    """The whole page as text; see `weft.report.leaderboard.write` for the arguments."""
    index = Index(results)
    worst, pictures = cases.worst(index, image)
    sections = [("overview", "At a glance", strips.overview(index))]
    for number, benchmark in enumerate(index.benchmarks()):
        content = join(facts.provenance(benchmark), tables.scores(index, benchmark["name"]))
        sections.append(
            (f"b{number}", quoted(benchmark["name"]), join(content, tables.metrics(index, benchmark["name"])))
        )
    sections += [
        ("comparisons", "Every comparison", details.comparisons(index)),
        ("worst", "Worst queries", worst),
        ("strata", "Strata", details.strata(index)),
        ("fidelity", "Do the baselines reproduce?", facts.fidelity(index)),
        ("contamination", "Seen in training", facts.contamination(index)),
        ("unused", "What could not be used", facts.counts(index)),
        ("models", "Models", facts.models(index)),
        ("again", "To do it again", facts.again(index)),
        ("definitions", "Definitions", facts.definitions(index)),
    ]
    sections = [(anchor, heading, content) for anchor, heading, content in sections if content]
    links = [tag("li", tag("a", heading, href=f"#{anchor}")) for anchor, heading, _ in sections]
    body = [
        tag("a", "Skip to the scores", href="#b0", class_="skip") if index.tasks else None,
        tag("header", _title(index), _verdict(results.get("verdict") or {})),
        tag("nav", tag("ul", links), aria_label="Contents"),
        tag("main", [tag("section", tag("h2", heading), content, id=anchor) for anchor, heading, content in sections]),
        tag("footer", f"Written by Weft {clean(results.get('weft') or __version__)}. The same figures for machines: "
                      "leaderboard.json, beside this page."),
    ]  # fmt: skip
    script = resource("leaderboard.js")
    top = head("Weft leaderboard", [resource("style.css"), resource("leaderboard.css"), pictures], script)
    return "<!doctype html>\n" + tag("html", top, tag("body", body, tag("script", Html(script))), lang="en") + "\n"


def _title(index: Index) -> Html:
    results = index.results
    told = [
        ("Candidate" if len(index.candidates) == 1 else "Candidates", ", ".join(index.candidates)),
        ("Models", len(index.models)),
        ("Benchmarks", len(index.benchmarks())),
        ("Tasks", len(index.tasks)),
        ("Made", str(results.get("created") or "")[:10]),
    ]
    shown = [tag("div", tag("dt", name), tag("dd", quoted(value))) for name, value in told if value]
    return join(tag("p", "Weft leaderboard", class_="eyebrow"), tag("dl", shown, class_="facts"))


def _verdict(verdict: dict) -> Html:
    holds = verdict.get("holds")
    told = "✓ Holds" if holds else "✗ Does not hold"
    badge = tag("p", told, class_="badge holds" if holds else "badge fails") if holds is not None else None
    return join(
        badge,
        tag("h1", quoted(verdict.get("sentence") or "No verdict was asked for: there is no candidate.", 2000)),
        _exceptions(verdict.get("exceptions") or [], holds),
    )


def _exceptions(found: list[str], holds: bool | None) -> Html | None:
    if holds is None and not found:
        return None
    head = tag("h2", tag("span", "▼", aria_hidden="true"), " Exceptions ", tag("small", len(found)))
    lines = [tag("li", quoted(exception, 1000)) for exception in found]
    content = tag("ul", lines[:SHOWN]) if lines else tag("p", "None: no comparison of the family speaks against it.")
    rest = lines[SHOWN:]
    more = tag("details", tag("summary", f"{len(rest)} more"), tag("ul", rest)) if rest else None
    return tag("div", tag("section", head, content, more, class_="losses"), class_="findings")
