"""A finished run, read for publication: what it measured, what determined it, and whether its parts belong together."""

from dataclasses import dataclass, field
from pathlib import Path

from weft.artefact import MANIFEST, key_of
from weft.benchmarks.record import Retrieval
from weft.encoders.registry import KNOWN
from weft.errors import WeftError
from weft.files import read_json
from weft.progress import say
from weft.publish.private import without_paths
from weft.recipe import Benchmark, Recipe
from weft.tasks import tasks_of

STAGES = ("curate", "train", "weave", "evaluate")
AUDITS = ("audit/audit.json", "audit.json", "evaluate/audit.json")


@dataclass(frozen=True)
class Run:
    """What lies in a run's folder.

    Attributes:
        manifests: stage -> its manifest. results: `evaluate/results.json`. alpha: `weave/alpha.json`.
        curated: the curate stage's summary. audit: an audit's findings and the path they were read from, if any.
    """

    folder: Path
    manifests: dict[str, dict]
    results: dict
    alpha: dict
    curated: dict
    audit: dict = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(self.results.get("recipe") or self.folder.name)

    @property
    def seed(self) -> int:
        return int(self.results.get("seed", 0))

    @property
    def model(self) -> Path:
        return self.folder / "weave" / "model"

    @property
    def ours(self) -> str:
        """What the tables call the published model: a fresh base is not woven."""
        return "woven" if "woven" in self.results["models"] else self.results["models"][0]

    @property
    def settings(self) -> dict:
        """The recipe's parts, as the manifests keep them."""
        parts: dict = {}
        for stage in STAGES:
            parts |= self.manifests[stage]["settings"]
        return parts

    @property
    def base(self) -> str:
        """The base as others can find it: a hub id, "demo", a local folder's bare name (of an earlier run's model the
        run's), or "" for none."""
        name = str(self.settings["base"])
        if name.startswith("new:"):
            return ""
        if name in KNOWN:
            return KNOWN[name].hub
        path = Path(name)
        if not (path.is_absolute() or path.is_dir()):
            return name
        *_, run, stage, last = ("", "", *path.parts)
        return run if run and (stage, last) in (("train", "model"), ("weave", "model")) else path.name

    @property
    def base_licence(self) -> str:
        """Of the base's weights, where it is known: Weft's own demo base is as free as Weft."""
        if self.base == "demo":
            return "apache-2.0"
        return next((known.licence for known in KNOWN.values() if known.hub == self.base), "")

    @property
    def catalogue(self) -> str:
        """What it was trained on. Each source loses its folders by itself: in one text nobody could tell its end."""
        return ", ".join(str(without_paths(one["local"] or one["path"])) for one in self.settings["sources"])

    def keys(self) -> dict[str, str]:
        """Of everything that is published; an audit has no stage of its own, so its content is its key."""
        keys = {stage: self.manifests[stage]["key"] for stage in STAGES}
        return keys | ({"audit": key_of(self.audit)} if self.audit else {})

    def tasks(self) -> list[Retrieval]:
        """The test tasks that find things by a query in a whole gallery, as the evaluate stage asked them.

        A benchmark that was borrowed from another run is left out, and said so, where that run is gone.
        """
        prompts = self.manifests["evaluate"]["settings"].get("prompts", {})
        benchmarks = []
        for told in self.settings["benchmarks"]:
            if told["collection"] and not Path(told["collection"]).is_dir():
                say(f"  {told['name']}: {told['collection']} is gone, so nothing can be measured on it again")
                continue
            prompt, names = prompts.get(told["name"], ("{}", {}))
            own = {"task": told["task"], "collection": told["collection"], "prompt": prompt, "names": names}
            benchmarks.append(Benchmark(told["name"], **own))
        recipe = Recipe(self.name, self.settings["base"], benchmarks=tuple(benchmarks))
        found = tasks_of(recipe, self.folder / "curate", "test")
        return [task for task in found if isinstance(task, Retrieval) and not task.limited]


def open_run(folder: Path) -> Run:
    """Reads a finished run.

    Raises:
        WeftError: a stage is missing, or was made from another one than now lies beside it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise WeftError(f"there is no run {folder}; name a run's folder, for instance runs/demo")
    manifests = {}
    for stage in STAGES:
        if not (folder / stage / MANIFEST).exists():
            raise WeftError(f"{folder} is no finished run: {stage}/ is missing; do `weft run RECIPE` first")
        manifests[stage] = read_json(folder / stage / MANIFEST)
    for stage in STAGES:
        for name, key in manifests[stage]["inputs"].items():
            if name in STAGES and manifests[name]["key"] != key:
                raise WeftError(f"{folder / stage} was made from another {name}/ than lies there: do `weft run` again")
    audit = next((folder / name for name in AUDITS if (folder / name).exists()), None)
    return Run(
        folder,
        manifests,
        read_json(folder / "evaluate" / "results.json"),
        read_json(folder / "weave" / "alpha.json"),
        _curated(folder),
        read_json(audit) if audit else {},
    )


def _curated(folder: Path) -> dict:
    """The catalogue's summary, with the counts of the reference that was trained on beside it."""
    found = read_json(folder / "curate" / "summary.json")
    if read_json(folder / "train" / MANIFEST)["settings"].get("reference"):
        found["reference"] = read_json(folder / "reference" / "summary.json")["counts"]
    return found
