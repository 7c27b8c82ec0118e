"""A study: rows of one table, each a way to make a model from one recipe, and the claims declared about them."""

import dataclasses
import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from weft import recipe as recipes
from weft.errors import WeftError
from weft.recipe import Recipe
from weft.tables import from_table

DOMAINS = ("in-domain", "zero-shot", "out-of-domain")
"""What is averaged over tasks: the catalogue's held-out products, its brands that training never saw, all else."""

TRAINED = ("tuned", "woven")


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes:
        model: "base" as it is; "tuned", the fine-tuned end; "woven", interpolated at the alpha that the recipe's
            own rule chooses on dev queries, for each seed; "encoder", some other model that is only evaluated.
        set: changes of the study's recipe, as `--set` takes them; recipe: another file instead of it.
        alpha: for "woven", this alpha instead of a chosen one.
        trials: alternatives, each a list of further changes, of which the best on dev queries is taken. Every
            trained row must have as many, so that none is a straw man.
        soup_of: a trained row whose tuned models, one a seed, are averaged before weaving: weights, not scores.
        encoder: for "encoder", a folder, hub id or short name.
        seeds: the study's, if empty. baseline: whether figure 2 counts it among what is to be beaten.
        part: rows of one part can be asked for together, `--rows core`.
        why: a sentence for the page.
    """

    name: str
    label: str = ""
    model: Literal["base", "tuned", "woven", "encoder"] = "woven"
    set: tuple[str, ...] = ()
    recipe: str = ""
    alpha: float = -1.0
    trials: tuple[tuple[str, ...], ...] = ()
    soup_of: str = ""
    encoder: str = ""
    seeds: tuple[int, ...] = ()
    baseline: bool = False
    part: str = ""
    why: str = ""

    @property
    def trained(self) -> bool:
        return self.model in TRAINED


@dataclass(frozen=True)
class Claim:
    """What somebody says of rows, declared before any score is seen.

    Attributes:
        better: a row; than: those that it is said to beat, on the mean of every domain in `on`.
        says: "better", or "not better" where the claim is that `better` does not win.
    """

    name: str
    text: str
    better: str
    than: tuple[str, ...]
    on: tuple[Literal["in-domain", "zero-shot", "out-of-domain"], ...]
    says: Literal["better", "not better"] = "better"


@dataclass(frozen=True)
class Study:
    """A table to be filled.

    Attributes:
        recipe: what every row changes; set: changes that all rows share.
        reference: the row that all are compared with (the paper's recipe); ours: the row that is put to the whole
            test, every other row on every task; the reference if empty.
        trials: of every trained row that names none itself. trial_set: what makes a trial cheaper than a row.
        select: which gains on dev choose among trials (`weft.study.choose.gain`).
        curves: rows of figure 2, all woven ones if empty.
        worth: the smallest difference of means worth having, as a fraction: what a claim is denied for lacking.
    """

    name: str
    recipe: str
    reference: str
    rows: tuple[Row, ...]
    out: str = ""
    set: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (0, 1, 2)
    ours: str = ""
    trials: tuple[tuple[str, ...], ...] = ()
    trial_set: tuple[str, ...] = ()
    select: Literal["in-domain", "both ends"] = "in-domain"
    curves: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()
    worth: float = 0.005

    @property
    def folder(self) -> Path:
        return Path(self.out or f"runs/study-{self.name}")

    @property
    def base(self) -> Row:
        return next(row for row in self.rows if row.model == "base")

    @property
    def final(self) -> str:
        return self.ours or self.reference

    def row(self, name: str) -> Row:
        return next(row for row in self.rows if row.name == name)

    def seeds_of(self, row: Row) -> tuple[int, ...]:
        """One for what has none: a base, a soup."""
        if not row.trained or row.soup_of:
            return self.seeds[:1]
        return row.seeds or self.seeds

    def trials_of(self, row: Row) -> tuple[tuple[str, ...], ...]:
        """At least one, of no change; a soup is made of what its members chose."""
        if not row.trained or row.soup_of:
            return ((),)
        return row.trials or self.trials or ((),)

    def recipe_of(self, row: Row, trial: Sequence[str] = (), seed: int | None = None, cheap: bool = False) -> Recipe:
        """The recipe of one training. `cheap`: as it is tried. Raises `WeftError` for what the recipe refuses."""
        member = self.row(row.soup_of) if row.soup_of else row
        own = ('weave.soup=["its members, once they are trained"]', *row.set) if row.soup_of else ()
        changes = [*self.set, *member.set, *own, *trial, *(self.trial_set if cheap else ())]
        found = recipes.load(member.recipe or self.recipe, changes)
        return found if seed is None else dataclasses.replace(found, seed=seed)


def load(path: Path | str, changes: Iterable[str] = (), out: str = "") -> Study:
    """Reads a study; `changes` (as `--set`) are of its recipe and reach every row. `out`: instead of the file's own.

    Raises:
        WeftError: the file or a recipe is missing or has a typo, or rows, seeds and claims do not fit together.
    """
    path = Path(path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WeftError(f"there is no study {path}") from None
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WeftError(f"{path} is not a TOML file that can be read: {error}") from None
    table.setdefault("name", path.stem)
    study: Study = from_table(Study, table, str(path))
    changed = {"set": (*study.set, *changes), "rows": tuple(map(_labelled, study.rows)), "out": out or study.out}
    study = dataclasses.replace(study, **changed)
    for problem in _problems(study):
        raise WeftError(f"{path}: {problem}")
    asked = study.recipe_of(study.base)
    for row in study.rows:  # every recipe is read now: a typo must not show after hours
        for trial in study.trials_of(row):
            for problem in _recipe_problems(study.recipe_of(row, trial, cheap=True), asked):
                raise WeftError(f"{path}: row {row.name!r}: {problem}")
    return study


def _recipe_problems(own: Recipe, asked: Recipe):
    """What a row may not change: the study's queries are asked of all."""
    if own.base.startswith("new:"):
        yield "a base that is trained from nothing has nothing to keep"
    if own.benchmarks != asked.benchmarks:
        yield "its benchmarks are others than the study's: name them in the study's recipe or `set`"
    if own.weave.gallery != asked.weave.gallery:
        yield "weave.gallery is of the study, whose dev queries all rows are asked: put it in the study's `set`"


def _labelled(row: Row) -> Row:
    return row if row.label else dataclasses.replace(row, label=row.name)


def _problems(study: Study):
    rows = {row.name: row for row in study.rows}
    if twice := [name for name, count in Counter(row.name for row in study.rows).items() if count > 1]:
        yield f"two rows are called {twice[0]!r}"
    if twice := [name for name, count in Counter(row.label for row in study.rows).items() if count > 1]:
        yield f"two rows are labelled {twice[0]!r}: a reader could not tell them apart"
    if [row.model for row in study.rows].count("base") != 1:
        yield 'exactly one row must be model = "base": what everything is measured against'
    if not study.seeds or len(set(study.seeds)) < len(study.seeds):
        yield f"seeds are {list(study.seeds)}: give at least one, each once"
    for key in ("reference", "ours"):
        if getattr(study, key) not in (*rows, "" if key == "ours" else None):
            yield f"{key} names no row: {getattr(study, key)!r}"
    for name in study.curves:
        if name not in rows or rows[name].model != "woven":
            yield f"curves names {name!r}, which is no woven row"
    for row in study.rows:
        yield from _row_problems(row, rows, study)
    counts = {row.name: len(study.trials_of(row)) for row in study.rows if row.trained and not row.soup_of}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{name} {count}" for name, count in counts.items())
        yield f"rows have unequal numbers of trials ({told}): the one with fewer would be a straw man"
    for claim in study.claims:
        for name in (claim.better, *claim.than):
            if name not in rows:
                yield f"claim {claim.name!r} names no row: {name!r}"
        if not claim.than or not claim.on or claim.better in claim.than:
            yield f"claim {claim.name!r} compares nothing: it needs `than` (other rows) and `on` (domains)"


def _row_problems(row: Row, rows: dict[str, Row], study: Study):
    if (row.model == "encoder") != bool(row.encoder):
        yield f'row {row.name!r}: model = "encoder" and `encoder` belong together'
    if row.alpha != -1.0 and (row.model != "woven" or not 0 <= row.alpha <= 1):
        yield f"row {row.name!r}: alpha is for woven rows, from 0 to 1"
    if not set(row.seeds) <= set(study.seeds):
        yield f"row {row.name!r}: its seeds must be among the study's, {list(study.seeds)}"
    if row.soup_of:
        member = rows.get(row.soup_of)
        if member is None or not member.trained or member.soup_of:
            yield f"row {row.name!r}: soup_of names no trained row: {row.soup_of!r}"
        if row.model != "woven" or row.alpha >= 0:
            yield f"row {row.name!r}: a soup is woven at an alpha that is chosen"
