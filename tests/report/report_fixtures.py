"""A made-up but plausible run, the same on every call, for the tests of the report."""

import io

import numpy as np
from PIL import Image, ImageDraw

DOMAINS = {"in-domain/short": "in-domain", "in-domain/long": "in-domain"}
DOMAINS |= {"zero-shot/short": "zero-shot", "zero-shot/long": "zero-shot"}
DOMAINS |= {"street titles": "out-of-domain", "clothing": "out-of-domain", "cifar10": "out-of-domain"}
TASKS = list(DOMAINS)
MODELS = ["base", "tuned", "woven", "bm25", "bm25+woven"]
CLASSES = ("clothing", "cifar10")
VALUES = {
    "base": (0.193, 0.255, 0.094, 0.122, 0.532, 0.412, 0.688),
    "tuned": (0.369, 0.550, 0.106, 0.209, 0.496, 0.377, 0.611),
    "woven": (0.329, 0.473, 0.111, 0.191, 0.552, 0.405, 0.684),
    "bm25": (0.302, 0.514, 0.205, 0.288, 0.611, None, None),
    "bm25+woven": (0.388, 0.561, 0.199, 0.281, 0.640, None, None),
}
CALLS = ("better", "better", "undecided", "better", "within delta", "undecided", "within delta")
METRICS = ("hit_rate@1", "hit_rate@10", "recall@10", "mrr@10", "ndcg@10", "source_found@10")
COLOURS = {"claret": (122, 24, 48), "navy": (28, 42, 84), "olive": (104, 110, 52), "cream": (238, 228, 205)}
KINDS = ("striped tee", "wool coat", "pleated skirt", "linen shirt")


def primary(task: str) -> str:
    return "balanced_accuracy" if task in CLASSES else "recall@10"


def make_results() -> dict:
    tasks = [
        {
            "name": name,
            "domain": domain,
            "kind": "classification" if name in CLASSES else "retrieval",
            "primary": primary(name),
            "queries": 1720 if name in CLASSES else 500,
            "gallery": 10 if name in CLASSES else 22036,
            "relevant_per_query": 1.0 if name in CLASSES else 1.83,
            "ceiling": 1.0 if name in CLASSES else 0.973,
            "chance": 0.1 if name in CLASSES else 0.00045,
            "counts": True,
            "note": "",
            "contaminated": 0,
            "lookalikes": 2,
        }
        for name, domain in DOMAINS.items()
    ]
    differences = [_difference("woven", against, place) for against in ("base", "bm25") for place in range(len(TASKS))]
    differences = [row for row in differences if row]
    return {
        "verdict": {
            "sentence": "The woven model is better than the base on 2 of 2 in-domain tasks and keeps 2 of 3 "
            "out-of-domain tasks within 1.0 points; undecided on zero-shot/short, clothing.",
            "holds": False,
            "state": "fails",
            "gains": ["in-domain/short: +13.6 points recall@10 [+11.2, +16.0]", "in-domain/long: +21.8 points"],
            "losses": [
                "clothing: -0.7 points balanced_accuracy [-1.9, +0.5]",
                "bm25 is ahead on zero-shot/short: -9.4 points recall@10 [-11.4, -7.4]",
            ],
            "undecided": ["zero-shot/short: +1.7 points recall@10 [-0.2, +3.6]"],
        },
        "alpha": _alpha(),
        "models": list(MODELS),
        "tasks": tasks,
        "scores": _scores(),
        "differences": differences,
        "examples": [_example(task, q) for task in ("in-domain/short", "street titles") for q in range(3)],
        "cost": {"train_seconds": 93.04, "steps": 400, "products_per_second": 240.2},
        "environment": {"weft": "0.1.0", "torch": "2.13.0", "transformers": "5.23.0", "threads": "2"},
        "base": "demo",
        "catalogue": "demo:studio?products=2000",
        "recipe": "demo",
        "seed": 0,
    }


def _scores() -> list[dict]:
    rows = []
    for model, values in VALUES.items():
        for task, value in zip(TASKS, values, strict=True):
            if value is None:
                continue
            kinds = ("balanced_accuracy", "accuracy") if task in CLASSES else METRICS
            for place, metric in enumerate(kinds):
                own = value if metric == primary(task) else value * (0.55 + 0.07 * place)
                half = 0.02 + 0.002 * place
                rows.append(
                    {"model": model, "task": task, "metric": metric, "value": own, "low": own - half,
                     "high": own + half, "n": 500}
                )  # fmt: skip
    return rows


def _difference(model: str, against: str, place: int) -> dict | None:
    a, b = VALUES[model][place], VALUES[against][place]
    if b is None:
        return None
    return {
        "model": model, "against": against, "task": TASKS[place], "metric": primary(TASKS[place]),
        "difference": a - b, "low": a - b - 0.02, "high": a - b + 0.02, "p": 0.0001, "p_holm": 0.0007, "mde": 0.011,
        "call": CALLS[place] if against == "base" else "worse" if a < b else "better",
    }  # fmt: skip


def paired(alpha: dict, image: float = 0.4, text: float = 0.6) -> dict:
    """The record of `weave.towers`, whose chosen pair scores 0.123 on every task."""
    first = alpha["curve"][0]
    apart = {task: {"estimate": 0.123, "score": 0.123} for task in first["tasks"]}
    surface = [step | {"image": step["alpha"], "text": step["alpha"]} for step in alpha["curve"]]
    pair = first | {"alpha": (image + text) / 2, "image": image, "text": text, "in_domain": 0.123, "tasks": apart}
    return alpha | {"chosen": pair["alpha"], "towers": {"image": image, "text": text}, "surface": [*surface, pair]}


def _alpha() -> dict:
    curve = []
    for alpha in np.linspace(0, 1, 11).round(6).tolist():
        tasks = {}
        for place, task in enumerate(TASKS):
            base, tuned = VALUES["base"][place] - 0.01, VALUES["tuned"][place] - 0.01
            bump = (0.09, 0.09, 0.17)[place - 4] if place >= 4 else 0.16 * (tuned - base) / 0.3
            estimate = base + (tuned - base) * alpha + bump * alpha * (1 - alpha)
            tasks[task] = {"estimate": estimate, "score": estimate + 0.006 if alpha in (0.5, 0.6) else None}
            if alpha in (0.0, 1.0):
                tasks[task]["score"] = estimate
        mean = sum(t["estimate"] if t["score"] is None else t["score"] for t in list(tasks.values())[:2]) / 2
        curve.append({"alpha": alpha, "in_domain": mean, "tasks": tasks, "feasible": alpha <= 0.6, "value": mean})
    rule = "the best mean in-domain dev score among alphas that lose at most 1.0 points on every out-of-domain dev task"
    return {
        "chosen": 0.6,
        "rule": rule,
        "delta": 0.01,
        "mean_delta": 1.0,
        "note": "",
        "measured": [0.0, 0.5, 0.6, 1.0],
        "curve": curve,
    }


def _example(task: str, query: int) -> dict:
    colour, kind = list(COLOURS)[query % 4], KINDS[query % 4]
    rows = []
    for model in ("base", "woven"):
        items = []
        for rank in range(8):
            own = colour if rank in (0, 2, 5) and model == "woven" else list(COLOURS)[(query + rank) % 4]
            shape = kind if rank < 5 else KINDS[(query + rank) % 4]
            grade = 3.0 if (own, shape) == (colour, kind) else 1.0 if shape == kind else 0.0
            item = {"product_id": f"p{query}{rank}", "title": f"Arden {own} {shape}", "grade": grade}
            items.append(item | {"image": f"{own}/{shape}/{rank}"})
        rows.append({"model": model, "items": items})
    return {"task": task, "query_id": f"q{query}", "query": f"{colour} {kind}", "source": f"p{query}0", "rows": rows}


def make_curate() -> dict:
    return {
        "counts": {
            "in": 2000, "kept": 1990, "skipped": 10, "dropped": 3, "images": 2210,
            "splits": {"dev": 190, "dropped": 3, "test": 197, "train": 1401, "zero-dev": 98, "zero-test": 101},
        },
        "reference": {"kept": 2400, "skipped": 7, "dropped": 4, "images": 2401},
        "skipped": [{"source": "shop", "item": f"p{n}", "reason": "truncated picture"} for n in range(7)]
        + [{"source": "shop", "item": f"r{n}", "reason": "duplicate id"} for n in range(3)],
        "skipped_reasons": {"truncated picture": 7, "duplicate id": 3},
        "dropped": [{"product_id": f"d{n}", "reason": "shares a family with d9"} for n in range(3)],
        "leaks": {"KAGL": {"picture": 2, "file": 1}},
        "quality": {
            "blank": {
                "tells": "a picture without structure", "pictures": 2, "skipped": 1, "dropped": 0,
                "examples": [{"image": "ab" * 32, "item": "p3", "reason": "a blank picture"}],
            }
        },
        "duplicates": {
            "groups": 41, "products": 90, "largest": 5, "largest_family": 7,
            "examples": [["claret/wool coat/1", "claret/wool coat/2"], ["navy/striped tee/1", "navy/striped tee/3"]],
        },
        "queries": {"in-domain/short dev": 190, "in-domain/short test": 197},
        "words": {"in-domain/short": {"mean": 5.1, "min": 2, "max": 8}},
        "pairs": {"short_tokens": {"mean": 7.3, "max": 13}, "cut_share": 0.01},
    }  # fmt: skip


def make_image(image_id: str) -> bytes:
    """A garment-like shape in the colour that the id names, 240 x 320 PNG."""
    colour, kind, place = image_id.split("/")
    picture = Image.new("RGB", (240, 320), (246 - int(place), 246, 244))
    draw = ImageDraw.Draw(picture)
    half = {
        "striped tee": (45, 60, 55),
        "wool coat": (40, 90, 75),
        "pleated skirt": (35, 60, 85),
        "linen shirt": (50, 80, 50),
    }  # of the widths at shoulder, elbow and hem
    right = [(120 + x, y) for x, y in zip(half[kind], (50, 150, 270), strict=True)]
    outline = right + [(240 - x, y) for x, y in right[::-1]]
    draw.polygon(outline, fill=COLOURS[colour])
    if kind == "striped tee":
        for y in range(110, 250, 20):
            draw.line([(66, y), (174, y)], fill=(255, 255, 255), width=5)
    encoded = io.BytesIO()
    picture.save(encoded, "PNG")
    return encoded.getvalue()
