"""Runs a study: trials and alphas on dev queries, then one look at test for every row; what is done is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from weft import adapters, processes
from weft.artefact import file_key, key_of
from weft.embed import Embedder
from weft.encoders import load
from weft.errors import WeftError
from weft.evaluate import describe, embed_task, query_prefix, score
from weft.files import read_json, write_json
from weft.progress import say
from weft.study import cost, outlook, table
from weft.study.choose import Choices, Touched, asked, best, domain_means, gain, wanted
from weft.study.lab import Lab
from weft.study.plan import Row, Study
from weft.study.shared import Run


@dataclass(frozen=True)
class Model:
    """What a row is at one seed: a folder or name, a key of its content, its alpha and how that was chosen."""

    place: str | Path
    key: str
    alpha: object = None
    curve: str = ""  # the sweep's record, below the study's folder


class Session:
    """One call of `weft study`: the rows and seeds that are wanted, the lab, the choices, the time that is left."""

    def __init__(self, study: Study, rows: Sequence[str] = (), seeds: Sequence[int] = ()):
        self.study, self.rows = study, outlook.check_rows(rows, study)
        self.seeds = outlook.check_seeds(seeds, study)
        self.lab = Lab(study.folder, study.recipe_of(study.base))
        self.choices, self.touched = Choices(study.folder), Touched(study.folder)
        self.meter = cost.Meter(study, self.lab)
        self._planned: tuple[dict | None, list[cost.Job]] = None, []

    def plan(self) -> str:
        return outlook.render(self.study, self.rows, self.seeds, self.meter, self._chosen())

    def _chosen(self) -> dict[str, list[str]]:
        return {name: held["changes"] for name, held in self.choices.rows.items()}

    def run(self, last: str = "report") -> dict | None:
        """Everything up to "dev", "test" or "report"; the results, if it comes to these.

        Raises:
            WeftError: several processes; no `peft` for a row of LoRA; or whatever a stage raises.
        """
        if processes.world() > 1:
            raise WeftError("weft study runs in one process: start it without torchrun")
        if any(self.study.recipe_of(row).train.lora_rank for row in self.rows):
            adapters.require()
        for row in self.rows:  # what is not there must not show after hours
            self._open(row)
        self.lab.curate(self.lab.catalogue(self.lab.recipe))
        say(self.plan())
        self.domains = self._counting()
        for row in self.rows:
            self._develop(row)
        if last == "dev":
            return None
        for row in self.rows:
            self._test(row)
        if last == "test":
            return None
        choices, touched = Choices(self.study.folder), Touched(self.study.folder)  # other processes' rows among them
        results = table.results(self.study, self.lab, choices, touched, self.domains)
        write_json(self.study.folder / "results.json", results)
        return results

    def _open(self, row: Row) -> None:
        try:
            if row.trained:
                self.lab.fingerprint(self.study.recipe_of(row).base)
            elif row.encoder:
                load(row.encoder)
        except WeftError as error:
            raise WeftError(f"row {row.name!r}: {error}; make it, or leave the row out with --rows") from None

    def _counting(self) -> dict[str, str]:
        """Task -> domain of the tasks that count: by the base's dev scores, so before test is touched."""
        self.base = Model(self.lab.recipe.base, self.lab.base_key)
        embedder = Embedder(load(self.lab.recipe.base), self.lab.cache, self.lab.recipe.micro_batch)
        found = {}
        for task in self.lab.tasks("dev"):
            facts = describe(task, score(task, *embed_task(task, embedder)))
            if facts["counts"]:
                found[task.name] = task.domain
            else:
                say(f"  {task.name} does not count: {facts['note']}")
        self.base_dev = self.lab.means("dev", self.base.place, self.base.key)
        return found

    def _develop(self, row: Row) -> None:
        """Chooses among the row's trials, then makes its model of every seed and scores it on dev queries."""
        trials, key = self.study.trials_of(row), asked(self.study, self.lab, row)
        if not self.choices.settled(row.name, key):
            tried = [self._trial(row, changes) for changes in trials] if len(trials) > 1 else []
            taken = trials[best(tried)] if tried else trials[0]
            if tried:
                say(f"{row.label}: {' '.join(taken)} is the best of {len(tried)} trials on dev queries")
            self.choices.settle(row.name, key, taken, tried)
        for seed in self._seeds(row):
            self._announce(row, self.choices.changes(row.name), seed)
            model = self._model(row, self.choices.changes(row.name), seed)
            means = self._dev(model)
            told = {"model": model.key, "alpha": model.alpha, "curve": model.curve, "dev": means}
            told |= {"means": domain_means(means, self.domains)}
            told |= {"wanted": wanted(self.study, self.lab, self.choices, row, seed)}
            self.choices.add(row.name, seed, told)

    def _seeds(self, row: Row) -> list[int]:
        if not row.trained:
            return list(self.study.seeds_of(row))
        if row.soup_of:  # of all seeds, or none
            whole = set(self.study.seeds_of(self.study.row(row.soup_of))) <= set(self.seeds)
            return list(self.study.seeds_of(row)) if whole else []
        return [seed for seed in self.study.seeds_of(row) if seed in self.seeds]

    def _trial(self, row: Row, changes: Sequence[str]) -> dict:
        self._announce(row, changes, self.study.seeds[0], True)
        model = self._model(row, changes, self.study.seeds[0], cheap=True)
        means = self._dev(model)
        told = {
            "changes": list(changes),
            "gain": gain(means, self.base_dev, self.domains, self.study.select),
            "alpha": model.alpha,
        }
        return told | {"means": domain_means(means, self.domains)}

    def _model(self, row: Row, changes: Sequence[str], seed: int, cheap: bool = False) -> Model:
        if row.model == "base":
            return self.base
        if row.model == "encoder":
            key, prefix = load(row.encoder).fingerprint(), query_prefix(row.encoder)
            return Model(row.encoder, key_of([key, prefix]) if prefix else key)  # one model, asked in other words
        if row.soup_of:
            first, *others = self._members(row)
            return self._woven(self.lab.woven(first, others))
        trained = self.lab.tuned(self.study.recipe_of(row, changes, seed, cheap))
        if row.model == "tuned":
            place = trained.folder / "train" / "model"
            return Model(place, weights_key(place))
        if row.alpha >= 0:
            place = self.lab.interpolated(trained, row.alpha) / "model"
            return Model(place, weights_key(place), row.alpha)
        return self._woven(self.lab.woven(trained))

    def _woven(self, run: Run) -> Model:
        place = run.folder / "weave"
        curve = (place / "alpha.json").relative_to(self.study.folder).as_posix()
        return Model(place / "model", weights_key(place / "model"), run.alpha, curve)

    def _dev(self, model: Model) -> dict[str, float]:
        """Task -> mean on dev queries; of a woven model, what its sweep measured where it chose."""
        if not model.curve:
            return self.lab.means("dev", model.place, model.key)
        return measured(read_json(self.study.folder / model.curve))

    def _members(self, row: Row) -> list[Run]:
        """The trainings of a soup, each with the soup's own way of weaving."""
        member = self.study.row(row.soup_of)
        chosen = self.choices.changes(member.name)
        return [self.lab.tuned(self.study.recipe_of(row, chosen, seed)) for seed in self._seeds(member)]

    def _announce(self, row: Row, changes: Sequence[str], seed: int, cheap: bool = False) -> None:
        if not row.trained:
            return
        chosen = self._chosen()
        if chosen != self._planned[0]:  # reading every row's recipe again takes a second
            self._planned = chosen, cost.jobs(self.study, self.rows, self.seeds, chosen)
        every = self._planned[1]
        once = cost.distinct(every)
        done = sum(map(self.meter.done, once))
        left = self.meter.seconds(every)
        told = "" if np.isnan(left) else f"; about {outlook.duration(left)} left"
        what = f"trial {' '.join(changes)}" if cheap else f"seed {seed}"
        say(f"{row.label}, {what} ({done} of {len(once)} trainings done{told})")

    def _test(self, row: Row) -> None:
        """The row's look at test queries, written down before it is taken."""
        for seed in self._seeds(row):
            model = self._model(row, self.choices.changes(row.name), seed)
            if not self.lab.scores_path("test", model.key).exists():
                say(f"{row.label}, seed {seed}: test queries")
            chosen = self.choices.changes(row.name)
            self.touched.add(row.name, seed, model.key, model.alpha, chosen, self.lab.tasks_key)
            self.lab.scores("test", model.place, model.key)


def weights_key(model: Path) -> str:
    """Of the numbers in a model's files: the same model made again is the same model."""
    return key_of([file_key(file) for file in sorted(model.glob("*.safetensors"))])


def measured(record: Mapping) -> dict[str, float]:
    """The dev scores at the alpha, or the alphas, that a sweep's record says were chosen."""
    if towers := record.get("towers"):
        step = next(s for s in record["surface"] if (s["image"], s["text"]) == (towers["image"], towers["text"]))
    else:
        step = next(s for s in record["curve"] if s["alpha"] == record["chosen"])
    return {task: told["score"] for task, told in step["tasks"].items()}
