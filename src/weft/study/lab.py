"""Where a study's artefacts lie, by content: one catalogue, one training, one embedding for all that ask for it."""

import dataclasses
import json
import time
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

from weft import held
from weft.artefact import Stage, key_of, stage_key
from weft.benchmarks.record import AnyTask
from weft.catalogue.collection import Collection
from weft.embed import Embedder
from weft.encoders import load, load_base
from weft.errors import WeftError
from weft.evaluate import embed_task, query_prefix, score
from weft.lock import alone
from weft.per_query import Table
from weft.pipeline import Pipeline
from weft.recipe import Recipe
from weft.results import write_per_query
from weft.study.shared import Run, parts, training_key, weaving_key
from weft.tasks import collections_of, tasks_of
from weft.weave import path_of
from weft.weights import interpolate

CURATED = ("sources", "query_log", "curate", "pairs", "benchmarks", "seed")
"""Parts of a recipe that its curation reads."""


class Lab:
    """A study's folder. `recipe` is the study's own: its catalogue's queries are what every row is asked.

    Several processes may work in one folder: each artefact is made by one of them while the others wait for it.
    """

    def __init__(self, folder: Path, recipe: Recipe):
        self.folder, self.recipe = folder, recipe
        self.cache = folder / "cache"
        self._catalogues: dict[str, Pipeline] = {}
        self._tasks: dict[str, list[AnyTask]] = {}
        self._fingerprints: dict[str, str] = {}

    def catalogue(self, recipe: Recipe) -> Pipeline:
        """The curation that a recipe trains on. Seeds of a row are seeds of its training: the split is one."""
        recipe = dataclasses.replace(recipe, seed=self.recipe.seed)
        key = key_of({name: value for name, value in parts(recipe).items() if name in CURATED})
        if key not in self._catalogues:
            alone = dataclasses.replace(recipe.train, reference="")  # a row's reference is its own affair
            placed = dataclasses.replace(recipe, out=str(self.folder / "catalogues" / key), reference=(), train=alone)
            self._catalogues[key] = Pipeline(placed)
        return self._catalogues[key]

    @cached_property
    def curated(self) -> Path:
        return self.catalogue(self.recipe).folder / "curate"

    def tasks(self, split: str) -> list[AnyTask]:
        """The tasks of "dev" or "test", the same for every row."""
        if split not in self._tasks:
            self._tasks[split] = tasks_of(self.recipe, self.curated, split)
        return self._tasks[split]

    @cached_property
    def base_key(self) -> str:
        return self.fingerprint(self.recipe.base)

    def fingerprint(self, model: str) -> str:
        """Of a base; each is read once."""
        if model not in self._fingerprints:
            self._fingerprints[model] = load_base(model).fingerprint()
        return self._fingerprints[model]

    @cached_property
    def tasks_key(self) -> str:
        whole = self.catalogue(self.recipe)
        gallery = self.recipe.weave.gallery
        return key_of([stage_key(self.curated), whole.borrowed, whole.prompts, *([gallery] if gallery else [])])

    def tuned(self, recipe: Recipe) -> Run:
        """A training, brought up to date."""
        run = Run(dataclasses.replace(recipe, out=str(self.folder / "train" / training_key(recipe))), self)
        self.curate(run.catalogue)
        self._refuse_leaks(run)
        with alone(run.folder / "train"):
            run.borrow("curate", run.catalogue.folder)
            if run.owns_reference:
                with alone(run.reference_folder):
                    run.curate_reference()
            self._timed("train", run, run.train)
        return run

    def curate(self, catalogue: Pipeline) -> None:
        with alone(catalogue.folder / "curate"):
            if not catalogue.curate_stage().done():
                catalogue.curate()

    def woven(self, trained: Run, soup: Sequence[Run] = ()) -> Run:
        """The alpha of a training, chosen on dev queries by its recipe's own rule.

        Args:
            soup: other seeds' trainings, averaged with this one before.
        """
        others = tuple(str(other.folder / "train" / "model") for other in soup)
        recipe = trained.recipe
        if others:
            recipe = dataclasses.replace(recipe, weave=dataclasses.replace(recipe.weave, soup=others))
        run = Run(dataclasses.replace(recipe, out=str(self.folder / "weave" / weaving_key(recipe))), self)
        with alone(run.folder / "weave"):
            run.borrow("curate", run.catalogue.folder)
            run.borrow("train", trained.folder)
            self._timed("weave", run, run.weave)
        return run

    def interpolated(self, trained: Run, alpha: float) -> Path:
        """The model at an alpha that nobody chose."""
        inputs = {"train": stage_key(trained.folder / "train"), "base": trained.base_fingerprint}
        rules, tuned = trained.recipe.weave, trained.folder / "train" / "model"
        how = {"alpha": alpha, "depth": rules.depth, "fisher": rules.fisher}
        stage = Stage(trained.folder / f"alpha-{'-'.join(f'{one:g}' for one in how.values())}", how, inputs)
        path = path_of(rules, tuned)
        with alone(stage.folder):
            if not stage.done():
                stage.run(lambda folder: interpolate(trained.base_folder, tuned, alpha, folder / "model", **path))
        return stage.folder

    def scores_path(self, split: str, key: str) -> Path:
        return self.folder / "scores" / split / f"{key_of([key, self.tasks_key])}.parquet"

    def scores(self, split: str, model: str | Path, key: str) -> Path:
        """The per-query scores of a model on every task of a split, computed once.

        Args:
            key: of the model's content; with that of the tasks it names the file.
        """
        path = self.scores_path(split, key)
        if not path.exists():
            with alone(path):
                self._score(split, model, key, path)
        return path

    def _score(self, split: str, model: str | Path, key: str, path: Path) -> None:
        if path.exists():  # by now
            return
        started = time.monotonic()
        embedder = Embedder(load(str(model)), self.cache, self.recipe.micro_batch)
        prefix = query_prefix(model)
        found = {("", task.name): score(task, *embed_task(task, embedder, prefix)) for task in self.tasks(split)}
        write_per_query(path, {("", task.name): task for task in self.tasks(split)}, {key: found})
        self.note(split, key, time.monotonic() - started)

    def means(self, split: str, model: str | Path, key: str) -> dict[str, float]:
        """Task -> the mean of its primary metric."""
        table = Table(self.scores(split, model, key))
        return {task: float(table.scores(task, table.primary[task]).values.mean()) for task in table.tasks}

    def _timed(self, what: str, run: Run, work: Callable[[], None]) -> None:
        stage = getattr(run, f"{what}_stage")
        if (run.folder / what).exists() and stage().done():
            return
        started = time.monotonic()
        work()
        self.note(what, run.folder.name, time.monotonic() - started)

    def note(self, what: str, key: str, seconds: float) -> None:
        """A line of `timings.jsonl`, from which the time that is left is estimated."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "timings.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"what": what, "key": key, "seconds": round(seconds, 3)}) + "\n")

    @cached_property
    def _asked(self) -> set[str]:
        """Ids and pictures of the catalogue's held-out products, pictures of every benchmark's."""
        own, *others = collections_of(self.recipe, self.curated).values()
        return held.asked_for([own], ids=True) | held.asked_for(others)

    def _refuse_leaks(self, run: Run) -> None:
        """A row with a catalogue of its own must not train on what the study's queries ask for, unless all rows do: a
        shop's product may share its picture with a benchmark's, which `weft evaluate` tells."""
        if run.catalogue is self.catalogue(self.recipe):
            return
        all_rows = held.trained_of(Collection(self.curated), self._asked)
        own = held.trained_of(Collection(run.catalogue.folder / "curate"), self._asked)
        leaked = [name for name in own if name not in all_rows]
        if leaked:
            raise WeftError(
                f"{run.catalogue.folder}: {len(leaked)} products that this row trains on are asked for by the study's "
                f"queries ({', '.join(leaked[:3])}): give its further sources an `id_prefix` and `train_only = true`, "
                "leave [curate] as it is, and take no pictures from a benchmark"
            )
