"""Five real encoders of known make for the proof: the shipped base, and probes that read attributes off pictures.

A probe is a ridge regression from features of a picture to attributes, fitted on drawn products that no benchmark of
the proof contains; it never sees the truth of what it ranks. Its picture vector holds, for each value, how likely it
is; its text vector says which values the words name. All of them go through `weft.embed` as any other encoder does.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from weft.artefact import key_of
from weft.benchmarks.pictures import Encoded
from weft.catalogue.images import decode
from weft.demo.faults import LIGHTS, PAPERS, Shelf, accident_words
from weft.demo.vocabulary import VALUES
from weft.encoders import load
from weft.encoders.python import Python

ACCIDENTAL = (*PAPERS, *LIGHTS)
WORDS = (*(word for values in VALUES.values() for word in values), *ACCIDENTAL)
COLUMN = {word: place for place, word in enumerate(WORDS)}
LOOKS = ("embedding", "thumb", "outline")
RIDGE = 300.0
FLOOR = 0.02  # probabilities below it are not told apart
MEMORY = 64  # dimensions in which a leaking system keeps its training pairs
BINS = 8  # directions, and cells a side, of the gradients


def pictures_of(shelf: Shelf) -> Encoded:
    """A shelf's pictures as benchmarks hold them."""
    return Encoded(len(shelf), shelf.pictures.__getitem__, key_of(shelf.ids))


class Eyes:
    """Features of a picture by name, each computed once: "embedding" (128,) the shipped base's, "thumb" (192,) 8 x 8
    colours, "outline" (512,) where edges run and how strongly, "palette" (216,) the colours of the middle."""

    def __init__(self) -> None:
        self.base = load("demo")
        self._kept: dict[bytes, dict[str, np.ndarray]] = {}
        self._learnt: dict[tuple, tuple[np.ndarray, ...]] = {}

    def learn(self, shelf: Shelf, products: int, names: Sequence[str]) -> tuple[np.ndarray, ...]:
        """What a ridge regression from these features makes of the first products of a shelf; done once."""
        key = (shelf.ids[0], products, *names)
        if key not in self._learnt:
            part = [decode(data, verified=True) for data in shelf.pictures[:products]]
            self._learnt[key] = _ridge(self.see(part, names), _said(shelf)[:products])
        return self._learnt[key]

    def see(self, images: Sequence[Image.Image], names: Sequence[str]) -> np.ndarray:
        """(B, F) the named features side by side."""
        import torch

        keys = [_digest(image) for image in images]
        new = {key: image for key, image in zip(keys, images, strict=True) if key not in self._kept}
        for key, image in new.items():
            self._kept[key] = {"thumb": _thumb(image), "outline": _outline(image), "palette": _palette(image)}
        if new:
            with torch.inference_mode():
                found = self.base.image_features(self.base.pixels(list(new.values()))).float().cpu().numpy()
            for key, vector in zip(new, found, strict=True):
                self._kept[key]["embedding"] = vector / np.linalg.norm(vector)
        return np.stack([np.concatenate([self._kept[key][name] for name in names]) for key in keys])


@dataclass(frozen=True)
class Probe:
    """An encoder that reads attributes, and accidents of the photograph with a weight.

    Attributes:
        features: what it looks at, see `Eyes`; shelf: what it learns from, the first `products` of it.
        accidents: weight of a word about the photograph beside a word about the product.
        trained: (text, picture) pairs that it has learnt by heart.
    """

    name: str
    eyes: Eyes
    shelf: Shelf
    features: tuple[str, ...]
    products: int = 1500
    accidents: float = 0.0
    trained: tuple[tuple[str, bytes], ...] = ()

    def fingerprint(self) -> str:
        seen = hashlib.sha256(b"".join(text.encode() + data for text, data in self.trained)).hexdigest()
        learnt = hashlib.sha256(b"".join(self.shelf.pictures[: self.products])).hexdigest()
        base = self.eyes.base.fingerprint()
        return key_of([self.name, self.features, self.products, self.accidents, seen, learnt, base, RIDGE, FLOOR])

    def probabilities(self, images: Sequence[Image.Image]) -> np.ndarray:
        """(B, W) how likely each of `WORDS` is said of each picture."""
        middle, scale, weights, mean = self.eyes.learn(self.shelf, self.products, self.features)
        return (self.eyes.see(images, self.features) - middle) / scale @ weights + mean

    def embed_images(self, images: list[Image.Image]) -> np.ndarray:
        likely = np.log(np.clip(self.probabilities(images), FLOOR, 1.0) / FLOOR)
        if not self.trained:
            return likely
        known: dict[bytes, np.ndarray] = {}
        for text, data in self.trained:
            key = _digest(decode(data, verified=True))
            known[key] = known.get(key, 0) + _memory(text)
        kept = [known.get(_digest(image), np.zeros(MEMORY)) for image in images]
        return np.hstack([likely, 8 * np.stack(kept)])

    def embed_texts(self, texts: list[str]) -> np.ndarray:
        out = np.zeros((len(texts), len(WORDS)))
        for row, text in enumerate(texts):
            for word in text.split():
                if word in COLUMN:
                    out[row, COLUMN[word]] = self.accidents if word in ACCIDENTAL else 1.0
        if not self.trained:
            return out
        known = {text for text, _ in self.trained}
        kept = [_memory(text) if text in known else np.zeros(MEMORY) for text in texts]
        return np.hstack([out, np.stack(kept)])


def five(eyes: Eyes, shelf: Shelf, trained: tuple[tuple[str, bytes], ...] = ()) -> dict[str, Python | object]:
    """The systems, name -> encoder, best first by truth as they were made to be.

    "photographer" is "reader" after three quarters of the lessons and with an eye for accidents: what a contrastive
    encoder becomes on captions of single pictures, where telling the picture from others of its kind is rewarded. Where
    no accident is told, it is nearly as good. "novice" had an eighth of the lessons, "probe" sees only what the base's
    embedding holds, "base" knows no word of photography. `trained` is what "probe" has learnt by heart.
    """
    made = [
        Probe("reader", eyes, shelf, LOOKS),
        Probe("photographer", eyes, shelf, LOOKS, products=3 * len(shelf) // 4, accidents=0.5),
        Probe("novice", eyes, shelf, LOOKS, products=len(shelf) // 8),
        Probe("probe", eyes, shelf, ("embedding",), trained=trained),
    ]
    return {one.name: Python(one, one.name) for one in made} | {"base": eyes.base}


def _said(shelf: Shelf) -> np.ndarray:
    """(N, W) 1 where a word holds of a product or its picture."""
    out = np.zeros((len(shelf), len(WORDS)))
    for row, (one, numbers) in enumerate(zip(shelf.garments, shelf.accidents, strict=True)):
        for word in (*one.attributes.values(), *accident_words(numbers)):
            if word in COLUMN:
                out[row, COLUMN[word]] = 1.0
    return out


def _ridge(seen: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, ...]:
    middle, scale, mean = seen.mean(axis=0), seen.std(axis=0) + 1e-6, wanted.mean(axis=0)
    z = (seen - middle) / scale
    return middle, scale, np.linalg.solve(z.T @ z + RIDGE * np.eye(z.shape[1]), z.T @ (wanted - mean)), mean


def _memory(text: str) -> np.ndarray:
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
    return np.random.default_rng(seed).choice([-1.0, 1.0], MEMORY) / np.sqrt(MEMORY)


def _digest(image: Image.Image) -> bytes:
    return hashlib.blake2b(image.tobytes(), digest_size=16).digest()


def _thumb(image: Image.Image) -> np.ndarray:
    return np.asarray(image.resize((8, 8), Image.Resampling.BOX), dtype=np.float64).ravel() / 255


def _outline(image: Image.Image) -> np.ndarray:
    """Histograms of oriented gradients (Dalal & Triggs, CVPR 2005) in 8 x 8 cells, without their blocks."""
    grey = np.asarray(image.convert("L").resize((96, 96)), dtype=np.float64) / 255
    down, right = np.gradient(grey)
    direction = np.minimum((np.arctan2(down, right) % np.pi) / np.pi * BINS, BINS - 1).astype(int)
    cell = np.arange(96) * BINS // 96
    place = (cell[:, None] * BINS + cell[None, :]) * BINS + direction
    return np.sqrt(np.bincount(place.ravel(), np.hypot(down, right).ravel(), BINS**3))


def _palette(image: Image.Image) -> np.ndarray:
    """Shares of 6 x 6 x 6 colours in the middle of the picture."""
    width, height = image.size
    middle = image.crop((width // 4, height // 4, 3 * width // 4, 3 * height // 4))
    level = np.asarray(middle, dtype=np.int64).reshape(-1, 3) * 6 // 256
    return np.sqrt(np.bincount(level @ [36, 6, 1], minlength=216) / len(level))
