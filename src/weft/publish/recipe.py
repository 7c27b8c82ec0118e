"""The recipe of a finished run as a TOML file again, from what its manifests keep."""

import dataclasses
import json
import re

from weft.artefact import canonical
from weft.publish.private import without_paths
from weft.publish.run import Run
from weft.recipe import Benchmark, Recipe

PARTS = {
    field.name: field.default
    for field in dataclasses.fields(Recipe)
    if dataclasses.is_dataclass(field.default) and field.name != "query_log"
}
"""Sections of a recipe with their defaults; sources and benchmarks are lists of their own."""


def toml_of(run: Run) -> str:
    """What `weft run` reads; entries at their defaults are left out, and paths of this machine are bare names."""
    told = without_paths(run.settings)
    head = {"name": run.name, "base": told["base"], "seed": run.seed, "baselines": told.get("baselines") or []}
    lines = _entries({key: value for key, value in head.items() if value != []})
    tables = [("[[sources]]", _source(source)) for source in told["sources"]]
    tables += [("[query_log]", _source(told["query_log"]))]
    tables += [("[[reference]]", _source(source)) for source in told.get("reference", ())]
    prompts = told.get("prompts", {})
    for benchmark in told["benchmarks"]:
        prompt, names = prompts.get(benchmark["name"], (Benchmark().prompt, {}))
        asked = benchmark | {"prompt": prompt, "names": names, "source": _source(benchmark["source"])}
        tables.append(("[[benchmarks]]", _changed(asked, dataclasses.asdict(Benchmark()) | {"source": {}})))
    tables += [
        (f"[{name}]", _changed(told[name], dataclasses.asdict(part))) for name, part in PARTS.items() if name in told
    ]
    for head, entries in tables:
        if entries:
            lines += ["", head, *_entries(entries)]
    return "\n".join(lines) + "\n"


SOURCE = dataclasses.asdict(Benchmark().source)


def _source(told: dict) -> dict:
    """A source by the place that others have it at, unless only the local copy has these columns."""
    if told["local"] and (not told["path"] or told["local_columns"] != SOURCE["local_columns"]):
        told = told | {"path": told["local"]}
    return _changed(told | {"local": "", "local_columns": SOURCE["local_columns"]}, SOURCE)


def _changed(values: dict, defaults: dict) -> dict:
    """What differs from the defaults, columns one by one."""
    found = {}
    for key, value in json.loads(canonical(values)).items():
        default = json.loads(canonical(defaults.get(key)))
        if isinstance(value, dict) and isinstance(default, dict) and key == "columns":
            value, default = _changed(value, default), {}
        if value != default:
            found[key] = value
    return found


def _entries(values: dict) -> list[str]:
    return [f"{_key(key)} = {_value(value)}" for key, value in values.items()]


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _value(name)


def _value(value: object) -> str:
    """A TOML value; its basic strings are JSON's, but for the delete character."""
    if isinstance(value, dict):
        return "{ " + ", ".join(_entries(value)) + " }" if value else "{}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
