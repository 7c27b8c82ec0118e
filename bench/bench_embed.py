"""How fast pictures are embedded: Weft's Embedder beside the bare forward pass and beside other ways of doing the same.

    python bench/bench_embed.py [--rounds 7] [--pictures 96]
    python bench/bench_embed.py --true-size [--rounds 3] [--pictures 4]

From encoded JPEGs to vectors, by the model's own preprocessing. One core can reach 1 / (decode + forward) pictures
a second, and more only if another core or a GPU works beside it. sentence-transformers takes part where it is
installed.
"""

import argparse
import io
import tempfile
from pathlib import Path

import numpy as np
import torch
from measure import catalogue, in_turns, machine, median, ratio, table
from PIL import Image
from transformers import AutoModel, AutoProcessor, SiglipConfig, SiglipImageProcessorPil, SiglipModel

from weft.catalogue.collection import Collection
from weft.embed import Embedder
from weft.encoders import Encoder, create
from weft.encoders.fresh import train_tokenizer
from weft.encoders.published import published
from weft.encoders.siglip import Siglip

TINY = {"image_size": 48, "hidden_size": 128, "vision_layers": 4, "text_layers": 2, "vocab_size": 1200}
TRUE = "google/siglip2-base-patch16-384"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--true-size", action="store_true", help=f"a model of the size of {TRUE}, random weights")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--pictures", type=int)
    asked = parser.parse_args(arguments)
    true = asked.true_size
    rounds, pictures = asked.rounds or (3 if true else 7), asked.pictures or (4 if true else 96)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        collection = catalogue(folder / "catalogue", pictures, 384 if true else 160)
        titles = [product.title for product in collection.products]
        encoder = true_size(titles) if true else create(TINY, titles)
        encoder.save(folder / "model")
        measure(encoder, collection, folder / "model", pictures, rounds, batch=2 if true else 32)


def true_size(texts: list[str]) -> Encoder:
    """SigLIP2-B/16-384 with random weights. Its text tower, which takes no part, keeps one layer and few tokens."""
    config: SiglipConfig = published(TRUE)
    config.text_config.num_hidden_layers, config.text_config.vocab_size = 1, 1200
    processor = SiglipImageProcessorPil(size={"height": 384, "width": 384}, resample=2)
    return Siglip(SiglipModel(config), processor, train_tokenizer(texts, 1200), "true size")


def measure(encoder: Encoder, collection: Collection, folder: Path, pictures: int, rounds: int, batch: int) -> None:
    rows = np.arange(pictures)
    jpegs = [collection.image(row) for row in rows]
    starts = range(0, pictures, batch)
    embedder = Embedder(encoder, batch=batch)
    model = AutoModel.from_pretrained(folder).to(encoder.device).eval()
    processor = AutoProcessor.from_pretrained(folder)

    def opened(start: int) -> list[Image.Image]:
        return [Image.open(io.BytesIO(data)).convert("RGB") for data in jpegs[start : start + batch]]

    def prepared(start: int) -> dict[str, torch.Tensor]:
        return processor(images=opened(start), return_tensors="pt")

    ready = [prepared(start).to(encoder.device) for start in starts]

    @torch.inference_mode()
    def forward() -> np.ndarray:
        return np.concatenate([encoder.image_features(dict(inputs)).cpu().numpy() for inputs in ready])

    @torch.inference_mode()
    def loop() -> np.ndarray:
        found = []
        for start in starts:
            features = model.get_image_features(**prepared(start).to(model.device)).pooler_output
            found.append(torch.nn.functional.normalize(features, dim=-1).cpu().numpy())
        return np.concatenate(found)

    work = {
        "forward alone": forward,
        "decoding alone": lambda: [prepared(start) for start in starts],
        "weft Embedder": lambda: embedder.images(collection, rows),
        "transformers loop": loop,
    }
    if other := sentence_transformer(folder):
        name, peer = other
        work[name] = lambda: peer.encode(
            [image for start in starts for image in opened(start)],
            batch_size=batch, normalize_embeddings=True, show_progress_bar=False,
        )  # fmt: skip
    expected = forward()
    for name in set(work) - {"decoding alone"}:
        assert np.abs(work[name]() - expected).max() < 1e-5, f"{name} computes something else"
    times = in_turns(work, rounds)
    serial = times["forward alone"] + times["decoding alone"]
    lines = [["", "pictures/s", "of 1/(decode + forward)", "the same, processor time", "to the loop, processor time"]]
    for name, taken in times.items():
        shares = [ratio(serial, taken), ratio(serial, taken, 1), ratio(times["transformers loop"], taken, 1)]
        lines.append([name, f"{pictures / median(taken):.2f}", *("" if "alone" in name else s for s in shares)])
    print(machine())
    facts = encoder.preprocess
    millions = sum(p.numel() for p in encoder.model.vision_model.parameters()) / 1e6
    print(f"SigLIP, {facts.height} px, image tower of {millions:.1f} M parameters, {pictures} pictures in batches of")
    print(f"{batch}, {rounds} rounds in turns; speeds are medians, shares the median (min to max)\n")
    print(table(lines))
    print(
        "\nlimit: 1/(decode + forward) on one core; processor time is what a busy machine leaves comparable\n"
        "(of a GPU it counts only the host's part)"
    )


def sentence_transformer(folder: Path):
    """(its name, the model opened by it), or None where it is not installed."""
    try:
        import sentence_transformers
    except ImportError:
        return None
    name = f"sentence-transformers {sentence_transformers.__version__}"
    return name, sentence_transformers.SentenceTransformer(str(folder))


if __name__ == "__main__":
    main()
