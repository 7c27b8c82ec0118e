"""What Learning without Forgetting adds to a training step: embeddings of the base cached, a live teacher, or none.

    python bench/bench_lwf.py [--rounds 15] [--batch 128]

A whole step is timed: the data, forwards, backwards, clipping and the optimiser. Target: cached / off <= 1.02.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from measure import catalogue, in_turns, machine, median, ratio, table

from weft import train
from weft.batch import Loader
from weft.encoders import Encoder, create
from weft.losses import lwf_rows
from weft.plan import towers
from weft.recipe import Pairs, Train

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
    for how in ("off", "cached", "live"):
        settings = Train(
            batch=batch, epochs=rounds + 2, precision="fp32",
            lwf_weight=0.0 if how == "off" else 1.0, lwf_target="live" if how == "live" else "cached",
        )  # fmt: skip
        encoder = create(SPEC, titles)
        encoder.model.train()
        work[how] = stepper(encoder, collection, settings, folder)
    work["cached: the term alone"] = term(folder, batch)
    times = in_turns(work, rounds)
    image, text, _ = towers(encoder.config)
    live = image.flops() / (3 * (image.flops() + 2 * text.flops()))
    limits = {"off": "1", "cached": "1", "live": f"{1 + live:.3f}", "cached: the term alone": "0"}
    rows = [["LwF", "s a step", "to off (min to max)", "processor time", "limit"]]
    for how, taken in times.items():
        shares = [ratio(taken, times["off"], clock) for clock in (0, 1)]
        rows.append([how, f"{median(taken):.4f}", *shares, limits[how]])
    print(machine())
    print(f"fresh SigLIP, {SPEC['image_size']} px, batch {batch}, two texts, fp32, {rounds} rounds in turns\n")
    print(table(rows))
    print(
        "\nlimit: cached adds a cosine and a row read per picture, no matrix product; "
        "live adds one image pass\nto three passes over a picture and its two texts"
    )


def stepper(encoder: Encoder, collection, settings: Train, folder: Path):
    """One training step after another, as `weft.train.train` does them."""
    targets = teacher = None
    if settings.lwf_weight and settings.lwf_target == "cached":
        targets = train.base_embeddings(encoder, collection, folder, settings, CPU)
    elif settings.lwf_weight:
        teacher = train.frozen(encoder)
    loader = Loader(collection, encoder, Pairs(), settings, 0, targets)
    optimizer = torch.optim.AdamW(train.parameter_groups(encoder, settings))
    trained = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    steps = iter(range(loader.steps))

    def step() -> None:
        number = next(steps)
        train.batch_gradient(encoder, loader.prepare(number), settings, number, teacher)
        torch.nn.utils.clip_grad_norm_(trained, settings.clip)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def term(folder: Path, batch: int):
    """All that the cache adds to a step: its targets read from the disk's cache, the term, and its gradient."""
    targets = np.load(folder / "base_images.npy", mmap_mode="r")
    images = F.normalize(torch.randn(batch, targets.shape[1]), dim=1).requires_grad_()
    rows = np.random.default_rng(0).integers(len(targets), size=batch)
    return lambda: lwf_rows(images, torch.from_numpy(np.asarray(targets[rows])), batch).backward()


if __name__ == "__main__":
    main()
