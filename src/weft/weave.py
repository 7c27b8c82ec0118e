"""Weaves: merges what was trained, chooses alpha on development queries, writes the model between base and tuned."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from weft import merge, sweep
from weft.artefact import file_key
from weft.benchmarks.record import AnyTask
from weft.catalogue.collection import Collection
from weft.embed import Embedder
from weft.encoders import load, local_folder
from weft.errors import WeftError
from weft.evaluate import Scored, describe, embed_task, query_prefix, score
from weft.files import write_json
from weft.options import Weave
from weft.progress import say
from weft.recipe import Recipe
from weft.results import alpha_record
from weft.weights import FISHER, check_match, interpolate

SOUP = "tuned"
"""In the stage's folder: the merged model, where several were trained."""


def weave(
    recipe: Recipe, tuned: Path, tasks: list[AnyTask], cache: Path, folder: Path, between: Path | None = None
) -> None:
    """Writes `folder/model`, theta(alpha) between the recipe's base and `tuned`, and `folder/alpha.json`.

    Args:
        tuned: what this run has trained; with `weave.soup` it is merged with others first, into `folder/tuned`.
        tasks: of the development split.
        cache: where the embeddings of base, tuned and baselines are kept.
        between: where those of every alpha in between are kept; None forgets them with their alpha.

    Raises:
        WeftError: the models do not belong together, or there is no query to choose by.
    """
    rules, base = recipe.weave, local_folder(recipe.base)
    check_match(base, tuned)
    if not any(task.domain == "in-domain" for task in tasks):
        raise WeftError("there is no in-domain dev query to choose alpha on: raise curate.dev_share")
    how = path_of(rules, tuned)

    def embedder(model: Path | str, kept: Path = cache) -> Embedder:
        return Embedder(load(str(model)), kept, recipe.micro_batch)

    def row_of(one: Embedder, prefix: str = "") -> sweep.Row:
        return {task.name: score(task, *embed_task(task, one, prefix)).values[task.primary] for task in tasks}

    @contextmanager
    def at(alpha: float) -> Iterator[Embedder]:
        say(f"  measuring alpha = {alpha:g} on dev queries")
        trial = folder / "trial"
        interpolate(base, tuned, alpha, trial, **how)
        yield embedder(trial, between or trial / "cache")
        shutil.rmtree(trial)

    def measure(place: int) -> sweep.Row:
        with at(float(grid[place])) as one:
            return row_of(one)

    start = embedder(recipe.base)
    unknown = _unknown(tasks, row_of(start))
    domains = {task.name: "" if task.name in unknown else task.domain for task in tasks}
    if rules.mean_delta < 0 and "out-of-domain" not in domains.values():
        why = "; ".join(unknown.values()) or "no benchmark has a dev query"
        raise WeftError(f"weave.mean_delta asks the out-of-domain mean to rise, and nothing counts in it: {why}")
    if rules.soup:
        tuned = _soup(rules, base, tuned, folder / SOUP)
    grid = np.round(np.linspace(0, 1, rules.grid), 6)
    ends = start, embedder(tuned)
    others = recipe.baselines if rules.rule == "margin" else ()
    baselines = [row_of(embedder(name), query_prefix(name)) for name in others]
    if rules.towers:
        places, rows = sweep.of_towers(tasks, *ends, at, grid)
        rule = sweep.Rule(rules.rule, rules.delta, domains, (rows[0], *baselines), rules.mean_delta)
        choice = sweep.choose(rows, rows.__getitem__, rule, full=True)
        chosen = dict(zip(("image", "text"), places[choice.place], strict=True))
        alpha = chosen | {"head": sum(chosen.values()) / 2}
        record = _of_towers(alpha_record(np.round(np.mean(places, axis=1), 6), rows, choice, rule), places, chosen)
    else:
        say("  estimating every alpha from the endpoints' embeddings")
        estimated = sweep.estimates(tasks, *ends, grid)
        rule = sweep.Rule(rules.rule, rules.delta, domains, (estimated[0], *baselines), rules.mean_delta)
        record = alpha_record(grid, estimated, sweep.choose(estimated, measure, rule, rules.full), rule)
        alpha = record["chosen"]
    interpolate(base, tuned, alpha, folder / "model", **how)
    told = [*unknown.values(), record["note"]]
    if rules.gallery:
        most = f"{rules.gallery:,}"
        told = [f"dev queries searched at most {most} products: their scores are higher than in all of them", *told]
    record["note"] = "; ".join(filter(None, told))
    write_json(folder / "alpha.json", record)


def path_of(rules: Weave, tuned: Path) -> dict:
    """How the rules lead from base to tuned: what `interpolate` is told beside alpha. `tuned`: a `train/model`."""
    return {"depth": rules.depth, "fisher": [tuned.parent / name for name in FISHER] if rules.fisher else ()}


def check_rules(recipe: Recipe) -> None:
    """Raises what weaving would raise after hours of training, as far as the recipe alone tells."""
    rules = recipe.weave
    if rules.mean_delta < 0 and not recipe.benchmarks:
        raise WeftError("weave.mean_delta asks the out-of-domain mean to rise: name [[benchmarks]] to tell by")
    soup_keys(rules)
    for member in rules.soup:
        check_match(local_folder(recipe.base), local_folder(member))


def check_dev(curated: Path) -> None:
    """The same, as far as the curated catalogue tells."""
    if not any(task.name.startswith("in-domain/") for task in Collection(curated).tasks("dev")):
        raise WeftError(
            f"{curated} has no in-domain dev query, so no alpha could be chosen: "
            "raise curate.dev_share and curate.dev_queries, or add products"
        )


def foretell(recipe: Recipe, curated: Path) -> None:
    """Says what both would raise: who trains without weaving, under `torchrun` for instance, may want no more than
    that, but should know it before hours of it."""
    try:
        check_rules(recipe)
        check_dev(curated)
    except WeftError as error:
        say(f"  what is trained now could not be woven: {error}")


def soup_keys(rules: Weave) -> dict[str, str]:
    """What the other models of a soup are, for the stage's key. Raises `WeftError` where one is not there."""
    return {f"soup {name}": _weights_key(local_folder(name)) for name in rules.soup}


def baseline_keys(names: Sequence[str]) -> dict[str, str]:
    """What the baselines that are local folders are, for a stage's key: a hub id says so itself."""
    return {f"baseline {name}": _weights_key(Path(name)) for name in names if Path(name).is_dir()}


def _weights_key(folder: Path) -> str:
    return "".join(file_key(file) for file in sorted(folder.rglob("*.safetensors")))


def _unknown(tasks: list[AnyTask], base: sweep.Row) -> dict[str, str]:
    """Task -> why it decides nothing, for what does not count in the verdict either: the base never knew it."""
    facts = [describe(task, Scored({task.primary: base[task.name]})) for task in tasks]
    outside = [one for one in facts if one["domain"] == "out-of-domain" and not one["counts"]]
    return {one["name"]: f"{one['name']} decided nothing: {one['note']}" for one in outside}


def _soup(rules: Weave, base: Path, tuned: Path, out: Path) -> Path:
    """The models of a soup are taken to be trained on one catalogue: what they saw is what `tuned` saw."""
    folders = [tuned, *map(local_folder, rules.soup)]
    say(f"  merging {len(folders)} models")
    if rules.soup_rule == "stock":
        merge.model_stock(base, folders, out)
    else:
        merge.average(folders, out)
    return out


def _of_towers(record: dict, places: list[tuple[float, float]], chosen: dict[str, float]) -> dict:
    """The record of a choice among pairs of alphas: the whole surface, and of it, as `curve`, where both are equal."""
    surface = [
        step | {"image": image, "text": text}
        for step, (image, text) in zip(record["curve"], places, strict=True)
    ]  # fmt: skip
    told = (
        f"alpha is {chosen['image']:g} for the image tower and {chosen['text']:g} for the text tower, of which the one "
    )
    told += "alpha told elsewhere is the mean; the curve is where both are equal"
    curve = [step for step in surface if step["image"] == step["text"]]
    measured = [step["alpha"] for step in curve]
    note = "; ".join(filter(None, (told, record["note"])))
    return record | {"towers": chosen, "note": note, "measured": measured, "curve": curve, "surface": surface}
