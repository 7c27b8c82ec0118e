"""The fidelity gate: a baseline's row is called verified only where it has reproduced a published score.

A harness that forgets to lower-case or to pad costs SigLIP 2 several points and makes every comparison with it
worthless. So what others published of a model is kept beside the command (`expected/baselines.toml`), and each
measured score that has such a counterpart is held against it.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from weft.errors import WeftError

FILE = Path(__file__).parents[2] / "expected" / "baselines.toml"
"""In this repository; elsewhere (an installed wheel) it must be named."""


@dataclass(frozen=True)
class Published:
    """A score as somebody published it.

    Attributes:
        model: short name in `weft.encoders.registry`; revision: the weights it was published for, "" if not said.
        benchmark, task, metric: in Weft's names, whatever the source calls them.
        value, tolerance: fractions; within value ± tolerance a score is called reproduced.
    """

    model: str
    revision: str
    benchmark: str
    task: str
    metric: str
    value: float
    tolerance: float
    source: str


def read(path: Path = FILE) -> list[Published]:
    """Every score in a TOML file of `[[baseline]]` tables; see the head of `expected/baselines.toml`.

    Raises:
        WeftError: the file is missing or not TOML, a table lacks a key, a tolerance is not above 0, or a score is no
            fraction.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8")).get("baseline", [])
        if exact := [table["model"] for table in tables if not 0 < float(table["tolerance"]) < 1]:
            raise WeftError(f"{path}: the tolerance of {exact[0]} is not above 0 and below 1")
        found = [
            Published(
                t["model"], t.get("revision", ""), t["benchmark"], task, metric, float(value), float(t["tolerance"]),
                t["source"],
            )
            for t in tables
            for task, scores in t["scores"].items()
            for metric, value in scores.items()
        ]  # fmt: skip
        if points := [one for one in found if not 0 <= one.value <= 1]:
            raise WeftError(f"{path}: {points[0].metric} of {points[0].model} is {points[0].value:g}: write a fraction")
        return found
    except OSError as error:
        raise WeftError(f"cannot read published scores from {path}: {error.strerror}") from None
    except tomllib.TOMLDecodeError as error:
        raise WeftError(f"{path} is not valid TOML: {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise WeftError(f"{path}: a [[baseline]] is incomplete or has a value of the wrong kind: {error!r}") from None


def gate(
    published: Iterable[Published], models: Sequence[Mapping], scores: Iterable[Mapping], limited: Iterable[tuple] = ()
) -> list[dict]:
    """One row for each model and task that was measured: "verified", "off" or "not verifiable", and why.

    A task with several published metrics is verified if all of them are reproduced; the row shows the one that is
    furthest off, in tolerances. A task that cannot be verified shows the first metric that was measured.

    Args:
        models: records with "name", "known_as" (the registry's short name, "" for a stranger) and "revision".
        scores: records with "model", "benchmark", "task", "metric", "value".
        limited: (benchmark, task) pairs with a part of the gallery, whose scores compare with nobody's.
    """
    said: dict[tuple[str, str, str], list[Published]] = {}
    for one in published:
        said.setdefault((one.model, one.benchmark, one.task), []).append(one)
    measured: dict[tuple[str, str, str], dict[str, float]] = {}
    for row in scores:
        measured.setdefault((row["model"], row["benchmark"], row["task"]), {})[row["metric"]] = row["value"]
    facts, limited, rows = {model["name"]: model for model in models}, set(limited), []
    for (name, benchmark, task), values in measured.items():
        model = facts[name]
        row = {"model": name, "benchmark": benchmark, "task": task, "metric": next(iter(values))}
        known = [p for p in said.get((model.get("known_as", ""), benchmark, task), []) if p.metric in values]
        other = [p for p in known if p.revision and p.revision != model.get("revision", "")]
        if not known:
            rows.append(row | _silent("nobody published this score of this model"))
        elif (benchmark, task) in limited:
            rows.append(row | _silent("the gallery is limited"))
        elif len(other) == len(known):
            rows.append(row | _silent(f"published for revision {other[0].revision}, not for this one"))
        else:
            fit = [p for p in known if p not in other]
            worst = max(fit, key=lambda p: abs(values[p.metric] - p.value) / p.tolerance)
            near = abs(values[worst.metric] - worst.value) <= worst.tolerance + 1e-12
            told = {"metric": worst.metric, "published": worst.value, "measured": values[worst.metric]}
            told |= {"tolerance": worst.tolerance, "source": worst.source, "reason": ""}
            rows.append(row | told | {"status": "verified" if near else "off"})
    return rows


def _silent(reason: str) -> dict:
    empty = dict.fromkeys(("published", "measured", "tolerance"))
    return empty | {"source": "", "reason": reason, "status": "not verifiable"}
