"""The drawn catalogue that grows, and the small benchmark that its leak guard must find; for bench_scale.py."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

SHARD = 1000  # drawn products in a Parquet file
GUARDED, LEAKED = 500, 50  # products of the benchmark that is kept out, and those that the catalogue sells, too


def draw(shards: Path, size: int, side: int) -> None:
    """The first `size` products of one catalogue as Parquet files; larger catalogues begin with smaller ones'. That is
    not Weft's job, and is not measured."""
    shards.mkdir(parents=True, exist_ok=True)
    missing = [start for start in range(0, size, SHARD) if not _shard(shards, start).exists()]
    if missing:
        places = [_shard(shards, start) for start in missing]
        with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
            list(pool.map(partial(_drawn, SHARD, side), places, missing))


def _drawn(count: int, side: int, place: Path, start: int) -> None:
    from weft.demo import source

    _write(place, source.products("studio", count, 7, "house", start, side))


def _shard(folder: Path, start: int) -> Path:
    return folder / f"part-{start // SHARD:06d}.parquet"


def _write(path: Path, products: Iterator) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from weft.demo.vocabulary import ATTRIBUTES

    rows = [
        {"id": one.id, "image": list(one.images), "title": one.title, "brand": one.brand, "category": one.category}
        | {"variant": one.variant, **dict.fromkeys(ATTRIBUTES[1:-1])}
        | {name: values[0] for name, values in one.attributes.items()}
        for one in products
    ]
    names = list(dict.fromkeys(name for row in rows for name in row if name != "image"))
    schema = pa.schema([("image", pa.list_(pa.binary())), *((name, pa.string()) for name in names)])
    begun = path.with_suffix(".partial")
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), begun)
    begun.replace(path)


def recipe_of(folder: Path, size: int):
    from weft.catalogue.sources.spec import Columns, SourceSpec
    from weft.demo.vocabulary import ATTRIBUTES
    from weft.recipe import Recipe

    fields = {name: name for name in ("id", "image", "title", "brand", "category", "variant")}
    columns = Columns(**fields, attributes={name: name for name in ATTRIBUTES[1:-1]})
    source = SourceSpec(path=str(folder.parent / "drawn"), columns=columns, limit=size)
    return Recipe("scale", "demo", sources=(source,))


def guarded_benchmark(folder: Path, side: int) -> Path:
    """A small benchmark, a tenth of which the catalogue sells: what the leak guard must find."""
    from weft.catalogue.curate import curate
    from weft.catalogue.sources.spec import SourceSpec
    from weft.recipe import Curate, Recipe

    place = folder.parent / "guarded"
    if not (place / "summary.json").exists():
        place.mkdir(exist_ok=True)
        ours = SourceSpec(path=f"demo:studio?products={LEAKED}&seed=7&words=house&size={side}")
        others = SourceSpec(path=f"demo:studio?products={GUARDED - LEAKED}&seed=8&words=house&size={side}")
        shares = Curate(zero_shot_share=0.0, dev_share=0.1, test_share=0.8)
        curate(Recipe("guarded", "demo", sources=(ours, others), curate=shares), place)
    return place
