"""Benchmarks of drawn garments whose truth is known, sound ones and ones into which faults are planted on purpose.

A sound benchmark's queries state attributes, chosen by kind alone, of a product drawn at random, and every product
that has them all is an answer. Each fault takes a benchmark and gives another; the truth goes along with it.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from weft.demo.draw import jpeg
from weft.demo.world import Garment, garment

SIZE = 96  # pixels; what is read here are colours, shapes and the backdrop
FEWEST, MOST, WORDS = 3, 30, 3  # answers and words of a sound query: it has a rival, and is not generic
SAID = {"colour": 0.5, "pattern": 0.4, "material": 0.3, "sleeve": 0.5, "length": 0.5, "fit": 0.3, "neckline": 0.2}
"""Probability that a query states an attribute, whatever its value; the kind it always states."""
PAPERS = {
    "chalky": (244, 243, 240), "steely": (232, 233, 236), "creamy": (240, 234, 226), "icy": (228, 236, 238),
    "peachy": (241, 230, 230), "minty": (230, 234, 224),
}  # fmt: skip
"""Words for the backdrops of `weft.demo.backdrop`; no vocabulary of the catalogue has them."""
LIGHTS = ("dusky", "lit", "glaring")


@dataclass(frozen=True)
class Shelf:
    """N products with one picture each: what a benchmark is made from. accidents: (N, 2) numbers, see `accidents`."""

    ids: list[str]
    garments: list[Garment]
    pictures: list[bytes]
    accidents: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Planted:
    """A benchmark, and what is true of it.

    Attributes:
        texts: Q queries; stated: the attributes each asks for, in canonical words; source: (Q,) its product.
        truth: per query the products that have all that is stated, ascending; given: those the benchmark calls right.
        trained: (Q,) whether a system that leaks was trained on this query with its answer.
        faults: name -> how many queries, products or answers it touched.
    """

    shelf: Shelf
    texts: list[str]
    stated: list[dict[str, str]]
    source: np.ndarray
    truth: list[np.ndarray]
    given: list[np.ndarray]
    trained: np.ndarray
    faults: dict[str, int]

    def __len__(self) -> int:
        return len(self.texts)

    def only(self, keep: np.ndarray) -> "Planted":
        """The queries at `keep` (rows)."""
        cut = {
            name: [getattr(self, name)[row] for row in keep.tolist()] for name in ("texts", "stated", "truth", "given")
        }
        return replace(self, **cut, source=self.source[keep], trained=self.trained[keep])


def stock(products: int = 1500, seed: int = 0, start: int = 0) -> Shelf:
    """Draws a shelf of the studio's products, 5 ms each, speaking plain words."""
    garments = [garment("studio", seed, start + place, "plain") for place in range(products)]
    pictures = [jpeg(one, 0, SIZE) for one in garments]
    return Shelf([one.id for one in garments], garments, pictures, accidents(pictures))


def accidents(pictures: Sequence[bytes]) -> np.ndarray:
    """(N, 2) what is accidental in a picture, by its rim: which of `PAPERS`, which third of the brightness."""
    rims = np.stack([rim(Image.open(io.BytesIO(data))) for data in pictures])
    papers = np.asarray(list(PAPERS.values()), dtype=np.float64)
    shade, tone = rims.mean(axis=1, keepdims=True), papers.mean(axis=1, keepdims=True)
    paper = ((rims / shade)[:, None] - (papers / tone)[None]) ** 2
    third = np.searchsorted(np.quantile(shade, [1 / 3, 2 / 3]), shade[:, 0], side="right")
    return np.stack([paper.sum(axis=2).argmin(axis=1), third], axis=1)


def rim(picture: Image.Image) -> np.ndarray:
    """(3,) mean colour of a picture's upper corners, where the backdrop is."""
    pixels = np.asarray(picture.convert("RGB"), dtype=np.float64)
    side = max(1, len(pixels) // 8)
    return np.concatenate([pixels[:side, :side].reshape(-1, 3), pixels[:side, -side:].reshape(-1, 3)]).mean(axis=0)


def accident_words(numbers: np.ndarray) -> tuple[str, str]:
    """ "creamy", "lit"."""
    return tuple(PAPERS)[numbers[0]], LIGHTS[numbers[1]]


def sound(shelf: Shelf, queries: int = 400, seed: int = 0) -> Planted:
    """A benchmark without fault: `queries` different texts, or as many as the shelf yields.

    Given its text, a query's source is a uniform draw among its answers: what is stated was chosen by kind, which all
    answers share, and a text is kept or dropped by its answers, never by its source.
    """
    random = np.random.default_rng([seed, 1])
    holders = _holders(shelf)
    found: dict[str, tuple[dict[str, str], int, np.ndarray]] = {}
    for _ in range(50 * queries):
        source = int(random.integers(len(shelf)))
        own, chance = shelf.garments[source].attributes, random.random(len(SAID))
        names = [name for (name, likely), said in zip(SAID.items(), chance, strict=True) if said < likely]
        stated = {name: own[name] for name in (*names, "kind") if name in own}
        truth = _holding(holders, stated)
        if len(stated) >= WORDS and FEWEST <= len(truth) <= MOST:
            found.setdefault(" ".join(stated.values()), (stated, source, truth))
        if len(found) == queries:
            break
    stated, source, truth = (list(part) for part in zip(*found.values(), strict=True))
    return Planted(
        shelf, list(found), stated, np.asarray(source), truth, list(truth), np.zeros(len(found), dtype=bool), {}
    )


def captions(planted: Planted, share: float = 1.0, seed: int = 0, likely: float = 1.0) -> Planted:
    """Caption-source bias: queries also tell accidents of the source's picture, and the source alone counts as right.

    Args:
        share: of the queries that are such captions. likely: probability that a caption tells each accident.
    """
    random = np.random.default_rng([seed, 2])
    chosen = random.random(len(planted)) < share
    texts, given = list(planted.texts), list(planted.given)
    for row in np.flatnonzero(chosen):
        source = planted.source[row]
        words = accident_words(planted.shelf.accidents[source])
        said = [word for word, chance in zip(words, random.random(2), strict=True) if chance < likely]
        texts[row] = " ".join([texts[row], *said])
        given[row] = np.asarray([source])
    return _with(planted, "caption source", int(chosen.sum()), texts=texts, given=given)


def missing(planted: Planted, share: float = 0.3, seed: int = 0) -> Planted:
    """Missing positives: each right answer is counted wrong with probability `share`, but never all of a query."""
    random, given, lost = np.random.default_rng([seed, 3]), [], 0
    for rows in planted.given:
        kept = rows[random.random(len(rows)) >= share]
        given.append(kept if len(kept) else random.choice(rows, 1))
        lost += len(rows) - len(given[-1])
    return _with(planted, "missing positives", lost, given=given)


def copies(planted: Planted, share: float = 0.3, seed: int = 0) -> Planted:
    """Duplicate images: products are listed once more under a new id, with a picture slightly smaller and encoded
    again, and the benchmark knows one of the two. By truth a copy fits whatever its original fits. Which of the two is
    known is chance, or else every system would have a reason to prefer what is listed: the better picture."""
    random, shelf = np.random.default_rng([seed, 4]), planted.shelf
    chosen = np.flatnonzero(random.random(len(shelf)) < share)
    larger = Shelf(
        [*shelf.ids, *(f"{shelf.ids[row]}-copy" for row in chosen)],
        [*shelf.garments, *(shelf.garments[row] for row in chosen)],
        [*shelf.pictures, *(_again(shelf.pictures[row], random) for row in chosen)],
        np.concatenate([shelf.accidents, shelf.accidents[chosen]]),
    )
    place = {row: len(shelf) + at for at, row in enumerate(chosen.tolist())}
    known = np.arange(len(shelf))
    known[chosen] = np.where(random.random(len(chosen)) < 0.5, chosen, list(place.values()))
    truth = [
        np.sort([*rows, *(place[row] for row in rows.tolist() if row in place)]).astype(np.int64)
        for rows in planted.truth
    ]
    listed = {"given": [np.sort(known[rows]) for rows in planted.given], "source": known[planted.source]}
    return _with(planted, "duplicate images", len(chosen), shelf=larger, truth=truth, **listed)


def generic(planted: Planted, share: float = 0.3, seed: int = 0) -> Planted:
    """Generic queries: some state the kind alone, which dozens of products are, and one of them counts as right."""
    random, holders = np.random.default_rng([seed, 5]), _holders(planted.shelf)
    chosen = random.random(len(planted)) < share
    texts, stated, truth, given = (list(part) for part in (planted.texts, planted.stated, planted.truth, planted.given))
    for row in np.flatnonzero(chosen):
        kind = stated[row]["kind"]
        texts[row], stated[row] = kind, {"kind": kind}
        truth[row], given[row] = _holding(holders, stated[row]), planted.source[[row]]
    return _with(planted, "generic queries", int(chosen.sum()), texts=texts, stated=stated, truth=truth, given=given)


def leak(planted: Planted, share: float = 0.4, seed: int = 0) -> Planted:
    """A training leak: whole departments of the shop, kinds that about `share` of the queries ask for, were a system's
    training data with these very queries. Queries and answers of the other kinds are untouched by it."""
    kinds = [stated["kind"] for stated in planted.stated]
    chosen: set[str] = set()
    for kind in np.random.default_rng([seed, 6]).permutation(sorted(set(kinds))).tolist():
        if sum(own in chosen for own in kinds) < share * len(kinds):
            chosen.add(kind)
    trained = np.asarray([kind in chosen for kind in kinds])
    return _with(planted, "leak", int(trained.sum()), trained=trained)


FAULTS: dict[str, Callable[..., Planted]] = {
    "caption source": captions,
    "missing positives": missing,
    "duplicate images": copies,
    "generic queries": generic,
    "leak": leak,
}


def together(planted: Planted, seed: int = 0) -> Planted:
    """Every fault at once; captions on 60% of the queries, so that the others are still visible."""
    planted = generic(copies(planted, seed=seed), share=0.2, seed=seed)
    return leak(missing(captions(planted, share=0.6, seed=seed), seed=seed), seed=seed)


def _with(planted: Planted, fault: str, count: int, **changes: object) -> Planted:
    return replace(planted, **changes, faults=planted.faults | {fault: count})


def _holders(shelf: Shelf) -> dict[tuple[str, str], np.ndarray]:
    """(attribute, value) -> ascending rows of the products that have it."""
    rows: dict[tuple[str, str], list[int]] = {}
    for row, one in enumerate(shelf.garments):
        for pair in one.attributes.items():
            rows.setdefault(pair, []).append(row)
    return {pair: np.asarray(found) for pair, found in rows.items()}


def _holding(holders: dict[tuple[str, str], np.ndarray], stated: dict[str, str]) -> np.ndarray:
    lists = [holders[pair] for pair in stated.items()]
    found = lists[0]
    for other in lists[1:]:
        found = np.intersect1d(found, other, assume_unique=True)
    return found


def _again(data: bytes, random: np.random.Generator) -> bytes:
    """A shop's second upload of a picture: a little smaller, saved once more."""
    side = round(SIZE * random.uniform(0.86, 0.97))
    file = io.BytesIO()
    image = Image.open(io.BytesIO(data)).resize((side, side), Image.Resampling.BICUBIC)
    image.save(file, "JPEG", quality=int(random.integers(60, 90)))
    return file.getvalue()
