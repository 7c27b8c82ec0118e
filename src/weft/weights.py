"""Weights as numbers in files: interpolated between two models, and written whole or not at all.

WiSE-FT (Wortsman et al. 2022, arXiv 2109.01903): theta(alpha) = (1 - alpha) * base + alpha * tuned.
The stated policy: every floating-point tensor follows this rule in float32, logit scale and bias
included (the scale is stored as a logarithm, so its path is geometric); integer buffers, position
ids for instance, are not weights: both models must hold the same ones, and they are copied.
"""

import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from weft.artefact import disk_error, read_json, write_json
from weft.errors import WeftError
from weft.progress import progress

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"


def interpolate(base: Path, tuned: Path, alpha: float, out: Path) -> None:
    """Writes the model folder theta(alpha): one float32 safetensors file, and everything else as in `tuned`.

    The tensors of both folders (sharded or not) are mapped and read one at a time: memory holds the
    result and little more. alpha 0 and 1 give an end's weights bit by bit (16-bit ones exactly widened).

    Raises:
        WeftError: names, shapes or kinds of number differ; weights are missing or damaged; the disk is full.
    """
    base, tuned, out = Path(base), Path(tuned), Path(out)
    with ExitStack() as files:
        first, second = _Folder(base, files), _Folder(tuned, files)
        names = _matching(first.shapes(), second.shapes(), base, tuned)
        bar = progress(names, f"interpolating at {alpha:g}", unit="tensor")
        woven = {name: _blend(name, first[name], second[name], alpha) for name in bar}
    partial = out.with_name(out.name + ".partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for file in sorted(tuned.iterdir()):
            if file.is_file() and ".safetensors" not in file.name:
                shutil.copyfile(file, partial / file.name)
        write_json(partial / "config.json", read_json(tuned / "config.json") | {"dtype": "float32"})
        save_tensors(partial / WEIGHTS, woven, {"format": "pt"})
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
        _matching(_Folder(Path(base), files).shapes(), _Folder(Path(tuned), files).shapes(), Path(base), Path(tuned))


def interpolated_state(base: Mapping[str, Tensor], tuned: Mapping[str, Tensor], alpha: float) -> dict[str, Tensor]:
    """theta(alpha) of two state dicts in memory, by the same rule. Raises `WeftError` when they do not match."""
    shapes = [{name: (tuple(t.shape), t.is_floating_point()) for name, t in s.items()} for s in (base, tuned)]
    names = _matching(*shapes, "the base", "the tuned model")
    return {name: _blend(name, base[name], tuned[name], alpha) for name in names}


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


class _Folder:
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
            try:
                handle = files.enter_context(safe_open(path, "pt"))
            except (OSError, SafetensorError) as error:
                raise WeftError(f"cannot read the weights in {path}: {error}; copy the model again") from None
            self.home |= dict.fromkeys(handle.keys(), handle)

    def shapes(self) -> dict[str, tuple]:
        slices = {name: handle.get_slice(name) for name, handle in self.home.items()}
        return {name: (tuple(s.get_shape()), "F" in s.get_dtype()) for name, s in slices.items()}

    def __getitem__(self, name: str) -> Tensor:
        return self.home[name].get_tensor(name)


def _blend(name: str, base: Tensor, tuned: Tensor, alpha: float) -> Tensor:
    if not 0 <= alpha <= 1:
        raise WeftError(f"alpha is {alpha}; it must lie between 0 (the base) and 1 (the tuned model)")
    if not base.is_floating_point():
        if not torch.equal(base, tuned):
            raise WeftError(f"the buffer {name} differs between base and tuned model: they do not belong together")
        return base.clone()
    if alpha in (0, 1):  # bit by bit: 0 * x + y would lose a minus zero
        return (tuned if alpha else base).to(torch.float32, copy=True)
    return torch.lerp(base.float(), tuned.float(), alpha)


def _matching(base: dict[str, tuple], tuned: dict[str, tuple], where_base, where_tuned) -> list[str]:
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


def _configs(base, tuned) -> str:
    """What differs between the two config.json, for the error message."""
    if not all(isinstance(folder, Path) and (folder / "config.json").exists() for folder in (base, tuned)):
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
