"""A recipe: one TOML file that says how an encoder is made; read into dataclasses, with every typo refused."""

import dataclasses
import math
import tomllib
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from weft.catalogue.sources.spec import Columns, SourceSpec
from weft.errors import WeftError
from weft.options import OWN, Train, Weave, later, problems
from weft.options import RANGES as OPTIONS
from weft.tables import from_table, override


@dataclass(frozen=True)
class Curate:
    """How products become splits and benchmarks."""

    zero_shot_share: float = 0.1  # of the products, in whole brands that training never sees (half dev, half test)
    dev_share: float = 0.1
    test_share: float = 0.1
    dev_queries: int = 1000  # at most, per task
    test_queries: int = 2000
    max_relevant: int = 10  # a test query states attributes until no more products than this satisfy it
    near_duplicates: bool = True
    min_side: int = 8  # pixels; a smaller picture is skipped
    strict: bool = False  # stop at the first bad row or picture instead of listing it
    # Benchmarks, as `weft evaluate --on` takes them, of which nothing may get into training.
    keep_out: tuple[str, ...] = later(())
    # Rules by which pictures and products are left out (weft.catalogue.quality).
    quality: tuple[Literal["blank", "chart", "placeholder", "language", "misfit", "merged"], ...] = later(())
    language: str = later("en")  # in which the shop writes, for the rule of that name


@dataclass(frozen=True)
class Pairs:
    """How queries are written from a product."""

    # Written from the attributes, or the title or category as they are; "" for no such task.
    short: Literal["attributes", "title", "category", ""] = "attributes"
    long: Literal["attributes", "title", "category", ""] = "attributes"
    keep: float = 0.6  # probability that an attribute stays in a short query
    name_attributes: bool = False  # long queries say "sleeve long" rather than "long"
    order: tuple[str, ...] = ()  # attribute names in the order they are spoken; others follow, the category last


@dataclass(frozen=True)
class New:
    """A fresh model, for `base = "new:siglip"`."""

    image_size: int = 64
    patch_size: int = 8
    hidden_size: int = 128
    vision_layers: int = 4
    text_layers: int = 3
    heads: int = 4
    mlp_ratio: int = 4
    vocab_size: int = 4096
    max_tokens: int = 32


@dataclass(frozen=True)
class Benchmark:
    """Something that must not be forgotten: a source, or the curated folder of an earlier run."""

    name: str = ""
    task: Literal["title", "class"] = "title"  # find the product by its title, or name the picture's category
    source: SourceSpec = SourceSpec()
    collection: str = ""  # a `curate` folder whose own dev and test queries are taken
    prompt: str = "a photo of a {}."
    names: dict[str, str] = field(default_factory=dict)  # category -> how the prompt calls it
    dev_share: float = 0.5
    dev_queries: int = 1000
    test_queries: int = 2000


@dataclass(frozen=True)
class Recipe:
    """Everything that determines a run; its canonical form is part of every manifest."""

    name: str
    base: str  # a Hugging Face id, a local folder, "demo", or "new:siglip"
    out: str = ""  # defaults to runs/<name>
    data: str = ""  # a folder with local copies: every source's `local` is then read from it, else ignored
    seed: int = 0
    sources: tuple[SourceSpec, ...] = ()
    query_log: SourceSpec = SourceSpec()
    reference: tuple[SourceSpec, ...] = later(())  # pictures with titles from beyond the shop, for train.reference
    curate: Curate = Curate()
    pairs: Pairs = Pairs()
    new: New = New()
    train: Train = Train()
    weave: Weave = Weave()
    benchmarks: tuple[Benchmark, ...] = ()
    baselines: tuple[str, ...] = ()  # other encoders that enter every table
    micro_batch: int = 64  # pictures embedded at once in evaluation

    @property
    def folder(self) -> Path:
        return Path(self.out or f"runs/{self.name}")


def load(path: Path | str, overrides: typing.Iterable[str] = ()) -> Recipe:
    """Reads a TOML recipe; each override is `dotted.key=value` with a TOML value (a bare word is a string).

    Raises:
        WeftError: the file is missing or not TOML, a key is unknown (the nearest known one is named),
            a value has the wrong type or lies out of its range.
    """
    path = Path(path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WeftError(f"there is no recipe {path}") from None
    except OSError as error:
        raise WeftError(f"cannot read the recipe {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WeftError(f"{path} is not valid TOML: {error}") from None
    table.setdefault("name", path.stem)
    for change in overrides:
        override(table, change)
    recipe = from_table(Recipe, table, str(path))
    for problem in _problems(recipe):
        raise WeftError(f"{path}: {problem}")
    return dataclasses.replace(
        recipe,
        sources=tuple(_placed(source, recipe.data) for source in recipe.sources),
        query_log=_placed(recipe.query_log, recipe.data),
        reference=tuple(_placed(source, recipe.data) for source in recipe.reference),
        benchmarks=tuple(dataclasses.replace(b, source=_placed(b.source, recipe.data)) for b in recipe.benchmarks),
    )


RANGES = OPTIONS | {
    "curate.zero_shot_share": (0, 1),
    "curate.dev_share": (0, 1),
    "curate.test_share": (0, 1),
    "curate.dev_queries": (0, math.inf),
    "curate.test_queries": (0, math.inf),
    "curate.max_relevant": (1, math.inf),
    "pairs.keep": (0, 1),
    "micro_batch": (1, math.inf),
    **{f"new.{field.name}": (1, math.inf) for field in dataclasses.fields(New) if field.type is int},
}


def _problems(recipe: Recipe) -> typing.Iterator[str]:
    """What types cannot say. Told here, because most of it would show only after hours of training."""
    for name, (low, high) in RANGES.items():
        part, _, key = name.rpartition(".")
        value = getattr(getattr(recipe, part) if part else recipe, key)
        if not (low <= value <= high and math.isfinite(value)):
            yield f"{name} is {value:g}; it must be at least {low:g}" + (
                f" and at most {high}" if high < math.inf else ""
            )
    for name, source in (*(("sources", s) for s in recipe.sources), *(("reference", s) for s in recipe.reference)):
        if source.limit < 0:
            yield f"{name}.limit is {source.limit}; it must be at least 0, which is no limit"
        if not 0 < source.share <= 1:
            yield f"{name}.share is {source.share:g}; it must be above 0 and at most 1, which is all"
    for name, sources in (("sources", recipe.sources), ("reference", recipe.reference)):
        numbered: dict[str, str] = {}  # prefix -> the place whose rows are called by it and their numbers
        for source in sources:
            if source.place.startswith("demo:") or source.columns.id:
                continue
            if (other := numbered.setdefault(source.id_prefix, source.place)) != source.place:
                yield (
                    f"{name}: {other} and {source.place} have no columns.id, so both would call their first product "
                    f"{source.id_prefix}row-000000: give one of them an `id_prefix`"
                )
    if not recipe.sources:
        yield "no catalogue is named: add [[sources]] with a `path`"
    if recipe.curate.dev_share + recipe.curate.test_share >= 1:
        yield "curate.dev_share and curate.test_share leave nothing to train on: together they must stay below 1"
    if not recipe.pairs.short and not recipe.pairs.long:
        yield "pairs.short and pairs.long are both empty: nothing would be trained or asked"
    if recipe.train.reference == OWN and not recipe.reference:
        yield f"train.reference = {OWN!r} is what [[reference]] names, and it names nothing: add one with a `path`"
    yield from problems(recipe.train, recipe.weave)
    names = [benchmark.name for benchmark in recipe.benchmarks]
    for name in names:
        if not name or name.strip(". ") != name or set(name) & set("/\\"):  # it becomes a folder's
            yield f"benchmark name {name!r}: give it one without slashes and outer dots or spaces"
        if names.count(name) > 1:
            yield f"two benchmarks are called {name!r}"
    for benchmark in recipe.benchmarks:
        if bool(benchmark.collection) == bool(benchmark.source.place):
            yield f"benchmark {benchmark.name!r} needs either `source` or `collection`"
        if "{}" not in benchmark.prompt:
            yield f"benchmark {benchmark.name!r}: its prompt has no {{}} for the category"
        if not 0 < benchmark.dev_share < 1:
            yield f"benchmark {benchmark.name!r}: dev_share is {benchmark.dev_share:g}; both dev and test need some"


def _placed(source: SourceSpec, data: str) -> SourceSpec:
    """The source as it will be read: from its local copy where there is one."""
    if not source.local:
        return source
    if not data and not source.path:
        return source
    if not data:
        return dataclasses.replace(source, local="")
    columns = source.local_columns if source.local_columns != Columns() else source.columns
    return dataclasses.replace(source, local=str(Path(data) / source.local), columns=columns)
