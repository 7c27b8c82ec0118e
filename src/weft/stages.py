"""What each stage of a run is made from: the part of the recipe that it reads, and the keys of its inputs."""

import dataclasses
from functools import cached_property
from pathlib import Path

from weft import origin
from weft.artefact import MANIFEST, Stage, file_key, stage_key
from weft.benchmarks import parsed
from weft.catalogue.collection import Collection
from weft.catalogue.sources.files import on_disk
from weft.catalogue.sources.spec import SourceSpec
from weft.encoders import load_base
from weft.errors import WeftError
from weft.options import OWN
from weft.pairs import grades, writing
from weft.recipe import Recipe
from weft.tables import plain, settings
from weft.tasks import collections_of
from weft.weave import baseline_keys, soup_keys


class Stages:
    """A recipe with its folders: curate, reference, train, weave, evaluate and report."""

    def __init__(self, recipe: Recipe):
        self.recipe = recipe
        self.folder = recipe.folder

    @property
    def fresh(self) -> bool:
        """Whether the base is trained from nothing: then there is nothing to forget, to distil or to weave."""
        return self.recipe.base.startswith("new:")

    @cached_property
    def base_fingerprint(self) -> str:
        return load_base(self.recipe.base).fingerprint()

    def _stage(self, name: str, parts: dict, inputs: dict[str, str]) -> Stage:
        return Stage(self.folder / name, parts | {"seed": self.recipe.seed}, inputs)

    def _after(self, *names: str) -> dict[str, str]:
        """The keys of the stages that one reads. Raises `WeftError` where they are missing or out of date."""
        for name in names:
            stage = getattr(self, f"{name}_stage")()
            if not stage.done():
                state = "was made from another recipe or other data" if stage.folder.exists() else "is not there yet"
                raise WeftError(f"{stage.folder} {state}: run `weft {name}` first, or `weft run` for everything")
        return {name: stage_key(self.folder / name) for name in names}

    # The catalogue and its benchmarks.

    @property
    def prompts(self) -> dict[str, tuple[str, dict[str, str]]]:
        """How classes are called: asked at evaluation, so that a new wording does not curate again."""
        return {b.name: (b.prompt, b.names) for b in self.recipe.benchmarks if b.task == "class"}

    @property
    def borrowed(self) -> dict[str, str]:
        """The keys of earlier runs whose queries are benchmarks of this one."""
        return {b.name: stage_key(Path(b.collection)) for b in self.recipe.benchmarks if b.collection}

    def curate_stage(self) -> Stage:
        names = ("sources", "query_log", "curate", "pairs")
        parts = {name: plain(getattr(self.recipe, name)) for name in names}
        parts["benchmarks"] = [plain(dataclasses.replace(b, prompt="", names={})) for b in self.recipe.benchmarks]
        stage = self._stage("curate", parts, self._source_keys | self._judging_base)
        return origin.as_made(stage, [*origin.places(self._sources), *self._foreign])

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
    def judges(self) -> bool:
        """Whether curation asks the base which texts fit their pictures."""
        return "misfit" in self.recipe.curate.quality and not self.fresh

    @property
    def _judging_base(self) -> dict[str, str]:
        return {"base": self.base_fingerprint} if self.judges else {}

    # The reference: what lies beyond the shop and is learnt along, or distilled on.

    @property
    def owns_reference(self) -> bool:
        return self.recipe.train.reference == OWN and not self.fresh

    @property
    def reference_folder(self) -> Path:
        """Where the collection of train.reference lies."""
        return self.folder / "reference" if self.owns_reference else Path(self.recipe.train.reference)

    def asked(self) -> dict[str, Collection]:
        """What the reference may not contain."""
        return collections_of(self.recipe, self.folder / "curate")

    @property
    def asked_keys(self) -> dict[str, str]:
        """What `asked` depends on beside the catalogue: a reference is learnt without it."""
        return self.borrowed

    def reference_stage(self) -> Stage:
        """Of its own: a catalogue is not curated again because general pictures were added. No seed enters it: nothing
        of it is divided."""
        parts = {"reference": plain(self.recipe.reference), "curate": plain(self.recipe.curate)}
        inputs = self._after("curate") | self.asked_keys | self._reference_sources | self._kept_out
        return origin.as_made(Stage(self.reference_folder, parts, inputs), origin.places(self.recipe.reference))

    @cached_property
    def _reference_sources(self) -> dict[str, str]:
        return origin.keys(self.recipe.reference)  # read whole, and every later stage asks

    @property
    def _reference_key(self) -> str:
        folder = self.reference_folder
        if self.owns_reference and not self.reference_stage().done():
            raise WeftError(f"{folder} is missing or out of date: run `weft curate` first, or `weft run` for all")
        if not (folder / MANIFEST).exists():
            raise WeftError(f"train.reference = {str(folder)!r} is no finished curate folder; {OWN!r} is [[reference]]")
        return stage_key(folder)

    # The model and what is measured of it.

    def train_stage(self) -> Stage:
        recipe, inputs = self.recipe, self._after("curate")
        parts = {"train": settings(recipe.train), "pairs": settings(recipe.pairs), "base": recipe.base}
        if self.fresh:
            parts["new"] = settings(recipe.new)
        else:
            inputs["base"] = self.base_fingerprint
        if recipe.train.reference and not self.fresh:
            inputs |= {"reference": self._reference_key} | self.asked_keys
            parts |= {"reference": plain(recipe.reference)} if self.owns_reference else {}
        for name, file in (("written", writing.FILE), ("grades", grades.FILE)):
            if given := getattr(recipe.train, name):
                inputs[name] = "".join(map(file_key, on_disk(str(writing.file_of(given, file)))))
        return self._stage("train", parts, inputs)

    def weave_stage(self) -> Stage:
        parts = {"weave": settings(self.recipe.weave), "prompts": self.prompts}
        inputs = self._after("curate", "train") | self.borrowed | soup_keys(self.recipe.weave)
        if self.recipe.weave.rule == "margin":
            parts["baselines"] = self.recipe.baselines
            inputs |= self._baseline_keys
        return self._stage("weave", parts, inputs)

    def evaluate_stage(self) -> Stage:
        parts = {"baselines": self.recipe.baselines, "delta": self.recipe.weave.delta, "prompts": self.prompts}
        inputs = self._after("curate", "train", "weave") | self.borrowed | self._baseline_keys
        return self._stage("evaluate", parts, inputs)

    @cached_property
    def _baseline_keys(self) -> dict[str, str]:
        return baseline_keys(self.recipe.baselines)  # read whole, and the report asks again

    def report_stage(self) -> Stage:
        return self._stage("report", {}, self._after("curate", "evaluate"))
