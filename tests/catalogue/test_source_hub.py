"""Sources that are no files: a dataset of the Hugging Face hub, streamed, and the demo."""

import dataclasses
import io
import sys

import datasets
import fsspec
import pytest
from source_tables import picture, take

from weft.catalogue.sources import Columns, SourceSpec, brand_share, open_source
from weft.errors import WeftError


def stand_in_for_the_hub(monkeypatch, asked: dict, photos: list | None = None):
    features = datasets.Features(
        {
            "photos": datasets.List(datasets.Image()), "name": datasets.Value("string"),
            "kind": datasets.ClassLabel(names=["shirt", "shoe"]), "unused": datasets.Value("int64"),
        }
    )  # fmt: skip
    rows = {
        "photos": photos or [[{"bytes": data, "path": None}] for data in (*map(picture, range(3)), b"")],
        "name": list("abcd"), "kind": [0, 1, 0, 1], "unused": [0] * 4,
    }  # fmt: skip

    def load_dataset(name, config, **options):
        asked.update(options, name=name, config=config)
        if name == "shop/gone":
            raise datasets.exceptions.DatasetNotFoundError("Dataset 'shop/gone' doesn't exist on the Hub")
        stream = datasets.Dataset.from_dict(rows, features=features).to_iterable_dataset()
        return stream if options["split"] else datasets.IterableDatasetDict({"train": stream, "test": stream})

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)


HUB = SourceSpec(
    path="hf:shop/clothes", config="small", split="train", revision="abc123",
    columns=Columns(image="photos", title="name", category="kind"),
)  # fmt: skip


def test_a_hub_dataset_streams_with_its_pictures_encoded(monkeypatch):
    asked: dict = {}
    stand_in_for_the_hub(monkeypatch, asked)
    products, skips = take(HUB)
    assert asked == {
        "name": "shop/clothes", "config": "small", "split": "train", "revision": "abc123", "streaming": True,
    }  # fmt: skip
    assert [(p.title, p.category, p.images) for p in products] == [
        ("a", "shirt", (picture(0),)), ("b", "shoe", (picture(1),)), ("c", "shirt", (picture(2),)),
    ]  # fmt: skip
    assert [(s.item, s.reason) for s in skips] == [("row-000003", "no usable picture: empty")]


OWN = "hf://datasets/shop/clothes@abc123"


@pytest.mark.parametrize(
    "path",
    [f"{OWN}/a.jpg", "hf://datasets/shop/clothes/a.jpg", f"zip://in/a.jpg::{OWN}/b.zip", f"tar://a.jpg::{OWN}/b.tar"],
)
def test_pictures_beside_the_tables_are_fetched(monkeypatch, path):
    stand_in_for_the_hub(monkeypatch, {}, [[{"bytes": None, "path": path}]] * 4)
    monkeypatch.setattr(fsspec, "open", lambda asked, mode: io.BytesIO(picture(int(asked != path))))
    products, _ = take(HUB)
    assert [p.images for p in products] == [(picture(0),)] * 4


@pytest.mark.parametrize(
    "path",
    [
        "http://10.0.0.1/x?hf://", f"http://10.0.0.1/x?{OWN}/a.jpg", f"{OWN}/a.jpg::http://10.0.0.1/x",
        f"http://10.0.0.1/x::{OWN}/a.jpg", f"filecache://a.jpg::{OWN}/b.zip", f"zip://a.jpg::file:///b.zip::{OWN}/b.zip",
        "zip://a.jpg::/etc/b.zip", "file:///etc/passwd?hf://", "hf://datasets/shop/clothes-private/a.jpg",
        "hf://datasets/shop/other/a.jpg", "hf://shop/clothes/a.jpg", f"{OWN}/../../../other/a.jpg", "a.jpg",
    ],
)  # fmt: skip
def test_a_path_that_leads_out_of_the_dataset_is_not_opened(monkeypatch, path):
    stand_in_for_the_hub(monkeypatch, {}, [[{"bytes": None, "path": path}]] * 4)
    monkeypatch.setattr(fsspec, "open", lambda *_: pytest.fail("opened"))
    products, skips = take(HUB)
    assert (
        not products and [s.reason for s in skips] == [f"no usable picture: {path!r} is not a file of the dataset"] * 4
    )


def test_hub_problems_are_explained(monkeypatch):
    stand_in_for_the_hub(monkeypatch, {})
    with pytest.raises(WeftError, match=r"cannot open the Hugging Face dataset 'shop/gone'.*local"):
        open_source(dataclasses.replace(HUB, path="hf:shop/gone"))
    with pytest.raises(WeftError, match="splits train, test; choose"):
        open_source(dataclasses.replace(HUB, split=""))
    with pytest.raises(WeftError, match="no column 'titel'"):
        open_source(dataclasses.replace(HUB, columns=Columns(image="photos", title="titel")))
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(WeftError, match=r"pip install .*\.\[hub\]"):
        open_source(HUB)


def test_the_demo_is_a_source():
    address = "demo:studio?products=20&size=32"
    source = open_source(SourceSpec(address, keep_brands=(0.0, 0.5), id_prefix="d-"))
    kept = list(source)
    assert 0 < len(kept) < 20
    assert all(item.id.startswith("d-") and brand_share(item.brand) < 0.5 for item in kept)
    assert source.counts.rows == 20 == len(kept) + source.counts.left_out
    assert len(list(open_source(SourceSpec(address, limit=3)))) == 3
    with pytest.raises(WeftError, match="where"):
        open_source(SourceSpec(address, where={"a": "b"}))
