"""What the exported towers gain in speed: onnxruntime, float32 and int8, beside PyTorch's forward pass.

    python bench/bench_onnx.py [--rounds 7] [--batch 16]
    python bench/bench_onnx.py --model runs/demo/weave/model

Inputs are prepared beforehand, so only the towers are timed, on the CPU, with as many threads as PyTorch has.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch
from measure import in_turns, machine, median, ratio, table
from PIL import Image

from weft.encoders import create, load_base
from weft.publish import onnx

TINY = {"image_size": 48, "hidden_size": 128, "vision_layers": 4, "text_layers": 2, "vocab_size": 1200}
WORDS = ["red", "navy", "wool", "linen", "dress", "coat", "boots", "short", "long", "striped"]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="a model's folder; by default a fresh one of the demo's size")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--batch", type=int, default=16)
    asked = parser.parse_args(arguments)
    random = np.random.default_rng(0)
    texts = [" ".join(random.choice(WORDS, 5)) for _ in range(asked.batch)]
    pictures = [Image.fromarray(random.integers(0, 256, (160, 120, 3), dtype=np.uint8)) for _ in range(asked.batch)]
    encoder = load_base(asked.model) if asked.model else create(TINY, texts)
    with tempfile.TemporaryDirectory() as scratch:
        told = onnx.export(encoder, Path(scratch))
        towers = {name: onnx.OnnxEncoder(encoder, Path(scratch), name) for name in ("fp32", "int8")}
        print(f"{machine()}\nbatches of {asked.batch}, {asked.rounds} rounds in turns; opset {told['opset']}\n")
        for kind, inputs in (("image", encoder.pixels(pictures)), ("text", encoder.tokens(texts))):
            print(table(speeds(encoder, towers, kind, inputs, asked)))
            print(f"largest difference: fp32 {told['parity'][f'{kind} fp32']:.1e}, ", end="")
            print(f"int8 {told['parity'][f'{kind} int8']:.1e}\n")
    print("limit: none is known; bytes of the weights, a quarter for int8, bound what memory-bound batches of one gain")


def speeds(encoder, towers: dict, kind: str, inputs: dict[str, torch.Tensor], asked) -> list[list[str]]:
    """A row for each way of computing one tower."""

    @torch.inference_mode()
    def forward() -> torch.Tensor:
        return getattr(encoder, f"{kind}_features")(inputs)

    work = {"PyTorch": forward}
    for name, tower in towers.items():
        work[f"onnxruntime {name}"] = lambda tower=tower: getattr(tower, f"{kind}_features")(inputs)
    times = in_turns(work, asked.rounds)
    lines = [[f"{kind} tower", "a second", "of PyTorch's speed", "the same, processor time"]]
    for name, taken in times.items():
        shares = [ratio(times["PyTorch"], taken), ratio(times["PyTorch"], taken, 1)]
        lines.append([name, f"{asked.batch / median(taken):.1f}", *shares])
    return lines


if __name__ == "__main__":
    main()
