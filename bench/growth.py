"""What the parts of a stage take in one process, and a table of how they grow with the catalogue."""

import math
import re
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

LIMIT, SLOPE = 4.0, 1.1  # GB at a million products; of log seconds over log products


class Meter:
    """What the parts of a stage take in this process."""

    def __init__(self, side: int):
        self.side = side  # pixels of a drawn picture
        self.rows: list[dict] = []
        self._replaced: list[tuple[object, str, Callable]] = []

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Seconds on the wall and of processors; the peak of all resident memory, and of what is not a mapped file."""
        _forget_peak()
        wall, busy, own, done = time.perf_counter(), time.process_time(), [_status("RssAnon")], Event()

        def watch() -> None:
            while not done.wait(0.02):
                own[0] = max(own[0], _status("RssAnon"))

        watcher = Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()
        told = {"part": name, "wall": time.perf_counter() - wall, "cpu": time.process_time() - busy}
        self.rows.append(told | {"peak": _peak(), "own": max(own[0], _status("RssAnon"))})

    def around(self, owner: object, **parts: str) -> None:
        """Measures methods of a class wherever they are called, until `restore`: method=part."""
        for method, name in parts.items():
            self._replaced.append((owner, method, getattr(owner, method)))
            setattr(owner, method, self._measured(getattr(owner, method), name))

    def restore(self) -> None:
        """What `around` replaced is as it was."""
        while self._replaced:
            setattr(*self._replaced.pop())

    def _measured(self, work: Callable, name: str) -> Callable:
        def measured(*arguments: object, **named: object) -> object:
            with self.part(name):
                return work(*arguments, **named)

        return measured


def _status(name: str) -> float:
    """GB, of a line of /proc/self/status; 0 where there is no such file."""
    try:
        found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    except OSError:
        return 0.0
    return int(found[1]) / 2**20 if found else 0.0


def _forget_peak() -> None:
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # VmHWM starts again at what is resident now


def _peak() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**30 if sys.platform == "darwin" else 2**20)
    return _status("VmHWM") or used


def table(rows: list[dict]) -> str:
    """A Markdown table: a row a part; at each size products per second of processor time and the peak memory that is no
    mapped file; then the slope, and where no million was measured what it would take."""
    sizes = sorted({row["size"] for row in rows})
    heads = " | ".join(f"{size:,}: products/s | s | GB" for size in sizes)
    line = () if 1_000_000 in sizes else ("GB at 1M",)  # a straight line's is told where none was measured
    lines = [f"| {' | '.join(('part', heads, 'slope', *line))} |", "|---|" + "---:|" * (3 * len(sizes) + 1 + len(line))]
    for part in dict.fromkeys(row["part"] for row in rows):
        own = {row["size"]: row for row in rows if row["part"] == part}
        cells = []
        for row in map(own.get, sizes):
            cells += _cells(row) if row else [""] * 3
        cells += [_slope(own), *(_at_a_million(own) for _ in line)]
        lines.append(f"| {part} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cells(row: dict) -> list[str]:
    memory = f"{row['own']:.2f}{'*' * (row['own'] > LIMIT)}"
    return [f"{row['size'] / max(row['cpu'], 1e-9):,.0f}", f"{row['cpu']:,.1f}", memory]


def _slope(own: dict[int, dict]) -> str:
    """Of log seconds of processors over log products, between the two largest sizes; nothing can be told of less than
    half a second. A star where it is above the limit."""
    last = sorted(size for size, row in own.items() if row["cpu"] >= 0.5)[-2:]
    if len(last) < 2:
        return ""
    first, second = last
    slope = math.log(own[second]["cpu"] / own[first]["cpu"]) / math.log(second / first)
    return f"{slope:.2f}{'*' * (slope > SLOPE)}"


def _at_a_million(own: dict[int, dict]) -> str:
    """Memory by the straight line through the two largest sizes. A star where it is above the limit."""
    last = sorted(own)[-2:]
    if len(last) < 2:
        return ""
    low, high = (own[size]["own"] for size in last)
    found = high + max(0.0, (high - low) / (last[1] - last[0])) * (1_000_000 - last[1])
    return f"{found:.1f}{'*' * (found > LIMIT)}"
