"""The leaderboard's pictures: a strip a task with every model on it, and small intervals inside table rows.

Places along the axis are percentages of the drawing's width, so that lines stretch with the page while dots and
words keep their size, on a phone as on a wide screen.
"""

import math

from weft.report.html import Html, join, quoted, tag
from weft.report.leaderboard.index import Index, interval
from weft.report.words import metric_name, missing, percent, points

SHAPES = {
    "baseline": "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z",
    "lexical": "M-5 0L0 -5L5 0L0 5z",
    "fusion": "M-4 -4H4V4H-4z",
    "candidate": "M-6.5 0a6.5 6.5 0 1 0 13 0a6.5 6.5 0 1 0 -13 0z",
}
MARGIN = 3.0  # percent of the width that is left free at both ends
FIELD, OWN, HIGH = 12, 29, 42  # y of the field's lane, of the candidates' lane, and the height of a strip


def overview(index: Index) -> Html | None:
    """A strip a task: the field on the upper lane, the candidates below it, each with its 95% interval."""
    blocks = [block for benchmark in index.benchmarks() if (block := _block(index, benchmark["name"]))]
    if not blocks:
        return None
    told = (
        "Each line is a task; right is better. Bars are 95% intervals; a dotted tick is what a perfect ranking scores."
    )
    return join(_legend(index), tag("p", told, class_="plain"), blocks)


def _block(index: Index, benchmark: str) -> Html | None:
    tasks = [task for task in index.of(benchmark) if any(index.score(model, task) for model in index.names)]
    if not tasks:
        return None
    ends = []
    for task in tasks:
        for row in filter(None, (index.score(model, task) for model in index.names)):
            ends += [end for end in (row["value"], row.get("low"), row.get("high")) if not missing(end)]
    low, high = _round_ends(100 * min(ends), 100 * max(ends))
    ticks = _ticks(low, high)
    rows = [_row(index, task, low, high, ticks) for task in tasks]
    axis = tag(
        "svg",
        [_text(_x(tick, low, high), f"{tick:g}") for tick in ticks],
        class_="strip",
        height=16,
        aria_hidden="true",
    )
    scale = tag("li", tag("span"), axis, tag("span", "percent", class_="said"), class_="axis")
    return join(tag("h3", quoted(benchmark)), tag("ol", rows, scale, class_="strips"))


def _row(index: Index, task: dict, low: float, high: float, ticks: list[float]) -> Html:
    drawn = [_line(_x(tick, low, high), "rule") for tick in ticks]
    ceiling = task.get("ceiling")
    if not missing(ceiling) and low <= 100 * ceiling <= high:
        drawn.append(_line(_x(100 * ceiling, low, high), "ceiling"))
    found = [(model, row) for model in index.names if (row := index.score(model, task))]
    found.sort(key=lambda pair: pair[0] in index.candidates)  # drawn last: on top
    drawn += [_mark(index, model, row, task, low, high) for model, row in found]
    told = [f"{model} {percent(row['value'])}" for model, row in found]
    name = tag("span", quoted(task["name"], 80), tag("small", " ", metric_name(task["primary"])), class_="name")
    label = f"{task['name']}: {', '.join(told)}"
    picture = tag("svg", drawn, class_="strip", height=HIGH, role="img", aria_label=label)
    return tag("li", name, picture, tag("span", _said(index, found), class_="said"))


def _said(index: Index, found: list[tuple[str, dict]]) -> list[Html]:
    """The first candidate and the highest of the others, in words."""
    field = [pair for pair in found if pair[0] not in index.candidates]
    told = [pair for pair in found if pair[0] == index.candidate]
    told += [max(field, key=lambda pair: pair[1]["value"])] if field else []
    return [
        tag("span", _key(index, model), tag("span", quoted(model, 40), class_="who"), tag("b", percent(row["value"])))
        for model, row in told
    ]


def _mark(index: Index, model: str, row: dict, task: dict, low: float, high: float) -> Html:
    """One model: its bar, its dot, its words for a pointer that rests on it; a link where a score has one."""
    own = model in index.candidates
    y = OWN if own else FIELD
    parts = [tag("title", f"{model}: {percent(row['value'])} ({interval(row) or 'no interval'})")]
    if not missing(row.get("low")) and not missing(row.get("high")):
        ends = [f"{_x(100 * row[end], low, high):.2f}%" for end in ("low", "high")]
        parts.append(tag("line", x1=ends[0], x2=ends[1], y1=y, y2=y, class_="bar"))
    parts.append(
        tag(
            "svg", tag("path", d=_shape(index, model)), x=f"{_x(100 * row['value'], low, high):.2f}%", y=y, class_="dot"
        )
    )
    group = tag("g", parts, class_=_class(index, model))
    anchor = index.anchors.get((model, task["benchmark"], task["name"]))
    # The tables hold the same links; a keyboard need not pass through all of them twice.
    return group if anchor is None else tag("a", group, href=f"#w{anchor}", tabindex="-1")


def _legend(index: Index) -> Html:
    words = {"baseline": "baselines", "lexical": "by words alone", "fusion": "fused with words"}
    shown = [tag("li", _key(index, model), quoted(model, 80)) for model in index.candidates]
    for role, word in words.items():
        model = next((name for name in index.names if index.role(name) == role), None)
        shown += [tag("li", _key(index, model), word)] if model else []
    return tag("ul", shown, class_="key")


def _key(index: Index, model: str) -> Html:
    drawn = tag("svg", tag("path", d=_shape(index, model)), x="8", y="8", class_="dot")
    return tag(
        "svg", tag("g", drawn, class_=_class(index, model)), width=16, height=16, class_="sign", aria_hidden="true"
    )


def _shape(index: Index, model: str) -> str:
    return SHAPES.get(index.role(model), SHAPES["baseline"])


def _class(index: Index, model: str) -> str:
    if model in index.candidates:
        return f"m s{index.candidates.index(model) % 6}"
    role = index.role(model)
    return f"m {role}" if role in SHAPES else "m baseline"


def reach(rows: list[dict]) -> float:
    """The half-width in points of an axis around zero that holds every interval of `rows`."""
    ends = [abs(row[end]) for row in rows for end in ("difference", "low", "high") if not missing(row.get(end))]
    return _round_ends(0, 100 * max(ends, default=0.01))[1]


def mini(row: dict, widest: float) -> Html | None:
    """A difference with its interval on an axis from -widest to +widest points."""
    if missing(row.get("difference")):
        return None
    parts = [_line(50, "rule")]
    if interval(row):
        ends = [f"{_x(100 * row[end], -widest, widest):.2f}%" for end in ("low", "high")]
        parts.append(tag("line", x1=ends[0], x2=ends[1], y1=9, y2=9, class_="bar"))
    dot = tag("svg", tag("path", d="M-3 0a3 3 0 1 0 6 0a3 3 0 1 0 -6 0z"), class_="dot", y=9,
              x=f"{_x(100 * row['difference'], -widest, widest):.2f}%")  # fmt: skip
    told = f"{points(row['difference'])} points"
    return tag("svg", parts, dot, class_=f"mini {row['call']}", height=18, role="img", aria_label=told)


def _x(value: float, low: float, high: float) -> float:
    return MARGIN + (100 - 2 * MARGIN) * (value - low) / (high - low)


def _round_ends(low: float, high: float) -> tuple[float, float]:
    """The next round numbers outside."""
    step = 10 if high - low > 25 else 5 if high - low > 8 else 1
    low, high = step * math.floor(low / step), step * math.ceil(high / step)
    return low, high if high > low else low + step


def _ticks(low: float, high: float) -> list[float]:
    step = next(step for step in (1, 2, 5, 10, 20, 25, 50, 100, math.inf) if (high - low) / step <= 5)
    return [tick for tick in (low + n * step for n in range(6)) if tick <= high] if step < math.inf else [low, high]


def _line(x: float, class_: str) -> Html:
    return tag("line", x1=f"{x:.2f}%", x2=f"{x:.2f}%", y1="0", y2="100%", class_=class_)


def _text(x: float, text: str) -> Html:
    return tag("text", text, x=f"{x:.2f}%", y=12, text_anchor="middle")
