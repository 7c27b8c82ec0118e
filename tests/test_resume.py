"""A killed training goes on to bit-identical weights, wherever it was killed."""

import json
import shutil
import signal
import subprocess
import sys
import time
from operator import attrgetter
from unittest import mock

import pytest
import torch
from safetensors.torch import load_file

import tiny_recipe
import weft
from weft import train, trainer  # noqa: F401 - found by name
from weft.pipeline import Pipeline
from weft.recipe import load

STEPS = 12


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A curated recipe with dropout, micro-batches and cached distillation, and in `whole` its unbroken run."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as the process that will be killed: the order of sums is part of the bits
    path = tiny_recipe.recipe(tmp_path_factory.mktemp("resume"), dropout=0.2)
    pipeline = Pipeline(load(path))
    pipeline.curate()
    pipeline.train()
    (pipeline.folder / "train").rename(pipeline.folder / "whole")
    yield load(path), path
    torch.set_num_threads(threads)


@pytest.fixture
def recipe(trained):
    for name in ("train", "train.partial"):
        shutil.rmtree(trained[0].folder / name, ignore_errors=True)
    return trained


def compare(folder) -> None:
    """The finished stage in `train` against the unbroken run's: every bit of the weights, every step of the log."""
    files = [folder / name / "model" / "model.safetensors" for name in ("whole", "train")]
    whole, resumed = map(load_file, files)
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    logs = [(folder / name / "log.jsonl").read_text().splitlines() for name in ("whole", "train")]
    whole, resumed = ([json.loads(line) for line in lines] for lines in logs)
    assert [entry["step"] for entry in resumed] == list(range(STEPS))
    assert [entry.pop("seconds") for entry in resumed] == sorted(entry["seconds"] for entry in map(json.loads, logs[1]))
    assert resumed == [{key: value for key, value in entry.items() if key != "seconds"} for entry in whole]
    assert not (folder / "train" / "checkpoint.safetensors").exists()
    assert not (folder / "train.partial").exists()


def test_a_process_killed_in_the_middle_goes_on(recipe):
    settings, path = recipe
    checkpoint = settings.folder / "train.partial" / "checkpoint.safetensors"
    process = subprocess.Popen(
        [sys.executable, "-m", "weft", "train", str(path)], env=tiny_recipe.environment(), stderr=subprocess.PIPE
    )
    give_up = time.monotonic() + 90
    while not checkpoint.exists() and process.poll() is None and time.monotonic() < give_up:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == -signal.SIGKILL, errors.decode()
    assert checkpoint.exists()
    assert not (settings.folder / "train").exists()
    Pipeline(settings).train()
    compare(settings.folder)


class Killed(BaseException):
    """Nothing catches it, as nothing catches a kill."""


@pytest.mark.parametrize(
    ("place", "call"),
    [
        ("trainer.batch_gradient", 1),
        ("trainer.batch_gradient", 7),
        ("train._Log.flush", 1),
        ("trainer.Trainer.save", 1),
    ],
)
def test_killed_at_any_step(recipe, monkeypatch, place, call):
    """Before the first checkpoint, between two, and around the log and the checkpoint; `call` counts from 0."""
    settings, _ = recipe
    done, real = [], attrgetter(place)(weft)

    def fatal(*arguments, **named):
        if len(done) == call:
            raise Killed
        done.append(place)
        return real(*arguments, **named)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(f"weft.{place}", fatal)
        Pipeline(settings).train()
    Pipeline(settings).train()
    compare(settings.folder)


def test_checkpoints_may_come_more_often_from_here_on(recipe, monkeypatch):
    settings, path = recipe
    done = []

    def fatal(*arguments, **named):
        done.append(None)
        if len(done) == 8:
            raise Killed
        return real(*arguments, **named)

    real = trainer.batch_gradient
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr("weft.trainer.batch_gradient", fatal)
        Pipeline(settings).train()
    with monkeypatch.context() as patch:
        taken = mock.Mock(side_effect=real)
        patch.setattr("weft.trainer.batch_gradient", taken)
        Pipeline(load(path, ["train.checkpoint_every=1"])).train()
    assert taken.call_count == STEPS - 6  # the last checkpoint was after six steps
    compare(settings.folder)


def test_a_kill_between_the_weights_and_the_end(recipe, monkeypatch):
    """No step is taken again but those since the last checkpoint."""
    settings, _ = recipe

    def fatal(*arguments):
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr("weft.seen.write", fatal)
        Pipeline(settings).train()
    with monkeypatch.context() as patch:
        taken = mock.Mock(side_effect=trainer.batch_gradient)
        patch.setattr("weft.trainer.batch_gradient", taken)
        Pipeline(settings).train()
    assert taken.call_count < STEPS // 2
    compare(settings.folder)
