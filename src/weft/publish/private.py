"""Takes this machine's paths out of what is published, and looks once more whether any is left."""

import re
from collections.abc import Iterator
from pathlib import Path

from weft.errors import WeftError

START = r"(?<![\w/\\.~])(?:(?:file://[^/\s]*)?~?/|[A-Za-z]:[/\\]|\\\\)(?=[^\s/\\])"
"""Where an absolute path begins within a text; not inside a word, a relative path or a URL."""

ENDS = rf"(?<=[\s\"'(=:]){START}|: |\"|[\s(](?:--|\w+[:=]\S)"
"""What is no longer the path: another one, a colon or quote, an address, the next part of a command."""

PATH = re.compile(rf"{START}(?:(?:(?!{ENDS}).)*(?!{ENDS})[/\\](?=[^\s/\\])|(?<=\A/)(?=[^/]*\Z))")
"""An absolute path without its last part. A folder's name may hold spaces and any signs, so everything up to the last
slash goes: rather a word too many than a folder's name in public."""

KEPT = {
    "examples", "findings", "id", "product_id", "query_id", "id_prefix", "item", "title", "query", "queries", "words",
    "lengths", "task", "tasks", "name", "names", "prompts", "leaks", "columns", "local_columns", "where",
}  # fmt: skip
"""Keys under which the catalogue's own words stand, and names that other data goes by: they stay as they are."""

TEXT = {".json", ".md", ".toml", ".txt", ".trec", ".qrels", ".onnx"}
"""What Weft itself writes into a folder, and so can have put a path into."""


def without_paths(value: object) -> object:
    """Plain data in which every absolute path has become its last part, except under a key of `KEPT`."""
    if isinstance(value, dict):
        items = zip(_bare_keys(value), value.items(), strict=True)
        return {bare: item if key in KEPT else without_paths(item) for bare, (key, item) in items}
    if isinstance(value, (list, tuple)):
        return [without_paths(item) for item in value]
    return _bare(value) if isinstance(value, str) else value


def _bare_keys(told: dict) -> Iterator[object]:
    """The keys without paths; of those that become alike, all but the first are numbered."""
    taken = set(told)
    for key in told:
        bare = one = without_paths(key)
        number = 1
        while one != key and one in taken:
            number += 1
            one = f"{bare} ({number})"
        taken.add(one)
        yield one


def _bare(text: str) -> str:
    """What lies below the working folder keeps its place in it."""
    below = re.sub(rf"(?<![\w/:.~]){re.escape(str(Path.cwd()))}/", "", text)
    bare = PATH.sub("", below)
    return below if bare == below else bare.rstrip("/\\")


def check(folder: Path) -> None:
    """Raises `WeftError` if a file that Weft wrote names the working folder or the home of whoever runs it."""
    roots = [str(place) for place in {Path.cwd(), Path.home()} if len(place.parts) > 1]
    places = [re.compile(rb"(?<![\w/.~-])" + re.escape(root.encode() + b"/")) for root in roots]  # no part of an id
    for file in sorted(folder.rglob("*")):
        if file.suffix not in TEXT or file.name in ("tokenizer.json", "vocab.json", "merges.txt"):
            continue
        data = file.read_bytes()
        for place in places:
            if found := place.search(data):
                what = f"{file.relative_to(folder)} would publish a path of this machine ({found[0].decode()})"
                raise WeftError(f"{what}: please report it")
