"""The benches still run, on next to nothing; their figures are no test's business."""

import importlib
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

BENCH = Path(__file__).parents[1] / "bench"


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(BENCH)
    return importlib.import_module


def test_without_a_gpu_a_word_is_all(bench, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    bench("bench_gpu").main([])
    assert capsys.readouterr().out == "no CUDA device: skipped\n"


@pytest.mark.parametrize(
    ("name", "arguments", "rows"),
    [
        ("bench_gpu", ["--tiny", "--batch", "4", "--micro", "2", "--rounds", "1"], ["cached", "live", "transformers"]),
        ("bench_lwf", ["--batch", "4", "--rounds", "1"], ["off", "cached", "live", "replay"]),
        ("bench_embed", ["--pictures", "4", "--rounds", "1"], ["weft Embedder", "transformers loop"]),
        (
            "bench_pool",
            ["--items", "300", "--queries", "8", "--dim", "8", "--depth", "5", "--sample", "1"],
            ["search", "BM25", "pooling"],
        ),
        pytest.param(
            *(
                "bench_serve",
                ["--seconds", "1", "--clients", "2", "--rounds", "1"],
                ["served, batches", "bare, single"],
            ),
            marks=pytest.mark.skipif(not shutil.which("wrk"), reason="asks by wrk: apt install wrk"),
        ),
        ("bench_audit", ["--tiny"], ["slope", "near-duplicate titles", "all"]),
        pytest.param(
            *("bench_onnx", ["--batch", "2", "--rounds", "1"], ["PyTorch", "onnxruntime fp32"]), marks=pytest.mark.slow
        ),
        ("bench_evaluate", ["--tiny"], ["bare product", "top_k", "weft", "Marqo's loop", "mteb/BEIR, 100 deep"]),
    ],
)
def test_each_prints_its_ratios(bench, capsys, name, arguments, rows):
    bench(name).main(arguments)
    said = capsys.readouterr().out
    for row in rows:
        assert re.search(rf"{row}.* \d+\.\d+", said), said
    assert re.search(r"limit|ceiling", said)


def test_every_stage_of_a_growing_catalogue_runs(bench, monkeypatch, tmp_path, capsys):
    scale, drawn, growth = map(bench, ("bench_scale", "drawn", "growth"))
    for name, value in {"SHARD": 30, "GUARDED": 20, "LEAKED": 3}.items():
        monkeypatch.setattr(drawn, name, value)
    scale.draw(tmp_path / "drawn", 60, 32)
    rows = []
    for stage in scale.STAGES:
        scale.measured(tmp_path, stage, 60, 32)
        rows += json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {row["stage"] for row in rows} == {*scale.STAGES} and all(row["cpu"] > 0 < row["own"] for row in rows)
    larger = [row | {"size": 600, "cpu": 20 * row["cpu"], "own": 30.0} for row in rows]
    told = growth.table(rows + larger).splitlines()
    assert len(told) == 2 + len({row["part"] for row in rows}) and "*" in told[2 + len(rows) - 1]


def test_the_demo_s_bench_knows_its_recipe(bench):
    assert bench("bench_demo").RECIPE.exists()


def test_turns_rotate_and_warm_up_is_not_counted(bench):
    called = []
    names = ("a", "b", "c")
    times = bench("measure").in_turns({name: lambda name=name: called.append(name) for name in names}, rounds=3)
    assert "".join(called) == "cab" + "abc" + "bca" + "cab"
    assert all(taken.shape == (3, 2) and (taken[:, 0] >= 0).all() for taken in times.values())
    one, other = np.array([[1.0, 3], [2, 4], [4, 8]]), np.array([[1.0, 1], [1, 2], [1, 1]])
    assert bench("measure").ratio(one, other) == "2.000 (1.000 to 4.000)"
    assert bench("measure").ratio(one, other, 1) == "3.000 (2.000 to 8.000)"
