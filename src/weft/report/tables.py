"""The page's tables of scores, differences and the alpha curve."""

from weft.report.html import Html, join, quoted, tag
from weft.report.words import (
    MARKS,
    against_base,
    along,
    by_domain,
    cells,
    chance_value,
    metric_name,
    missing,
    number,
    percent,
    points,
    short_name,
    small_percent,
)

FACTS = {
    "queries": ("Queries", number),
    "gallery": ("Gallery", number),
    "relevant_per_query": ("Relevant per query", number),
    "chance": ("Chance", small_percent),
    "ceiling": ("Ceiling", percent),
}


def scrolled(label: str, table: Html) -> Html:
    """A wide table in a box of its own that scrolls sideways, by keyboard too."""
    return tag("div", table, class_="wide", tabindex="0", role="region", aria_label=label)


def heads(*names: object, text: int = 1) -> Html:
    """Column heads; the first `text` columns hold words and are set to the left."""
    cells = [tag("th", name, scope="col", class_="text" if place < text else None) for place, name in enumerate(names)]
    return tag("thead", tag("tr", cells))


def scores(results: dict) -> Html:
    """The main table: every model on every task's primary metric, then every comparison."""
    label = "Primary metric of each task in percent, with 95% intervals"
    groups = by_domain(results["tasks"])
    tasks = [task for _, members in groups for task in members]
    found, differences = cells(results["scores"]), against_base(results)
    top = [tag("th", name, scope="colgroup", colspan=len(members), class_="edge") for name, members in groups]
    first = {members[0]["name"] for _, members in groups}
    names = [tag("th", _task_head(task), scope="col", class_=_edge(task, first)) for task in tasks]
    rows = []
    for model in results["models"]:
        row = [tag("th", quoted(model), scope="row")]
        for task in tasks:
            score = found.get((model, task["name"], task["primary"]))
            told = differences.get((model, task["name"])) if model == "woven" else None
            row.append(tag("td", _score(score), _change(told), class_=_edge(task, first)))
        rows.append(tag("tr", row, class_=_ours(model)))
    facts = []
    for key, (name, write) in FACTS.items():
        row = [tag("td", write(task.get(key)), class_=_edge(task, first)) for task in tasks]
        facts.append(tag("tr", tag("th", name, scope="row"), row))
    table = tag(
        "table",
        tag("caption", label + (". Under the woven model: its difference from the base." if differences else ".")),
        tag("thead", tag("tr", tag("td"), top), tag("tr", tag("th", "Model", scope="col"), names)),
        tag("tbody", rows),
        tag("tfoot", facts),
        class_="scores",
    )
    return join(scrolled(label, table), _notes(tasks), comparisons(results))


def _ours(model: str) -> str | None:
    return "ours" if model == "woven" else None


def _edge(task: dict, first: set[str]) -> str | None:
    return "edge" if task["name"] in first else None


def _task_head(task: dict) -> Html:
    star = None if task.get("counts", True) else tag("abbr", "*", title="does not count")
    return join(tag("span", quoted(short_name(task)), star), tag("small", metric_name(task["primary"])))


def _score(row: dict | None) -> Html:
    if row is None or missing(row["value"]):
        return tag("span", "–", class_="none")
    return join(tag("b", percent(row["value"])), tag("small", _range(row, percent)))


def _range(row: dict, write) -> str | None:
    """The interval's two ends, or nothing."""
    if missing(row.get("low")) or missing(row.get("high")):
        return None
    return f"{write(row['low'])} to {write(row['high'])}"


def _change(row: dict | None) -> Html | None:
    if row is None:
        return None
    call = row["call"]
    return tag("span", f"{MARKS.get(call, '')} {points(row['difference'])}", tag("small", call), class_=_class(call))


def _class(call: str) -> str:
    return "change " + call.replace(" ", "-")


def _notes(tasks: list[dict]) -> Html | None:
    """What a reader must know of single tasks before comparing them."""
    notes, reasons = [], {}
    for task in tasks:
        if not task.get("counts", True):
            reasons.setdefault(task.get("note") or "no reason is given", []).append(task["name"])
        elif task.get("note"):
            notes.append(tag("li", quoted(task["name"]), ": ", quoted(task["note"])))
        if task.get("contaminated"):
            seen = number(task["contaminated"])
            told = f": training, the base's included, saw {seen} of the pictures that answer its queries."
            notes.append(tag("li", quoted(task["name"]), told))
        if (task.get("lookalikes") or 0) > (task.get("contaminated") or 0):
            told = f": {number(task['lookalikes'])} of the answering pictures look like one that training saw."
            notes.append(tag("li", quoted(task["name"]), told))
    for why, names in reasons.items():
        notes.append(tag("li", "* does not count in the verdict, because ", quoted(why), ": ", ", ".join(names), "."))
    return tag("ul", notes, class_="notes") if notes else None


def comparisons(results: dict) -> Html | None:
    """Every comparison that the verdict's correction counts, as a table."""
    rows = results.get("differences") or []
    if not rows:
        return None
    label = f"All {len(rows)} comparisons, paired over queries, in points"
    names = ("Model", "Against", "Task", "Metric", "Call", "Difference", "95% interval", "p", "p (Holm)", "MDE")
    body = []
    for row in rows:
        texts = [row["model"], row["against"], row["task"]]
        p, adjusted = (chance_value(row.get(key)) for key in ("p", "p_holm"))
        numbers = [_range(row, points), p, adjusted, percent(row.get("mde"))]
        called = tag("span", f"{MARKS.get(row['call'], '')} {row['call']}", class_=_class(row["call"]))
        body.append(
            tag(
                "tr",
                [tag("td", quoted(text), class_="text") for text in texts],
                tag("td", metric_name(row["metric"]), class_="text"),
                tag("td", called, class_="text"),
                tag("td", tag("b", points(row["difference"]))),
                [tag("td", text) for text in numbers],
            )
        )
    table = tag("table", tag("caption", f"{label}."), heads(*names, text=5), tag("tbody", body))
    summary = tag("summary", f"Every comparison, with intervals and p-values ({len(rows)})")
    return tag("details", summary, scrolled(label, table))


def metrics(results: dict) -> Html:
    """Every metric of every model, a table a task."""
    found, shown = cells(results["scores"]), []
    for _, members in by_domain(results["tasks"]):
        for task in members:
            kinds = list(dict.fromkeys(row["metric"] for row in results["scores"] if row["task"] == task["name"]))
            body = []
            for model in results["models"]:
                row = [tag("td", _score(found.get((model, task["name"], kind)))) for kind in kinds]
                body.append(tag("tr", tag("th", quoted(model), scope="row"), row, class_=_ours(model)))
            label = f"{task['name']}: every metric in percent, with 95% intervals"
            names = heads("Model", *map(metric_name, kinds))
            table = tag("table", tag("caption", label, "."), names, tag("tbody", body), class_="scores")
            shown.append(tag("details", tag("summary", quoted(task["name"])), scrolled(label, table)))
    return join(shown)


def curve(results: dict) -> Html:
    """The alpha curve's numbers: measured where it was, else the estimate with a tilde. See `along`."""
    alpha = results["alpha"]
    tasks = list(alpha["curve"][0]["tasks"])
    body = []
    for name, step, chosen in along(alpha):
        row = [tag("td", _dev(step["tasks"][task])) for task in tasks]
        head = tag("th", name, " chosen" if chosen else None, scope="row")
        last = [tag("td", percent(step["in_domain"])), tag("td", "yes" if step.get("feasible", True) else "no")]
        body.append(tag("tr", head, row, last, class_="ours" if chosen else None))
    label = "Development scores along alpha in percent; ~ marks an estimate"
    top = heads("α", *map(quoted, tasks), "In-domain mean", "Keeps the rule")
    table = tag("table", tag("caption", f"{label}."), top, tag("tbody", body))
    return tag("details", tag("summary", "The curve in numbers"), scrolled(label, table))


def _dev(task: dict) -> str:
    return f"~{percent(task['estimate'])}" if missing(task.get("score")) else percent(task["score"])
