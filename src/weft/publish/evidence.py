"""What others can check a published model by: runs, qrels, per-query scores, results, recipe, figures, checksums."""

import hashlib
import shutil
from pathlib import Path

from weft.errors import WeftError
from weft.files import write_json, write_whole
from weft.publish.private import without_paths
from weft.publish.recipe import toml_of
from weft.publish.run import Run
from weft.report.figures import draw_alpha_curve, draw_scatter, save
from weft.report.record import strict

SUMS = "SHA256SUMS"


def write(run: Run, folder: Path) -> None:
    """Copies the evaluation's artefacts and writes what determined them, without paths of this machine."""
    folder.mkdir(exist_ok=True)
    source = run.folder / "evaluate"
    for name in ("runs", "qrels"):
        if (source / name).is_dir():
            shutil.copytree(source / name, folder / name, dirs_exist_ok=True)
    if (source / "per_query.parquet").exists():
        shutil.copyfile(source / "per_query.parquet", folder / "per_query.parquet")
    results = run.results | {"catalogue": run.catalogue}
    told = {"results": results, "alpha": run.alpha, "curate": run.curated, "manifests": run.manifests}
    for name, value in (told | ({"audit": run.audit} if run.audit else {})).items():
        write_json(folder / f"{name}.json", strict(without_paths(value)))
    write_whole(folder / "recipe.toml", toml_of(run))


def figures(run: Run, folder: Path) -> tuple[str, ...]:
    """Draws what can be drawn as PNG; the names of what was."""
    folder.mkdir(exist_ok=True)
    drawn = {"alpha.png": draw_alpha_curve, "scatter.png": draw_scatter}
    return tuple(name for name, draw in drawn.items() if save(draw, run.results, folder / name))


def write_sums(folder: Path) -> None:
    """`SHA256SUMS` over everything in the folder, as `sha256sum -c` reads it."""
    files = [file for file in sorted(folder.rglob("*")) if file.is_file() and not _apart(file, folder)]
    write_whole(folder / SUMS, "".join(f"{sha256(f)}  {f.relative_to(folder).as_posix()}\n" for f in files))


def changed(folder: Path) -> list[str]:
    """Files that are not as `SHA256SUMS` says: changed, missing, or added since. Raises `WeftError` without one."""
    if not (folder / SUMS).exists():
        raise WeftError(f"{folder} holds no {SUMS}: weft publish did not finish it")
    lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    told = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    there = {f.relative_to(folder).as_posix(): f for f in folder.rglob("*") if f.is_file() and not _apart(f, folder)}
    wrong = [name for name, digest in told.items() if name not in there or sha256(there[name]) != digest]
    return sorted([*wrong, *(there.keys() - told.keys())])


def sha256(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _apart(file: Path, folder: Path) -> bool:
    """The sums themselves, and what the stage machinery writes around them."""
    return file.parent == folder and file.name in (SUMS, "manifest.json", "key")
