"""A Hugging Face dataset by its id, streamed, with its pictures left encoded."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from weft.catalogue.images import ImageError
from weft.catalogue.sources.rows import Table
from weft.catalogue.sources.spec import SourceSpec
from weft.errors import WeftError, extra
from weft.progress import say

ARCHIVES = ("zip://", "tar://")
"""How fsspec writes a member of an archive: `zip://MEMBER::ARCHIVE`."""


def read(spec: SourceSpec, needed: list[str]) -> Table:
    """Opens `hf:owner/name` at `spec.revision`; nothing is decoded and no code from the hub is run.

    Raises:
        WeftError: `datasets` is not installed; the dataset, config or split does not exist or cannot be
            reached; the connection breaks while reading.
    """
    name = spec.place.removeprefix("hf:")
    datasets = extra("datasets", "hub", spec.place)
    if not spec.revision:
        say(f"{spec.place}: no revision is pinned, so what it holds may change between runs")
    try:
        data = datasets.load_dataset(
            name, spec.config or None, split=spec.split or None, revision=spec.revision or None, streaming=True
        )
        data = _only_split(data, spec)
        columns = list(data.features or next(iter(data), {}))
        features = data.features or {}
    except WeftError:
        raise
    # Whatever fails in there (no network, no such dataset, config or split, no access) is not ours to mend.
    except Exception as error:
        detail = " ".join(str(error).split())[:300]
        raise WeftError(
            f"cannot open the Hugging Face dataset {name!r}: {detail or type(error).__name__}. Check its id, config, "
            "split and the network, or name a local copy with `local`"
        ) from None
    for column in columns:
        if column in features and (undecoded := _undecoded(features[column], datasets)) is not None:
            data = data.cast_column(column, undecoded)
    take = [column for column in columns if column in needed]
    labels = {c: features[c].int2str for c in take if isinstance(features.get(c), datasets.ClassLabel)}
    return Table(columns, [(_rows(data.select_columns(take) if take else data, labels, name), partial(_load, name))])


def _only_split(data: Any, spec: SourceSpec) -> Any:
    if not isinstance(data, dict):
        return data
    if len(data) > 1:
        raise WeftError(f"{spec.place} has the splits {', '.join(map(str, data))}; choose one with `split`")
    return next(iter(data.values()))


def _undecoded(feature: Any, datasets: Any) -> Any:
    """The feature with Image(decode=False) in place of Image, also inside lists; None if there is no Image."""
    if isinstance(feature, datasets.Image):
        return datasets.Image(decode=False)
    inner = getattr(feature, "feature", None)
    if inner is None and isinstance(feature, list) and len(feature) == 1:
        inner = feature[0]
    undecoded = _undecoded(inner, datasets) if inner is not None else None
    return None if undecoded is None else datasets.List(undecoded)


def _rows(data: Any, labels: dict[str, Callable[[int], str]], name: str) -> Iterator[dict]:
    done = 0
    try:
        for row in data:
            done += 1
            named = {c: f(row[c]) if isinstance(row[c], int) and row[c] >= 0 else None for c, f in labels.items()}
            yield row | named
    except Exception as error:
        raise WeftError(f"reading {name!r} from the hub broke off after row {done}: {error}; run it again") from None


def _load(name: str, path: str) -> bytes:
    """A picture that lies beside the tables of dataset `name` on the hub, or in an archive there.

    Raises:
        ImageError: the path, which the dataset's author wrote, leads anywhere else; or it cannot be fetched.
    """
    *members, file = path.split("::")
    own = f"hf://datasets/{name}"
    there = file.startswith((f"{own}/", f"{own}@")) and ".." not in file.split("/")
    if not there or not all(member.startswith(ARCHIVES) for member in members):
        raise ImageError(f"{path!r} is not a file of the dataset")
    import fsspec

    try:
        with fsspec.open(path, "rb") as handle:
            return handle.read()
    except Exception as error:
        raise ImageError(f"cannot fetch {path!r}: {error}") from None
