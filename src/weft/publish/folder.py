"""The published folder, made step by step: weights, exports, what smaller vectors lose, evidence, card, checksums."""

import re
import shutil
from pathlib import Path

from weft import __version__
from weft.artefact import MANIFEST, Stage, versions
from weft.embed import Embedder
from weft.encoders import Encoder, load_base
from weft.errors import WeftError
from weft.files import read_json, write_json, write_whole
from weft.publish import compact, evidence, onnx, private, sbert
from weft.publish.card import card
from weft.publish.card_notes import Facts
from weft.publish.run import Run, open_run

FORMAT = 2
"""Raise it when what a folder holds changes: folders of an older kind are then made again."""


def publish(source: Path, out: Path | None = None, exported: bool = False, licence: str = "") -> Path:
    """Makes the model folder of a finished run; what is there and up to date is kept.

    Args:
        source: the run's folder.
        out: where to; `publish/` in the run by default.
        exported: also export both towers as ONNX and measure them.
        licence: an id of the hub's list for these weights; by default the base's, where it is known.

    Raises:
        WeftError: the run is not finished, `out` is something else or was changed by hand, an extra is missing, an
            exported tower differs from PyTorch, the disk is full.
    """
    if licence and not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", licence):
        raise WeftError(f"licence {licence!r} is no id of the hub's list; write for instance apache-2.0 or mit")
    run = open_run(Path(source))
    out = Path(out or run.folder / "publish")
    _must_be_ours(out)
    licence = licence or run.base_licence
    parts = {"publish": FORMAT, "onnx": exported, "licence": licence, "weft": __version__}
    stage = Stage(out, parts, run.keys())
    stage.run(lambda folder: _write(run, folder, exported, licence))
    return out


def _must_be_ours(out: Path) -> None:
    """Raises `WeftError` where publishing would destroy what it did not make."""
    if not out.exists():
        return
    if not out.is_dir() or (any(out.iterdir()) and not _published(out)):
        raise WeftError(f"{out} exists and was not made by weft publish: name another folder with --out")
    differ = evidence.changed(out) if any(out.iterdir()) else []
    if differ:
        told = f"{', '.join(differ[:5])}{' ...' * (len(differ) > 5)}"
        raise WeftError(f"{out} was changed since it was published ({told}): move it away, or name another --out")


def _published(folder: Path) -> bool:
    return (folder / MANIFEST).exists() and "publish" in read_json(folder / MANIFEST).get("settings", {})


def _write(run: Run, folder: Path, exported: bool, licence: str) -> None:
    for old in folder.iterdir():  # of a killed attempt: only the exports are worth keeping, and they are remade, too
        if old.name != "key":
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    encoder = load_base(str(run.model))
    encoder.name = run.ours
    copy_model(run.model, folder)
    write_preprocessor(folder)
    made = versions()
    sbert.write(folder, encoder, made)
    told = onnx.export(encoder, folder / "onnx") if exported else {}
    embedders = {"pytorch": Embedder(encoder, run.folder / "cache")}
    for precision in ("fp32", "int8") if exported else ():
        tower = onnx.OnnxEncoder(encoder, folder / "onnx", precision)
        embedders[tower.name] = Embedder(tower, run.folder / "cache")
    small = compact.measure(run.tasks(), embedders, run.seed)
    small |= against_run(small, run) | ({"onnx": told} if told else {})
    write_json(folder / "compact.json", small)
    evidence.write(run, folder / "evidence")
    drawn = evidence.figures(run, folder / "figures")
    facts = Facts(facts_of(encoder), licence, small, told, drawn, made)
    write_whole(folder / "README.md", card(run, facts))
    private.check(folder)
    evidence.write_sums(folder)


def against_run(small: dict, run: Run) -> dict:
    """How far the first row is from what the run itself measured, and which of its tasks could not be asked again."""
    first = small["rows"][0]["tasks"]
    recorded = {(row["model"], row["task"], row["metric"]): row["value"] for row in run.results["scores"]}
    own = {task: recorded.get((run.ours, task, compact.METRIC), one["value"]) for task, one in first.items()}
    apart = [abs(one["value"] - own[task]) for task, one in first.items()]
    asked = [task["name"] for task in run.results["tasks"] if task["kind"] == "retrieval"]
    missing = [name for name in asked if name not in first and "gallery)" not in name]
    return {"apart_from_run": max(apart), "left_out": missing}


def copy_model(model: Path, folder: Path) -> None:
    """The run's own files, byte by byte; only a config that names a folder of this machine loses that name."""
    for file in sorted(model.iterdir()):
        if file.is_file():
            shutil.copyfile(file, folder / file.name)
    for name in ("config.json", "tokenizer_config.json", "processor_config.json", "preprocessor_config.json"):
        if (folder / name).exists():
            told = read_json(folder / name)
            bare = private.without_paths(told)
            if bare != told:
                write_json(folder / name, bare)


def write_preprocessor(folder: Path) -> None:
    """How pictures are made ready, in a file of its own as well: transformers 4 and transformers.js look there."""
    if not (folder / "preprocessor_config.json").exists():
        told = read_json(folder / "processor_config.json")
        own = told.get("image_processor", {}) | {"processor_class": told.get("processor_class")}
        write_json(folder / "preprocessor_config.json", own)


def facts_of(encoder: Encoder) -> dict:
    """What the card says of the weights."""
    fixed = encoder.preprocess
    if fixed is None:
        image = "any shape, as a padded list of patches (NaFlex)"
    else:
        fit = "squeezed" if fixed.crop == "none" else "the middle square of the short side,"
        image = f"{fit} to {fixed.width} x {fixed.height} pixels, {fixed.resample}"
    return {
        "model_type": encoder.config.model_type,
        "head": encoder.head,
        "dim": encoder.dim,
        "max_tokens": encoder.max_tokens,
        "parameters": sum(parameter.numel() for parameter in encoder.model.parameters()),
        "image": f"{image}; upright, transparency on white",
    }
