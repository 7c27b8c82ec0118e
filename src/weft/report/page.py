"""`report.html`: the verdict first, then everything it rests on."""

from collections.abc import Callable

from weft import __version__
from weft.report import evidence, figures, tables
from weft.report.html import Html, head, join, quoted, resource, tag
from weft.report.pictures import Thumbnails
from weft.report.words import alphas, missing, pair, percent

BADGES = {"holds": "✓ Holds", "undecided": "? Undecided", "fails": "✗ Does not hold", "none": "No claim"}


def page(results: dict, curate: dict, image: Callable[[str], bytes]) -> str:
    """The whole page as text; see `weft.report.write` for the arguments."""
    thumbnails = Thumbnails(image)
    sections = [
        ("scores", "Scores", tables.scores(results)),
        ("trade", "Gained and kept", _trade(results)),
        ("alpha", "How alpha was chosen", _alpha(results)),
        ("examples", "Example queries", evidence.examples(results, thumbnails)),
        ("metrics", "Every metric", tables.metrics(results)),
        ("catalogue", "What was curated away", evidence.curated(curate, thumbnails)),
        ("queries", "Queries", evidence.queries(curate)),
        ("reproduce", "How to reproduce", evidence.reproduce(results)),
        ("definitions", "Definitions", evidence.definitions(results)),
    ]
    sections = [(anchor, heading, content) for anchor, heading, content in sections if content]
    links = [tag("li", tag("a", heading, href=f"#{anchor}")) for anchor, heading, _ in sections]
    body = [
        tag("a", "Skip to the scores", href="#scores", class_="skip"),
        tag("header", _title(results), _verdict(results.get("verdict", {}))),
        tag("nav", tag("ul", links), aria_label="Contents"),
        tag("main", [tag("section", tag("h2", heading), content, id=anchor) for anchor, heading, content in sections]),
        tag("footer", f"Written by Weft {__version__}. The same figures for machines: report.json, beside this page."),
    ]
    title = f"Weft report: {results.get('recipe') or results.get('catalogue', '')}"
    top = head(title, [resource("style.css")], inline=True)
    return "<!doctype html>\n" + tag("html", top, tag("body", body), lang="en") + "\n"


def _title(results: dict) -> Html:
    facts = [("Base", results.get("base")), ("Catalogue", results.get("catalogue")), ("Recipe", results.get("recipe"))]
    alpha = results.get("alpha", {})
    facts += [("α", None if missing(alpha.get("chosen")) else alphas(alpha)), ("Seed", results.get("seed"))]
    told = [tag("div", tag("dt", name), tag("dd", quoted(value))) for name, value in facts if value not in (None, "")]
    return join(tag("p", "Weft report", class_="eyebrow"), tag("dl", told, class_="facts"))


def _verdict(verdict: dict) -> Html:
    state = verdict.get("state", "holds" if verdict.get("holds") else "fails")
    losses, undecided, gains = (verdict.get(key, ()) for key in ("losses", "undecided", "gains"))
    return join(
        tag("p", BADGES[state], class_=f"badge {state}"),
        tag("h1", quoted(verdict.get("sentence", "No verdict was reached."), 2000)),
        tag(
            "div",
            _listed("Losses", "▼", losses, "No difference points downwards.", "losses"),
            _listed("Undecided", "?", undecided, "", "undecided"),
            _listed("Gains", "▲", gains, "", "gains"),
            class_="findings",
        ),
    )


def _listed(heading: str, mark: str, findings: list[str], none: str, class_: str) -> Html | None:
    if not findings and not none:
        return None
    content = tag("ul", [tag("li", quoted(f, 1000)) for f in findings]) if findings else tag("p", none)
    top = tag("h2", tag("span", mark, aria_hidden="true"), f" {heading} ", tag("small", len(findings)))
    return tag("section", top, content, class_=class_)


def _figure(svg: str, caption: object) -> Html:
    return tag("figure", tag("div", Html(svg), class_="drawing"), tag("figcaption", caption))


def _trade(results: dict) -> Html | None:
    """The scatter, with what its axes average."""
    svg = figures.scatter(results)
    if not svg:
        told = "Not drawn: it takes a task that counts both in-domain and out of domain."
        return tag("p", told) if len(results["models"]) > 1 else None
    means = figures.means(results)
    drawn = [m for m, found in means.items() if set(figures.AXES) <= set(found)]
    path = bool(results.get("alpha", {}).get("curve"))
    left = [
        f"{model} ({percent(means[model]['in-domain'][0])})"
        for model in results["models"]
        if model not in drawn and "in-domain" in means[model]
    ]
    axes = [(axis, ", ".join(t["name"] for t in figures.headline(results, axis))) for axis in figures.AXES]
    caption = [
        "Right is better on the catalogue, up is better elsewhere; dotted lines mark the base. ",
        [f"The {axis} mean is over {names}. " for axis, names in axes],
        "Bars average the tasks' 95% intervals, which is never too narrow for the mean. " * ("means" not in results),
        "Dashed: base to tuned on development queries, with a ring at the chosen α. " * path,
        f"On the axis, or beyond the right edge, because an out-of-domain task has no score for it: {', '.join(left)}."
        if left
        else "",
    ]
    return _figure(svg, caption)


def _alpha(results: dict) -> Html | None:
    """The rule in prose, the curve, and the curve's numbers."""
    alpha = results.get("alpha", {})
    if missing(alpha.get("chosen")):
        return None
    note = alpha.get("note")
    prose = tag("p", "Chosen on development queries only: ", tag("strong", f"α\u00a0=\u00a0{alphas(alpha)}"), ". ")
    rule = tag("p", "Rule: ", quoted(alpha.get("rule", ""), 1000), "." if alpha.get("rule") else "")
    svg = figures.alpha_curve(results)
    caption = "Lines: estimated from the two ends' embeddings. Markers: the interpolated weights themselves, measured. "
    caption += "Green: alphas that keep the rule."
    if pair(alpha):
        caption += " The same alpha for both towers; rings: the chosen pair, at the mean of its two."
    if not missing(alpha.get("delta")):
        caption += f" Dashed: the largest drop allowed, {percent(alpha['delta'])} points."
    shown = join(_figure(svg, caption), tables.curve(results)) if svg else None
    return join(prose, rule, tag("p", quoted(note, 1000), class_="note") if note else None, shown)
