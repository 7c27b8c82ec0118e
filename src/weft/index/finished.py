"""The indexes of a finished run: its catalogue by the woven model, and by the base that it began from."""

from pathlib import Path

from weft.artefact import MANIFEST
from weft.encoders import local_folder
from weft.errors import WeftError
from weft.files import read_json
from weft.index.update import build
from weft.progress import say


def is_run(folder: Path) -> bool:
    """Whether `weft run` wrote this folder, as far as the woven model."""
    return (folder / "weave" / "model").is_dir() and (folder / "curate").is_dir()


def index_run(run: Path) -> tuple[Path, Path | None]:
    """Brings `index/` and `index-base/` of a run up to date; returns them, the woven model's first. A run that was
    repeated has other weights, so its old indexes are made again. None where there is no base to compare with: it was
    made new, or cannot be opened any more, which is said.

    Raises:
        WeftError: as `build`, or the run does not say what its base was.
    """
    base = read_json(run / "train" / MANIFEST).get("settings", {}).get("base", "")
    if not base:
        raise WeftError(
            f"{run / 'train' / MANIFEST} names no base; index it by hand: weft index MODEL {run / 'curate'}"
        )
    build(f"woven={run / 'weave' / 'model'}", str(run / "curate"), run / "index", again=True)
    try:
        if base.startswith("new:"):
            raise WeftError("it was made new")
        local_folder(base)
    except WeftError as error:
        say(f"  the woven model stands alone, without its base {base}: {error}")
        return run / "index", None
    build(f"base={base}", str(run / "curate"), run / "index-base", again=True)
    return run / "index", run / "index-base"
