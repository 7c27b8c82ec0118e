"""What dev and test queries ask for is found among other products, and not learnt from a reference folder."""

import io
import json

import numpy as np
import pytest
from PIL import Image

import tiny
import tiny_recipe
from weft import leaks
from weft.catalogue import duplicates
from weft.catalogue.collection import Collection
from weft.catalogue.images import decode, fingerprint
from weft.errors import WeftError
from weft.held import Held, asked_for, learnable, trained_on
from weft.pipeline import Pipeline
from weft.recipe import load
from weft.schema import Product

SHARES = ("curate.dev_share=0.3", "curate.test_share=0.3")


@pytest.fixture
def made(tmp_path):
    """(out, changes) -> the pipeline of 48 drawn products, curated; all of them are trained on without `SHARES`."""
    path = tiny_recipe.recipe(tmp_path, epochs=1)

    def curated(out: str, *changes: str) -> Pipeline:
        pipeline = Pipeline(load(path, [f"out={tmp_path / out}", *changes]))
        pipeline.curate()
        return pipeline

    return curated


def test_a_benchmark_that_is_trained_on_is_told(made, capsys):
    """Whole or in part; the old run's own dev and test products count, by file and by look."""
    looks = "curate.near_duplicates=true"
    old = made("old", *SHARES, looks).folder / "curate"
    asked = Collection(old)
    count = int((asked.split != "train").sum())
    capsys.readouterr()
    bench = f"benchmarks=[{{name='last year', collection='{old}'}}]"
    new = Collection(made("new", bench, looks).folder / "curate")
    assert (
        f"  {count} of {count} products of benchmark 'last year' are in the train split too" in capsys.readouterr().err
    )
    assert trained_on(new, asked) == (count, count) and (new.split == "train").all()
    new.image_hashes[:] = [f"other {name}" for name in new.image_hashes]  # another file that looks the same
    assert trained_on(new, asked) == (count, count)
    assert trained_on(asked, asked) == (0, count)
    made("apart", *SHARES, bench)
    assert "last year" not in capsys.readouterr().err


def test_both_sides_count_what_is_asked_for(made):
    shop = Collection(made("shop", *SHARES).folder / "curate")
    held = [row for row in range(len(shop)) if shop.split[row] != "train"]
    files = {shop.image_hashes[image] for row in held for image in shop.image_rows[row]}
    assert asked_for([shop]) == files and len(held) > 10
    assert asked_for([shop], ids=True) == files | {shop.products[row].id for row in held}


@pytest.mark.parametrize("looked", [True, False])
def test_what_a_collection_asks_for_is_held_by_file_and_by_look(made, looked):
    catalogue = Collection(made("shop", *SHARES, f"curate.near_duplicates={str(looked).lower()}").folder / "curate")
    asked, trained = (np.flatnonzero(catalogue.split == split)[0] for split in ("test", "train"))
    name, data = catalogue.products[asked].id, catalogue.image(catalogue.image_rows[asked][0])
    smaller = Image.open(io.BytesIO(data)).convert("RGB").resize((28, 28))
    pictures = [catalogue.image(catalogue.image_rows[trained][0]), data, tiny.jpeg(smaller, 95)]
    things = [Product(str(n), ()) for n in range(3)]
    looks = duplicates.describe_all(map(decode, pictures)).hash
    told = (things, np.arange(3), [fingerprint(one) for one in pictures], pictures.__getitem__, looks)
    found = [(leak.row, leak.reason) for leak in leaks.find([Held("shop", catalogue)], *told)]
    copy = (2, f"in shop as {name} (a copy of its picture)")
    assert found == [(1, f"in shop as {name} (the same file)"), copy], "whether the catalogue looked or not"


def test_a_reference_folder_is_learnt_without_what_is_asked_for(made, capsys):
    """A shop that is all train in one folder and divided in this run: what is held here would be learnt there."""
    general = made("general").folder / "curate"
    asked = made(
        "asked", *SHARES, f"train.reference={general}", "train.reference_batch=8", "train.replay_weight=1",
        "train.lwf_weight=0",
    )  # fmt: skip
    shop = Collection(asked.folder / "curate")
    held = {shop.products[row].id for row in np.flatnonzero(shop.split != "train")}
    kept = learnable(general, [shop])
    assert {kept.products[row].id for row in np.flatnonzero(kept.split != "train")} == held
    asked.train()
    assert f"{len(held)} products are left out" in capsys.readouterr().err
    lines = [json.loads(line) for line in (asked.folder / "train" / "log.jsonl").read_text().splitlines()]
    assert all(line["replay"] > 0 for line in lines)
    assert not list((asked.folder / "train").glob("base_reference.npy")), "draws of another gallery would find it"
    everything = Collection(general)
    everything.split = np.full(len(everything), "test")
    with pytest.raises(WeftError, match="all that it would have learnt is asked for"):
        learnable(general, [everything])
