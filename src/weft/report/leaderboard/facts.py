"""What the leaderboard's scores rest on: sources, fidelity, contamination, losses of data, models, definitions."""

import json

from weft.report.html import Html, clean, join, quoted, tag
from weft.report.leaderboard.index import Index, fidelity_words
from weft.report.tables import heads, scrolled
from weft.report.words import TERMS, definition, metric_name, missing, number, percent

OWN_TERMS = {
    "▲, ▼, ?": "how a model stands to the candidate: above, below (the interval of the paired difference excludes "
    "zero and so does the corrected test), or undecided: the queries do not tell",
    "Groups of queries": "what is resampled as one: queries of duplicates, of one product, or of one brand",
    "Detectable difference": "the smallest difference in points that this many queries could have shown (MDE)",
    "Ceiling": TERMS["ceiling"],
    "Chance": "what a random answer is expected to score",
    "Verified": "Weft reproduces a published score of this model within the tolerance; off: it does not; not verified: "
    "there is no published score, or it cannot be checked",
    "Seen in training": "queries or answers of the task that were found in the model's training pairs",
    "Candidate, baseline": "the family of comparisons: a candidate against every other model",
    "Lexical, fusion": "BM25 over titles, and a model's ranking fused with it",
}


def provenance(benchmark: dict) -> Html | None:
    """Where a benchmark is from, whose it is, and what a reader of its scores must know."""
    told = [(name, benchmark.get(name.lower())) for name in ("Source", "Revision", "Licence", "Citation")]
    shown = [tag("div", tag("dt", name), tag("dd", quoted(value))) for name, value in told if value]
    notes = [tag("li", quoted(note, 600)) for note in benchmark.get("notes") or ()]
    return join(
        tag("dl", shown, class_="facts from") if shown else None, tag("ul", notes, class_="notes") if notes else None
    )


def fidelity(index: Index) -> Html | None:
    """Every published score beside the measured one, those that are off first."""
    rows = index.results.get("fidelity") or []
    if not rows:
        told = "No published score was compared: no baseline of this page is verified."
        return tag("p", told) if any(index.role(name) == "baseline" for name in index.names) else None
    order = {"off": 0, "not verifiable": 1, "verified": 2}
    body = []
    for row in sorted(rows, key=lambda row: order.get(row["status"], 1)):
        words = fidelity_words(row, row["metric"])
        texts = [quoted(row[key], 80) for key in ("model", "benchmark", "task")]
        texts[2] = [texts[2], " ", tag("small", metric_name(row["metric"]))]
        texts.append(tag("span", words, class_={"✓": "verified", "✗": "off"}.get(words[0], "unverified")))
        numbers = [tag("td", percent(row.get(key))) for key in ("published", "measured", "tolerance")]
        source = tag("td", quoted(row.get("source") or "", 200), class_="text source")
        words = [tag("td", text, class_="text") for text in texts[1:]]
        body.append(tag("tr", tag("th", texts[0], scope="row"), words, source, numbers))
    label = "Published and measured scores in percent"
    top = heads("Model", "Benchmark", "Task", "Status", "Source", "Published", "Measured", "Tolerance", text=5)
    table = tag("table", tag("caption", label, "; what is off comes first."), top, tag("tbody", body))
    return _folded(len(rows), "published scores", scrolled(label, table))


def contamination(index: Index) -> Html:
    """What of the benchmarks a model was trained on, as far as that could be looked up."""
    rows = index.results.get("contamination") or []
    if not rows:
        return tag("p", "Not looked up: no training pairs of any model were given.")
    found = [row for row in rows if row.get("count")]
    clear = len(rows) - len(found)
    told = f"{number(clear)} of {number(len(rows))} checks found nothing." if clear else None
    by = {"id": "by product id", "exact": "by the picture's bytes", "perceptual": "by a picture that looks the same"}
    body = []
    for row in found:
        words = [quoted(row["benchmark"], 80), quoted(row["task"], 80), by.get(row["by"], quoted(row["by"]))]
        cells = [tag("td", text, class_="text") for text in words] + [tag("td", tag("b", number(row["count"])))]
        body.append(tag("tr", tag("th", quoted(row["model"], 80), scope="row"), cells))
    label = "Queries or answers that the model was trained on"
    top = heads("Model", "Benchmark", "Task", "Found", "Count", text=4)
    table = scrolled(label, tag("table", tag("caption", label, "."), top, tag("tbody", body))) if body else None
    return join(table, tag("p", told, class_="plain") if told else None)


def counts(index: Index) -> Html | None:
    """What was read and could not be used, by task: published beside the scores that it may have moved."""
    counted = [task for task in index.tasks if task.get("counts")]
    kinds = list(dict.fromkeys(kind for task in counted for kind in task["counts"]))
    if not kinds:
        return None
    body = []
    for task in counted:
        cells = [tag("td", number(task["counts"][kind]) if kind in task["counts"] else "–") for kind in kinds]
        body.append(tag("tr", tag("th", quoted(f"{task['benchmark']} · {task['name']}", 120), scope="row"), cells))
    label = "Counts by task"
    top = heads("Task", *(tag("span", quoted(kind, 120)) for kind in kinds))
    return scrolled(label, tag("table", tag("caption", label, "."), top, tag("tbody", body)))


def models(index: Index) -> Html | None:
    """Every model's identity, and below it how its input was prepared."""
    if not index.models:
        return None
    columns = ("role", "id", "revision", "family", "parameters", "dim", "fingerprint")
    names = ("Model", "Role", "Id", "Revision", "Family", "Parameters", "Dimension", "Fingerprint")
    text = {"role", "id", "revision", "family", "fingerprint"}
    body = []
    for model in index.models:
        cells = [tag("td", _value(model.get(key)), class_="text" if key in text else None) for key in columns]
        body.append(tag("tr", tag("th", quoted(model["name"], 80), scope="row"), cells))
    label = "What was evaluated"
    top = [tag("th", n, scope="col", class_="text" if k in text | {"model"} else None)
           for n, k in zip(names, ("model", *columns), strict=True)]  # fmt: skip
    table = tag("table", tag("caption", label, "."), tag("thead", tag("tr", top)), tag("tbody", body))
    return join(scrolled(label, table), _preprocessing(index))


def _preprocessing(index: Index) -> Html | None:
    prepared = {model["name"]: model.get("preprocessing") or {} for model in index.models}
    keys = list(dict.fromkeys(key for settings in prepared.values() for key in settings))
    body = [
        tag(
            "tr",
            tag("th", quoted(name, 80), scope="row"),
            [tag("td", _value(found.get(key)), class_="text") for key in keys],
        )
        for name, found in prepared.items()
        if found
    ]
    if not body:
        return None
    label = "How each model's input was prepared"
    top = heads("Model", *(quoted(key.replace("_", " "), 60) for key in keys), text=len(keys) + 1)
    return scrolled(label, tag("table", tag("caption", label, "."), top, tag("tbody", body), class_="small"))


def again(index: Index) -> Html | None:
    """The command, the versions and the machine."""
    environment = dict(index.results.get("environment") or {})
    command = environment.pop("command", None)
    rows = [
        tag("tr", tag("th", quoted(key), scope="row"), tag("td", _value(value), class_="text"))
        for key, value in environment.items()
    ]
    if not rows and not command:
        return None
    table = tag(
        "table", tag("caption", "Environment."), heads("What", "Value", text=2), tag("tbody", rows), class_="small"
    )
    return join(tag("pre", tag("code", clean(command)), tabindex="0") if command else None, table if rows else None)


def definitions(index: Index) -> Html:
    """Every metric that occurs with its definition and source, then the terms that the page uses."""
    known = index.results.get("metrics") or {}
    used = dict.fromkeys([*known, *(metric for task in index.tasks for metric in index.metrics(task))])
    told = []
    for metric in used:
        found = known.get(metric) or {}
        text = found.get("definition") or definition(metric)
        source = found.get("citation")
        if text:
            cited = join(" (", quoted(source), ")") if source else None
            told.append((metric_name(metric), join(quoted(str(text).rstrip("."), 600), cited)))
    told += [(term, TERMS[term]) for term in ("95% interval", "p (Holm)")] + list(OWN_TERMS.items())
    return tag("dl", [tag("div", tag("dt", quoted(term)), tag("dd", text, ".")) for term, text in told], class_="terms")


def _folded(many: int, what: str, table: Html) -> Html:
    return table if many <= 12 else tag("details", tag("summary", f"All {number(many)} {what}"), table)


def _value(value: object) -> Html:
    """Anything that a table of settings may hold."""
    if value is None or value == "" or (isinstance(value, float) and missing(value)):
        return join("–")
    if isinstance(value, bool):
        return join("yes" if value else "no")
    if isinstance(value, (dict, list)):
        value = json.dumps(value, ensure_ascii=False)
    return quoted(number(value), 160)
