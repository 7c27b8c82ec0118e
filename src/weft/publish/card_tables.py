"""The tables of a model card; every number is the run's own."""

from dataclasses import asdict
from itertools import zip_longest

from weft.publish.markdown import bullets, code, table, text
from weft.publish.private import without_paths
from weft.publish.run import Run
from weft.recipe import Train
from weft.report.words import against_base, along, cells, chance_value, definition, missing, number, percent, points

REASONS = 6
"""Reasons for skipping that the card lists; all are in the evidence."""


def results(run: Run) -> str:
    """Tasks as rows, models as columns, with intervals, and what the published model gained on the base."""
    told = run.results
    models, scores, differences = told["models"], cells(told["scores"]), against_base(told)
    base, rows = models[0], []
    for task in told["tasks"]:
        row = [text(task["name"]), text(task["primary"])]
        row += [_score(scores.get((model, task["name"], task["primary"]))) for model in models]
        if run.ours != base:
            row.append(_difference(differences.get((run.ours, task["name"]))))
            row.append(_call(differences.get((run.ours, task["name"])), task))
        rows.append(row)
    head = ["task", "metric", *(text(model) for model in models)]
    head += [f"{text(run.ours)} − {text(base)}", ""] if run.ours != base else []
    sizes = [[text(task["name"]), *_sizes(task)] for task in told["tasks"]]
    return "\n\n".join(
        [
            f"Percent, with 95% intervals (percentile bootstrap over queries).{_family(run)}",
            table(head, rows, words=2),
            _legend(told),
            table(("task", "queries", "gallery", "relevant a query", "ceiling", "chance"), sizes),
        ]
    )


def _family(run: Run) -> str:
    """How the differences were tested, if there are any."""
    count, delta = len(run.results.get("differences") or ()), run.alpha.get("delta")
    kept = f"; out of domain a loss of up to {percent(delta)} points counts as kept" if delta else ""
    return (
        f" Differences are paired by query; calls rest on a paired randomisation test with Holm's correction over all "
        f"{number(count)} comparisons of the run{kept}."
        if count
        else ""
    )


NAMES = {
    "base": "the base, as it was",
    "tuned": "fine-tuned, before the interpolation",
    "woven": "this model",
    "bm25": "the words of the titles, no encoder",
    "bm25+woven": "the ranks of both, fused",
}


def _sizes(task: dict) -> tuple[str, ...]:
    ratio = task.get("relevant_per_query")
    relevant = "–" if missing(ratio) else f"{ratio:.2f}"
    ends = (percent(task.get("ceiling")), percent(task.get("chance")))
    return number(task["queries"]), number(task["gallery"]), relevant, *ends


def _legend(told: dict) -> str:
    models = [f"{text(name)}: {NAMES[name]}" for name in told["models"] if name in NAMES and "woven" in told["models"]]
    metrics = dict.fromkeys(task["primary"] for task in told["tasks"])
    return ". ".join([*models, *(f"{text(one)}: {definition(one)}" for one in metrics if definition(one))]) + "."


def _score(row: dict | None) -> str:
    if row is None or missing(row["value"]):
        return "–"
    bounds = "" if missing(row.get("low")) else f" [{percent(row['low'])}, {percent(row['high'])}]"
    return percent(row["value"]) + bounds


def _difference(row: dict | None) -> str:
    return "–" if row is None else f"{points(row['difference'])} [{points(row['low'])}, {points(row['high'])}]"


def _call(row: dict | None, task: dict) -> str:
    if not task.get("counts", True):
        return f"not counted: {text(task.get('note', ''))}"
    return "–" if row is None else f"{row['call']}, p {chance_value(row['p_holm'])}"


def gains_and_losses(run: Run) -> str:
    """What points up beside what points down, all of it, and what could not be told."""
    verdict = run.results["verdict"]
    gains, losses, open_ = (verdict.get(name) or [] for name in ("gains", "losses", "undecided"))
    pairs = zip_longest(map(_line, gains), map(_line, losses), fillvalue="")
    beside = table(("gains", "losses, and rivals that are ahead"), pairs, words=2)
    told = "Undecided, because the queries do not tell:\n\n" + bullets(map(_line, open_)) if open_ else ""
    return "\n\n".join(part for part in (beside, told) if part)


def _line(sentence: str) -> str:
    return text(sentence, 300)


def alpha(told: dict) -> str:
    """The curve as a table: a row for each alpha, dev scores of every task, true where they were measured."""
    places = along(told)
    names = list(places[0][1]["tasks"]) if places else []
    rows = []
    for label, step, chosen in places:
        row = [label + " **chosen**" * chosen, "yes" if step.get("feasible", True) else "no"]
        for name in names:
            one = step["tasks"][name]
            true = not missing(one.get("score"))
            row.append(percent(one["score"]) if true else f"({percent(one['estimate'])})")
        rows.append(row)
    made = table(("alpha", "rule kept", *map(text, names)), rows, words=2)
    return "Development scores, percent; in brackets where only estimated:\n\n" + made if made else ""


def smaller(compact: dict, onnx: dict) -> str:
    """What each way of keeping vectors, and each exported tower, loses and weighs."""
    first, *others = compact["rows"]
    names = list(first["tasks"])
    rows = [[first["name"], *_bytes(first), *(percent(first["tasks"][name]["value"]) for name in names)]]
    for row in others:
        rows.append([row["name"], *_bytes(row), *(_difference(row["tasks"][name]) for name in names)])
    head = ("vectors", "bytes a product", "a million products", *map(text, names))
    each = compact["vectors_per_product"]
    told = [
        f"R@10 ({text(compact['metric'])}) on the run's own test tasks: percent in the first row, below it the change "
        "in points with its 95% interval (paired bootstrap by query, each row against the first, not corrected for "
        "their number). The first row " + _repeats(compact) + ".",
        table(head, rows),
        f"A product has {each:.2f} vectors here, one for each picture. "
        + (f"Note: {compact['note']}. " if compact["note"] else "")
        + "Cut vectors are renormalised. int8: a scale for each dimension from the gallery, queries stay float. "
        "binary: the signs of both sides, by Hamming distance; the re-rank reads the float vectors of the nearest "
        "few, which must be kept, on disk for instance, and count in the bytes. All searches are exact over the whole "
        "gallery.",
    ]
    if compact.get("left_out"):
        told.append(f"Not measured again, because their data is gone: {', '.join(map(text, compact['left_out']))}.")
    if onnx:
        told += [_towers(compact, onnx)]
    return "\n\n".join(told)


def _repeats(compact: dict) -> str:
    apart = compact.get("apart_from_run", 0.0)
    return (
        "repeats the run's own scores" if apart < 1e-9 else f"is up to {percent(apart)} points off the run's own scores"
    )


def _bytes(row: dict) -> tuple[str, str]:
    searched = row["bytes_searched"] / row["bytes_per_vector"] * row["bytes_per_million"]
    part = f", {size(searched)} of it searched" if row["bytes_searched"] < row["bytes_per_vector"] else ""
    return number(round(row["bytes_per_product"])), size(row["bytes_per_million"]) + part


def size(count: float) -> str:
    """Bytes as people read them: 1,234,567 -> "1.2 MB"."""
    power = next(power for power in range(5) if count < 999.5 * 1000**power or power == 4)
    return f"{count / 1000**power:.3g} {('B', 'kB', 'MB', 'GB', 'TB')[power]}"


def _towers(compact: dict, onnx: dict) -> str:
    rows = []
    for file, count in onnx["files"].items():
        kind = "image" if file.startswith("vision") else "text"
        precision = "int8" if "int8" in file else "fp32"
        apart = onnx["parity"].get(f"{kind} {precision}")
        over = compact["off"].get(f"onnx {precision}")
        rows.append([code(f"onnx/{file}"), size(count), f"{apart:.1e}", "–" if over is None else f"{over:.1e}"])
    told = table(("file", "size", "parity", "over the test tasks"), rows)
    return (
        f"ONNX, opset {onnx['opset']}, through onnxruntime. Parity: the largest difference of any component of a unit "
        "vector from PyTorch, on a few probes and, both towers together, over everything the test tasks embed. int8: "
        "weights of matrix products and token lookups, a scale for each channel, activations quantised as they come."
        "\n\n" + told
    )


def data(run: Run) -> str:
    """What came in and what was kept, and how the texts measure."""
    told = run.curated
    counts = told.get("counts", {})
    splits = counts.get("splits", {})
    rows = [(name, number(counts[name])) for name in ("rows", "kept", "skipped", "dropped", "images") if name in counts]
    rows += [(f"split {text(name)}", number(count)) for name, count in splits.items()]
    beside = told.get("reference") or {}
    rows += [(f"reference: {name}", number(beside[name])) for name in ("kept", "dropped") if name in beside]
    found = told.get("duplicates") or {}
    if found.get("groups"):
        rows.append(("groups of duplicates, never cut by a split", number(found["groups"])))
    words = [
        (text(name), *(number(stats.get(key)) for key in ("mean", "min", "max")))
        for name, stats in (told.get("words") or {}).items()
    ]
    asked = [(text(name), number(count)) for name, count in (told.get("queries") or {}).items()]
    reasons = sorted((told.get("skipped_reasons") or {}).items(), key=lambda pair: -pair[1])[:REASONS]
    skipped = [(text(without_paths(reason)), number(count)) for reason, count in reasons]
    parts = [
        table(("products", "count"), rows),
        table(("skipped because", "count"), skipped),
        table(("queries, task and split", "count"), asked),
        table(("words a query", "mean", "min", "max"), words),
    ]
    return "\n\n".join(part for part in parts if part)


TRAIN = {
    "epochs": "epochs", "batch": "batch, products", "lr": "learning rate", "image_lr": "image tower, times that",
    "text_lr": "text tower, times that", "weight_decay": "weight decay", "short_weight": "weight of short queries",
    "long_weight": "weight of long queries", "lwf_weight": "weight of distillation",
    "positive_weights": "weight of a positive by grade 0 to 3", "neighbours": "products of one category in a batch",
    "negative_weights": "weight of a negative by grade 0 to 3", "precision": "precision",
}  # fmt: skip


def recipe(run: Run) -> str:
    """The training settings, and what it cost."""
    train = run.settings["train"]
    rows = [(name, _setting(train[key])) for key, name in TRAIN.items() if key in train]
    usual = asdict(Train())
    rows += [(code(key), _setting(train[key])) for key in train if key not in TRAIN and train[key] != usual.get(key)]
    cost = run.results.get("cost", {})
    names = {"train_seconds": "seconds", "steps": "steps", "products_per_second": "products a second"}
    rows += [(f"cost: {name}", number(cost[key])) for key, name in names.items() if key in cost]
    return table(("setting", "value"), rows) + "\n\nThe whole recipe: `evidence/recipe.toml`."


def _setting(value: object) -> str:
    values = value if isinstance(value, (list, tuple)) else [value]
    return ", ".join(text(without_paths(number(one))) for one in values)


def contamination(run: Run) -> str:
    """Answers of the test tasks that the model, its base included, was trained on."""
    rows = [
        [text(task["name"]), _known(task.get("contaminated")), _known(task.get("lookalikes"))]
        for task in run.results["tasks"]
    ]
    told = (
        "Answering pictures of each test task that the model or its base was trained on, by the bytes and by how they "
        "look (a perceptual hash). In-domain and zero-shot tasks search the whole catalogue, as its shop does: there "
        "training products are among the answers, while no query was written from one. On other tasks such pictures "
        'make a score too good; "unknown" means that nobody knows what the base was trained on.'
    )
    return told + "\n\n" + table(("task", "same picture", "looks the same"), rows)


def _known(count: int | None) -> str:
    return "unknown" if count is None else number(count)
