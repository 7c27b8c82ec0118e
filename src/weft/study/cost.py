"""What a study will cost, before anything is run and while it runs: trainings, hours, disk."""

import dataclasses
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from weft import plan
from weft.artefact import MANIFEST
from weft.batch import learnt
from weft.files import read_json
from weft.recipe import Recipe
from weft.study.choose import Choices
from weft.study.lab import Lab
from weft.study.plan import Row, Study
from weft.study.shared import training_key, weaving_key

ALPHAS = 2
"""ASSUMED alphas that choosing one evaluates beside the two ends (docs/LOG.md: 1.8 on average)."""

ATTAINED = 0.35
"""ASSUMED share of this machine's speed in large matrix products that a training step reaches."""

EMBEDDED = 0.2
"""ASSUMED share of a product's seconds in a training step that embedding its picture takes: a third of the step is the
forward pass, and most of that is the picture's."""

RATIOS = {"weave": 1.0 + ALPHAS, "dev": 1.0, "test": 1.0}
"""ASSUMED passes over all pictures, until one was timed."""


@dataclass(frozen=True)
class Job:
    """One training that a row asks for. Jobs of equal keys are one training."""

    row: str
    changes: tuple[str, ...]
    seed: int
    cheap: bool
    recipe: Recipe

    @cached_property
    def key(self) -> str:
        return training_key(self.recipe)


def job(study: Study, row: Row, changes: Sequence[str], seed: int, cheap: bool) -> Job:
    """`cheap`: a trial. Where nothing makes trials cheaper, a trial is the first seed's training itself."""
    return Job(row.name, tuple(changes), seed, cheap, study.recipe_of(row, changes, seed, cheap))


def jobs(study: Study, rows: Iterable[Row], seeds: Sequence[int], chosen: Mapping[str, Sequence[str]]) -> list[Job]:
    """Every training that rows ask for, in order: trials, then seeds.

    Args:
        seeds: those that are wanted; chosen: row -> the changes that its trials chose. Where they have not yet, the
            first is assumed.
    """
    found = []
    for row in rows:
        if not row.trained or row.soup_of:
            continue
        trials = study.trials_of(row)
        if len(trials) > 1:
            found += [job(study, row, changes, study.seeds[0], True) for changes in trials]
        best = chosen.get(row.name, trials[0])
        found += [job(study, row, best, seed, False) for seed in study.seeds_of(row) if seed in seeds]
    return found


def distinct(found: Iterable[Job]) -> list[Job]:
    return list({one.key: one for one in reversed(list(found))}.values())[::-1]


class Meter:
    """Seconds that are left, from step times and evaluations that were measured, here or in an earlier run."""

    def __init__(self, study: Study, lab: Lab):
        self.study, self.lab, self.recipe = study, lab, lab.recipe
        self.parameters = sum(plan.count(plan.config_of(self.recipe.base, self.recipe)).values())
        self._speed = 0.0
        self.look()

    def sizes(self) -> tuple[int, int] | None:
        """Products to train on, and pictures of all galleries; None before anything was curated."""
        for folder in (self.lab.curated, self.recipe.folder / "curate"):
            others = [Path(b.collection or folder / "benchmarks" / b.name) for b in self.recipe.benchmarks]
            summaries = [place / "summary.json" for place in (folder, *others)]
            if all(summary.exists() for summary in summaries):
                counts = [read_json(summary)["counts"] for summary in summaries]
                return counts[0]["splits"]["train"], sum(count["images"] for count in counts)
        return None

    def done(self, one: Job) -> bool:
        return (self.lab.folder / "train" / one.key / "train" / MANIFEST).exists()

    def look(self) -> None:
        """Reads what was timed so far."""
        self._steps = _step_times(self.lab.folder / "train")
        self._before = _step_times(self.recipe.folder.parent, self.recipe.folder.name)
        self._timed = _timings(self.lab.folder)
        self._chosen = Choices(self.lab.folder).rows

    def step_seconds(self, one: Job) -> float:
        """Of the same recipe by another seed, else of any, else of an earlier run, else guessed."""
        keys = {training_key(dataclasses.replace(one.recipe, seed=seed)) for seed in self.study.seeds}
        if alike := [self._steps[key] for key in keys & self._steps.keys()]:
            return float(np.mean(alike))
        scale = one.recipe.train.batch / self.recipe.train.batch
        known = self._steps or self._before
        return scale * (float(np.mean(list(known.values()))) if known else self._guessed())

    @property
    def source(self) -> str:
        """Where step times are from."""
        if self._steps:
            return "measured on this study's own trainings"
        return f"measured on {self.recipe.folder}" if self._before else "guessed from this machine's matrix products"

    def _guessed(self) -> float:
        if not self._speed:
            self._speed = ATTAINED * _matrix_flops()
        config, recipe = plan.config_of(self.recipe.base, self.recipe), self.recipe
        whole = plan.plan(config, 1, recipe.train, len(learnt(recipe.pairs, recipe.train)))
        return whole.flops * recipe.train.batch / self._speed

    def train_seconds(self, one: Job) -> float:
        found = self.sizes()
        if found is None:
            return float("nan")
        train = one.recipe.train
        return train.epochs * max(1, found[0] // train.batch) * self.step_seconds(one)

    def other_seconds(self, what: str) -> float:
        """Of one "weave", "dev" or "test"."""
        timed = [line["seconds"] for line in self._timed if line["what"] == what]
        if timed:
            return float(np.mean(timed))
        found, train = self.sizes(), self.recipe.train
        if found is None:
            return float("nan")
        return RATIOS[what] * found[1] * EMBEDDED * self.step_seconds(Job("", (), 0, False, self.recipe)) / train.batch

    def seconds(self, found: Sequence[Job]) -> float:
        """Of everything that is not done: trainings, the weaving of woven rows, dev and test scores."""
        self.look()
        total = sum(self.train_seconds(one) for one in distinct(found) if not self.done(one))
        woven: set[str] = set()
        for one in found:
            row, done = self.study.row(one.row), self.done(one)
            if row.model == "woven" and row.alpha < 0:
                key = weaving_key(one.recipe)
                done = key in woven or (self.lab.folder / "weave" / key / "weave" / MANIFEST).exists()
                woven.add(key)
                total += 0.0 if done else self.other_seconds("weave")
            elif not done:
                total += self.other_seconds("dev")
            total += 0.0 if one.cheap or self._tested(one) else self.other_seconds("test")
        return total

    def _tested(self, one: Job) -> bool:
        made = self._chosen.get(one.row, {}).get("seeds", {}).get(str(one.seed))
        return bool(made) and self.lab.scores_path("test", made["model"]).exists()

    def disk(self, found: Sequence[Job]) -> float:
        """Bytes at the end: models, embeddings of every picture by both ends, the base's targets."""
        pictures = (self.sizes() or (0, 0))[1]
        dim = plan.towers(plan.config_of(self.recipe.base, self.recipe))[2]
        return len(distinct(found)) * 2.0 * (4 * self.parameters + 4 * pictures * dim) + 8.0 * pictures * dim


def _timings(folder: Path) -> list[dict]:
    path = folder / "timings.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _step_times(folder: Path, name: str = "*") -> dict[str, float]:
    """Training folder -> seconds a step, from the logs of finished trainings and of those under way."""
    found = {}
    for log in sorted(folder.glob(f"{name}/train*/log.jsonl")):
        lines = log.read_text(encoding="utf-8").splitlines()
        if len(lines) > 1:
            last = json.loads(lines[-1])
            found[log.parent.parent.name] = last["seconds"] / (last["step"] + 1)
    return found


def _matrix_flops() -> float:
    """Floating-point operations a second of a large product, in half a second."""
    import torch

    size, runs, matrix = 1024, 0, torch.randn(1024, 1024)
    started = time.monotonic()
    while time.monotonic() - started < 0.5:
        matrix @ matrix
        runs += 1
    return 2.0 * size**3 * runs / (time.monotonic() - started)
