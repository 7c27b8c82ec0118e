"""One training of a study: a pipeline whose catalogue, tasks, embeddings and targets are shared with the others."""

import dataclasses
import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from weft.artefact import Stage, key_of, stage_key
from weft.benchmarks.record import AnyTask
from weft.catalogue.collection import Collection
from weft.catalogue.parts import link_or_copy
from weft.files import read_json
from weft.options import OWN
from weft.pipeline import Pipeline
from weft.recipe import Recipe
from weft.tables import plain, settings
from weft.tasks import collections_of

if TYPE_CHECKING:
    from weft.study.lab import Lab

LATER = ("name", "out", "data", "baselines", "micro_batch", "benchmarks", "weave")
"""Parts of a recipe that its training does not read."""

TARGETS = "base_images.npy"


def parts(recipe: Recipe) -> dict[str, object]:
    """The recipe as plain data, by its parts; what is younger than older folders only where it is used."""
    return {name: plain(getattr(recipe, name)) for name in settings(recipe)}


def training_key(recipe: Recipe) -> str:
    """Equal for recipes that train the same model from the same catalogue."""
    own = recipe.train.reference == OWN  # then what queries ask for decides what of it is trained on
    unread = {*LATER, "reference"} - ({"reference", "benchmarks"} if own else set())
    return key_of({name: value for name, value in parts(recipe).items() if name not in unread})


def weaving_key(recipe: Recipe) -> str:
    rivals = [parts(recipe)["baselines"]] if recipe.weave.rule == "margin" else []  # no other rule asks them
    return key_of([training_key(recipe), settings(recipe.weave), parts(recipe)["benchmarks"], *rivals])


class Run(Pipeline):
    """A pipeline whose catalogue, tasks and embeddings are the lab's."""

    def __init__(self, recipe: Recipe, lab: "Lab"):
        super().__init__(recipe)
        self.lab, self.cache, self.catalogue = lab, lab.cache, lab.catalogue(recipe)
        self.between = lab.cache  # rows that weave one training in several ways try the same alphas

    def borrow(self, stage: str, folder: Path) -> None:
        """Shows another folder's stage as one of this folder's."""
        link, target = self.folder / stage, (folder / stage).resolve()
        if link.resolve() == target:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(os.path.relpath(target, self.folder.resolve()), target_is_directory=True)

    @cached_property
    def base_fingerprint(self) -> str:
        return self.lab.fingerprint(self.recipe.base)

    def curate_stage(self) -> Stage:
        return self.catalogue.curate_stage()

    @property
    def reference_folder(self) -> Path:
        """Shared by the rows that have the same one beside the same catalogue."""
        if not self.owns_reference:
            return super().reference_folder
        return self.lab.folder / "references" / key_of([plain(self.recipe.reference), self.catalogue.folder.name])

    def asked(self) -> dict[str, Collection]:
        """A row's own queries and the study's, where it has another catalogue."""
        study = collections_of(self.lab.recipe, self.lab.curated) if self._elsewhere else {}
        return super().asked() | {f"the study's {name}": one for name, one in study.items()}

    @property
    def _elsewhere(self) -> bool:
        return self.catalogue is not self.lab.catalogue(self.lab.recipe)

    @property
    def asked_keys(self) -> dict[str, str]:
        return super().asked_keys | ({"study": stage_key(self.lab.curated)} if self._elsewhere else {})

    def weave_stage(self) -> Stage:
        """A row with a catalogue of its own chooses its alpha by the study's queries, which its key must know."""
        stage = super().weave_stage()
        study = {"study": self.lab.tasks_key} if self._elsewhere else {}
        return dataclasses.replace(stage, inputs=stage.inputs | study)

    def tasks(self, split: str, held_out_gallery: bool = False) -> list[AnyTask]:
        return self.lab.tasks(split)

    def train_stage(self) -> Stage:
        stage, train = super().train_stage(), self.recipe.train
        seen = [stage.inputs, train.precision, train.micro_batch]
        return Lending(stage.folder, stage.settings, stage.inputs, self.lab.folder / "targets" / f"{key_of(seen)}.npy")

    @property
    def alpha(self) -> float | dict[str, float]:
        """The one that was chosen, or one for each tower."""
        record = read_json(self.folder / "weave" / "alpha.json")
        return record.get("towers", record["chosen"])


@dataclasses.dataclass(frozen=True)
class Lending(Stage):
    """A training that finds the base's embeddings where an earlier one left them, and leaves its own."""

    store: Path = Path()

    def run(self, work: Callable[[Path], None], shared: bool = False) -> None:
        def lent(folder: Path) -> None:
            own = folder / TARGETS
            if self.store.exists() and not own.exists():
                link_or_copy(self.store, own)
            work(folder)
            if own.exists() and not self.store.exists():
                self.store.parent.mkdir(parents=True, exist_ok=True)
                link_or_copy(own, self.store)

        super().run(lent, shared)
