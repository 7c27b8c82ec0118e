"""Uploads a published folder to a model hub, but only when asked twice: everything else is a dry run."""

import re
from collections import Counter
from pathlib import Path

from weft.artefact import MANIFEST
from weft.errors import WeftError
from weft.progress import say
from weft.publish.evidence import changed

STALE = ["onnx/*", "evidence/*", "figures/*"]
"""What an earlier upload may have left there that would now speak of other weights."""

MANY = 8
"""Files of one folder above which a listing sums them up."""


def contents(folder: Path) -> list[tuple[str, int]]:
    """(path, bytes) of everything that is uploaded."""
    files = (file for file in sorted(folder.rglob("*")) if file.is_file() and file != folder / MANIFEST)
    return [(file.relative_to(folder).as_posix(), file.stat().st_size) for file in files]


def listing(folder: Path, repository: str = "") -> str:
    """What would be uploaded, and where to; folders of many files (TREC runs) as one line."""
    found = contents(folder)
    inside = Counter(name.rpartition("/")[0] for name, _ in found)
    sizes: dict[str, int] = {}
    for name, size in found:
        place, _, _ = name.rpartition("/")
        shown = f"{place}/ ({inside[place]} files)" if place and inside[place] > MANY else name
        sizes[shown] = sizes.get(shown, 0) + size
    sizes[f"{len(found)} files, bytes"] = sum(sizes.values())
    wide = max(map(len, sizes))
    lines = [f"{name:<{wide}}  {size:>13,}" for name, size in sizes.items()]
    return "\n".join(lines + ([f"to the model repository {repository}"] if repository else []))


def checked(repository: str) -> str:
    """The id itself. Raises `WeftError` if it is not OWNER/NAME as the hub allows it."""
    part = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9])?"
    if not re.fullmatch(f"{part}/{part}", repository) or ".." in repository or "--" in repository:
        raise WeftError(f"{repository!r} is no repository: write OWNER/NAME, letters, digits, '-', '_' and '.'")
    return repository


def push(folder: Path, repository: str, api=None) -> str:
    """Uploads the folder as one commit and returns where it is; a repository that is new is private.

    Args:
        api: what speaks to the hub, a `huggingface_hub.HfApi` with the user's own login by default.

    Raises:
        WeftError: the folder is not as published, or the hub refuses.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError

    checked(repository)
    differ = changed(folder)
    if differ:
        raise WeftError(f"{folder} was changed since it was published ({', '.join(differ[:5])}): publish it again")
    api = api or HfApi()
    say(f"  uploading {len(contents(folder))} files to {repository}")
    try:
        api.create_repo(repository, repo_type="model", private=True, exist_ok=True)
        done = api.upload_folder(
            repo_id=repository, repo_type="model", folder_path=folder, ignore_patterns=[MANIFEST],
            delete_patterns=STALE, commit_message="weft publish",
        )  # fmt: skip
    except (HfHubHTTPError, HFValidationError, LocalTokenNotFoundError, OSError) as error:
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise WeftError(f"cannot upload to {repository}: {reason[:300]}; log in with `hf auth login`") from None
    return str(done)
