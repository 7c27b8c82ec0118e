"""What `report.json` holds; `docs/report-schema.md` is its documentation."""

import math

from weft import __version__

SCHEMA = "weft-report/1"
PASSED_ON = ("base", "catalogue", "recipe", "seed", "environment", "cost")


def record(results: dict, curate: dict) -> dict:
    """The report's figures for machines: scores by model, task and metric, without pictures and queries."""
    scores: dict[str, dict] = {model: {} for model in results["models"]}
    for row in results.get("scores", ()):
        told = {key: row.get(key) for key in ("value", "low", "high", "n")}
        scores.setdefault(row["model"], {}).setdefault(row["task"], {})[row["metric"]] = told
    whole = {
        "schema": SCHEMA,
        "weft": __version__,
        "verdict": results.get("verdict", {}),
        "alpha": results.get("alpha", {}),
        "models": results["models"],
        "tasks": results.get("tasks", []),
        "scores": scores,
        "differences": results.get("differences", []),
        "curate": curate,
    }
    return strict(whole | {key: results[key] for key in PASSED_ON if key in results})


def strict(value: object) -> object:
    """NaN and infinity as null, and lone surrogates as "?": JSON in UTF-8 has no word for them."""
    if isinstance(value, dict):
        return {strict(key): strict(item) for key, item in value.items()}
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, (list, tuple)):
        return [strict(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
