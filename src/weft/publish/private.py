"""Takes this machine's paths out of what is published, and looks once more whether any is left."""

import re
from pathlib import Path

from weft.errors import WeftError

PATH = re.compile(r"(?<![\w/:.~])(?:/|[A-Za-z]:\\)(?:[\w.@+ -]+[/\\]){2,}[\w.@+*-]*")
"""An absolute path of at least two folders inside a text; not what follows a URL's colon."""

TEXT = {".json", ".md", ".toml", ".txt", ".trec", ".qrels", ".onnx"}
"""What Weft itself writes into a folder, and so can have put a path into."""


def without_paths(value: object) -> object:
    """Plain data in which every absolute path has become its last part."""
    if isinstance(value, dict):
        return {without_paths(key): without_paths(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_paths(item) for item in value]
    return _bare(value) if isinstance(value, str) else value


def _bare(text: str) -> str:
    """A whole path may hold any signs; within a sentence only what `PATH` knows ends where it should."""
    for place in (str(Path.cwd()), str(Path.home())):
        text = text.replace(place + "/", "") if len(place) > 1 else text
    if re.match(r"/[^/\s]|[A-Za-z]:\\", text) and not re.search(r"[,;] ", text):
        return re.split(r"[/\\]", text.rstrip("/\\"))[-1]
    return PATH.sub(lambda found: re.split(r"[/\\]", found[0].rstrip("/\\"))[-1], text)


def check(folder: Path) -> None:
    """Raises `WeftError` if a file that Weft wrote names the working folder or the home of whoever runs it."""
    places = [str(place).encode() + b"/" for place in {Path.cwd(), Path.home()} if len(place.parts) > 1]
    for file in sorted(folder.rglob("*")):
        if file.suffix not in TEXT or file.name in ("tokenizer.json", "vocab.json", "merges.txt"):
            continue
        data = file.read_bytes()
        for place in places:
            if place in data:
                what = f"{file.relative_to(folder)} would publish a path of this machine ({place.decode()})"
                raise WeftError(f"{what}: please report it")
