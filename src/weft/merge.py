"""Merges models that were trained from one base: their average, or Model Stock's point between it and the base."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import combinations
from pathlib import Path

import torch
from torch import Tensor

from weft.errors import WeftError
from weft.progress import progress
from weft.weights import Folder, matching, save_folder


def average(folders: Sequence[Path], out: Path) -> None:
    """Writes the uniform soup of at least one model (Wortsman et al. 2022, arXiv 2203.05482), in float32.

    Files are mapped and read a tensor at a time: memory holds the result and one tensor of each.

    Raises:
        WeftError: names or shapes differ; integer buffers differ; weights are missing or damaged; the disk is full.
    """
    _merge(folders, folders[0], out, mean)


def model_stock(base: Path, folders: Sequence[Path], out: Path) -> dict[str, float]:
    """Writes Model Stock of at least two models, tensor by tensor, and returns each tensor's ratio; see `stock`.

    Raises:
        WeftError: as `average`; also for a single model, whose angle to another is not defined.
    """
    if len(folders) < 2:
        raise WeftError("Model Stock reads the angle between models: name at least one more")
    ratios = {}

    def combine(name: str, tensors: list[Tensor]) -> Tensor:
        merged, ratios[name] = stock(tensors[0], tensors[1:])
        return merged

    _merge([base, *folders], folders[0], out, combine)
    return ratios


def mean(_: str, tensors: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(tensors)).double().mean(0).float()


def stock(base: Tensor, tuned: Sequence[Tensor]) -> tuple[Tensor, float]:
    """t * mean + (1 - t) * base, with t = N c / (1 + (N - 1) c), and t itself.

    c is the mean cosine between the N models' differences from the base. Models fine-tuned by different seeds lie on
    a thin shell around a centre that is better than any of them; t leads from their mean to the foot of the
    perpendicular from the base (Jang et al. 2024, arXiv 2403.19522). A negative c counts as 0; where nothing
    moved, t is 1.
    """
    apart = [(tensor.double() - base.double()).flatten() for tensor in tuned]
    if not all(difference.any() for difference in apart):
        return mean("", tuned), 1.0
    cosines = [float(torch.cosine_similarity(a, b, dim=0)) for a, b in combinations(apart, 2)]
    c, count = max(0.0, sum(cosines) / len(cosines)), len(tuned)
    ratio = count * c / (1 + (count - 1) * c)
    centre = torch.stack(apart).mean(0).view_as(base)
    return (base.double() + ratio * centre).float(), ratio


def _merge(folders: Sequence[Path], like: Path, out: Path, combine: Callable[[str, list[Tensor]], Tensor]) -> None:
    with ExitStack() as files:
        opened = [Folder(Path(folder), files) for folder in folders]
        shapes = [one.shapes() for one in opened]
        names = set(matching(shapes[0], shapes[0], folders[0], folders[0]))
        for other, folder in zip(shapes[1:], folders[1:], strict=True):
            names &= set(matching(shapes[0], other, folders[0], folder))
        merged = {}
        for name in progress(sorted(names), f"merging {len(folders)} models", unit="tensor"):
            tensors = [one[name] for one in opened]
            if tensors[0].is_floating_point():
                merged[name] = combine(name, tensors)
            elif all(torch.equal(tensors[0], tensor) for tensor in tensors):
                merged[name] = tensors[0].clone()
            else:
                raise WeftError(
                    f"the buffer {name} differs between {folders[0]} and another: they do not belong together"
                )
    save_folder(merged, Path(like), Path(out))
