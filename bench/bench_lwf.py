"""What keeping the base adds to a training step: LwF with its embeddings cached, with a live teacher, or replay.

    python bench/bench_lwf.py [--rounds 15] [--batch 128]

A whole step is timed: the data, forwards, backwards, clipping and the optimiser. Target: cached / off <= 1.02. Replay
has half as many reference pictures and titles beside the batch, as recipes/kagl.toml does.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from measure import catalogue, in_turns, machine, median, ratio, table

from weft.batch import Loader
from weft.catalogue.collection import Collection
from weft.encoders import Encoder, create
from weft.losses import lwf_rows
from weft.plan import towers
from weft.recipe import Pairs, Train
from weft.reference import Reference
from weft.teacher import base_embeddings, frozen
from weft.trainer import Trainer

SPEC = {"image_size": 64, "hidden_size": 128, "vision_layers": 4, "text_layers": 2, "vocab_size": 1200}
CPU = torch.device("cpu")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--batch", type=int, default=128)
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        measure(Path(scratch), asked.rounds, asked.batch)


def measure(folder: Path, rounds: int, batch: int) -> None:
    collection = catalogue(folder / "catalogue", 2 * batch, SPEC["image_size"])
    titles = [product.title for product in collection.products]
    work, encoder = {}, None
    replay = {"reference_weight": 3.0, "replay_weight": 1.0, "reference_batch": batch // 2}
    ways = {
        "off": {}, "cached": {"lwf_weight": 1.0}, "live": {"lwf_weight": 1.0, "lwf_target": "live"}, "replay": replay,
    }  # fmt: skip
    for how, changed in ways.items():
        settings = Train(**{"batch": batch, "epochs": rounds + 2, "precision": "fp32", "lwf_weight": 0.0} | changed)
        encoder = create(SPEC, titles)
        encoder.model.train()
        work[how] = stepper(encoder, collection, settings, folder)
    work["cached: the term alone"] = term(folder, batch)
    times = in_turns(work, rounds)
    image, text, _ = towers(encoder.config)
    pair = image.flops() + 2 * text.flops()
    limits = {
        "off": "1", "cached": "1", "live": f"{1 + image.flops() / (3 * pair):.3f}",
        "replay": f"{1 + (batch // 2) / batch * (image.flops() + text.flops()) / pair:.3f}",
        "cached: the term alone": "0",
    }  # fmt: skip
    rows = [["way", "s a step", "to off (min to max)", "processor time", "limit"]]
    for how, taken in times.items():
        shares = [ratio(taken, times["off"], clock) for clock in (0, 1)]
        rows.append([how, f"{median(taken):.4f}", *shares, limits[how]])
    print(machine())
    print(f"fresh SigLIP, {SPEC['image_size']} px, batch {batch}, two texts, fp32, {rounds} rounds in turns\n")
    print(table(rows))
    print(
        "\nlimit: cached adds a cosine and a row read per picture, no matrix product; "
        "live adds one image pass\nto three passes over a picture and its two texts; replay adds half a batch of "
        "pictures with one text each"
    )


def stepper(encoder: Encoder, collection: Collection, settings: Train, folder: Path) -> Callable[[], object]:
    """One training step after another, as `weft.train.train` takes them."""
    live, cached = settings.lwf_target == "live", settings.lwf_weight > 0
    targets = base_embeddings(encoder, collection, folder, settings, CPU) if cached and not live else None
    loader = Loader(collection, encoder, Pairs(), settings, 0, targets)
    reference = None
    if settings.replay_weight:
        reference = Reference(collection, encoder, settings, 0, folder, CPU, loader.steps)
    trainer = Trainer(encoder, settings, 0, loader.steps, frozen(encoder) if live else None)

    def step() -> None:
        done = trainer.done
        trainer.step(loader.prepare(done), reference and reference.prepare(done))

    return step


def term(folder: Path, batch: int):
    """All that the cache adds to a step: its targets read from the disk's cache, the term, and its gradient."""
    targets = np.load(folder / "base_images.npy", mmap_mode="r")
    images = F.normalize(torch.randn(batch, targets.shape[1]), dim=1).requires_grad_()
    rows = np.random.default_rng(0).integers(len(targets), size=batch)
    return lambda: lwf_rows(images, torch.from_numpy(np.asarray(targets[rows])), batch).backward()


if __name__ == "__main__":
    main()
