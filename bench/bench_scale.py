"""Time and memory of every stage as a catalogue grows: 10k, 100k and 1M drawn products, streamed from Parquet.

    python bench/bench_scale.py [--sizes 10000,100000,1000000] [--only curate,mine] [--side 160] [--docs]

Each stage at each size is a process of its own; what it took is appended to runs/scale/scale.json as soon as it ends,
and whatever is there is not done again. --docs also puts the table into docs/scale.md. Hours for a million.
"""

import argparse
import json
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from drawn import draw, guarded_benchmark, recipe_of
from growth import LIMIT, SLOPE, Meter, table

QUERIES = 2000
MODEL = {"image_size": 32, "patch_size": 16, "hidden_size": 512, "vision_layers": 1, "text_layers": 1, "heads": 8,
         "vocab_size": 1024, "max_tokens": 32}  # fmt: skip
DOCS = Path(__file__).resolve().parent.parent / "docs" / "scale.md"


def curated(folder: Path, size: int, meter: Meter) -> None:
    """Reading, grouping, splits, queries with graded answers, and writing it all down."""
    from weft.catalogue import builder, curate

    recipe = recipe_of(folder, size)
    place = folder / "curate"
    place.mkdir(parents=True, exist_ok=True)
    meter.around(builder.Builder, read="curate: read, decode, hash", write="curate: write")
    meter.around(builder.Builder, _same_pictures="curate: near-duplicates")
    meter.around(builder, split="curate: families, splits")
    meter.around(builder.Questions, ask="curate: queries, relevance")
    curate.curate(recipe, place)
    meter.rows[-1]["answers"] = _lines(place / "qrels.parquet")


def guarded(folder: Path, size: int, meter: Meter) -> None:
    """The leak guard: every product against a benchmark of fixed size."""
    from weft import leaks
    from weft.catalogue.collection import Collection

    collection = Collection(folder / "curate")
    told = collection.products, collection.product_of_image, collection.image_hashes, collection.image
    known = [leaks.Known(f"own={guarded_benchmark(folder, meter.side)}", folder.parent / "cache")]
    with meter.part("leak guard"):
        leaks.find(known, *told)


def _lines(path: Path) -> int:
    import pyarrow.parquet as pq

    return pq.read_metadata(path).num_rows


def opened(folder: Path, size: int, meter: Meter) -> None:
    """What every later stage begins with."""
    from weft.catalogue.collection import Collection

    with meter.part("open the collection"):
        collection = Collection(folder / "curate")
    with meter.part("its test queries"):
        collection.tasks("test")


def embedded(folder: Path, size: int, meter: Meter) -> None:
    """All pictures, kept for evaluation and mining."""
    with meter.part("embed"):
        _vectors(folder)


def _model(folder: Path) -> str:
    """A model of one layer whose vectors are as long as CLIP's: what is measured here is Weft."""
    from weft.catalogue.collection import Collection
    from weft.encoders import create

    place = folder.parent / "model"
    if not (place / "config.json").exists():
        titles = [product.title for product in Collection(folder / "curate").products[:2000]]
        create(MODEL, titles, 0).save(place)
    return str(place)


def _vectors(folder: Path) -> tuple[object, np.ndarray]:
    """The collection and the model's (images, D) vectors, which are kept."""
    from weft.catalogue.collection import Collection
    from weft.embed import Embedder
    from weft.encoders import load

    collection = Collection(folder / "curate")
    rows = np.concatenate(collection.image_rows)
    return collection, Embedder(load(_model(folder)), folder / "cache").images(collection, rows)


def mined(folder: Path, size: int, meter: Meter) -> None:
    """Hard negatives as training asks for them (train.hard = "base"), and one epoch's batches of them."""
    from weft.batch import Loader
    from weft.encoders import load
    from weft.options import Train
    from weft.pairs import negatives
    from weft.recipe import Pairs

    collection, vectors = _vectors(folder)
    meter.around(negatives, mine="mine: hard negatives", batches="mine: an epoch's batches")
    with meter.part("mine: all of the loader"):
        Loader(collection, load(_model(folder)), Pairs(), Train(hard="base", epochs=1), 0, vectors)


def indexed(folder: Path, size: int, meter: Meter) -> None:
    """`weft index` from the curated folder, with its own embedding."""
    from weft.index.update import build

    model = _model(folder)
    for name in ("weft index", "weft index, nothing new"):
        with meter.part(name):
            build(model, str(folder / "curate"), folder / "index")


def served(folder: Path, size: int, meter: Meter) -> None:
    """The index opened and warmed as a server does, and searched a query at a time."""
    from weft.index.folder import open_index
    from weft.index.store import Local, hybrid

    with meter.part("serve: open and warm"):
        index = open_index(folder / "index")
        index.warm()
    random, store = np.random.default_rng(0), Local(index)
    rows = random.integers(len(index), size=200)
    titles = index.products["title"]
    with meter.part("serve: 200 hybrid searches"):
        for row in rows.tolist():
            hybrid(index, store, index.vector(row), titles[row].as_py(), 20, {})


def searched(folder: Path, size: int, meter: Meter) -> None:
    """Exact search of all pictures by queries near them, products as groups."""
    from weft.search import top_k

    collection, vectors = _vectors(folder)
    random = np.random.default_rng(0)
    queries = vectors[random.integers(len(vectors), size=QUERIES)] + 0.1 * random.standard_normal(
        (QUERIES, vectors.shape[1]), dtype=np.float32
    )
    with meter.part(f"search: {QUERIES} queries"):
        top_k(queries, vectors, 100, group=collection.product_of_image)


def worded(folder: Path, size: int, meter: Meter) -> None:
    """BM25 over titles: its index, and as many queries."""
    from weft.bm25 import BM25
    from weft.catalogue.collection import Collection

    titles = [product.title for product in Collection(folder / "curate").products]
    with meter.part("BM25: index"):
        ranker = BM25(titles)
    queries = [titles[row] for row in np.random.default_rng(0).integers(len(titles), size=QUERIES)]
    with meter.part(f"BM25: {QUERIES} queries"):
        ranker.top_k(queries, 100)


def evaluated(folder: Path, size: int, meter: Meter) -> None:
    """All test queries over the whole gallery by the model, and by BM25; pictures are embedded already."""
    from weft.embed import Embedder
    from weft.encoders import load
    from weft.evaluate import bm25_ranking, describe, embed_task, score
    from weft.tasks import tasks_of

    recipe = recipe_of(folder, size)
    embedder = Embedder(load(_model(folder)), folder / "cache")
    with meter.part("evaluate: tasks"):
        tasks = tasks_of(recipe, folder / "curate", "test")
    with meter.part("evaluate: the model"):
        for task in tasks:
            describe(task, score(task, *embed_task(task, embedder)))
    with meter.part("evaluate: BM25"):
        for task in tasks:
            bm25_ranking(task)


STAGES = {
    "curate": curated, "guard": guarded, "open": opened, "embed": embedded, "mine": mined,
    "search": searched, "bm25": worded, "index": indexed, "serve": served, "evaluate": evaluated,
}  # fmt: skip


def measured(out: Path, stage: str, size: int, side: int) -> None:
    """One stage in this process; its rows on stdout."""
    meter, folder = Meter(side), out / str(size)
    folder.mkdir(parents=True, exist_ok=True)
    wall = time.perf_counter()
    try:
        STAGES[stage](folder, size, meter)
    finally:
        meter.restore()
    used = resource.getrusage(resource.RUSAGE_SELF)
    whole = {"part": f"all of {stage}", "wall": time.perf_counter() - wall, "cpu": used.ru_utime + used.ru_stime}
    whole |= {name: max(row[name] for row in meter.rows) for name in ("peak", "own")}
    rows = [{"stage": stage, "size": size, **row} for row in (*meter.rows, whole)]
    print(json.dumps(rows))


def _known(record: Path) -> list[dict]:
    rows = json.loads(record.read_text()) if record.exists() else []
    return [row for row in rows if row["stage"] in STAGES]


def write_docs(rows: list[dict]) -> None:
    text, block = DOCS.read_text(), f"<!-- scale -->\n{table(rows)}\n<!-- end -->"
    DOCS.write_text(re.sub(r"<!-- scale -->.*?<!-- end -->", lambda _: block, text, flags=re.S))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="10000,100000,1000000")
    parser.add_argument("--out", type=Path, default=Path("runs/scale"))
    parser.add_argument("--only", default=",".join(STAGES), help="stages, separated by commas")
    parser.add_argument("--side", type=int, default=160, help="pixels of a drawn picture")
    parser.add_argument("--docs", action="store_true", help="put the table into docs/scale.md")
    parser.add_argument("--do", nargs=2, metavar=("STAGE", "SIZE"), help="one stage in this process")
    asked = parser.parse_args(arguments)
    if asked.do:
        measured(asked.out, asked.do[0], int(asked.do[1]), asked.side)
        return
    record = asked.out / "scale.json"
    asked.out.mkdir(parents=True, exist_ok=True)
    rows = _known(record)
    for size in map(int, asked.sizes.split(",")):
        draw(asked.out / "drawn", size, asked.side)
        for stage in asked.only.split(","):
            if not any((row["stage"], row["size"]) == (stage, size) for row in rows):
                call = [sys.executable, __file__, "--out", str(asked.out), "--side", str(asked.side)]
                done = subprocess.run([*call, "--do", stage, str(size)], stdout=subprocess.PIPE, text=True)
                if done.returncode:
                    sys.exit(f"{stage} at {size} failed")
                rows = _known(record)  # another call may have written
                rows += json.loads(done.stdout.splitlines()[-1])
                rows.sort(key=lambda row: list(STAGES).index(row["stage"]))
                begun = record.with_suffix(".partial")
                begun.write_text(json.dumps(rows, indent=1))
                begun.replace(record)
    print(table(rows))
    print(f"* above the limit: a slope of {SLOPE}, {LIMIT:.0f} GB")
    if asked.docs:
        write_docs(rows)


if __name__ == "__main__":
    main()
