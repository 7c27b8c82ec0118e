"""`compact.json`: the losses of vectors made so that they are known, and bytes by arithmetic."""

import math
from pathlib import Path

import numpy as np
import pytest

from shelves import shelf
from weft.benchmarks.collection import retrieval
from weft.errors import WeftError
from weft.publish import compact, quantised

ITEMS, DIM = 16, 32


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    queries = [(f"q{n}", "in-domain/short", "test", f"text {n}", n, {n: 3}) for n in range(ITEMS)]
    collection = shelf(tmp_path_factory.mktemp("shelf"), "e" * ITEMS, pictures=[2] * ITEMS, queries=queries)
    return retrieval(collection, collection.tasks("test")[0])


class Known:
    """Pictures of product n and the text that asks for it: sign patterns of n in the last dimensions alone.

    The first `shared` dimensions are the same for all, so a vector that is cut to them tells nothing apart.
    """

    def __init__(self, shared: int = 16, noise: float = 0.0):
        self.shared, self.noise = shared, noise

    def vectors(self, numbers) -> np.ndarray:
        rows = np.ones((len(numbers), DIM))
        patterns = np.random.default_rng(0).choice([-1.0, 1.0], size=(ITEMS, DIM))
        rows[:, self.shared :] = patterns[np.asarray(numbers), self.shared :]
        rows += self.noise * np.random.default_rng(1).normal(size=rows.shape)
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    def images(self, collection, rows):
        return self.vectors([row // 2 for row in rows])

    def texts(self, texts):
        return self.vectors([int(text.split()[1]) for text in texts])


def test_losses_are_those_that_were_built_in(task):
    told = compact.measure([task], {"pytorch": Known()})
    values = {row["name"]: row["tasks"]["in-domain/short"]["value"] for row in told["rows"]}
    # Everything ties in the shared half: the ten smallest of sixteen rows are returned for every query.
    lost = {f"{kind}, {dims} dimensions": 10 / ITEMS for kind in ("float32", "int8") for dims in (16, 8)}
    kept = dict.fromkeys(
        ("float32, 32 dimensions", "int8, 32 dimensions", "binary, 32 bits", "binary, 32 bits, float re-rank of 100"),
        1.0,
    )
    assert values == pytest.approx(kept | lost)
    for row in told["rows"]:
        one = row["tasks"]["in-domain/short"]
        assert one["difference"] == pytest.approx(one["value"] - 1.0) and one["low"] <= one["difference"] <= one["high"]
    assert told["dim"] == DIM and "a half and a quarter" in told["note"]


def test_bytes(task):
    rows = {row["name"]: row for row in compact.measure([task], {"pytorch": Known()})["rows"]}
    sizes = {name: row["bytes_per_vector"] for name, row in rows.items()}
    assert sizes["float32, 32 dimensions"] == 128 and sizes["int8, 16 dimensions"] == 16
    assert sizes["binary, 32 bits"] == 4 and sizes["binary, 32 bits, float re-rank of 100"] == 132
    assert rows["binary, 32 bits, float re-rank of 100"]["bytes_searched"] == 4
    assert all(row["bytes_per_product"] == 2 * row["bytes_per_vector"] for row in rows.values())  # two pictures each
    assert rows["int8, 32 dimensions"]["bytes_per_million"] == 64_000_000
    assert [math.ceil(form["dims"]) for form, _ in compact.forms(768)] == [768, 768, 256, 256, 128, 128, 768, 768]


@pytest.mark.parametrize(("pictures", "touched"), [(10, 100), (30, 300)])
def test_a_re_rank_touches_as_many_vectors_as_hold_ten_products(monkeypatch, pictures, touched):
    """As docs/publishing.md says it."""
    vectors, widths = np.random.default_rng(0).normal(size=(30 * pictures, DIM)), []
    rerank = quantised.rerank
    monkeypatch.setattr(quantised, "rerank", lambda q, c, rows: widths.append(rows.shape[1]) or rerank(q, c, rows))
    found = compact.binary_reranked(vectors[:2], vectors, np.repeat(np.arange(30), pictures))
    assert widths == [touched] and (found >= 0).all()
    text = (Path(__file__).parents[2] / "docs/publishing.md").read_text(encoding="utf-8")
    assert pictures == 10 or f"({touched} at {pictures} pictures)" in text


def test_another_model_is_held_against_the_first(task):
    """Noise moves components by a known amount; what it loses is told in a row of its own."""
    told = compact.measure([task], {"pytorch": Known(), "same": Known(), "noisy": Known(noise=1.5)})
    assert told["off"]["same"] == 0.0
    numbers = np.arange(ITEMS)
    apart = np.abs(Known(noise=1.5).vectors(numbers) - Known().vectors(numbers)).max()
    assert told["off"]["noisy"] >= apart > 0.1  # over queries, and over pictures, of which there are more
    last = {row["model"]: row["tasks"]["in-domain/short"]["difference"] for row in told["rows"][-2:]}
    assert last["same"] == 0.0 and last["noisy"] < 0.0


def test_nothing_to_measure_is_said():
    with pytest.raises(WeftError, match="no test queries"):
        compact.measure([], {"pytorch": Known()})
