"""The tables of a study's page."""

from weft.report.html import Html, join, quoted, tag
from weft.report.study.index import VERDICTS, Index
from weft.report.study.text import part
from weft.report.tables import heads, scrolled
from weft.report.words import chance_value, metric_name, missing, number, percent, points


def scores(index: Index) -> Html:
    """Every row: the means of the domains, then every task, with intervals and marks."""
    columns = index.columns()
    top = [
        tag("th", _head(index, kind, name, head), scope="col", class_=_edge(columns, n))
        for n, (kind, name, head) in enumerate(columns)
    ]
    body = []
    for name, row in index.rows.items():
        cells = [
            tag("td", _score(index, name, kind, of), class_=_edge(columns, n))
            for n, (kind, of, _) in enumerate(columns)
        ]
        head = tag("th", _label(row), tag("small", f"α {index.alphas(row)}") if row["alphas"] else None, scope="row")
        body.append(tag("tr", head, cells, class_="ours" if name in (index.reference, index.results["ours"]) else None))
    label = "Percent, with 95% intervals over queries"
    table = tag(
        "table",
        tag("caption", label, "."),
        tag("thead", tag("tr", tag("th", "Row", scope="col"), top)),
        tag("tbody", body),
        class_="scores",
    )
    return scrolled(label, table)


def _edge(columns: list, place: int) -> str | None:
    """Means, and the tasks of each domain, stand apart."""
    before = columns[place - 1] if place else None
    return "edge" if before and before[0] != columns[place][0] else None


def _label(row: dict) -> Html:
    one = tag("abbr", "¹", title="one seed") if row["one_seed"] else None
    return join(quoted(row["label"]), one)


def _head(index: Index, kind: str, name: str, head: str) -> Html:
    if kind == "mean":
        return join(tag("span", head), tag("small", number(len(index.results["domains"][name])), " tasks"))
    task = index.tasks[name]
    star = None if task["counts"] else tag("abbr", "*", title="does not count")
    return join(tag("span", quoted(head), star), tag("small", metric_name(task["primary"])))


def _score(index: Index, row: str, kind: str, name: str) -> Html:
    found = index.value(row, kind, name)
    if found is None or missing(found["value"]):
        return tag("span", "–", class_="none")
    marks = [
        tag("span", mark, class_=f"change {'better' if mark in '▲△' else 'worse'}")
        for mark in index.marks(row, kind, name)
    ]
    ends = tag("small", f"{percent(found['low'])} to {percent(found['high'])}")
    return join(tag("b", percent(found["value"]), " ", marks), ends)


def claims(index: Index) -> Html:
    """Each claim with its verdict and the figures it rests on."""
    items = []
    for claim in index.results["claims"]:
        badge = tag(
            "span",
            f"{VERDICTS[claim['verdict']]} {claim['verdict']}",
            class_=f"verdict {claim['verdict'].replace(' ', '-')}",
        )
        parts = tag("ul", [tag("li", part(index, one)) for one in claim["parts"]])
        items.append(tag("li", badge, tag("p", quoted(claim["text"])), parts))
    return tag("ol", items, class_="claims") if items else tag("p", "None was declared.")


def differences(index: Index) -> Html:
    """Both declared families, means first, as one table each."""
    found = []
    for rows, what in ((index.results["mean_differences"], "domain"), (index.results["differences"], "task")):
        of = "means over the tasks of a domain" if what == "domain" else "single tasks"
        label = f"{len(rows)} differences of {of}, in points"
        names = ("Row", "Against", what.capitalize(), "Call", "Difference", "95% interval", "By seed", "p", "p (Holm)")
        body = [tag("tr", _difference(index, row, what)) for row in rows]
        table = tag("table", tag("caption", label, "."), heads(*names, text=4), tag("tbody", body))
        found.append(tag("details", tag("summary", label), scrolled(label, table)))
    return join(found)


def _difference(index: Index, row: dict, what: str) -> list[Html]:
    call = tag("span", row["call"], class_=f"change {row['call']}")
    told = [quoted(index.label(row["row"])), quoted(index.label(row["against"])), quoted(row[what]), call]
    ends = f"{points(row['low'])} to {points(row['high'])}"
    seeds = ", ".join(map(points, row["by_seed"]))
    numbers = [tag("b", points(row["difference"])), ends, seeds, chance_value(row["p"]), chance_value(row["p_holm"])]
    return [tag("td", one, class_="text") for one in told] + [tag("td", one) for one in numbers]


def costs(index: Index) -> Html:
    """What a training of each row took, and what its trials were."""
    names = ("Row", "Trials: changes, gain on dev", "Trained numbers", "Steps", "Seconds", "Steps a second")
    body = []
    for row in index.rows.values():
        cost = row.get("cost") or {}
        tried = [
            tag(
                "li",
                "→ " if one["changes"] == row["changes"] else "",
                " ".join(one["changes"]),
                f" {points(one['gain'])}",
            )
            for one in row["tried"]
        ]
        shown = [number(cost.get("trainable", "–")), number(cost.get("steps", "–"))]
        shown += [f"{cost['seconds']:.0f}", f"{cost['steps_per_second']:.2f}"] if cost else ["–", "–"]
        head = tag("th", _label(row), scope="row")
        body.append(
            tag(
                "tr",
                head,
                tag("td", tag("ul", tried, class_="plain") if tried else "–", class_="text"),
                [tag("td", c) for c in shown],
            )
        )
    label = "Cost of one training by the clock, averaged over seeds; what else the machine did at the time is in it"
    return scrolled(
        label,
        tag(
            "table",
            tag("caption", label, "; the arrow marks the trial that was taken."),
            heads(*names, text=2),
            tag("tbody", body),
        ),
    )
