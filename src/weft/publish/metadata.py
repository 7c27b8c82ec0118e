"""The head of a model card: what the hub reads, as YAML."""

import re
from pathlib import Path

from weft.encoders.registry import KNOWN
from weft.publish.run import Run

TASKS = {"retrieval": "text-to-image-retrieval", "classification": "zero-shot-image-classification"}


def metadata(run: Run, model_type: str, licence: str, exported: bool) -> str:
    """YAML between dashes: licence, base, tags and the scores of ours on tasks that count as a model-index.

    The licence is an id of the hub's list; "" becomes `other`, and the card says what is known.
    """
    import yaml

    tags = ["weft", "sentence-transformers", model_type, "retrieval", "image-text"]
    told: dict = {"license": licence or "other"}
    if not licence:
        told["license_name"] = "not-stated"
    if hub_id(run):
        told |= {"base_model": hub_id(run), "base_model_relation": "finetune"}
    told |= {
        "library_name": "transformers",
        "pipeline_tag": "zero-shot-image-classification",
        "tags": tags + ["onnx"] * exported + ["wise-ft"] * (run.ours == "woven"),
        "model-index": [{"name": run.name, "results": _results(run)}],
    }
    return "---\n" + yaml.safe_dump(told, sort_keys=False, allow_unicode=True, width=1000) + "---\n"


def hub_id(run: Run) -> str:
    """The base's id on the hub, "" where it has none."""
    base = run.base
    known = any(model.hub == base for model in KNOWN.values())
    return base if known or (re.fullmatch(r"[\w.-]+/[\w.-]+", base) and not Path(base).exists()) else ""


def _results(run: Run) -> list[dict]:
    found = []
    for task in (one for one in run.results["tasks"] if one.get("counts", True)):
        rows = [s for s in run.results["scores"] if s["model"] == run.ours and s["task"] == task["name"]]
        metrics = [
            {"type": row["metric"], "name": row["metric"], "value": round(float(row["value"]), 4)}
            for row in sorted(rows, key=lambda row: row["metric"] != task["primary"])
            if row["value"] is not None
        ]
        name = re.sub(r"[^\w]+", "-", task["name"]).strip("-").lower()
        dataset = {"name": " ".join(task["name"].split()), "type": name or "task"}
        found.append({"task": {"type": TASKS[task["kind"]]}, "dataset": dataset, "metrics": metrics})
    return [one for one in found if one["metrics"]]
