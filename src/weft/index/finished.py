"""The indexes of a finished run: its catalogue by the woven model, and by the base that it began from."""

from pathlib import Path

from weft.artefact import MANIFEST, read_json
from weft.errors import WeftError
from weft.index.update import build


def is_run(folder: Path) -> bool:
    """Whether `weft run` wrote this folder, as far as the woven model."""
    return (folder / "weave" / "model").is_dir() and (folder / "curate").is_dir()


def index_run(run: Path) -> tuple[Path, Path]:
    """Brings `index/` and `index-base/` of a run up to date; returns them, the woven model's first. A run that was
    repeated has other weights, so its old indexes are made again.

    Raises:
        WeftError: as `build`, or the run does not say what its base was.
    """
    base = read_json(run / "train" / MANIFEST).get("settings", {}).get("base", "")
    if not base:
        raise WeftError(
            f"{run / 'train' / MANIFEST} names no base; index it by hand: weft index MODEL {run / 'curate'}"
        )
    made = []
    for name, model, label in (("index", str(run / "weave" / "model"), "woven"), ("index-base", base, "base")):
        build(f"{label}={model}", str(run / "curate"), run / name, again=True)
        made.append(run / name)
    return made[0], made[1]
