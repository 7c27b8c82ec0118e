"""What stands beside a study's scores: a row's choices and training cost, and metrics along alpha on dev queries."""

import json
from collections.abc import Mapping, Sequence

import numpy as np

from weft.adapters import adapt
from weft.encoders import load_base
from weft.files import read_json
from weft.rates import parameter_groups
from weft.recipe import Recipe
from weft.study.choose import Choices
from weft.study.lab import Lab
from weft.study.plan import Row, Study
from weft.study.shared import training_key
from weft.sweep import corrected


def row(study: Study, lab: Lab, choices: Choices, one: Row, scored: Mapping[int, Mapping]) -> dict:
    """A row of `results.json`: what it is, what was chosen for it and what its trainings cost."""
    held = choices.rows[one.name]
    seeds = {seed: held["seeds"][str(seed)] for seed in sorted(scored)}
    told = {"name": one.name, "label": one.label, "why": one.why, "model": one.model, "baseline": one.baseline}
    told |= {"set": list(one.set), "soup_of": one.soup_of, "trained": one.trained, "seeds": list(seeds)}
    told |= {"one_seed": one.trained and len(seeds) < 2, "changes": held["changes"], "tried": held["tried"]}
    told |= {"alphas": [made["alpha"] for made in seeds.values() if made["alpha"] is not None]}
    told |= {"models": {seed: made["model"] for seed, made in seeds.items()}}
    member = study.row(one.soup_of) if one.soup_of else one
    if one.trained:
        taken = choices.changes(member.name)
        recipes = [study.recipe_of(member, taken, seed) for seed in (study.seeds_of(member) if one.soup_of else seeds)]
        told["cost"] = cost(lab, recipes)
    return told


def cost(lab: Lab, recipes: list[Recipe]) -> dict:
    """Of a row's trainings, one a seed: mean seconds and steps, steps a second, numbers that were trained."""
    found = []
    for recipe in recipes:
        log = lab.folder / "train" / training_key(recipe) / "train" / "log.jsonl"
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        if lines:
            found.append((json.loads(lines[-1])["seconds"], len(lines)))
    if not found:
        return {}
    seconds, steps = np.mean(found, axis=0)
    told = {"seconds": float(seconds), "steps": int(steps), "steps_per_second": float(steps / max(seconds, 1e-9))}
    return told | {"trainings": len(found), "trainable": trainable(recipes[0])}


def trainable(recipe: Recipe) -> int:
    """Numbers that an optimiser moves."""
    encoder, train = load_base(recipe.base), recipe.train
    if train.lora_rank:
        adapt(encoder, train.lora_rank, train.lora_alpha, recipe.seed)
    return sum(p.numel() for group in parameter_groups(encoder, train) for p in group["params"])


def curves(
    study: Study, lab: Lab, choices: Choices, counting: Mapping[str, str], scored: Mapping[str, Mapping[int, Mapping]]
) -> dict:
    """Figure 2: task -> dev scores along alpha for each row of interest, and the strongest baseline's.

    What was estimated is shifted through what was measured; seeds are averaged.

    Args:
        scored: row -> the seeds whose test scores are shown; choices of an earlier version of the study are not.
    """
    made = {name: [choices.rows[name]["seeds"][str(seed)] for seed in seeds] for name, seeds in scored.items()}
    rows = [r for r in study.rows if r.name in (study.curves or [w.name for w in study.rows if w.model == "woven"])]
    found: dict[str, dict] = {task: {"lines": [], "baseline": None} for task in counting}
    for one in rows:
        for task, line in _along(lab, made.get(one.name, [])).items():
            if task in found:
                found[task]["lines"].append({"row": one.name} | line)
    rivals = [r for r in study.rows if r.baseline or r.model in ("base", "encoder")]
    for task in found:
        each = {r.name: [one["dev"][task] for one in made.get(r.name, [])] for r in rivals}
        means = {name: float(np.mean(values)) for name, values in each.items() if values}
        if means:
            best = max(means, key=means.__getitem__)
            found[task]["baseline"] = {"row": best, "value": means[best]}
    return found


def _along(lab: Lab, seeds: Sequence[Mapping]) -> dict[str, dict]:
    """Task -> alphas, scores, which alphas were measured at every seed, and the alphas that were chosen."""
    records = [read_json(lab.folder / made["curve"]) for made in seeds if made.get("curve")]
    records = [r for r in records if r["curve"] and all(isinstance(step["alpha"], float) for step in r["curve"])]
    if not records:
        return {}
    found = {}
    alphas = [step["alpha"] for step in records[0]["curve"]]
    for task in records[0]["curve"][0]["tasks"]:
        each = [_scores([step["tasks"][task] for step in record["curve"]]) for record in records]
        measured = [[step["tasks"][task]["score"] is not None for step in record["curve"]] for record in records]
        found[task] = {
            "alphas": alphas, "scores": np.mean(each, axis=0).tolist(), "measured": np.all(measured, axis=0).tolist(),
            "chosen": [record["chosen"] for record in records],
        }  # fmt: skip
    return found


def _scores(steps: list[dict]) -> list[float]:
    """One task's means along a sweep."""
    estimated = [{"": np.asarray([step["estimate"]])} for step in steps]
    measured = {p: {"": np.asarray([step["score"]])} for p, step in enumerate(steps) if step["score"] is not None}
    return [float(row[""].mean()) for row in corrected(estimated, measured)]
