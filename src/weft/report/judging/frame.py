"""The page around sheets and a drawing: one file, no script, nothing fetched."""

from collections.abc import Sequence

from weft import __version__
from weft.report.html import Html, head, quoted, resource, tag

STYLE = """
body { max-width: 76rem; }
h1 + p.said { margin-top: 0; }
p.said { max-width: 72ch; }
td.text, th[scope=row] { white-space: normal; overflow-wrap: anywhere; min-width: 9rem; max-width: 24rem; }
tr.good th { color: var(--good); }
tr.bad th { color: var(--bad); }
.slopes { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 34rem), 1fr)); gap: 1.5rem 3rem; }
.slopes figure { display: block; }
.slopes svg { display: block; width: 100%; overflow: visible; }
.slopes text { font: .9rem var(--sans); fill: var(--ink); dominant-baseline: central; }
.slopes text { font-variant-numeric: tabular-nums; }
@media (max-width: 32rem) { .slopes text { font-size: .74rem; } }
.slopes text.head { fill: var(--muted); font-size: .85rem; }
.slopes line { stroke: var(--muted); stroke-width: 2; }
.slopes circle { fill: var(--muted); }
.slopes .up line { stroke: var(--good); } .slopes .up circle, .slopes .up text { fill: var(--good); }
.slopes .down line { stroke: var(--bad); } .slopes .down circle, .slopes .down text { fill: var(--bad); }
"""


def frame(title: str, said: Sequence[str], drawn: Html | None, sheets: Sequence[Html], beside: str) -> str:
    """The whole page as text.

    Args:
        said: sentences under the title; beside: the file that holds the same for machines.
    """
    first, *more = said
    header = [tag("p", title, class_="eyebrow"), tag("h1", quoted(first, 2000))]
    header += [tag("p", quoted(one, 2000), class_="said") for one in more]
    footer = f"Written by Weft {__version__}. The same figures for machines: {beside}, beside this page."
    main = tag("main", drawn, [tag("section", sheet) for sheet in sheets])
    body = tag("body", tag("header", header), main, tag("footer", footer))
    top = head(f"Weft: {title}", [resource("style.css"), STYLE])
    return "<!doctype html>\n" + tag("html", top, body, lang="en") + "\n"
