"""A made-up audit of two benchmarks, as `weft.audit.run` gives it."""

import copy
import io

import numpy as np
from PIL import Image

from weft.errors import WeftError

PLACES = (("Shop", "text-to-image"), ("Shop", "colour-to-product"), ("Street", "text-to-image"))
CHECKS = ("low ceilings", "hedging captions", "duplicate pictures", "cut captions", "training leak")
PICTURES = tuple(f"{number:064x}" for number in range(6))

_FINDING = {
    "benchmark": "Shop", "task": "text-to-image", "check": "hedging captions", "severity": "warning", "count": 30,
    "of": 1200, "unit": "queries", "sentence": "30 of 1,200 queries hedge, most often by “possibly” (20).",
    "examples": [{"text": "possibly a red dress", "ids": ["q1", "p1"], "pictures": [PICTURES[0]], "note": "possibly"}],
    "effect": [
        {"what": "hedging queries left out", "ranking": "ours", "metric": "recall@10", "before": 0.5, "after": 0.5213,
         "queries": 1170}
    ],
    "facts": {"“possibly”": 20, "“appears”": 12, "tokenisation": "words"},
}  # fmt: skip


def finding(**changes) -> dict:
    return copy.deepcopy(_FINDING) | changes


def make_audit() -> dict:
    """Four findings of three severities; cut captions silent, training leak not run."""
    findings = [
        finding(check="duplicate pictures", severity="error", benchmark="Street", count=1200, unit="items",
                examples=[{"text": "", "ids": ["p1", "p2"], "pictures": list(PICTURES[1:3]), "note": "one picture"}]),
        finding(),
        finding(check="low ceilings", severity="note", task="colour-to-product", count=7, of=7, effect=[], facts={},
                examples=[]),
        finding(check="low ceilings", severity="note", effect=[finding()["effect"][0] | {"after": float("nan")}]),
    ]  # fmt: skip
    ran = {(row["check"], row["benchmark"], row["task"]) for row in findings}
    outcomes = []
    for benchmark, task in PLACES:
        for check in CHECKS:
            status = "found" if (check, benchmark, task) in ran else "not run" if check == "training leak" else "silent"
            why = "needs a model" if status == "not run" else ""
            about = {"benchmark": benchmark, "task": task, "check": check}
            outcomes.append(about | {"status": status, "why": why, "seconds": 0.1})
    return {
        "verdict": {
            "sentence": "Scores can be wrong on Street (duplicate pictures).",
            "counts": {"error": 1, "warning": 1, "note": 2}, "worst": "error",
        },
        "benchmarks": [_benchmark(name) for name in ("Shop", "Street")],
        "models": [{"name": "ours", "fingerprint": "f" * 64, "training list": False}],
        "checks": [
            {"name": name, "needs": ["texts"], "what": f"About {name}.", "detects": "This.", "biases": "That.",
             "false alarms": "None."}
            for name in CHECKS
        ],
        "findings": findings,
        "outcomes": outcomes,
        "environment": {"numpy": "2.4", "command": "weft audit shop"},
        "created": "2026-11-24T10:00:00+00:00",
        "weft": "0.3.0",
    }  # fmt: skip


def _benchmark(name: str) -> dict:
    tasks = [
        {"name": task, "queries": 1200, "gallery": 40000, "relevant_per_query": 1.5, "primary": "recall@10"}
        for benchmark, task in PLACES
        if benchmark == name
    ]
    told = {"name": name, "source": f"{name}.parquet", "revision": "", "licence": "MIT", "citation": ""}
    return told | {"notes": ["its recall is true recall"], "tasks": tasks}


def make_image(digest: str) -> bytes:
    """A picture of its own for every digest but the last."""
    if digest == PICTURES[-1]:
        raise WeftError("no such picture")
    pixels = np.random.default_rng(int(digest, 16)).integers(0, 256, (120, 90, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
