"""Two processes under `torchrun` do what one does: the same gradient, the same weights, one set of files."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import tiny
import tiny_catalogue
import tiny_recipe
from weft import encoders, processes
from weft.artefact import Stage
from weft.batch import Loader
from weft.encoders import Encoder
from weft.gradient import batch_gradient
from weft.pipeline import Pipeline
from weft.recipe import Pairs, Train, load

SETTINGS = Train(
    batch=12, micro_batch=4, epochs=1, precision="fp32", short_weight=0.7, long_weight=1.3, lwf_weight=0.4,
    positive_weights=(0.0, 0.2, 0.6, 1.0), negative_weights=(1.0, 0.7, 0.4, 0.0), crop=0.6,
)  # fmt: skip

# What each of the two processes does: a gradient of either family, a stage that is not shared, then `-m weft train`.
SCRIPT = """
import runpy, sys
sys.path.insert(0, {tests!r})
import test_distributed
from pathlib import Path
test_distributed.on_every_process(Path({folder!r}))
sys.argv = ["weft", "train", {recipe!r}]
runpy.run_module("weft", run_name="__main__")
"""


def gradient(encoder: Encoder, folder: Path) -> dict[str, torch.Tensor]:
    """Of this process's part of a batch, added up over the processes; the loss is among it."""
    catalogue = tiny_catalogue.Collection(folder / "catalogue")
    random = np.random.default_rng(0)
    targets = random.normal(size=(catalogue.image_count, encoder.dim)).astype(np.float32)
    loader = Loader(catalogue, encoder, Pairs(), SETTINGS, 3, targets, processes.rank(), processes.world())
    encoder.model.train()
    parts = batch_gradient(encoder, loader.prepare(0), SETTINGS)
    named = dict(encoder.model.named_parameters())
    processes.total_gradients(named.values())
    parts = {f"part {name}": processes.total(value) for name, value in parts.items()}
    return parts | {name: parameter.grad for name, parameter in named.items() if parameter.grad is not None}


def on_every_process(folder: Path) -> None:
    for family in ("siglip", "clip"):
        found = gradient(encoders.load(str(folder / family)), folder)
        if processes.rank() == 0:
            save_file(found, folder / f"{family}.safetensors")

    def work(partial):
        (partial / f"by {processes.rank()}").touch()

    Stage(folder / "stage", {}, {}).run(work)
    assert (folder / "stage" / "by 0").exists()  # nobody goes on before it is there
    Stage(folder / "shared", {}, {}).run(work, shared=True)


def distance(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    """Relative L2 difference over all tensors together."""
    assert one.keys() == other.keys()
    a, b = (torch.cat([side[name].flatten().double() for name in sorted(side)]) for side in (one, other))
    return float((a - b).norm() / b.norm())


def launch(*command: str) -> subprocess.CompletedProcess:
    run = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2", *command]
    everything = {"env": tiny_recipe.environment(), "capture_output": True, "text": True, "timeout": 180}
    return subprocess.run([sys.executable, "-m", *run], **everything)


def test_two_processes_do_what_one_does(tmp_path):
    """One test, because starting processes is what takes the time."""
    tiny_catalogue.collection(tmp_path / "catalogue")
    tiny.siglip(tmp_path / "siglip")
    tiny.clip(tmp_path / "clip")
    recipe = tiny_recipe.recipe(tmp_path, epochs=2)
    Pipeline(load(recipe)).curate()
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(tests=str(Path(__file__).parent), folder=str(tmp_path), recipe=str(recipe)))
    done = launch(str(script))
    assert done.returncode == 0, done.stderr
    for family in ("siglip", "clip"):
        compare_gradients(tmp_path, family)
    compare_weights(tmp_path)
    assert done.stderr.count("train: writing") == 1  # one of them speaks
    assert done.stderr.count("trained 6 steps") == 1
    compare_files(tmp_path)


def compare_gradients(folder: Path, family: str) -> None:
    both = load_file(folder / f"{family}.safetensors")
    alone = {name: tensor.detach() for name, tensor in gradient(encoders.load(str(folder / family)), folder).items()}
    parts = [{name: t for name, t in side.items() if name.startswith("part ")} for side in (both, alone)]
    assert parts[0].keys() == {"part loss", "part short", "part long", "part lwf"}
    assert distance(*parts) < 1e-5
    rest = [{name: t for name, t in side.items() if not name.startswith("part ")} for side in (both, alone)]
    assert distance(*rest) < 1e-5


def compare_weights(folder: Path) -> None:
    """Against a training by this process, after six steps."""
    alone = load(folder / "recipe.toml", [f"out={folder / 'alone'}"])
    shutil.copytree(folder / "run" / "curate", folder / "alone" / "curate")
    Pipeline(alone).train()
    base = load_file(folder / "base" / "model.safetensors")
    one, both = (load_file(folder / run / "train" / "model" / "model.safetensors") for run in ("alone", "run"))
    assert distance(both, one) < 1e-5
    moved = [{name: side[name] - base[name] for name in base} for side in (both, one)]
    assert distance(*moved) < 1e-4  # of the change itself; Adam divides noise by noise where the gradient is zero
    logs = [(folder / run / "train" / "log.jsonl").read_text().splitlines() for run in ("alone", "run")]
    for a, b in zip(*(map(json.loads, log) for log in logs), strict=True):
        assert a["loss"] == pytest.approx(b["loss"], abs=1e-5)
        assert a["norm"] == pytest.approx(b["norm"], rel=1e-4)


def compare_files(folder: Path) -> None:
    """One process writes; where the work is shared, both have done it."""
    stage = folder / "run" / "train"
    assert {file.name for file in stage.iterdir()} == {"base_images.npy", "log.jsonl", "manifest.json", "model"}
    lines = (stage / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == list(range(6))
    assert {file.name for file in (folder / "stage").iterdir()} == {"by 0", "manifest.json"}
    assert {file.name for file in (folder / "shared").iterdir()} == {"by 0", "by 1", "manifest.json"}
    assert not list(folder.rglob("*partial*"))
    Pipeline(load(folder / "recipe.toml")).train()  # finished: one process finds nothing to do
    assert (stage / "log.jsonl").read_text().splitlines() == lines
