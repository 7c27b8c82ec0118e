"""The leaderboard's long tables, folded away: every comparison of the family, and scores of parts of the queries."""

from collections import Counter
from collections.abc import Callable

from weft.report.html import Html, join, quoted, tag
from weft.report.leaderboard.index import Index, interval
from weft.report.leaderboard.strips import mini, reach
from weft.report.leaderboard.tables import plain
from weft.report.tables import heads, scrolled
from weft.report.words import MARKS, chance_value, metric_name, missing, number, percent, points

LABELS = 20
"""Labels of a stratum that are shown."""

CELLS = 20_000
"""Cells of all strata tables together."""


def comparisons(index: Index) -> Html | None:
    """Every comparison of the declared family, losses first, each with its interval drawn."""
    rows = index.results.get("differences") or []
    if not rows:
        return None
    order = {"worse": 0, "undecided": 1, "better": 2}
    counted = Counter(row["call"] for row in rows)
    told = ", ".join(f"{number(counted[call])} {call}" for call in sorted(counted, key=lambda c: order.get(c, 3)))
    widest = reach(rows)
    several = len(index.candidates) > 1
    axis = f"−{widest:g} to +{widest:g}"
    names = ["Against", "Benchmark", "Task", "Call", "Points", axis, "95% interval", "p", "p (Holm)", "MDE"]
    top = heads(*["Model"] * several, *names, text=4 + several)
    body = [_compared(row, widest, several) for row in sorted(rows, key=lambda row: order.get(row["call"], 3))]
    label = f"All {len(rows)} comparisons, paired over queries, in points"
    table = tag("table", tag("caption", label, "; losses first."), top, tag("tbody", body), class_="sortable")
    summary = tag("summary", f"All {len(rows)}, with intervals and p-values")
    told = tag("p", f"Of {number(len(rows))} comparisons: {told}.")
    return join(told, tag("details", summary, scrolled(label, table)))


def _compared(row: dict, widest: float, several: bool) -> Html:
    call = row["call"]
    texts = [quoted(row[key], 80) for key in (*["model"] * several, "against", "benchmark")]
    texts.append([quoted(row["task"], 80), " ", tag("small", metric_name(row["metric"]))])
    texts.append(tag("span", f"{MARKS.get(call, '')} {call}", class_=f"change {call}"))
    tests = (("p", chance_value), ("p_holm", chance_value), ("mde", percent))
    return tag(
        "tr",
        tag("th", texts[0], scope="row"),
        [tag("td", text, class_="text") for text in texts[1:]],
        _number(row.get("difference"), points, "b"),
        tag("td", mini(row, widest)),
        tag("td", interval(row, points)),
        [_number(row.get(key), write) for key, write in tests],
    )


def _number(value: float | None, write: Callable, name: str = "span") -> Html:
    return tag("td", tag(name, write(value)), data_v=None if missing(value) else f"{value:.8g}")


def strata(index: Index) -> Html | None:
    """Scores of parts of a task's queries, a table a task, folded away."""
    rows: dict[tuple, dict[tuple, dict[str, dict]]] = {}
    for row in index.results.get("strata") or ():
        label = (row["stratum"], row["label"], row["metric"])
        rows.setdefault((row["benchmark"], row["task"]), {}).setdefault(label, {})[row["model"]] = row
    shown, left, room = [], 0, CELLS
    for task, labels in rows.items():
        kept = _first_labels(labels)[: max(0, room // max(1, len(index.names)))]
        left += len(labels) - len(kept)
        room -= len(kept) * len(index.names)
        if kept:
            shown.append(_strata_table(index, task, {label: labels[label] for label in kept}))
    out = f"{number(left)} further labels are in leaderboard.json." if left else None
    return join(shown, tag("p", out, class_="note plain") if out else None) if rows else None


def _first_labels(labels: dict) -> list[tuple]:
    seen: Counter = Counter()
    kept = []
    for label in labels:
        seen[label[0]] += 1
        if seen[label[0]] <= LABELS:
            kept.append(label)
    return kept


def _strata_table(index: Index, task: tuple[str, str], labels: dict) -> Html:
    body, before = [], None
    for (stratum, label, metric), found in labels.items():
        sizes = [row["n"] for row in found.values() if not missing(row.get("n"))]
        head = tag("th", quoted(stratum, 40), ": ", quoted(label, 60), tag("small", metric_name(metric)), scope="row")
        cells = [plain(found[m]) if m in found and not missing(found[m]["value"]) else plain(None) for m in index.names]
        first = "begins" if stratum != before else None
        body.append(tag("tr", head, tag("td", number(max(sizes, default=None))), cells, class_=first))
        before = stratum
    name = " · ".join(task)
    label = f"{name}: parts of the queries, in percent with 95% intervals"
    top = heads("Part", "Queries", *(quoted(model, 80) for model in index.names))
    table = tag("table", tag("caption", quoted(label), "."), top, tag("tbody", body), class_="scores")
    return tag("details", tag("summary", quoted(name)), scrolled(label, table))
