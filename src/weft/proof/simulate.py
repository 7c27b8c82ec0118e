"""How often the source-bias test fires: on fair benchmarks, where it must not, and on biased ones by their strength."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from weft import stats
from weft.audit.preference import Fits, exact_test, fits, preferences
from weft.demo import faults
from weft.demo.faults import Shelf
from weft.progress import progress

LEVEL = 0.05
KINDS = 6  # values an accident takes in the score model
SIZES = (100, 400, 1600)  # queries of the benchmarks whose power is told
DRAWS = 399  # p is a multiple of 1/400, so that the level is exactly 5%


@dataclass(frozen=True)
class Model:
    """Synthetic scores: w if the item shows the accident that the caption tells, plus a standard normal.

    Attributes:
        queries: Q; rivals: fitting items beside the source.
        told: probability that a caption tells its source's accident, the strength of the bias.
        weights: (M,) how strongly each system reads accidents, in standard deviations of its other judgement.
    """

    queries: int = 200
    rivals: int = 5
    told: float = 0.0
    weights: tuple[float, ...] = (1.0,)

    def draw(self, random: np.random.Generator) -> tuple[Fits, np.ndarray]:
        """A benchmark: its fitting items, the source first, and their (P, M) scores."""
        size = self.rivals + 1
        accident = random.integers(KINDS, size=(self.queries, size))
        told = random.random(self.queries) < self.told
        shown = ((accident == accident[:, :1]) & told[:, None]).ravel()
        scores = random.standard_normal((self.queries * size, len(self.weights))) + np.outer(shown, self.weights)
        query = np.repeat(np.arange(self.queries), size)
        return Fits(query, np.arange(len(query)), np.arange(len(query)) % size == 0), scores

    def expected(self) -> np.ndarray:
        """(M,) the preference in closed form: 1/2 + told (1 - 1/kinds) (Phi(w / sqrt 2) - 1/2)."""
        normal = NormalDist()
        won = np.asarray([normal.cdf(weight / np.sqrt(2)) for weight in self.weights])
        return 0.5 + self.told * (1 - 1 / KINDS) * (won - 0.5)

    def power(self) -> np.ndarray:
        """(M,) of a two-sided test at `LEVEL`, by the normal approximation with the null's spread
        sqrt((n + 2) / (12 n Q)) for n rivals."""
        normal = NormalDist()
        spread = np.sqrt((self.rivals + 2) / (12 * self.rivals * self.queries))
        bar = normal.inv_cdf(1 - LEVEL / 2)
        return np.asarray([normal.cdf(d - bar) + normal.cdf(-d - bar) for d in (self.expected() - 0.5) / spread])


def rate(fired: np.ndarray) -> dict[str, float]:
    """A share of trials with the 95% interval of Wilson (JASA 1927)."""
    n, share, z = len(fired), float(np.mean(fired)), NormalDist().inv_cdf(0.975)
    middle, reach = share + z * z / (2 * n), z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low, high = ((middle + sign * reach) / (1 + z * z / n) for sign in (-1, 1))
    return {"rate": share, "low": float(max(0.0, low)), "high": float(min(1.0, high)), "trials": n}


def fires(draw: Callable[[np.random.Generator], tuple[Fits, np.ndarray]], trials: int, seed: int) -> dict[str, float]:
    """How often the first system's preference is called unlike 1/2."""
    fired = []
    for trial in range(trials):
        found, scores = draw(np.random.default_rng([seed, trial]))
        fired.append(exact_test(scores[:, :1], found, draws=DRAWS, seed=trial)[1][0] <= LEVEL)
    return rate(np.asarray(fired))


def gap_fires(model: Model, trials: int, seed: int) -> dict[str, float]:
    """How often the first two systems are called unlike in their preference."""
    fired = []
    for trial in range(trials):
        found, scores = model.draw(np.random.default_rng([seed, trial]))
        seen = preferences(scores, found)[found.source]
        fired.append(stats.paired_randomisation(seen[:, 0], seen[:, 1], DRAWS, seed=trial) <= LEVEL)
    return rate(np.asarray(fired))


def coarse(random: np.random.Generator) -> tuple[Fits, np.ndarray]:
    """Fair, with scores of three levels: two in three pairs are ties or nearly all, as where rankings end."""
    found, scores = Model(told=0.0).draw(random)
    return found, np.round(scores)


def pooled(random: np.random.Generator, conditional: bool) -> tuple[Fits, np.ndarray]:
    """Fair, but only what scored high with one of two systems was judged; `conditional` asks it of sources too."""
    found, scores = Model(rivals=9, weights=(0.0, 0.0)).draw(random)
    high = (scores > 1.0).any(axis=1)
    lists = [np.flatnonzero((found.query == row) & (high | found.source)) for row in range(200)]
    source = np.flatnonzero(found.source)
    kept = fits(lists, source, pooled=[np.flatnonzero(high)] * len(source) if conditional else None)
    return kept, scores[kept.item]


def unfit(random: np.random.Generator, share: float) -> tuple[Fits, np.ndarray]:
    """Fair, but a share of the rivals was called fitting by mistake, and a good system ranks them lower."""
    found, scores = Model(told=0.0).draw(random)
    wrong = (random.random(len(scores)) < share) & ~found.source
    return found, scores - 1.5 * wrong[:, None]


FAIR: dict[str, Callable[[np.random.Generator], tuple[Fits, np.ndarray]]] = {
    "fair": Model().draw,
    "fair, many ties": coarse,
    "fair, eight queries": Model(queries=8, rivals=1).draw,
    "fair, pool, sources pooled by its rule": lambda random: pooled(random, True),
    "fair, pool, any source": lambda random: pooled(random, False),
    "fair, 10% of the rivals do not fit": lambda random: unfit(random, 0.1),
}
"""The first four must stay at the level; the last two show what the doc warns of."""


def synthetic(trials: int, seed: int = 0) -> dict:
    """False alarms of `FAIR`, of the gap between two alike systems, and the power against the strength of the bias."""
    false = {name: fires(draw, trials, seed) for name, draw in progress(FAIR.items(), "drawing fair benchmarks")}
    false["fair, gap of two systems"] = gap_fires(Model(weights=(1.0, 1.0)), trials, seed)
    false["both read accidents alike, gap"] = gap_fires(Model(told=0.4, weights=(1.0, 1.0)), trials, seed)
    power = []
    for queries in SIZES:
        for told in (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8):
            model = Model(queries=queries, told=told)
            expected = {"preference": float(model.expected()[0]), "expected": float(model.power()[0])}
            row = {"queries": queries, "told": told} | expected | fires(model.draw, max(50, trials // 5), seed)
            if queries == SIZES[1]:  # against a system that reads no accidents
                row["gap"] = gap_fires(
                    Model(queries=queries, told=told, weights=(1.0, 0.0)), max(50, trials // 5), seed
                )
            power.append(row)
    curves = {
        str(queries): [[told, float(Model(queries=queries, told=told).power()[0])] for told in np.linspace(0, 1, 51)]
        for queries in SIZES
    }
    return {"false alarms": false, "power": power, "curves": curves}


def drawn(
    shelf: Shelf, embed_texts: Mapping[str, Callable], images: Mapping[str, np.ndarray], told: float,
    trials: int, queries: int = 200, seed: int = 0,
) -> dict[str, dict]:  # fmt: skip
    """The same on drawn pictures with real encoders: system -> how often it is called biased, and its preference.

    Args:
        embed_texts: system -> function from texts to unit vectors; images: system -> (N, D) the shelf's vectors.
        told: probability that a caption tells each accident of its source; 0 gives captions without accidents.
    """
    fired, seen = {name: [] for name in images}, {name: [] for name in images}
    for trial in range(trials):
        planted = faults.captions(faults.sound(shelf, queries, seed + trial), seed=seed + trial, likely=told)
        found = fits(planted.truth, planted.source)
        scores = [
            np.einsum("pd,pd->p", embed_texts[name](planted.texts)[found.query], images[name][found.item])
            for name in images
        ]
        values, p, _ = exact_test(np.stack(scores, axis=1), found, draws=DRAWS, seed=trial)
        for name, mean, value in zip(images, values.mean(axis=0), p, strict=True):
            fired[name].append(value <= LEVEL)
            seen[name].append(mean)
    return {
        name: rate(np.asarray(fired[name])) | {"preference": float(np.mean(seen[name])), "told": told}
        for name in images
    }
