"""Keeps out of training whatever a named benchmark contains: the same product, file, picture or words.

Evaluation can only count what a model has already seen (`weft.seen`); curation can keep it from being seen. A
picture's copy is found though it was resized, re-encoded, cropped by a few percent or mirrored, and whatever its
caption says now (`weft.catalogue.copies`).
"""

import functools
import heapq
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from weft.artefact import key_of
from weft.benchmarks import open_benchmark
from weft.benchmarks.record import Benchmark, Pictures, Retrieval, Side
from weft.catalogue import copies
from weft.catalogue.images import ImageError, decode
from weft.errors import WeftError
from weft.files import save_array
from weft.held import Held
from weft.pairs.queries import normal
from weft.progress import progress
from weft.schema import Product

WORDS, SHINGLE, ALIKE = 8, 3, 0.8
"""Texts of at least `WORDS` words are near-identical if the sets of their runs of `SHINGLE` words overlap by `ALIKE`
(Jaccard; Broder 1997, "On the resemblance and containment of documents"). Shorter ones are shared by many products.
A character of a script without spaces counts as half a word."""
SPACELESS = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"  # Thai, kana, Han
COMMON = 100  # texts that share a run of words beyond which it tells none of them apart
SAME_THING = 0.7  # structure of two pictures that, with one id, are one product
BATCH = 2048


@dataclass(frozen=True)
class Leak:
    """A product that a benchmark contains, there called `item`; how it was seen: "id", "file", "picture" or "text"."""

    row: int
    benchmark: str
    how: str
    item: str

    @property
    def reason(self) -> str:
        told = {"id": "the same id and title or look", "file": "the same file", "picture": "a copy of its picture"}
        return f"in {self.benchmark} as {self.item} ({told.get(self.how, 'nearly its words')})"


def find(
    known: Sequence["Known | Held"], products: Sequence[Product], owner: np.ndarray, hashes: Sequence[str],
    image: Callable[[int], bytes], looks: np.ndarray | None = None,
) -> list[Leak]:  # fmt: skip
    """Every product that one of the benchmarks contains, once, by the first sign found.

    Args:
        owner: (images,) row of the product that each picture shows; hashes: their SHA-256; image: picture -> bytes;
            looks: (images, 32) how they look (`weft.catalogue.duplicates`), which `Held` asks for.
    """
    found: dict[int, Leak] = {}
    for one in known:
        for row, how, item in one.signs(products, owner, hashes, image, looks):
            found.setdefault(row, Leak(row, one.name, how, item))
    return [found[row] for row in sorted(found)]


class Known:
    """All things of a benchmark, corpus and queries: ids with titles, files, words, and pictures as copies may look.

    Args:
        spec: a benchmark as `weft evaluate --on` takes it. cache: folder for what is found out about its pictures.

    Raises:
        WeftError: it cannot be opened.
    """

    def __init__(self, spec: str, cache: Path | None = None):
        benchmark = open_benchmark(spec, cache)
        self.name = benchmark.name
        self.titles: dict[str, str] = {}  # id -> normalised title, of things (queries' ids are numbers of lines)
        self.pictures: list[tuple[Pictures, int]] = []
        self.files: dict[str, str] = {}  # SHA-256 -> id
        self.names: list[str] = []  # picture -> id
        texts: dict[str, str] = {}
        for side, things in _sides(benchmark):
            for place, name in enumerate(side.ids):
                words = [every[place] for every in (side.titles, side.texts) if every is not None and every[place]]
                texts |= dict.fromkeys(map(normal, words), name)
                if things:
                    self.titles.setdefault(name, normal(words[0]) if words else "")
            if side.pictures is not None:
                rows = np.arange(len(side)) if side.rows is None else side.rows
                owner = np.arange(len(rows)) if side.owner is None else side.owner
                for row, thing in zip(rows.tolist(), owner.tolist(), strict=True):
                    self._picture(side.pictures, row, side.ids[thing])
        self.first = dict(reversed([(name, place) for place, name in enumerate(self.names)]))
        self.words = _Words(texts)
        self.square = functools.lru_cache(4096)(self._square)
        self.views = self._views(cache)

    def _picture(self, pictures: Pictures, row: int, name: str) -> None:
        digest = pictures.image_hashes[row]
        if digest and digest not in self.files:
            self.files[digest] = name
            self.pictures.append((pictures, row))
            self.names.append(name)

    def _square(self, place: int) -> np.ndarray:
        pictures, row = self.pictures[place]
        try:
            return copies.square(decode(pictures.image(row)))
        except (ImageError, WeftError):
            return np.zeros((copies.SIDE, copies.SIDE, 3), np.uint8)  # flat: like nothing

    def _views(self, cache: Path | None) -> np.ndarray:
        path = cache / f"views-{key_of([sorted(self.files), copies.CROPS, copies.CELLS])}.npy" if cache else None
        if path and path.exists():
            return np.load(path, mmap_mode="r")
        starts = range(0, len(self.names), BATCH)
        parts = [
            copies.views(np.stack([self._square(place) for place in range(start, min(start + BATCH, len(self.names)))]))
            for start in progress(starts, "looking at a benchmark's pictures", unit="batch")
        ]
        views = np.concatenate(parts, axis=1) if parts else np.empty((1, 0, 1), np.float32)
        if path:
            save_array(path, views)
        return views

    def signs(self, products: Sequence[Product], owner: np.ndarray, hashes: Sequence[str], image: Callable, looks=None):
        """Yields (row, how, the benchmark's id)."""
        for picture, digest in enumerate(hashes):
            if digest in self.files:
                yield int(owner[picture]), "file", self.files[digest]
        for row, product in enumerate(products):
            for text in (product.title, product.description, *product.texts.values()):
                if name := self.words.alike(text):
                    yield row, "text", name
        shown = dict(reversed([(int(row), picture) for picture, row in enumerate(owner)]))
        for row, product in enumerate(products):
            if product.id in self.titles and self._same(product, shown.get(row), image):
                yield row, "id", product.id
        for start in progress(
            range(0, len(hashes), BATCH), "looking for copies of a benchmark's pictures", unit="batch"
        ):
            squares = [_read(image, picture) for picture in range(start, min(start + BATCH, len(hashes)))]
            outlines = copies.outlines(np.stack(squares))
            for place, other, _, _ in copies.find(outlines, self.views, squares.__getitem__, self.square):
                yield int(owner[start + place]), "picture", self.names[other]

    def _same(self, product: Product, picture: int | None, image: Callable) -> bool:
        """Whether one id means one thing: ids of two catalogues may be equal by chance, row numbers are."""
        title = normal(product.title)
        if title and title == self.titles[product.id]:
            return True
        if picture is None or product.id not in self.first:
            return False
        pair = (_read(image, picture)[None], self.square(self.first[product.id])[None])
        return bool(copies.compare(*pair)[0][0] >= SAME_THING)


class _Words:
    """Longer texts by their runs of words."""

    def __init__(self, texts: dict[str, str]):
        self.whole = {text: name for text, name in texts.items() if _runs(text)}
        self.texts = [(name, _runs(text)) for text, name in self.whole.items()]
        self.holding: dict[str, list[int]] = {}
        for place, (_, runs) in enumerate(self.texts):
            for run in runs:
                self.holding.setdefault(run, []).append(place)

    def alike(self, text: str) -> str | None:
        """The id of this text, or of one that is nearly it."""
        if name := self.whole.get(normal(text)):
            return name
        runs = _runs(text)
        shared = Counter(
            place for run in runs if len(held := self.holding.get(run, ())) <= COMMON for place in held
        )  # fmt: skip
        nearest = heapq.nlargest(5, shared, key=lambda p: shared[p] / (len(runs) + len(self.texts[p][1]) - shared[p]))
        for place in nearest:  # longest overlap alone would be that of the longest texts
            name, other = self.texts[place]
            if len(runs & other) >= ALIKE * len(runs | other):
                return name
        return None


def _runs(text: str) -> set[str]:
    words = re.findall(rf"[{SPACELESS}]|[^\W{SPACELESS}]+", text.lower())
    if len(words) - sum(bool(re.match(f"[{SPACELESS}]", word)) for word in words) / 2 < WORDS:
        return set()
    return {" ".join(words[place : place + SHINGLE]) for place in range(len(words) - SHINGLE + 1)}


def _sides(benchmark: Benchmark) -> list[tuple[Side, bool]]:
    """Every side once, and whether it holds things rather than queries."""
    sides: dict[int, tuple[Side, bool]] = {}
    for task in benchmark.tasks:
        both = ((task.corpus, True), (task.queries, False)) if isinstance(task, Retrieval) else ((task.items, True),)
        sides |= {id(side): (side, things) for side, things in both}
    return list(sides.values())


def _read(image: Callable[[int], bytes], picture: int) -> np.ndarray:
    return copies.square(decode(image(picture), verified=True))
