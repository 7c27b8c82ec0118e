"""Weights as numbers in files: interpolated between two models, and written whole or not at all.

WiSE-FT (Wortsman et al. 2022, arXiv 2109.01903): theta(alpha) = (1 - alpha) * base + alpha * tuned.
The stated policy: every floating-point tensor follows this rule in float32, logit scale and bias
included (the scale is stored as a logarithm, so its path is geometric); integer buffers, position
ids for instance, are not weights: both models must hold the same ones, and they are copied.
Alpha may differ by tower and by depth (`alphas_of`).
"""

import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from weft.encoders.base import tower_of
from weft.errors import WeftError
from weft.files import disk_error, read_json, write_json
from weft.progress import progress

LAYER = re.compile(r"\.layers\.(\d+)\.")
FIRST = re.compile(r"\.(embeddings|pre_layrnorm)\.")
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
FISHER = ("fisher_base.safetensors", "fisher_tuned.safetensors")
"""In a `train` folder: how much weights matter, to the base on reference data and to the trained model."""

DAMPING = 1e-2
"""Added to importances, whose mean is 1: a weight that matters a hundredth of the mean to neither is half decided."""

Alpha = float | Mapping[str, float]
"""One for all weights, or one for each of "image", "text" and "head" (logit scale and bias)."""


def interpolate(
    base: Path, tuned: Path, alpha: Alpha, out: Path, depth: float = 0.0, fisher: Sequence[Path] = ()
) -> None:
    """Writes the model folder theta(alpha): one float32 safetensors file, and everything else as in `tuned`.

    The tensors of both folders (sharded or not) are mapped and read one at a time: memory holds the
    result and little more. alpha 0 and 1 give an end's weights bit by bit (16-bit ones exactly widened).

    Args:
        depth: see `alphas_of`.
        fisher: two files, how much each weight of the base and of the tuned model matters (`weft.fisher`). Weight by
            weight alpha becomes alpha F_tuned / ((1 - alpha) F_base + alpha F_tuned) (Matena & Raffel 2021,
            arXiv 2111.09832): what the catalogue needs follows the tuned model, what the reference data
            need stays with the base. `DAMPING` is added to both, so that what matters to neither is alpha's.

    Raises:
        WeftError: names, shapes or kinds of number differ; weights are missing or damaged; the disk is full.
    """
    base, tuned, out = Path(base), Path(tuned), Path(out)
    with ExitStack() as files:
        first, second = Folder(base, files), Folder(tuned, files)
        names = matching(first.shapes(), second.shapes(), base, tuned)
        alphas = alphas_of(names, alpha, depth)
        matters = [_opened(Path(path), files) for path in fisher]
        weighed = set.intersection(*(set(one.keys()) for one in matters)) if matters else set()

        def importance(name: str) -> list[Tensor]:
            return [one.get_tensor(name) for one in matters] if name in weighed else []

        bar = progress(names, f"interpolating at {_told(alpha)}", unit="tensor")
        woven = {name: _blend(name, first[name], second[name], alphas[name], *importance(name)) for name in bar}
    save_folder(woven, tuned, out)


def save_folder(weights: Mapping[str, Tensor], like: Path, out: Path) -> None:
    """Writes a model folder of these float32 weights, whole or not at all; everything else is copied from `like`.

    Raises:
        WeftError: the disk is full.
    """
    partial = out.with_name(out.name + ".partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for file in sorted(like.iterdir()):
            if file.is_file() and ".safetensors" not in file.name:
                shutil.copyfile(file, partial / file.name)
        write_json(partial / "config.json", read_json(like / "config.json") | {"dtype": "float32"})
        save_tensors(partial / WEIGHTS, weights, {"format": "pt"})
        if out.exists():
            shutil.rmtree(out)
        partial.rename(out)
    except OSError as error:
        raise disk_error(error, out) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def check_match(base: Path, tuned: Path) -> None:
    """Raises what `interpolate` would raise if the two folders do not belong together; reads headers only."""
    with ExitStack() as files:
        matching(Folder(Path(base), files).shapes(), Folder(Path(tuned), files).shapes(), Path(base), Path(tuned))


def layers(names: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Name -> (place, top): 0 for what comes before a tower's first layer, 1 to L for its layers, and top = L + 1 for
    what comes after the last one; the head (logit scale and bias) is at its own top."""
    found = {name: LAYER.search(name) for name in names}
    top = {tower: 1 for tower in ("image", "text", "head")}
    for name, layer in found.items():
        if layer:
            top[tower_of(name)] = max(top[tower_of(name)], int(layer[1]) + 2)
    return {
        name: (int(layer[1]) + 1 if layer else 0 if FIRST.search(name) else top[tower_of(name)], top[tower_of(name)])
        for name, layer in found.items()
    }


def alphas_of(names: Iterable[str], alpha: Alpha, depth: float = 0.0) -> dict[str, float]:
    """Name -> its alpha: that of its tower, bent by depth.

    Of a weight at the share s of its tower's depth (0: embeddings, 1: what comes after the layers) it is
    alpha ** (1 + depth * (1 - 2 s)): above 0 the lower layers stay nearer to the base, below 0 the upper ones. Both
    ends stay the ends for every depth from -1 to 1, so a curve along alpha still leads from base to tuned.
    """
    names = list(names)
    places = layers(names)
    alphas = {}
    for name in names:
        own = alpha[tower_of(name)] if isinstance(alpha, Mapping) else alpha
        share = places[name][0] / places[name][1]
        bent = depth and 0 < own < 1 and tower_of(name) != "head"
        alphas[name] = own ** (1 + depth * (1 - 2 * share)) if bent else own
    return alphas


def _told(alpha: Alpha) -> str:
    return ", ".join(f"{k} {v:g}" for k, v in alpha.items()) if isinstance(alpha, Mapping) else f"{alpha:g}"


def save_tensors(path: Path, tensors: Mapping[str, Tensor], meta: Mapping[str, str] | None = None) -> None:
    """Writes a safetensors file under a temporary name, then renames it: `path` is whole or untouched.

    Raises:
        WeftError: the disk is full or not writable; says how many bytes were needed and are free.
    """
    path = Path(path)
    needed = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    temporary = path.with_name(path.name + ".partial")
    try:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary, dict(meta or {}))
        temporary.chmod(0o644)  # safetensors leaves a file that only its writer can read
        with temporary.open("rb+") as handle:
            os.fsync(handle.fileno())
        temporary.replace(path)
    except (OSError, SafetensorError) as error:
        temporary.unlink(missing_ok=True)
        free = shutil.disk_usage(path.parent).free if path.parent.exists() else 0
        raise WeftError(
            f"cannot write {path}: {error}; {needed:,} bytes are needed and {free:,} are free there; "
            "make room or write elsewhere, and run again"
        ) from None


class Folder:
    """The tensors of a model folder by name, read from its one file or its shards when asked for."""

    def __init__(self, folder: Path, files: ExitStack):
        if (folder / WEIGHTS).exists():
            paths = [folder / WEIGHTS]
        elif (folder / INDEX).exists():
            paths = [folder / name for name in sorted(set(read_json(folder / INDEX)["weight_map"].values()))]
        else:
            raise WeftError(f"{folder} holds no {WEIGHTS}; give a model folder in Hugging Face format")
        self.home = {}
        for path in paths:
            handle = _opened(path, files)
            self.home |= dict.fromkeys(handle.keys(), handle)

    def shapes(self) -> dict[str, tuple]:
        slices = {name: handle.get_slice(name) for name, handle in self.home.items()}
        return {name: (tuple(s.get_shape()), "F" in s.get_dtype()) for name, s in slices.items()}

    def __getitem__(self, name: str) -> Tensor:
        return self.home[name].get_tensor(name)


def _opened(path: Path, files: ExitStack):
    try:
        return files.enter_context(safe_open(path, "pt"))
    except (OSError, SafetensorError) as error:
        raise WeftError(f"cannot read the weights in {path}: {error}; copy the model again") from None


def _blend(name: str, base: Tensor, tuned: Tensor, alpha: float, *importance: Tensor) -> Tensor:
    if not 0 <= alpha <= 1:
        raise WeftError(f"alpha is {alpha}; it must lie between 0 (the base) and 1 (the tuned model)")
    if not base.is_floating_point():
        if not torch.equal(base, tuned):
            raise WeftError(f"the buffer {name} differs between base and tuned model: they do not belong together")
        return base.clone()
    if alpha in (0, 1):  # bit by bit: 0 * x + y would lose a minus zero
        return (tuned if alpha else base).to(torch.float32, copy=True)
    if not importance:
        return torch.lerp(base.float(), tuned.float(), alpha)
    ours, theirs = (share * (each + DAMPING) for share, each in zip((alpha, 1 - alpha), importance[::-1], strict=True))
    return torch.lerp(base.float(), tuned.float(), ours / (ours + theirs))


def matching(base: dict[str, tuple], tuned: dict[str, tuple], where_base: Path, where_tuned: Path) -> list[str]:
    """The names to interpolate, in order. Integer buffers that one side lacks are derived ones and left out
    (older files of CLIP store position ids, newer ones do not)."""
    both = base.keys() & tuned.keys()
    single = sorted((base.keys() ^ tuned.keys()), key=str)
    only = [
        f"{name} (only in the {'base' if name in base else 'tuned model'})"
        for name in single
        if (base.get(name) or tuned[name])[1]
    ]
    shaped = [
        f"{name} ({_form(base[name])} against {_form(tuned[name])})"
        for name in sorted(both)
        if base[name] != tuned[name]
    ]
    if not only and not shaped:
        return sorted(both)
    parts = [f"{len(only)} tensors are in one of them alone"] * bool(only)
    parts += [f"{len(shaped)} differ in shape or kind of number"] * bool(shaped)
    raise WeftError(
        f"{where_base} and {where_tuned} cannot be interpolated: {', '.join(parts)}: "
        f"{'; '.join((shaped + only)[:5])}{_configs(where_base, where_tuned)}. "
        "The tuned model must have been trained from this very base"
    )


def _form(item: tuple) -> str:
    shape, floating = item
    return f"{'x'.join(map(str, shape)) or 'scalar'}{'' if floating else ' integer'}"


def _configs(base: Path, tuned: Path) -> str:
    """What differs between the two config.json, for the error message."""
    if not all((folder / "config.json").exists() for folder in (base, tuned)):
        return ""
    first, second = (dict(_flat(read_json(folder / "config.json"))) for folder in (base, tuned))
    silent = ("dtype", "torch_dtype", "transformers_version", "_name_or_path")
    keys = [key for key in first.keys() & second.keys() if first[key] != second[key]]
    told = [f"{key} {first[key]} against {second[key]}" for key in sorted(keys) if key.rpartition(".")[2] not in silent]
    return f". Their config.json differ: {', '.join(told[:5])}" if told else ""


def _flat(config: dict, prefix: str = "") -> Iterable[tuple[str, object]]:
    for key, value in config.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value
