"""The five stages of a run and what each one reads: curate, train, weave, evaluate, report."""

import dataclasses
import functools
import shutil
from functools import cached_property
from pathlib import Path

import numpy as np

from weft import adapters, fits, held, leaks, origin, processes, seen
from weft.artefact import MANIFEST, Stage, file_key, read_json, stage_key, write_json
from weft.benchmarks import parsed
from weft.benchmarks.record import AnyTask, Retrieval
from weft.catalogue.collection import Collection
from weft.catalogue.sources.files import on_disk
from weft.catalogue.sources.spec import SourceSpec
from weft.embed import Embedder
from weft.encoders import create, load, load_base, local_folder
from weft.encoders.base import Encoder
from weft.errors import WeftError
from weft.examine import examine
from weft.options import NOTHING_TO_KEEP, OWN
from weft.pairs import grades, writing
from weft.progress import say
from weft.recipe import Recipe, plain, settings
from weft.tasks import collections_of, tasks_of
from weft.weave import SOUP, baseline_keys, check_dev, check_rules, foretell, soup_keys, weave

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
        weaves = last not in ("curate", "train") and not self.fresh
        if weaves:
            check_rules(self.recipe)
        for name in STAGES[: STAGES.index(last) + 1]:
            getattr(self, name)()
            if name == "curate" and weaves:
                check_dev(self.folder / "curate")

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

    @property
    def _sources(self) -> list[SourceSpec]:
        recipe = self.recipe
        return [*recipe.sources, recipe.query_log, *(b.source for b in recipe.benchmarks)]

    @cached_property
    def _source_keys(self) -> dict[str, str]:
        return origin.keys(self._sources) | self._kept_out

    @property
    def _foreign(self) -> list[str]:
        """Where what must be kept out lies."""
        return [place for place in (parsed(spec)[1] for spec in self.recipe.curate.keep_out) if place]

    @cached_property
    def _kept_out(self) -> dict[str, str]:
        return {str(path): file_key(path) for place in self._foreign for path in on_disk(place)}

    @property
    def _prompts(self) -> dict[str, tuple[str, dict[str, str]]]:
        """How classes are called: asked at evaluation, so that a new wording does not curate again."""
        return {b.name: (b.prompt, b.names) for b in self.recipe.benchmarks if b.task == "class"}

    @property
    def _borrowed(self) -> dict[str, str]:
        """The keys of earlier runs whose queries are benchmarks of this one."""
        return {b.name: stage_key(Path(b.collection)) for b in self.recipe.benchmarks if b.collection}

    def _curate_stage(self) -> Stage:
        names = ("sources", "query_log", "curate", "pairs")
        parts = {name: plain(getattr(self.recipe, name)) for name in names}
        parts["benchmarks"] = [plain(dataclasses.replace(b, prompt="", names={})) for b in self.recipe.benchmarks]
        stage = self._stage("curate", parts, self._source_keys | self._judging_base)
        return origin.as_made(stage, [*origin.places(self._sources), *self._foreign])

    @property
    def _judging_base(self) -> dict[str, str]:
        """The key of the base where curation asks it which texts fit their pictures."""
        return {"base": self.base_fingerprint} if "misfit" in self.recipe.curate.quality and not self.fresh else {}

    def curate(self) -> None:
        from weft.catalogue.curate import curate

        def work(folder: Path) -> None:
            known = self._known()
            guard = functools.partial(leaks.find, known) if known else None
            fit = None
            if self._judging_base:
                fit = functools.partial(fits.similarity, Embedder(load_base(self.recipe.base), self.cache))
            curate(self.recipe, folder, guard, fit)
            places = {b.name: Path(b.collection or folder / "benchmarks" / b.name) for b in self.recipe.benchmarks}
            held.tell(folder, places)

        self._curate_stage().run(work, afresh=True)
        if self._owns_reference:
            self.curate_reference()
        elif self.recipe.reference:
            why = "a new base has nothing to keep" if self.fresh else f"train.reference = {OWN!r} would read it"
            say(f"reference: [[reference]] is left alone; {why}")

    def _known(self) -> list[leaks.Known]:
        return [leaks.Known(spec, self.cache) for spec in self.recipe.curate.keep_out]

    @property
    def _owns_reference(self) -> bool:
        return self.recipe.train.reference == OWN and not self.fresh

    @property
    def _reference(self) -> Path:
        """Where the collection of train.reference lies."""
        return self.folder / "reference" if self._owns_reference else Path(self.recipe.train.reference)

    def _asked(self) -> dict[str, Collection]:
        """What the reference may not contain."""
        return collections_of(self.recipe, self.folder / "curate")

    @property
    def _asked_keys(self) -> dict[str, str]:
        """What `_asked` depends on beside the catalogue: a reference is learnt without it."""
        return self._borrowed

    @cached_property
    def _reference_keys(self) -> dict[str, str]:
        return origin.keys(self.recipe.reference)  # read whole, and every later stage asks

    def _reference_stage(self) -> Stage:
        """Of its own: a catalogue is not curated again because general pictures were added. No seed enters it: nothing
        of it is divided."""
        parts = {"reference": plain(self.recipe.reference), "curate": plain(self.recipe.curate)}
        inputs = self._after("curate") | self._asked_keys | self._reference_keys | self._kept_out
        return origin.as_made(Stage(self._reference, parts, inputs), origin.places(self.recipe.reference))

    def curate_reference(self) -> None:
        from weft.catalogue.curate import curate_reference

        def work(folder: Path) -> None:
            asked = [held.Held(name, one, self.cache) for name, one in self._asked().items()]
            curate_reference(self.recipe, folder, functools.partial(leaks.find, [*self._known(), *asked]))

        self._reference_stage().run(work, afresh=True)

    def _train_stage(self) -> Stage:
        recipe, inputs = self.recipe, self._after("curate")
        parts = {"train": settings(recipe.train), "pairs": settings(recipe.pairs), "base": recipe.base}
        if self.fresh:
            parts["new"] = settings(recipe.new)
        else:
            inputs["base"] = self.base_fingerprint
        if recipe.train.reference and not self.fresh:
            inputs |= {"reference": self._reference_key} | self._asked_keys
            parts |= {"reference": plain(recipe.reference)} if self._owns_reference else {}
        for name, file in (("written", writing.FILE), ("grades", grades.FILE)):
            if given := getattr(recipe.train, name):
                inputs[name] = "".join(map(file_key, on_disk(str(writing.file_of(given, file)))))
        return self._stage("train", parts, inputs)

    @property
    def _reference_key(self) -> str:
        folder = self._reference
        if self._owns_reference and not self._reference_stage().done():
            raise WeftError(f"{folder} is missing or out of date: run `weft curate` first, or `weft run` for all")
        if not (folder / MANIFEST).exists():
            raise WeftError(f"train.reference = {str(folder)!r} is no finished curate folder; {OWN!r} is [[reference]]")
        return stage_key(folder)

    def train(self) -> None:
        from weft.train import CHECKPOINT, train

        recipe = self.recipe
        if self.fresh:  # it knows nothing that could be kept
            recipe = dataclasses.replace(recipe, train=dataclasses.replace(recipe.train, **NOTHING_TO_KEEP))

        def work(folder: Path) -> None:
            if processes.rank() == 0 and not self.fresh:
                foretell(self.recipe, self.folder / "curate")
            collection = Collection(self.folder / "curate")
            encoder = self._new(collection) if self.fresh else load_base(recipe.base)
            general = held.learnable(self._reference, self._asked().values()) if recipe.train.reference else None
            train(recipe, collection, encoder, folder, general)
            if processes.rank() == 0:
                seen.write(folder / "model", collection, None if self.fresh else recipe.base)
                if general is not None:
                    seen.write(folder / "model", general, str(folder / "model"))
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
        inputs = self._after("curate", "train") | self._borrowed | soup_keys(self.recipe.weave)
        if self.recipe.weave.rule == "margin":
            parts["baselines"] = self.recipe.baselines
            inputs |= self._baseline_keys
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

    def _evaluate_stage(self) -> Stage:
        parts = {"baselines": self.recipe.baselines, "delta": self.recipe.weave.delta, "prompts": self._prompts}
        inputs = self._after("curate", "train", "weave") | self._borrowed | self._baseline_keys
        return self._stage("evaluate", parts, inputs)

    @cached_property
    def _baseline_keys(self) -> dict[str, str]:
        return baseline_keys(self.recipe.baselines)  # read whole, and the report asks again

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
        alpha, log = read_json(self.folder / "weave" / "alpha.json"), self.folder / "train" / "log.jsonl"
        tasks = self._tasks("test", held_out_gallery=True)
        examine(folder, self.recipe, tasks, self._models(), self._embedder, self.cache, alpha, log)

    def report(self) -> None:
        from weft.report import write

        def work(folder: Path) -> None:
            results = read_json(self.folder / "evaluate" / "results.json")
            curated = read_json(self.folder / "curate" / "summary.json") | {"pairs": results["lengths"]}
            if self._owns_reference:
                curated["reference"] = read_json(self._reference / "summary.json")["counts"]
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
