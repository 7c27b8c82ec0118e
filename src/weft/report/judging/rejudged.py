"""`weft rejudge` for readers: old and new scores side by side, every order held against every correction."""

from weft.report.html import Html, clean, join, quoted, tag
from weft.report.judging.sheet import Sheet
from weft.report.words import chance_value, metric_name, number, percent, points

TITLE = "Judged again"
ROW, TOP = 30, 44  # pixels between systems of a slope chart, and above the first
MARKS = {"reversed": "bad", "order changed": "bad", "confirmed": "good"}


def sentences(record: dict) -> list[str]:
    judges = ", ".join(record["judges"])
    told = list(record["verdict"])
    made = f"Grades: {judges}; {', '.join(record['rubric'])}; relevant from {record['relevant']:g}."
    if record["missing"]:
        made += f" {number(record['missing'])} pairs got no grade: they count as unjudged, never as 0."
    if record["tied"]:
        made += f" {number(record['tied'])} pairs were settled by the rule for ties: {record['notes']['median']}."
    told.append(made)
    for task in record["tasks"]:
        some = f"{task['task']}: {number(task['queries'])} of {number(task['queries_all'])} queries have a relevant "
        some += f"document among {number(task['judged_pairs'])} judged pairs"
        if task["original_answers_unjudged"]:
            some += f"; {number(task['original_answers_unjudged'])} of the benchmark's own answers were not judged"
        told.append(some + ".")
    return told


def sheets(record: dict) -> list[Sheet]:
    found = [_scores(task) for task in record["tasks"]]
    found.append(_pairs(record))
    found += [_corrections(task) for task in record["tasks"]]
    return [
        *found,
        Sheet("What became of an order", ["Word", "Meaning"], [list(one) for one in record["kinds"].items()], 2),
    ]


def _scores(task: dict) -> Sheet:
    cuts = ", ".join(task["systems"][0]["holes"])
    head = ["System", "All queries", "Benchmark", "Judged again", "Rank", f"Unjudged at {cuts}", "If those were right"]
    rows, marks = [], {}
    for place, row in enumerate(sorted(task["systems"], key=lambda row: (row["new_rank"], row["system"]))):
        out = row["left_out"]
        alone = "–" if out["without"] is None else f"{percent(out['without'])} (rank {out['rank_without']})"
        rows.append([row["system"], *(_interval(row[name]) for name in ("original_all", "original", "rejudged"))])
        rows[-1] += [
            f"{row['rank']} → {row['new_rank']}",
            ", ".join(map(percent, row["holes"].values())),
            percent(row["all_right"]),
            alone,
        ]
        if row["moved"]:
            marks[place] = "good" if row["moved"] == "up" else "bad"
    note = (
        "In percent, with 95% intervals. Benchmark and Judged again: the same queries by the old and the new answers. "
        "The last column leaves out what only that system brought into the pool: who falls lived on it."
    )
    title = f"{task['task']}: {metric_name(task['metric'])}"
    return Sheet(title, [*head, "Without its own finds"], rows, note=note, first=True, marks=marks)


def _pairs(record: dict) -> Sheet:
    head = ["The benchmark's order", "Task", "What became of it", "Benchmark", "p (Holm)", "Judged again", "p (Holm)"]
    rows, marks = [], {}
    for place, row in enumerate(record["pairs"]):
        against = ", ".join(row["against"]) or ("none" if row["rejudged"]["call"] != "cannot be told" else "–")
        stands = "above" if row["original"]["difference"] else "level with"
        rows.append([f"{row['a']} {stands} {row['b']}", row["task"], row["kind"]])
        for gap in (row["original"], row["rejudged"]):
            rows[-1] += [_gap(gap), chance_value(gap["p_holm"])]
        rows[-1] += [points(row["worst_case"]), against]
        if row["kind"] in MARKS:
            marks[place] = MARKS[row["kind"]]
    note = (
        f"Differences in points, first minus second; {record['notes']['test']}. At the worst: if all that "
        "only the one behind returned, and nobody judged, were right. Against: corrections that turn the new order."
    )
    return Sheet("Every order", [*head, "At the worst", "Against"], rows, words=3, note=note, first=True, marks=marks)


def _corrections(task: dict) -> Sheet:
    systems = sorted(task["systems"], key=lambda row: (row["new_rank"], row["system"]))
    rows = [["Judged again", *(percent(row["rejudged"][0]) for row in systems)]]
    rows += [[name, *(percent(row["corrections"][name]) for row in systems)] for name in systems[0]["corrections"]]
    note = "Mean scores in percent, each over the queries that have a relevant document by that correction."
    missing = "; ".join(f"{name}: {why}" for name, why in task["impossible"].items())
    note += f" Not tried: {missing}." if missing else ""
    return Sheet(
        f"Other corrections of {task['task']}", ["Answers", *(row["system"] for row in systems)], rows, note=note
    )


def drawing(record: dict) -> Html:
    return tag(
        "section", tag("h2", "Who moves"), tag("div", [_slope(task) for task in record["tasks"]], class_="slopes")
    )


def _slope(task: dict) -> Html:
    """Ranks by the benchmark on the left, by the new answers on the right; places are percentages of the width."""
    left = sorted(task["systems"], key=lambda row: (row["rank"], row["system"]))
    right = sorted(task["systems"], key=lambda row: (row["new_rank"], row["system"]))
    parts = [
        _text(name, x, 14, anchor, "head")
        for name, x, anchor in (("benchmark", 43, "end"), ("judged again", 57, "start"))
    ]
    for row in task["systems"]:
        y, z = (TOP + ROW * side.index(row) for side in (left, right))
        name = clean(row["system"], 17)
        told = f"{row['system']}: rank {row['rank']}, {percent(row['original'][0])}; then {row['new_rank']}, "
        marks = [tag("circle", cx=f"{x}%", cy=at, r=4) for x, at in ((45, y), (55, z))]
        words = [_text(f"{name} {percent(row['original'][0])}", 43, y, "end")]
        words += [_text(f"{percent(row['rejudged'][0])} {name}", 57, z, "start")]
        title = tag("title", told + percent(row["rejudged"][0]))
        parts.append(
            tag("g", title, tag("line", x1="45%", x2="55%", y1=y, y2=z), marks, words, class_=row["moved"] or None)
        )
    high = TOP + ROW * len(left)
    order = ", ".join(row["system"] for row in right)
    label = f"{task['task']}: by the new answers the order is {order}"
    caption = tag("figcaption", quoted(task["task"], 80), f", {metric_name(task['metric'])} in percent; best on top")
    return tag("figure", tag("svg", parts, height=high, role="img", aria_label=label), caption)


def _text(text: str, x: float, y: float, anchor: str, class_: str | None = None) -> Html:
    return tag("text", text, x=f"{x}%", y=y, text_anchor=anchor, class_=class_)


def _interval(ends: list) -> str:
    return f"{percent(ends[0])} [{percent(ends[1])}, {percent(ends[2])}]"


def _gap(gap: dict) -> str:
    return f"{points(gap['difference'])} [{points(gap['low'])}, {points(gap['high'])}]"


__all__ = ["TITLE", "drawing", "join", "sentences", "sheets"]
