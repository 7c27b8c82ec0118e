"""`study.html`: what became of each claim first, then the table, the figures and all that they rest on."""

from weft import __version__
from weft.report.html import Html, head, join, quoted, resource, tag
from weft.report.study import figures, tables
from weft.report.study.index import Index
from weft.report.study.text import LIMITS, legend

CSS = """
.claims { padding-left: 1.4rem; } .claims > li { margin: 0 0 1rem; max-width: 76ch; }
.claims p { margin: .1rem 0; }
.claims ul { margin: .1rem 0; padding-left: 1.1rem; font-size: .86rem; color: var(--muted); }
.claims ul li { max-width: none; }
.verdict { font-weight: 600; font-size: .9rem; } .verdict.confirmed { color: var(--good); }
.verdict.reversed, .verdict.not-confirmed { color: var(--bad); } .verdict.undecided { color: var(--unsure); }
.scores tbody th small { display: block; }
td ul.plain { margin: 0; padding: 0; list-style: none; } .drawing.wide-figure svg { max-width: 60rem; }
.warning { border-left: 3px solid var(--bad); padding-left: .8rem; font-weight: 600; }
"""


def page(results: dict) -> str:
    """The whole page as text; results: see docs/study.md."""
    index = Index(results)
    sections = [
        ("claims", "The claims, as they came out", tables.claims(index)),
        ("scores", "Scores", join(tables.scores(index), _notes(index))),
        ("trade", "Figure 1: gained and kept", _figure(figures.draw_trade, results, TRADE)),
        ("alpha", "Figure 2: along α", _figure(figures.draw_alpha, results, _alpha(results))),
        ("effects", "Figure 3: ablations", _figure(figures.draw_effects, results, EFFECTS)),
        ("final", "The final model against every row", _final(index)),
        ("differences", "Every comparison", tables.differences(index)),
        ("costs", "Trials and cost of training", tables.costs(index)),
        ("method", "How this was made", _method(index)),
    ]
    sections = [(anchor, heading, content) for anchor, heading, content in sections if content]
    links = [tag("li", tag("a", heading, href=f"#{anchor}")) for anchor, heading, _ in sections]
    body = [
        tag("a", "Skip to the scores", href="#scores", class_="skip"),
        tag("header", _title(index)),
        tag("nav", tag("ul", links), aria_label="Contents"),
        tag("main", [tag("section", tag("h2", heading), content, id=anchor) for anchor, heading, content in sections]),
        tag(
            "footer",
            f"Written by Weft {__version__}. Beside this page: study.json, study.md, and figures/ as SVG, PDF, PNG.",
        ),
    ]
    top = head(f"Weft study: {results['name']}", [resource("style.css") + CSS], inline=True)
    return "<!doctype html>\n" + tag("html", top, tag("body", body), lang="en") + "\n"


TRADE = (
    "Right is better on the catalogue, up is better elsewhere. A point a row, averaged over seeds; bars are 95% "
    "intervals over queries, of each row by itself: rows are compared in figure 3. Large outlined points: the base, "
    "reference and the final model. Green: rows that no other one is above at both ends."
)
ALPHA = (
    "Dev queries, on which α was chosen{gallery}. Markers: interpolated weights, evaluated at every seed. Between: "
    "estimates from the two ends' embeddings, corrected by what was measured. Ticks at the bottom: the α of each seed; "
    "equal ones are one tick. Dashed: the strongest of the rows that are to be beaten."
)
SAMPLED = ": each searches at most {:,} products of its gallery, so scores are higher than those of the table"
EFFECTS = (
    "Differences of means in points, paired by query, with 95% intervals; a tick is a seed. Green and orange: better "
    "and worse by the declared test; grey: undecided."
)


def _alpha(results: dict) -> str:
    return ALPHA.format(gallery=SAMPLED.format(results["gallery"]) if results["gallery"] else "")


def _title(index: Index) -> Html:
    results = index.results
    facts = [("Study", results["name"]), ("Recipe", results["recipe"]), ("Base", results["base"])]
    facts += [("Seeds", ", ".join(map(str, results["seeds"]))), ("Reference", index.label(index.reference))]
    told = [tag("div", tag("dt", name), tag("dd", quoted(value))) for name, value in facts]
    return join(
        tag("p", "Weft study", class_="eyebrow"),
        tag("dl", told, class_="facts"),
        tag("h1", quoted(results["final"]["sentence"], 2000)),
        [tag("p", quoted(warning, 1000), class_="warning") for warning in results["warnings"]],
        tag("p", f"Not run yet: {', '.join(results['missing'])}.", class_="note") if results["missing"] else None,
    )


def _figure(draw, results: dict, caption: str) -> Html | None:
    drawn = figures.svg(draw, results)
    if not drawn:
        return None
    return tag("div", tag("div", Html(drawn), class_="drawing wide-figure"), tag("p", caption, class_="plain"))


def _notes(index: Index) -> Html:
    out = [task["name"] for task in index.tasks.values() if not task["counts"]]
    why = "the base is below twice chance, or half way from chance to 1, on dev queries, so this is in no mean. "
    told = f"* {', '.join(out)}: {why}" if out else ""
    return tag("p", told, legend(index), " ", LIMITS, class_="plain")


def _final(index: Index) -> Html:
    final = index.results["final"]
    lines = [tag("li", quoted(one["text"], 1000)) for one in final["exceptions"]]
    few = tag("ul", lines, class_="notes") if lines else None
    told = tag("details", tag("summary", f"{len(lines)} exceptions"), few) if len(lines) > 12 else few
    return join(tag("p", quoted(final["sentence"], 2000)), told)


def _method(index: Index) -> Html:
    results = index.results
    looks = results["test"]
    cheap = f" A trial is made cheaper by {' '.join(results['trial_set'])}." if results["trial_set"] else ""
    by = "the in-domain mean" + " plus that of the out-of-domain mean" * (results["select"] == "both ends")
    paragraphs = [
        "Trials and alphas were chosen on dev queries alone: an alpha by the recipe's own rule, for each seed; a trial "
        f"at its own alpha, by the change of {by} from the base.{cheap}",
        f"Test queries were looked at {len(looks)} times, once for each row and seed unless a warning above says "
        "otherwise" + (f", from {looks[0]['when']} to {looks[-1]['when']}." if looks else "."),
        "Scores are averaged per query over seeds; then queries are resampled within each task, whole groups at a time "
        "(duplicates, one product's queries, an unseen brand), 10,000 times. A mean is over tasks, each counting "
        "alike; short and long queries of one product are resampled together. p: two-sided sign flips of whole groups. "
        f"Holm over {len(results['differences'])} task comparisons, {len(results['mean_differences'])} of means, and "
        f"{results['claim_comparisons']} of the pairs that claims name, on every domain, each a family.",
        "A claim is confirmed or reversed where interval, Holm's test and every seed agree, and both rows have three "
        f"seeds; not confirmed where a gain of {100 * results['worth']:.1f} points is excluded; else undecided.",
        LIMITS,
    ]
    command = f"weft study STUDY.toml {' '.join(f'--set {change}' for change in results['set'])}".strip()
    versions = ", ".join(f"{name} {value}" for name, value in results["environment"].items())
    return join([tag("p", text) for text in paragraphs], tag("pre", command), tag("p", versions, class_="plain"))
