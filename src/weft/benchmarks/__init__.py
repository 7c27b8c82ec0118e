"""Every benchmark that Weft can read: one small module per format, one line per benchmark, read into one record."""

import dataclasses
import difflib
import importlib
import inspect
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from weft.benchmarks.record import AnyTask, Benchmark, Classification, Pictures, Retrieval, Side
from weft.errors import WeftError

__all__ = [
    "BENCHMARKS", "AnyTask", "Benchmark", "Classification", "Known", "Pictures", "Retrieval", "Side", "open_benchmark",
    "parsed",
]  # fmt: skip


@dataclass(frozen=True)
class Known:
    """A benchmark by name.

    Attributes:
        module: the file here whose `read(place, known, *, cache, limit, ...)` reads its format.
        hub: dataset id on the Hugging Face hub, "" if it is only read from local files.
        revision: the commit that is read from the hub; "" is not pinned yet (this needs a network).
        options: arguments of `read`, before the caller's own.
    """

    module: str
    hub: str = ""
    revision: str = ""
    licence: str = ""
    citation: str = ""
    options: dict[str, object] = field(default_factory=dict)


_ZOOCLAW = "Xue & Xu 2026, arXiv 2606.27708"
_MARQO = "marqo-ai/marqo-FashionCLIP, 2024; "
_TRUTHS = "ground truths Apache-2.0, pictures under their makers' terms"
_MBEIR = "Han et al., ICCV 2017; Wei et al., UniIR (M-BEIR), ECCV 2024"


def _marqo(hub: str, dataset: str, citation: str) -> Known:
    return Known("marqo", f"Marqo/{hub}", "", _TRUTHS, _MARQO + citation, {"dataset": dataset})


BENCHMARKS: dict[str, Known] = {
    "zooclaw": Known("zooclaw", "srpone/zooclaw-fashion-eval", "", "CC-BY-NC-4.0", _ZOOCLAW),
    "hm": Known("hm", "srpone/hm-eval", "", "CC-BY-NC-4.0", _ZOOCLAW),
    "atlas": _marqo("atlas", "Atlas", "Umaashankar et al. 2019, arXiv 1908.08984"),
    "deepfashion-inshop": _marqo("deepfashion-inshop", "DeepFashion-InShop", "Liu et al., CVPR 2016"),
    "deepfashion-multimodal": _marqo("deepfashion-multimodal", "DeepFashion-Multimodal", "Jiang et al., SIGGRAPH 2022"),
    "fashion200k": _marqo("fashion200k", "Fashion200k", "Han et al., ICCV 2017"),
    "imaterialist": _marqo("iMaterialist", "iMaterialist", "Guo et al., ICCV workshops 2019"),
    "kagl": _marqo("KAGL", "KAGL", "Aggarwal, Fashion Product Images, Kaggle 2019"),
    "polyvore": _marqo("polyvore", "Polyvore", "Han et al., ACM Multimedia 2017"),
    "mbeir-fashion200k-t2i": Known(  # both revisions as mteb's own task metadata pins them
        "mbeir", "MRBench/mbeir_fashion200k_task0", "1b86e2dde50e671d5c83d07a79e8b1d8c696964b", "Apache-2.0", _MBEIR,
        {"task": 0},
    ),
    "mbeir-fashion200k-i2t": Known(
        "mbeir", "MRBench/mbeir_fashion200k_task3", "96a313715ecf67f5dfe70c4fa52406bc7bdfbeee", "Apache-2.0", _MBEIR,
        {"task": 3},
    ),
    "lookbench": Known("lookbench", "srpone/look-bench", "", "Apache-2.0", "Gao et al. 2026, arXiv 2601.14706"),
    "cifar10": Known(
        "classes", "uoft-cs/cifar10", "", "", "Krizhevsky, Learning multiple layers of features from tiny images, 2009"
    ),
    "classes": Known("classes"),
    "beir": Known("beir"),
    "mteb": Known("mteb"),
    "trec": Known("trec"),
    "built": Known("zooclaw"),
    "own": Known("collection"),
}  # fmt: skip
"""Name -> what is known of it. The last six are formats: they need a place, for instance `mteb=hf:OWNER/NAME`."""


def open_benchmark(spec: str, cache: Path | None = None) -> Benchmark:
    """Reads a benchmark; pictures stay where they are until they are asked for.

    Args:
        spec: NAME for the hub's copy at its pinned revision, NAME=PATH for a local one, NAME=hf:OWNER/NAME@REVISION
            for another dataset of the same format; then perhaps ?OPTION=VALUE&... Every name knows `tasks` (names or
            their beginnings, "text-to-image,season-to-product"), `limit` (a smaller gallery, which then stands in the
            tasks' names) and `name` (what tables call it); see each module's `read` for its own.
        cache: folder for streamed data and for what was found out about pictures; if None, streamed data go to the
            user's cache folder and the rest is found out anew.

    Raises:
        WeftError: there is no such name, option, place or task, or the data are missing or damaged.
    """
    name, place, given = parsed(spec)
    if name not in BENCHMARKS and (Path(name) / "queries.parquet").exists():
        raise WeftError(f"{name} is a curated folder: write own={name}")
    if name not in BENCHMARKS:
        raise WeftError(f"there is no benchmark {name!r}; {_nearest(name, BENCHMARKS)}")
    known = BENCHMARKS[name]
    if not place and not known.hub:
        raise WeftError(f"{name} is a format, not a dataset: say where it lies, {name}=PATH")
    if place.startswith("hf:"):
        hub, _, revision = place.removeprefix("hf:").partition("@")
        pinned = known.revision if hub == known.hub else ""
        place, known = f"hf:{hub}", dataclasses.replace(known, hub=hub, revision=revision or pinned)
    place = place or f"hf:{known.hub}"
    read = importlib.import_module(f"weft.benchmarks.{known.module}").read
    chosen, called = given.pop("tasks", ""), given.pop("name", "")
    if not place.startswith("hf:") and not Path(place).expanduser().exists():
        raise WeftError(f"benchmark {name}: there is no file or folder {place}")
    found = read(place, known, cache=cache, **(known.options | _typed(name, read, given)))
    streamed = place.startswith("hf:")
    return dataclasses.replace(
        found,
        name=called or (name if BENCHMARKS[name].hub else found.name),  # published scores are looked up by it
        tasks=_chosen(found, [part.strip() for part in chosen.split(",") if part.strip()]),
        source=place,
        revision=known.revision if streamed else "",
        licence=found.licence or known.licence,
        citation=found.citation or known.citation,
        notes=(
            *found.notes,
            *(["no revision is pinned: the data may change"] if streamed and not known.revision else []),
        ),
    )


def parsed(spec: str) -> tuple[str, str, dict[str, str]]:
    """Name, place ("" for the hub's) and options. A path may hold "=" and, if it exists so, "?"."""
    name, _, place = spec.partition("=") if "=" in spec.partition("?")[0] else (*spec.partition("?")[:1], "", "")
    options = "" if place else spec.partition("?")[2]
    if "?" in place and not Path(place).expanduser().exists():
        place, _, options = place.rpartition("?")
    given = {}
    for pair in filter(None, options.split("&")):
        key, equals, value = pair.partition("=")
        if not equals:
            raise WeftError(f"{spec}: option {key!r} has no value; options look like ?limit=1000&tasks=text-to-image")
        given[key.strip()] = value
    return name.strip(), place, given


def _typed(name: str, read: Callable, given: dict[str, str]) -> dict[str, object]:
    """The options as the reader wants them, by the type of each default."""
    takes = {
        key: parameter.default
        for key, parameter in inspect.signature(read).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and key != "cache"
    }
    typed: dict[str, object] = {}
    for key, value in given.items():
        if key not in takes:
            raise WeftError(f"benchmark {name} has no option {key!r}; {_nearest(key, ['tasks', 'name', *takes])}")
        default = takes[key]
        if isinstance(default, tuple):
            typed[key] = tuple(part.strip() for part in value.split(",") if part.strip())
            continue
        try:
            typed[key] = type(default)(value)
        except ValueError:
            raise WeftError(f"benchmark {name}: option {key}={value!r} is no number") from None
        if isinstance(typed[key], (int, float)) and not 0 <= typed[key] < math.inf:
            raise WeftError(f"benchmark {name}: option {key}={value} must not be negative")
    return typed


def _chosen(benchmark: Benchmark, wanted: list[str]) -> tuple[AnyTask, ...]:
    """The tasks whose names are wanted, whole or their first parts: "text-to-image" is "text-to-image/short", too."""

    def bare(task: AnyTask) -> str:
        return task.name.partition(" (")[0]

    for part in wanted:
        if not any(f"{bare(task)}/".startswith(f"{part}/") for task in benchmark.tasks):
            names = [bare(task) for task in benchmark.tasks]
            raise WeftError(f"{benchmark.name} has no task {part!r}; {_nearest(part, names)}")
    return tuple(
        task
        for task in benchmark.tasks
        if not wanted or any(f"{bare(task)}/".startswith(f"{part}/") for part in wanted)
    )


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return (f"did you mean {near[0]!r}? " if near else "") + f"There are {', '.join(known)}"
