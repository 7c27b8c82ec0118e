"""Merges models that were trained from one base: their average, or Model Stock's point between it and the base."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import combinations
from pathlib import Path

import torch
from torch import Tensor

from weft.errors import WeftError
from weft.progress import progress
from weft.weights import Folder, matching, save_folder

CHUNK = 1 << 20
"""Numbers of each model that are in double precision at once."""


def average(folders: Sequence[Path], out: Path) -> None:
    """Writes the uniform soup of at least one model (Wortsman et al. 2022, arXiv 2203.05482), in float32.

    Files are mapped and read a tensor at a time: memory holds the result, one tensor of each and a double one.

    Raises:
        WeftError: names or shapes differ; integer buffers differ; weights are missing or damaged; the disk is full.
    """
    _merge(folders, folders[0], out, mean)


def model_stock(base: Path, folders: Sequence[Path], out: Path) -> dict[str, float]:
    """Writes Model Stock of at least two models, tensor by tensor, and returns each tensor's ratio; see `stock`.

    Memory holds the result, one tensor of each model and `CHUNK` of their numbers in double precision.

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
    total = tensors[0].to(torch.float64, copy=True)
    for tensor in tensors[1:]:
        total += tensor
    return total.div_(len(tensors)).float()


def stock(base: Tensor, tuned: Sequence[Tensor]) -> tuple[Tensor, float]:
    """t * mean + (1 - t) * base, with t = N c / (1 + (N - 1) c), and t itself.

    c is the mean cosine between the N models' differences from the base. Models fine-tuned by different seeds lie on
    a thin shell around a centre that is better than any of them; t leads from their mean to the foot of the
    perpendicular from the base (Jang et al. 2024, arXiv 2403.19522). A negative c counts as 0; where nothing
    moved, t is 1.
    """
    flat, count = [base.flatten(), *(tensor.flatten() for tensor in tuned)], len(tuned)
    merged = torch.empty(base.numel(), dtype=torch.float32)
    products = torch.zeros(count, count, dtype=torch.float64)  # inner products of the differences
    for _, apart in _apart(flat):
        products += apart @ apart.T
    lengths = products.diagonal().sqrt()
    if not lengths.all():
        return mean("", tuned), 1.0
    cosines = [float(products[a, b] / (lengths[a] * lengths[b])) for a, b in combinations(range(count), 2)]
    c = max(0.0, sum(cosines) / len(cosines))
    ratio = count * c / (1 + (count - 1) * c)
    for start, apart in _apart(flat):
        part = slice(start, start + CHUNK)
        merged[part] = (flat[0][part].double() + ratio * apart.mean(0)).float()
    return merged.view_as(base), ratio


def _apart(flat: Sequence[Tensor]) -> Iterator[tuple[int, Tensor]]:
    """Chunk by chunk its start and the (N, chunk) differences of all tensors but the first from the first."""
    for start in range(0, flat[0].numel(), CHUNK):
        first, *others = (tensor[start : start + CHUNK].double() for tensor in flat)
        yield start, torch.stack(others) - first


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
