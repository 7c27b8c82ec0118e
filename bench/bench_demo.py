"""How long the demo takes and how much memory: `weft run recipes/demo.toml` in a fresh folder.

    python bench/bench_demo.py [--set KEY=VALUE ...]

The promise is five minutes on two cores. No machine can be faster than the matrix products of training alone;
their rate is measured before.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from measure import machine, matmul_rate, table

from weft.batch import learnt
from weft.encoders import load as open_encoder
from weft.files import read_json
from weft.plan import plan
from weft.recipe import load

RECIPE = Path(__file__).parent.parent / "recipes" / "demo.toml"
PROMISE = 300.0  # seconds


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as of `weft run`")
    asked = parser.parse_args(arguments)
    recipe = load(RECIPE, asked.set)
    rate = matmul_rate(torch.device("cpu"), torch.float32, 512)
    with tempfile.TemporaryDirectory() as folder:
        changes = [word for change in (*asked.set, f"out={folder}") for word in ("--set", change)]
        started = time.perf_counter()
        done = subprocess.run([sys.executable, "-m", "weft", "run", str(RECIPE), *changes], stdout=subprocess.DEVNULL)
        wall = time.perf_counter() - started
        if done.returncode:
            sys.exit(done.returncode)
        trained = read_json(Path(folder) / "curate" / "summary.json")["counts"]["splits"]["train"]
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    train, config = recipe.train, open_encoder(recipe.base).config
    a_product = plan(config, trained, train, len(learnt(recipe.pairs, train)), cards=()).flops
    needed = a_product * trained * train.epochs
    busy = used.ru_utime + used.ru_stime
    peak = used.ru_maxrss / (2**30 if sys.platform == "darwin" else 2**20)
    print(machine())
    print(
        table(
            [
                ["the demo", "", ""],
                ["wall time", f"{wall:.0f} s", f"{wall / PROMISE:.2f} of the {PROMISE:.0f} s promised"],
                ["processor time", f"{busy:.0f} s", f"{busy / wall:.2f} cores of {os.cpu_count()}"],
                ["training's matrix products", f"{needed / 1e12:.1f} TFLOP", f"at {rate / 1e9:.0f} GFLOP/s a core"],
                ["limit, on one core", f"{needed / rate:.0f} s", f"{needed / rate / busy:.2f} of the processor time"],
                ["peak memory", f"{peak:.2f} GiB", ""],
            ]
        )
    )


if __name__ == "__main__":
    main()
