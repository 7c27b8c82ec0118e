"""Choices on dev queries: which of a row's trials is taken, and what is written down before test is touched."""

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from weft.artefact import key_of
from weft.files import read_json, write_json
from weft.lock import alone
from weft.study.lab import Lab
from weft.study.plan import Row, Study
from weft.study.shared import weaving_key

CHOICES, TOUCHED = "choices.json", "test.json"


def domain_means(means: Mapping[str, float], domains: Mapping[str, str]) -> dict[str, float]:
    """Domain -> mean over its tasks. `domains`: task -> its domain, of the tasks that count."""
    found = {}
    for domain in dict.fromkeys(domains.values()):
        found[domain] = float(np.mean([means[task] for task, own in domains.items() if own == domain]))
    return found


def gain(
    means: Mapping[str, float], base: Mapping[str, float], domains: Mapping[str, str], select: str = "in-domain"
) -> float:
    """What a trial is chosen by: the change from the base of the in-domain mean, at the row's own alpha.

    A woven row's alpha has seen to the other end before. `select` "both ends" adds the change of the out-of-domain
    mean, a point for a point; then a row that is not woven may well choose to learn next to nothing.
    """
    after, before = domain_means(means, domains), domain_means(base, domains)
    ends = ("in-domain", "out-of-domain") if select == "both ends" else ("in-domain",)
    return sum(after[domain] - before[domain] for domain in ends if domain in after)


def best(tried: Sequence[Mapping]) -> int:
    """Of trials with their `gain`; the first among equals."""
    return int(np.argmax([round(one["gain"], 9) for one in tried]))


class Choices:
    """`choices.json`: row -> trial taken, all that were tried, and for each seed its model, alpha and dev scores."""

    def __init__(self, folder: Path):
        self.path = folder / CHOICES
        self.rows: dict[str, dict] = read_json(self.path) if self.path.exists() else {}

    def changes(self, row: str) -> list[str] | None:
        return self.rows[row]["changes"] if row in self.rows else None

    def settle(self, row: str, asked: str, changes: Sequence[str], tried: Sequence[Mapping]) -> None:
        """Takes a trial: a new choice, which no seed has been made for. `asked`: a key of the row's settings and its
        trials."""
        self._write(row, {"asked": asked, "changes": list(changes), "tried": list(tried), "seeds": {}})

    def settled(self, row: str, asked: str) -> bool:
        return self.rows.get(row, {}).get("asked") == asked

    def add(self, row: str, seed: int, made: Mapping) -> None:
        """What a row is at a seed. made: see `weft.study.run`."""
        held = self.rows[row]
        self._write(row, held | {"seeds": held["seeds"] | {str(seed): dict(made)}})

    def _write(self, row: str, held: dict) -> None:
        """Other processes write here, too: of other rows theirs is kept, of this one the seeds of the same choice."""
        with alone(self.path):
            stored = read_json(self.path) if self.path.exists() else {}
            theirs = stored.get(row, {})
            if (theirs.get("asked"), theirs.get("changes")) == (held["asked"], held["changes"]):
                held = held | {"seeds": theirs["seeds"] | held["seeds"]}
            self.rows = stored | {row: held}
            write_json(self.path, self.rows)


def wanted(study: Study, lab: Lab, choices: Choices, row: Row, seed: int) -> str:
    """A key of what a row is at a seed as the study stands now: scores of anything else are not this row's."""
    if row.soup_of:
        member = study.row(row.soup_of)
        each = [(choices.changes(member.name) or (), one) for one in study.seeds_of(member)]
    else:
        each = [(choices.changes(row.name) or (), seed)]
    recipes = [study.recipe_of(row, changes, one) for changes, one in each] if row.trained else []
    made = [(weaving_key(recipe), lab.fingerprint(recipe.base)) for recipe in recipes]
    return key_of([made, row.encoder, row.model, row.alpha, lab.base_key, lab.tasks_key])


def asked(study: Study, lab: Lab, row: Row) -> str:
    """A key of a row's trials and of what they are chosen by: another one is another choice."""
    tried = [weaving_key(study.recipe_of(row, trial, study.seeds[0], True)) for trial in study.trials_of(row)]
    return key_of([tried, study.select, row.model, row.alpha, lab.tasks_key, lab.base_key])


class Touched:
    """`test.json`: every look at test queries, with the choice that stood when it was taken; nothing is removed."""

    def __init__(self, folder: Path):
        self.path = folder / TOUCHED
        self.looks: list[dict] = self._stored()

    def add(self, row: str, seed: int, model: str, alpha: object, changes: Sequence[str], tasks: str = "") -> None:
        """tasks: a key of what was asked, `Lab.tasks_key`; an older look does not say it."""
        told = {"row": row, "seed": seed, "model": model, "alpha": alpha, "changes": list(changes), "tasks": tasks}
        with alone(self.path):
            self.looks = self._stored()
            if any(told == {name: look.get(name, told[name]) for name in told} for look in self.looks):
                return
            when = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
            self.looks.append(told | {"when": when})
            write_json(self.path, {"looks": self.looks})

    def has(self, row: str, seed: int, model: str, tasks: str) -> bool:
        """Whether a row was put to test at a seed: another row's model may be the very same, and scored."""
        own = {"row": row, "seed": seed, "model": model, "tasks": tasks}
        return any(own == {name: look.get(name, own[name]) for name in own} for look in self.looks)

    def _stored(self) -> list[dict]:
        return read_json(self.path)["looks"] if self.path.exists() else []

    def changed(self, study: Study, shown: Mapping[str, Mapping[int, str]]) -> list[str]:
        """A sentence for every row of which test was scored more than once at a seed: no longer one look.

        Args:
            shown: row -> seed -> key of the model whose scores are shown.
        """
        said = []
        for row in study.rows:
            looks = [look for look in self.looks if look["row"] == row.name]
            by_seed: dict[int, list[dict]] = {}
            for look in looks:
                by_seed.setdefault(look["seed"], []).append(look)
            most = max((len(one) for one in by_seed.values()), default=0)
            if most > 1:
                chosen = [{(str(look["changes"]), str(look["alpha"])) for look in one} for one in by_seed.values()]
                asks = any(len({look.get("tasks", "") for look in one} - {""}) > 1 for one in by_seed.values())
                what = "choice" if any(len(one) > 1 for one in chosen) else "test queries" if asks else "model"
                own = [look for look in looks if shown.get(row.name, {}).get(look["seed"]) == look["model"]]
                of = f", the scores shown are of {max(look['when'] for look in own)}" if own else ""
                said.append(f"{row.label}: its {what} changed after test was touched, {most} looks were taken{of}")
        return said
