"""A training step at true size on a GPU: SigLIP2-B/16-384 in bf16, beside a plain transformers loop on the same batch.

    python bench/bench_gpu.py [--batch N] [--micro M] [--rounds 10] [--checkpointing]
    python bench/bench_gpu.py --tiny        # the same code on a CPU, with a small model in fp32

Prints pairs a second, the share of the matrix-product ceiling measured in the same run, and peak memory. The plain
loop knows one text per picture and no micro-batches, so it stands beside Weft with one task and the whole batch.
"""

import argparse
import dataclasses
import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import torch
from measure import catalogue, finish, in_turns, machine, matmul_rate, median, ratio, table
from transformers import SiglipImageProcessorPil, SiglipModel

from weft.batch import Batch, Loader
from weft.encoders import Encoder, create
from weft.encoders.fresh import train_tokenizer
from weft.encoders.published import published
from weft.encoders.siglip import Siglip
from weft.gradient import batch_gradient
from weft.plan import Card, plan
from weft.rates import parameter_groups
from weft.recipe import Pairs, Train
from weft.teacher import frozen
from weft.trainer import recompute_activations
from weft.views import model_pixels

TRUE = "google/siglip2-base-patch16-384"
TINY = {"image_size": 32, "hidden_size": 64, "vision_layers": 2, "text_layers": 1, "vocab_size": 600}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=0, help="products; default: what the plan says that fits")
    parser.add_argument("--micro", type=int, default=0, help="of Weft alone; default: the whole batch at once")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--checkpointing", action="store_true")
    parser.add_argument("--tiny", action="store_true", help="a small model, on a CPU where there is no GPU")
    asked = parser.parse_args(arguments)
    if not torch.cuda.is_available() and not asked.tiny:
        print("no CUDA device: skipped")
        return
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    batch = asked.batch or (16 if asked.tiny else fitting(asked.checkpointing))
    precision = "bf16" if device.type == "cuda" else "fp32"  # most CPUs emulate bf16
    with tempfile.TemporaryDirectory() as folder:
        collection = catalogue(Path(folder), batch, 32 if asked.tiny else 384)
        titles = [product.title for product in collection.products]
        encoder = create(TINY, titles) if asked.tiny else true_size(titles)
        encoder.model.to(device).train()
        if asked.checkpointing:
            recompute_activations(encoder.model)
        settings = Train(batch=batch, micro_batch=asked.micro, precision=precision)
        prepared = Loader(collection, encoder, Pairs(), settings, 0).prepare(0).to(device)
        measure(encoder, prepared, settings, asked.rounds, asked.checkpointing)


def fitting(checkpointing: bool) -> int:
    """Nine tenths of the batch that the plan gives this card, as a multiple of 8."""
    card = Card("here", torch.cuda.get_device_properties(0).total_memory, 1e12)
    fit = plan(published(TRUE), 1, Train(batch=512, checkpointing=checkpointing), cards=(card,)).fits[0]
    return max(8, int(0.9 * (fit.checkpointing if checkpointing else fit.plain)) // 8 * 8)


def true_size(texts: list[str]) -> Encoder:
    """SigLIP2-B/16-384 with random weights; its tokenizer knows few words, which changes no shape."""
    processor = SiglipImageProcessorPil(size={"height": 384, "width": 384}, resample=2)
    return Siglip(SiglipModel(published(TRUE)), processor, train_tokenizer(texts, 1200), TRUE)


def measure(encoder: Encoder, batch: Batch, settings: Train, rounds: int, checkpointing: bool) -> None:
    device, count = encoder.device, batch.size
    optimizer = torch.optim.AdamW(parameter_groups(encoder, settings), betas=(0.9, 0.98), eps=1e-6)
    trained = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    teacher = frozen(encoder)
    with torch.no_grad():
        targets = torch.cat([teacher.image_features(model_pixels(teacher, _rows(batch, i, 8), None))
                             for i in range(0, count, 8)])  # fmt: skip
    short = {name: {"short": getattr(batch, name)["short"]} for name in ("texts", "relevance", "positive_grades")}

    def weft(lwf: str, one_task: bool = False) -> Callable[[], None]:
        chosen = dataclasses.replace(settings, lwf_weight=0.0 if lwf == "off" else 1.0)
        data = dataclasses.replace(batch, targets=targets if lwf == "cached" else None, **(short if one_task else {}))

        def step() -> None:
            batch_gradient(encoder, data, chosen, 0, teacher if lwf == "live" else None)
            update()

        return step

    def update() -> None:
        torch.nn.utils.clip_grad_norm_(trained, settings.clip)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    def plain() -> None:
        """What the transformers documentation shows: the model computes its own loss."""
        inputs = model_pixels(encoder, batch.pixels, batch.views) | batch.texts["short"]
        precision = torch.autocast(device.type, torch.bfloat16) if settings.precision == "bf16" else nullcontext()
        with precision:
            loss = encoder.model(**inputs, return_loss=True).loss
        loss.backward()
        update()

    work = {
        "weft, LwF off": weft("off"),
        "weft, LwF cached": weft("cached"),
        "weft, LwF live": weft("live"),
        "weft, one task, LwF off": weft("off", one_task=True),
        "transformers, one task": plain,
    }
    own_bytes = sum(p.numel() * p.element_size() for p in teacher.model.parameters())
    peaks = {}
    for name, step in work.items():
        step()  # the first makes AdamW's moments
        finish()
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
            step()
            finish()
            unused = 0 if "live" in name else own_bytes  # the teacher lies there, but this step does not need it
            peaks[name] = (torch.cuda.max_memory_allocated() - unused) / 2**30
    dtype = torch.bfloat16 if settings.precision == "bf16" else torch.float32
    ceiling = matmul_rate(device, dtype, 8192 if device.type == "cuda" else 512)
    times = in_turns(work, rounds)
    ceiling = max(ceiling, matmul_rate(device, dtype, 8192 if device.type == "cuda" else 512))
    rows = [["", "pairs/s", "of the ceiling", "step to LwF off", "peak GiB"]]
    for name, taken in times.items():
        tasks = 1 if "one task" in name else 2
        micro = 0 if "transformers" in name else settings.micro_batch
        how = dataclasses.replace(settings, batch=count, micro_batch=micro, checkpointing=checkpointing)
        flops = count * plan(encoder.config, count, how, tasks, cards=()).flops
        against = "weft, one task, LwF off" if tasks == 1 else "weft, LwF off"
        seconds = median(taken)
        rows.append([
            name, f"{count * tasks / seconds:.1f}", f"{flops / seconds / ceiling:.3f}",
            ratio(taken, times[against]), f"{peaks[name]:.1f}" if name in peaks else "not measured",
        ])  # fmt: skip
    micro = settings.micro_batch or count
    print(machine())
    millions = sum(parameter.numel() for parameter in encoder.model.parameters()) / 1e6
    print(
        f"{encoder.name}: {millions:.1f} M parameters, {count} products, "
        f"micro-batches of {micro}, {settings.precision}{', checkpointing' if checkpointing else ''}, {rounds} rounds\n"
    )
    print(table(rows))
    print(
        f"\nceiling: {ceiling / 1e12:.4g} TFLOP/s, square {settings.precision} matrix products in this run. "
        "The share counts the step's\nown matrix products, recomputation included and a live teacher's left out; "
        "a pair is a product and one text"
    )


def _rows(batch: Batch, start: int, size: int) -> dict[str, torch.Tensor]:
    return {name: tensor[start : start + size] for name, tensor in batch.pixels.items()}


if __name__ == "__main__":
    main()
