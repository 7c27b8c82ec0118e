"""The five stages of a run and what each one reads: curate, train, weave, evaluate, report."""

import dataclasses
import functools
import shutil
from functools import cached_property
from pathlib import Path

import numpy as np

from weft import adapters, fits, leaks, processes, seen
from weft.artefact import MANIFEST, Stage, file_key, read_json, stage_key, versions, write_json
from weft.benchmarks import parsed
from weft.benchmarks.record import AnyTask, Retrieval
from weft.catalogue.collection import Collection
from weft.catalogue.sources.files import on_disk
from weft.embed import Embedder
from weft.encoders import create, load, load_base, local_folder
from weft.encoders.base import Encoder
from weft.errors import WeftError
from weft.evaluate import Scored, bm25_ranking, describe, embed_task, fused, retrieval_metrics, score
from weft.options import NOTHING_TO_KEEP, OWN
from weft.progress import progress, say
from weft.recipe import Recipe, plain, settings
from weft.results import examples, token_lengths, training_cost, write_per_query, write_qrels, write_runs
from weft.schema import RELEVANT
from weft.tasks import collections_of, tasks_of
from weft.verdict import comparisons, intervals, verdict
from weft.weave import SOUP, soup_keys, weave

STAGES = ("curate", "train", "weave", "evaluate", "report")


class Pipeline:
    """A recipe with its folders. Each method brings one stage up to date; `run` does all of them in order."""

    def __init__(self, recipe: Recipe):
        self.recipe = recipe
        self.folder = recipe.folder
        self.cache = self.folder / "cache"
        self.between: Path | None = None  # an alpha that is only tried leaves no embeddings behind

    @property
    def fresh(self) -> bool:
        """Whether the base is trained from nothing: then there is nothing to forget, to distil or to weave."""
        return self.recipe.base.startswith("new:")

    def run(self, last: str = "report") -> None:
        if self.recipe.train.lora_rank and last != "curate":
            adapters.require()
        for name in STAGES[: STAGES.index(last) + 1]:
            getattr(self, name)()
            if name == "curate" and last not in ("curate", "train") and not self.fresh:
                self._refuse_without_dev()

    def _refuse_without_dev(self) -> None:
        """What weaving would say after hours of training."""
        if not any(task.name.startswith("in-domain/") for task in Collection(self.folder / "curate").tasks("dev")):
            raise WeftError(
                f"{self.folder / 'curate'} has no in-domain dev query, so no alpha could be chosen: "
                "raise curate.dev_share and curate.dev_queries, or add products"
            )

    def _stage(self, name: str, parts: dict, inputs: dict[str, str]) -> Stage:
        return Stage(self.folder / name, parts | {"seed": self.recipe.seed}, inputs)

    def _after(self, *names: str) -> dict[str, str]:
        """The keys of the stages that one reads. Raises `WeftError` where they are missing or out of date."""
        for name in names:
            stage = getattr(self, f"_{name}_stage")()
            if not stage.done():
                state = "was made from another recipe or other data" if stage.folder.exists() else "is not there yet"
                raise WeftError(f"{stage.folder} {state}: run `weft {name}` first, or `weft run` for everything")
        return {name: stage_key(self.folder / name) for name in names}

    @cached_property
    def _source_keys(self) -> dict[str, str]:
        recipe, keys = self.recipe, {}
        sources = [*recipe.sources, *recipe.reference, recipe.query_log, *(b.source for b in recipe.benchmarks)]
        places = [place for source in sources for place in (source.place, source.image_folder)]
        for place in filter(None, (*places, *(parsed(spec)[1] for spec in recipe.curate.keep_out))):
            keys |= {str(path): file_key(path) for path in on_disk(place)}
        return keys

    @property
    def _prompts(self) -> dict[str, tuple[str, dict[str, str]]]:
        """How classes are called: asked at evaluation, so that a new wording does not curate again."""
        return {b.name: (b.prompt, b.names) for b in self.recipe.benchmarks if b.task == "class"}

    @property
    def _borrowed(self) -> dict[str, str]:
        """The keys of earlier runs whose queries are benchmarks of this one."""
        return {b.name: stage_key(Path(b.collection)) for b in self.recipe.benchmarks if b.collection}

    def _curate_stage(self) -> Stage:
        names = ("sources", "query_log", "curate", "pairs", *(["reference"] if self.recipe.reference else []))
        parts = {name: plain(getattr(self.recipe, name)) for name in names}
        parts["benchmarks"] = [plain(dataclasses.replace(b, prompt="", names={})) for b in self.recipe.benchmarks]
        return self._stage("curate", parts, self._source_keys | self._judging_base)

    @property
    def _judging_base(self) -> dict[str, str]:
        """The key of the base where curation asks it which texts fit their pictures."""
        return {"base": self.base_fingerprint} if "misfit" in self.recipe.curate.quality and not self.fresh else {}

    def curate(self) -> None:
        from weft.catalogue.curate import curate, curate_reference

        def work(folder: Path) -> None:
            known = [leaks.Known(spec, self.cache) for spec in self.recipe.curate.keep_out]
            guard = functools.partial(leaks.find, known) if known else None
            fit = None
            if self._judging_base:
                fit = functools.partial(fits.similarity, Embedder(load_base(self.recipe.base), self.cache))
            curate(self.recipe, folder, guard, fit)
            if self.recipe.reference:
                held = leaks.held(collections_of(self.recipe, folder))
                curate_reference(self.recipe, folder / "reference", functools.partial(leaks.find, [*known, *held]))
                counts = read_json(folder / "reference" / "summary.json")["counts"]
                write_json(folder / "summary.json", read_json(folder / "summary.json") | {"reference": counts})

        self._curate_stage().run(work)

    def _train_stage(self) -> Stage:
        recipe, inputs = self.recipe, self._after("curate")
        parts = {"train": settings(recipe.train), "pairs": settings(recipe.pairs), "base": recipe.base}
        if self.fresh:
            parts["new"] = settings(recipe.new)
        else:
            inputs["base"] = self.base_fingerprint
        if recipe.train.reference not in ("", OWN):  # its own is the catalogue's
            inputs["reference"] = self._reference_key
        for name in ("written", "grades"):
            if given := getattr(recipe.train, name):
                inputs[name] = "".join(file_key(path) for path in on_disk(given))
        return self._stage("train", parts, inputs)

    @property
    def _reference_key(self) -> str:
        folder = Path(self.recipe.train.reference)
        if not (folder / MANIFEST).exists():
            raise WeftError(f"train.reference = {str(folder)!r} is no finished curate folder; {OWN!r} is [[reference]]")
        return stage_key(folder)

    def train(self) -> None:
        from weft.train import CHECKPOINT, train

        recipe = self.recipe
        if self.fresh:  # it knows nothing that could be kept
            recipe = dataclasses.replace(recipe, train=dataclasses.replace(recipe.train, **NOTHING_TO_KEEP))
        if recipe.reference and recipe.train.reference != OWN:
            say(f"  [[reference]] is not trained on; train.reference = {OWN!r} would")
        if recipe.train.reference == OWN:
            own = str(self.folder / "curate" / "reference")
            recipe = dataclasses.replace(recipe, train=dataclasses.replace(recipe.train, reference=own))

        def work(folder: Path) -> None:
            collection = Collection(self.folder / "curate")
            encoder = self._new(collection) if self.fresh else load_base(recipe.base)
            train(recipe, collection, encoder, folder)
            if processes.rank() == 0:
                seen.write(folder / "model", collection, None if self.fresh else recipe.base)
                if recipe.train.reference:
                    seen.write(folder / "model", Collection(recipe.train.reference), str(folder / "model"))
                (folder / CHECKPOINT).unlink(missing_ok=True)  # until here a failure costs no training

        self._train_stage().run(work, shared=True)

    def _new(self, collection: Collection) -> Encoder:
        from weft.pairs.queries import Writer

        pairs = self.recipe.pairs
        writer = Writer(dataclasses.replace(pairs, long=pairs.long or "attributes"))  # words for short queries, too
        rows = np.flatnonzero(collection.split == "train")
        texts = [writer.long(collection.products[row]).text for row in rows]
        texts += [collection.products[row].title for row in rows]
        return create(settings(self.recipe.new) | {"family": self.recipe.base[4:]}, texts, self.recipe.seed)

    @cached_property
    def base_fingerprint(self) -> str:
        return load_base(self.recipe.base).fingerprint()

    @property
    def base_folder(self) -> Path:
        """The base as a local folder, for interpolation."""
        return local_folder(self.recipe.base)

    def _weave_stage(self) -> Stage:
        parts = {"weave": settings(self.recipe.weave), "prompts": self._prompts}
        if self.recipe.weave.rule == "margin":
            parts["baselines"] = self.recipe.baselines
        inputs = self._after("curate", "train") | self._borrowed | soup_keys(self.recipe.weave)
        return self._stage("weave", parts, inputs)

    def weave(self) -> None:
        def work(folder: Path) -> None:
            tuned = self.folder / "train" / "model"
            if self.fresh:
                shutil.copytree(tuned, folder / "model", dirs_exist_ok=True)
                write_json(folder / "alpha.json", {"chosen": 1.0, "rule": "a fresh base is not woven", "curve": []})
                return
            weave(self.recipe, tuned, self._tasks("dev"), self.cache, folder, self.between)

        self._weave_stage().run(work)

    def _tasks(self, split: str, held_out_gallery: bool = False) -> list[AnyTask]:
        return tasks_of(self.recipe, self.folder / "curate", split, held_out_gallery)

    def _embedder(self, model: Path | str) -> Embedder:
        return Embedder(load(str(model)), self.cache, self.recipe.micro_batch)

    def _score(self, task: AnyTask, embedder: Embedder) -> Scored:
        return score(task, *embed_task(task, embedder))

    def _evaluate_stage(self) -> Stage:
        parts = {"baselines": self.recipe.baselines, "delta": self.recipe.weave.delta, "prompts": self._prompts}
        return self._stage("evaluate", parts, self._after("curate", "train", "weave") | self._borrowed)

    def evaluate(self) -> None:
        self._evaluate_stage().run(self._evaluate)

    def _models(self) -> dict[str, str]:
        """Name -> folder or id of every encoder in the tables, the base first."""
        if self.fresh:
            return {"base": str(self.folder / "train" / "model")}
        ours = {
            "base": self.recipe.base,
            "tuned": self.folder / "weave" / SOUP if self.recipe.weave.soup else self.folder / "train" / "model",
            "woven": self.folder / "weave" / "model",
        }
        others = self.recipe.baselines
        taken = [*ours, "bm25", "bm25+woven", *(Path(other).name for other in others)]
        named = {other if taken.count(Path(other).name) > 1 else Path(other).name: other for other in others}
        return {name: str(path) for name, path in (ours | named).items()}

    def _evaluate(self, folder: Path) -> None:
        recipe = self.recipe
        tasks = self._tasks("test", held_out_gallery=True)
        scored: dict[str, dict[str, Scored]] = {}
        for name, path in self._models().items():
            embedder = self._embedder(path)
            scored[name] = {task.name: self._score(task, embedder) for task in tasks}
        best = "woven" if "woven" in scored else "base"
        for name in ("bm25", f"bm25+{best}"):
            scored[name] = {}
        for task in progress([t for t in tasks if isinstance(t, Retrieval)], "ranking by BM25", unit="task"):
            ranking, scores = bm25_ranking(task)
            scored["bm25"][task.name] = Scored(retrieval_metrics(task, ranking), ranking, scores)
            scored[f"bm25+{best}"][task.name] = fused(task, [ranking, scored[best][task.name].ranking])
        described = [describe(task, scored["base"][task.name]) for task in tasks]
        known = seen.Seen.of(self._models()[best])  # its base's pictures included
        for task, facts in zip(tasks, described, strict=True):
            found = seen.contamination(task, known, self.cache) if known else {}
            facts |= {"contaminated": found.get("exact"), "lookalikes": found.get("perceptual")}
        groups = {task.name: task.groups for task in tasks}
        differences = comparisons(described, scored, groups, recipe.weave.delta, recipe.seed)
        alpha = read_json(self.folder / "weave" / "alpha.json")
        results = {
            "verdict": verdict(differences, described, recipe.weave.delta),
            "alpha": alpha,
            "relevant_grade": RELEVANT,
            "models": list(scored),
            "tasks": described,
            "scores": [
                row
                for model, by_task in scored.items()
                for task, values in by_task.items()
                for row in intervals(model, task, values, recipe.seed, groups[task])
            ],
            "differences": differences,
            "examples": examples(tasks, {name: scored[name] for name in ("base", best)}),
            "lengths": token_lengths(tasks, self._embedder(self._models()["base"]).encoder),
            "cost": training_cost(self.folder / "train" / "log.jsonl", recipe.train.batch),
            "environment": versions(),
            "base": recipe.base,
            "catalogue": ", ".join(s.local or s.path for s in recipe.sources),
            "recipe": recipe.name,
            "seed": recipe.seed,
        }
        named = {("", task.name): task for task in tasks}
        by_model = {model: {("", name): one for name, one in found.items()} for model, found in scored.items()}
        write_per_query(folder / "per_query.parquet", named, by_model)
        write_runs(folder / "runs", named, by_model)
        write_qrels(folder / "qrels", named)
        write_json(folder / "results.json", results)

    def report(self) -> None:
        from weft.report import write

        def work(folder: Path) -> None:
            results = read_json(self.folder / "evaluate" / "results.json")
            curated = read_json(self.folder / "curate" / "summary.json") | {"pairs": results["lengths"]}
            catalogue = Collection(self.folder / "curate")
            sides = [t.corpus if isinstance(t, Retrieval) else t.items for t in self._tasks("test")]
            stores = {side.pictures.identity: side.pictures for side in sides}
            place = {name: (s, row) for s in stores.values() for row, name in enumerate(s.image_hashes)}

            def image(name: str) -> bytes:
                if name in catalogue.image_row:
                    return catalogue.image(catalogue.image_row[name])
                if name not in place:
                    raise WeftError(f"no picture {name} in {self.folder / 'curate'} or its benchmarks")
                store, row = place[name]
                return store.image(row)

            write(results, curated, image, folder)

        self._stage("report", {}, self._after("curate", "evaluate")).run(work)

    def table(self) -> str:
        from weft.report import table

        return table(read_json(self.folder / "evaluate" / "results.json"))
