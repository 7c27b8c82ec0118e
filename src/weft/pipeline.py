"""The five stages of a run, in order: curate, train, weave, evaluate, report."""

import dataclasses
import functools
import shutil
from pathlib import Path

import numpy as np

from weft import adapters, fits, held, leaks, processes, seen
from weft.benchmarks.record import AnyTask, Retrieval
from weft.catalogue.collection import Collection
from weft.embed import Embedder
from weft.encoders import create, load, load_base, local_folder
from weft.encoders.base import Encoder
from weft.errors import WeftError
from weft.examine import examine
from weft.files import read_json, write_json
from weft.options import NOTHING_TO_KEEP, OWN
from weft.progress import say
from weft.recipe import Recipe
from weft.stages import Stages
from weft.tables import settings
from weft.tasks import tasks_of
from weft.weave import SOUP, check_dev, check_rules, foretell, weave

STAGES = ("curate", "train", "weave", "evaluate", "report")


class Pipeline(Stages):
    """Each method brings one stage of a recipe up to date; `run` does all of them in order."""

    def __init__(self, recipe: Recipe):
        super().__init__(recipe)
        self.cache = self.folder / "cache"
        self.between: Path | None = None  # an alpha that is only tried leaves no embeddings behind

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

    def curate(self) -> None:
        from weft.catalogue.curate import curate

        def work(folder: Path) -> None:
            known = self._known()
            guard = functools.partial(leaks.find, known) if known else None
            fit = None
            if self.judges:
                fit = functools.partial(fits.similarity, Embedder(load_base(self.recipe.base), self.cache))
            curate(self.recipe, folder, guard, fit)
            places = {b.name: Path(b.collection or folder / "benchmarks" / b.name) for b in self.recipe.benchmarks}
            held.tell(folder, places)

        self.curate_stage().run(work, afresh=True)
        if self.owns_reference:
            self.curate_reference()
        elif self.recipe.reference:
            why = "a new base has nothing to keep" if self.fresh else f"train.reference = {OWN!r} would read it"
            say(f"reference: [[reference]] is left alone; {why}")

    def _known(self) -> list[leaks.Known]:
        return [leaks.Known(spec, self.cache) for spec in self.recipe.curate.keep_out]

    def curate_reference(self) -> None:
        from weft.catalogue.curate import curate_reference

        def work(folder: Path) -> None:
            asked = [held.Held(name, one, self.cache) for name, one in self.asked().items()]
            curate_reference(self.recipe, folder, functools.partial(leaks.find, [*self._known(), *asked]))

        self.reference_stage().run(work, afresh=True)

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
            general = held.learnable(self.reference_folder, self.asked().values()) if recipe.train.reference else None
            train(recipe, collection, encoder, folder, general)
            if processes.rank() == 0:
                seen.write(folder / "model", collection, None if self.fresh else recipe.base)
                if general is not None:
                    seen.write(folder / "model", general, str(folder / "model"))
                (folder / CHECKPOINT).unlink(missing_ok=True)  # until here a failure costs no training

        self.train_stage().run(work, shared=True)

    def _new(self, collection: Collection) -> Encoder:
        from weft.pairs.queries import Writer

        pairs = self.recipe.pairs
        writer = Writer(dataclasses.replace(pairs, long=pairs.long or "attributes"))  # words for short queries, too
        rows = np.flatnonzero(collection.split == "train")
        texts = [writer.long(collection.products[row]).text for row in rows]
        texts += [collection.products[row].title for row in rows]
        return create(settings(self.recipe.new) | {"family": self.recipe.base[4:]}, texts, self.recipe.seed)

    @property
    def base_folder(self) -> Path:
        """The base as a local folder, for interpolation."""
        return local_folder(self.recipe.base)

    def weave(self) -> None:
        def work(folder: Path) -> None:
            tuned = self.folder / "train" / "model"
            if self.fresh:
                shutil.copytree(tuned, folder / "model", dirs_exist_ok=True)
                write_json(folder / "alpha.json", {"chosen": 1.0, "rule": "a fresh base is not woven", "curve": []})
                return
            weave(self.recipe, tuned, self.tasks("dev"), self.cache, folder, self.between)

        self.weave_stage().run(work)

    def tasks(self, split: str, held_out_gallery: bool = False) -> list[AnyTask]:
        return tasks_of(self.recipe, self.folder / "curate", split, held_out_gallery)

    def _embedder(self, model: Path | str) -> Embedder:
        return Embedder(load(str(model)), self.cache, self.recipe.micro_batch)

    def evaluate(self) -> None:
        self.evaluate_stage().run(self._evaluate)

    def models(self) -> dict[str, str]:
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
        tasks = self.tasks("test", held_out_gallery=True)
        examine(folder, self.recipe, tasks, self.models(), self._embedder, self.cache, alpha, log)

    def report(self) -> None:
        from weft.report import write

        def work(folder: Path) -> None:
            results = read_json(self.folder / "evaluate" / "results.json")
            curated = read_json(self.folder / "curate" / "summary.json") | {"pairs": results["lengths"]}
            if self.owns_reference:
                curated["reference"] = read_json(self.reference_folder / "summary.json")["counts"]
            catalogue = Collection(self.folder / "curate")
            sides = [t.corpus if isinstance(t, Retrieval) else t.items for t in self.tasks("test")]
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

        self.report_stage().run(work)

    def table(self) -> str:
        from weft.report import table

        return table(read_json(self.folder / "evaluate" / "results.json"))
