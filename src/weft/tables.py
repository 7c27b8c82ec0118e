"""Dataclasses from TOML tables, every typo refused, and back to plain data for manifests."""

import dataclasses
import difflib
import tomllib
import types
import typing
from typing import Literal

from weft.errors import WeftError


def override(table: dict, change: str) -> None:
    """Writes `dotted.key=value` into a table: a TOML value, where a bare word is a string.

    Raises:
        WeftError: there is no such place, or no "=".
    """
    name, sign, text = change.partition("=")
    if not sign:
        raise WeftError(f"override {change!r} has no '='; write for instance train.epochs=3")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    *path, last = name.strip().split(".")
    here: typing.Any = table
    try:
        for part in path:
            here = here[int(part)] if isinstance(here, list) else here.setdefault(part, {})
        if isinstance(here, list):
            here[int(last)] = value
        else:
            here[last] = value
    except (ValueError, IndexError, TypeError, AttributeError):
        raise WeftError(f"override {change!r}: there is no such place in the recipe") from None


def from_table(cls: type, table: object, where: str) -> typing.Any:
    """A dataclass from a TOML table, its parts by their type hints. `where`: how errors call the place.

    Raises:
        WeftError: a key is unknown (the nearest known one is named) or missing, or a value has the wrong type.
    """
    if not isinstance(table, dict):
        raise WeftError(f"{where}: expected a table, got {table!r}")
    hints = typing.get_type_hints(cls)
    for key in table:
        if key not in hints:
            near = difflib.get_close_matches(key, hints, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(hints)}"
            raise WeftError(f"{where}: unknown key {key!r}; {hint}")
    values = {key: _convert(hints[key], value, f"{where}: {key}") for key, value in table.items()}
    missing = [
        f.name for f in dataclasses.fields(cls)
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING and f.name not in values
    ]  # fmt: skip
    if missing:
        raise WeftError(f"{where}: missing {', '.join(missing)}")
    try:
        return cls(**values)
    except WeftError as error:
        raise WeftError(f"{where}: {error}") from None


def _convert(hint: typing.Any, value: object, where: str) -> typing.Any:
    if dataclasses.is_dataclass(hint):
        return from_table(hint, value, where)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple and isinstance(value, list):
        kinds = arguments[:1] * len(value) if arguments[-1] is ... else arguments
        if len(kinds) != len(value):
            raise WeftError(f"{where}: expected {len(kinds)} values, got {value!r}")
        return tuple(
            _convert(kind, item, f"{where}[{i}]") for i, (kind, item) in enumerate(zip(kinds, value, strict=True))
        )
    if origin is dict and isinstance(value, dict):
        return {key: _convert(arguments[1], item, f"{where}.{key}") for key, item in value.items()}
    if origin is Literal:
        if value in arguments:
            return value
        raise WeftError(f"{where} is {value!r}; known are {', '.join(map(repr, arguments))}")
    if hint is float and type(value) in (int, float):
        return float(value)
    if isinstance(hint, type) and not isinstance(hint, types.GenericAlias) and type(value) is hint:
        return value
    if origin is tuple and isinstance(value, dict) and dataclasses.is_dataclass(arguments[0]):
        key = where.rpartition(": ")[2]
        raise WeftError(f"{where} is a list, as there may be several: write [[{key}]] where [{key}] stands")
    name = getattr(hint, "__name__", str(hint)) if origin is None else str(hint)
    raise WeftError(f"{where}: expected {name}, got {value!r}")


def settings(part: object) -> dict:
    """A recipe part as plain data, for manifests; a setting younger than older folders only where it is used, one of
    how things are computed always as its default."""
    fields = dataclasses.fields(part)
    unused = {f.name for f in fields if f.metadata.get("later") and getattr(part, f.name) == f.default}
    told = dataclasses.asdict(part) | {f.name: f.default for f in fields if f.metadata.get("how")}
    return {name: value for name, value in told.items() if name not in unused}


def plain(value: object) -> object:
    """Any value of a recipe as plain data: parts by `settings`, tuples of them as lists."""
    if dataclasses.is_dataclass(value):
        return settings(value)
    return [plain(item) for item in value] if isinstance(value, tuple) else value
