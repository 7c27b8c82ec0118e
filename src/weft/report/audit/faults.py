"""One section a check: what it looks for, and per task its count, its cases and the score without the fault."""

from weft.report.audit.index import GRAVITY, Index
from weft.report.html import Html, join, quoted, tag
from weft.report.leaderboard.cases import Pictures
from weft.report.tables import heads, scrolled
from weft.report.words import metric_name, missing, number, percent, points

TEXT = 420
"""Characters of a text that are shown."""

ABOUT = (("Detects", "detects"), ("Why it biases", "biases"), ("Known false alarms", "false alarms"))


def share(row: dict) -> str:
    """The part that is at fault, in percent, or the count where all of it is."""
    if not row["of"] or row["count"] == row["of"]:
        return number(row["count"])
    part = 100 * row["count"] / row["of"]
    return f"{part:.0f}%" if part >= 9.95 else f"{part:.1f}%" if part >= 0.05 else "<0.1%"


def gravity(severity: str) -> Html:
    """A severity as sign and word."""
    return tag("span", f"{GRAVITY[severity]} {severity}", class_=f"gravity is-{severity}")


def heading(check: str, rows: list[dict]) -> Html:
    """The check's name with its gravest severity."""
    worst = min((row["severity"] for row in rows), key=list(GRAVITY).index)
    return join(gravity(worst), " ", check.capitalize())


def section(index: Index, check: str, rows: list[dict], pictures: Pictures) -> Html:
    """What a check looks for, and all that it found."""
    about = index.about[check]
    terms = [tag("div", tag("dt", name), tag("dd", about[key])) for name, key in ABOUT if about.get(key)]
    summary = tag("summary", "What it looks for, why that biases, known false alarms")
    told = tag("details", summary, tag("dl", terms, class_="terms"))
    return join(tag("p", about.get("what"), class_="plain"), told, [_fault(index, row, pictures) for row in rows])


def _fault(index: Index, row: dict, pictures: Pictures) -> Html:
    place = (row["benchmark"], row["task"])
    name = " · ".join(place) if len(index.benchmarks) > 1 else row["task"]
    head = tag("h3", gravity(row["severity"]), " ", quoted(name)) if len(index.tasks) > 1 else None
    parts = [_counted(row), _effect(row), _facts(row), _examples(row, pictures)]
    said = tag("p", quoted(row["sentence"], 1200), class_="said-so")
    return tag("article", head, said, parts, id=index.anchor(row["check"], *place), class_="fault")


def _counted(row: dict) -> Html:
    """The count, and a bar of its share."""
    part = row["count"] / row["of"] if row["of"] else 0.0
    whole = tag("rect", width="100%", height="6", class_="all")
    fault = tag("rect", width=f"{100 * part:.2f}%", height="6", class_=f"is-{row['severity']}")
    bar = tag("svg", whole, fault, class_="part", height="6", role="img", aria_label=f"{percent(part)} percent")
    words = tag("span", tag("b", number(row["count"])), " of ", number(row["of"]), " ", quoted(row["unit"]))
    return tag("p", bar, words, class_="plain counted")


def _effect(row: dict) -> Html | None:
    """A table of scores with and without the fault."""
    if not row["effect"]:
        return None
    body = []
    for one in row["effect"]:
        change = None if missing(one["before"]) or missing(one["after"]) else one["after"] - one["before"]
        words = [tag("td", quoted(one["ranking"], 60), class_="text")]
        words.append(tag("td", metric_name(one["metric"]), class_="text"))
        numbers = [percent(one["before"]), tag("b", percent(one["after"])), points(change), number(one["queries"])]
        head = tag("th", quoted(one["what"]), scope="row")
        body.append(tag("tr", head, words, [tag("td", value) for value in numbers]))
    label = "What the score would be, in percent"
    top = heads("How", "Ranking", "Metric", "As it is", "Put right", "Points", "Queries", text=3)
    return scrolled(label, tag("table", tag("caption", label, "."), top, tag("tbody", body), class_="small"))


def _facts(row: dict) -> Html | None:
    if not row["facts"]:
        return None
    told = [
        tag("div", tag("dt", quoted(name, 120)), tag("dd", quoted(number(value), 300)))
        for name, value in row["facts"].items()
        if not missing(value)
    ]
    return tag("details", tag("summary", "How it was counted"), tag("dl", told, class_="terms counts"))


def _examples(row: dict, pictures: Pictures) -> Html | None:
    if not row["examples"]:
        return None
    shown = [_example(one, pictures) for one in row["examples"]]
    summary = f"{len(shown)} case{'s' * (len(shown) != 1)}"
    return tag("details", tag("summary", summary), tag("ol", shown, class_="cases"))


def _example(one: dict, pictures: Pictures) -> Html:
    tiles = [pictures.show(digest, "picture of a case") for digest in one["pictures"]]
    words = tag("p", "“", quoted(one["text"], TEXT), "”", class_="words") if one["text"] else None
    note = tag("p", quoted(one["note"], TEXT), class_="why") if one["note"] else None
    ids = tag("p", tag("code", quoted(", ".join(one["ids"]), 200)), class_="ids") if one["ids"] else None
    return tag("li", tag("div", tiles, class_="tiles") if tiles else None, tag("div", words, note, ids))
