"""How numbers and terms are written, the same in the page, the figures and the terminal."""

import math

DOMAINS = {"in-domain": "In-domain", "zero-shot": "Zero-shot", "out-of-domain": "Out of domain"}
"""The order in which tasks are shown, with their headings."""

MARKS = {"better": "▲", "worse": "▼", "within delta": "=", "undecided": "?"}

METRICS = {
    "hit_rate": "share of queries with at least one relevant product among the first {k}",
    "recall": "share of a query's relevant products that are among the first {k}, averaged over queries",
    "mrr": "1 / rank of the first relevant product if that is among the first {k}, else 0, averaged over queries",
    "ndcg": "discounted sum of the grades of the first {k}, divided by that of the best possible order",
    "source_found": "share of queries whose own source product is among the first {k}",
    "accuracy": "share of pictures whose class prompt is the nearest of all classes",
    "balanced_accuracy": "accuracy per class, averaged over classes, so that a constant answer scores 1 / classes",
}

TERMS = {
    "base, tuned, woven": "the model before, after fine-tuning, and the interpolation of their weights at alpha",
    "95% interval": "percentile bootstrap over queries; of a difference, over the paired differences",
    "p (Holm)": "two-sided paired randomisation test, corrected for the number of comparisons listed",
    "MDE": "minimum detectable effect: the smallest difference that this many queries could have shown",
    "better, worse": "the interval excludes zero and so does the corrected test; out of domain, worse means "
    "that the interval excludes any loss smaller than delta",
    "within delta": "out of domain: the interval excludes a loss greater than delta",
    "undecided": "none of these: the queries do not tell",
    "ceiling": "what a perfect ranking would score",
    "chance": "what a random answer is expected to score; a task counts where the base is at least twice that, or "
    "half way from that to 1",
    "grade": "how well a product answers the query; relevant from {relevant} upwards",
}


def missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def percent(value: float | None) -> str:
    """A fraction in percent: 0.4123 -> "41.2"; "–" where there is none."""
    return "–" if missing(value) else f"{100 * value:.1f}"


def small_percent(value: float | None) -> str:
    """Like `percent`, but what would round to nothing keeps one significant digit: 0.00045 -> "0.05"."""
    return f"{100 * value:.1g}" if not missing(value) and 0 < value < 0.0005 else percent(value)


def points(value: float | None) -> str:
    """A difference of fractions in signed points: -0.0104 -> "−1.0", with a true minus sign."""
    return "–" if missing(value) else f"{100 * value:+.1f}".replace("-", "−")


def number(value: object) -> str:
    """Counts with thin spaces between thousands, other numbers with up to three significant digits."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if missing(value):
        return "–"
    if float(value).is_integer() or abs(value) >= 1000:
        return f"{round(value):,}".replace(",", "\u202f")
    return f"{value:.3g}"


def chance_value(p: float | None) -> str:
    """A p-value: "<0.001" below what is worth reading."""
    return "–" if missing(p) else "<0.001" if p < 0.001 else f"{p:.3f}"


def metric_name(metric: str) -> str:
    """A metric's name for column heads: "hit_rate@10" -> "Hit rate@10"."""
    short = {"mrr": "MRR", "map": "MAP", "map_all": "MAP (all)", "ndcg": "nDCG", "err": "ERR", "rbp": "RBP"}
    name, at, k = metric.partition("@")
    return short.get(name, name.replace("_", " ").capitalize()) + at + k


def definition(metric: str) -> str:
    name, _, k = metric.partition("@")
    return METRICS.get(name, "").format(k=k)


def by_domain(tasks: list[dict]) -> list[tuple[str, list[dict]]]:
    """Tasks under their domains' headings, known domains first."""
    names = list(dict.fromkeys([*DOMAINS, *(task["domain"] for task in tasks)]))
    groups = [(DOMAINS.get(name, name), [t for t in tasks if t["domain"] == name]) for name in names]
    return [(heading, members) for heading, members in groups if members]


def short_name(task: dict) -> str:
    """The task's name without the domain that stands above it."""
    return task["name"].removeprefix(f"{task['domain']}/")


def alphas(alpha: dict) -> str:
    """What a weaving's record says was chosen: "0.6", or "0.4 for the image tower and 0.6 for the text tower"."""
    apart = [f"{number(own)} for the {tower} tower" for tower, own in (alpha.get("towers") or {}).items()]
    return " and ".join(apart) or number(alpha["chosen"])


def pair(alpha: dict) -> dict | None:
    """The chosen step of a weaving's record where the towers' alphas differ: the curve has equal ones alone."""
    towers = alpha.get("towers") or {}
    if towers.get("image") == towers.get("text"):
        return None
    return next(step for step in alpha["surface"] if all(step[tower] == own for tower, own in towers.items()))


def along(alpha: dict) -> list[tuple[str, dict, bool]]:
    """The places of a weaving's record as (label, step, whether it was chosen): the curve, after it a chosen `pair`."""
    apart, chosen = pair(alpha), alpha.get("chosen")
    places = [(f"{step['alpha']:g}", step, not apart and step["alpha"] == chosen) for step in alpha.get("curve", ())]
    return [*places, (f"{apart['image']:g} / {apart['text']:g}", apart, True)] if apart else places


def cells(rows: list[dict]) -> dict[tuple[str, str, str], dict]:
    """Scores by (model, task, metric)."""
    return {(row["model"], row["task"], row["metric"]): row for row in rows}


def against_base(results: dict) -> dict[tuple[str, str], dict]:
    """The differences from the first model, by (model, task)."""
    base = results["models"][0] if results["models"] else ""
    return {(d["model"], d["task"]): d for d in results.get("differences", ()) if d["against"] == base}
