"""Measures things in turns, so that whatever else a machine does falls on all of them alike, and prints ratios."""

import os
import platform
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch

from weft.catalogue.collection import Collection
from weft.catalogue.curate import curate
from weft.catalogue.sources.spec import SourceSpec
from weft.recipe import Curate, Recipe


def in_turns(work: Mapping[str, Callable[[], object]], rounds: int, warm: int = 1) -> dict[str, np.ndarray]:
    """Name -> (rounds, 2) seconds on the wall and of this process's processors. The order turns with each round."""
    names = list(work)
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for number in range(-warm, rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            wall, busy = time.perf_counter(), time.process_time()
            work[name]()
            finish()
            if number >= 0:
                taken[name].append((time.perf_counter() - wall, time.process_time() - busy))
    return {name: np.asarray(times) for name, times in taken.items()}


def finish() -> None:
    """Waits for a GPU, if there is one, to have done what it was given."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def median(times: np.ndarray) -> float:
    """Seconds on the wall."""
    return float(np.median(times[:, 0]))


def ratio(one: np.ndarray, other: np.ndarray, clock: int = 0) -> str:
    """The median over rounds of one / other, with the smallest and the largest; clock 0: the wall, 1: the processor."""
    shares = one[:, clock] / other[:, clock]
    return f"{np.median(shares):.3f} ({shares.min():.3f} to {shares.max():.3f})"


def table(rows: list[list[object]]) -> str:
    """Columns under their headings, the first row; the first column to the left, the others to the right."""
    text = [[str(cell) for cell in row] for row in rows]
    wide = [max(len(row[place]) for row in text) for place in range(len(text[0]))]
    lines = []
    for row in text:
        cells = [cell.rjust(width) for cell, width in zip(row, wide, strict=True)]
        lines.append("  ".join([row[0].ljust(wide[0]), *cells[1:]]).rstrip())
    return "\n".join(lines)


def machine() -> str:
    """The processor, the threads torch uses of it, how busy it is, and the GPU if there is one."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        cpu = next((line.partition(": ")[2] for line in info.read_text().splitlines() if "model name" in line), cpu)
    told = f"{cpu}, {os.cpu_count()} cores, {torch.get_num_threads()} threads used, torch {torch.__version__}"
    if hasattr(os, "getloadavg"):
        told += f", load {os.getloadavg()[0]:.1f}"
    if torch.cuda.is_available():
        told += f", {torch.cuda.get_device_name()}"
    return told


def matmul_rate(device: torch.device, dtype: torch.dtype, size: int, seconds: float = 1.0) -> float:
    """FLOP/s that square matrix products of this size reach here: the median of those done in about `seconds`."""
    one, other = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    rates, until = [], time.perf_counter() + seconds
    for number in range(1000):
        started = time.perf_counter()
        one @ other
        finish()
        if number > 2:  # the first ones choose kernels and wake the clock
            rates.append(2 * size**3 / (time.perf_counter() - started))
            if time.perf_counter() > until:
                break
    return float(np.median(rates))


def catalogue(folder: Path, products: int, side: int) -> Collection:
    """Drawn products with pictures of `side` pixels, curated without held-out splits."""
    sources = (SourceSpec(path=f"demo:studio?products={products}&size={side}"),)
    shares = Curate(zero_shot_share=0.0, dev_share=0.0, test_share=0.0, near_duplicates=False)
    folder.mkdir(parents=True, exist_ok=True)
    curate(Recipe(name="bench", base="new:siglip", sources=sources, curate=shares), folder)
    return Collection(folder)
