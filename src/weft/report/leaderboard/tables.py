"""The leaderboard's tables of scores: one per benchmark, and one per task with every metric."""

from weft.report.html import Html, join, quoted, tag
from weft.report.leaderboard.index import Index, fidelity_words, interval
from weft.report.tables import heads, scrolled
from weft.report.words import (
    MARKS,
    chance_value,
    metric_name,
    missing,
    number,
    percent,
    points,
    small_percent,
)

FACTS = {
    "queries": ("Queries", number),
    "groups": ("Groups of queries", number),
    "gallery": ("Gallery", number),
    "relevant_per_query": ("Relevant per query", number),
    "chance": ("Chance", small_percent),
    "ceiling": ("Ceiling", percent),
    "mde": ("Detectable difference", percent),
}

STANDING = {"better": "above", "worse": "below", "undecided": "undecided"}


def scores(index: Index, benchmark: str) -> Html:
    """Every model on the primary metric of each of the benchmark's tasks; sortable."""
    tasks = index.of(benchmark)
    label = f"{benchmark}: primary metric of each task in percent, with 95% intervals"
    best = {task["name"]: _best(index, task) for task in tasks}
    rows = []
    for model in index.names:
        role = index.role(model)
        head = tag("th", quoted(model, 80), tag("small", role), scope="row")
        cells = [_cell(index, model, role, task, best[task["name"]]) for task in tasks]
        rows.append(tag("tr", head, cells, class_="ours" if role == "candidate" else None))
    facts = []
    for key, (name, write) in FACTS.items():
        if any(not missing(task.get(key)) for task in tasks):
            row = [tag("td", write(task.get(key))) for task in tasks]
            facts.append(tag("tr", tag("th", name, scope="row"), row))
    table = tag(
        "table",
        tag("caption", label, "."),
        tag("thead", tag("tr", tag("th", "Model", scope="col"), [_head(task) for task in tasks])),
        tag("tbody", rows),
        tag("tfoot", facts) if facts else None,
        class_="scores sortable",
    )
    return join(tag("p", _legend(index), class_="notes"), scrolled(label, table))


def _head(task: dict) -> Html:
    limited = tag("small", "limited gallery") if task.get("limited") else None
    return tag(
        "th", tag("span", quoted(task["name"])), tag("small", metric_name(task["primary"])), limited, scope="col"
    )


def _legend(index: Index) -> Html:
    bold, leads = "bold: the highest of its column.", " A score leads to its worst queries." * bool(index.worst)
    if not index.candidate:
        return join(bold.capitalize(), leads)
    return join("▲ above, ▼ below ", quoted(index.candidate, 80), " by so many points, ? undecided; ", bold, leads)


def _best(index: Index, task: dict) -> float | None:
    found = [row["value"] for model in index.names if (row := index.score(model, task))]
    return max(found, default=None)


def _cell(index: Index, model: str, role: str, task: dict, best: float | None) -> Html:
    """A score with its interval, its standing to the candidate, its fidelity and what was seen in training."""
    row = index.score(model, task)
    if row is None:
        return tag("td", tag("span", "–", class_="none"))
    place = (model, task["benchmark"], task["name"])
    anchor = index.anchors.get(place)
    value = percent(row["value"])
    shown = value if anchor is None else tag("a", value, href=f"#w{anchor}")
    checked = index.checked(model, task)
    mark = fidelity_words(checked, task["primary"], metric_name) if checked or role == "baseline" else None
    return tag(
        "td",
        tag("div", tag("b", shown), _standing(index, model, task)),
        tag("small", interval(row)),
        tag("small", mark, class_=_fidelity_class(mark)) if mark else None,
        _seen(index.seen.get(place)),
        class_="best" if row["value"] == best else None,
        data_v=f"{row['value']:.8g}",
        id=None if anchor is None else f"c{anchor}",
    )


def _seen(rows: list[dict] | None) -> Html | None:
    """The largest of a cell's counts: the ways of looking find the same things."""
    if not rows:
        return None
    told = f"{number(max(row['count'] for row in rows))} seen in training"
    return tag("small", tag("a", told, href="#contamination"), class_="seen")


def _fidelity_class(mark: str) -> str:
    return {"✓": "verified", "✗": "off"}.get(mark[0], "unverified")


def _standing(index: Index, model: str, task: dict) -> Html | None:
    found = index.standing(model, task)
    if found is None:
        return None
    call, lead, row = found
    told = f"{STANDING.get(call, call)}, p (Holm) {chance_value(row.get('p_holm'))}"
    text = f"{MARKS.get(call, '')} {points(lead)}"
    return tag(
        "span", text, tag("span", f" {told}", class_="unseen"), class_=f"lead {STANDING.get(call, '')}", title=told
    )


def metrics(index: Index, benchmark: str) -> Html | None:
    """Every metric of every model, a table a task, folded away."""
    shown = []
    for task in index.of(benchmark):
        kinds = index.metrics(task)
        body = []
        for model in index.names:
            cells = [plain(index.score(model, task, kind)) for kind in kinds]
            role = index.role(model)
            head = tag("th", quoted(model, 80), scope="row")
            body.append(tag("tr", head, cells, class_="ours" if role == "candidate" else None))
        label = f"{task['name']}: every metric in percent, with 95% intervals"
        table = tag("table", tag("caption", label, "."), heads("Model", *map(metric_name, kinds)), tag("tbody", body),
                    class_="scores sortable")  # fmt: skip
        shown.append(scrolled(label, table))
    return tag("details", tag("summary", "Every metric of every task"), shown) if shown else None


def plain(row: dict | None) -> Html:
    """A cell with a score and its interval."""
    if row is None:
        return tag("td", "–", class_="none")
    return tag("td", tag("b", percent(row["value"])), tag("small", interval(row)), data_v=f"{row['value']:.8g}")
