"""Parquet, CSV and JSON Lines: what is read, and what cannot be, costs itself alone and is told."""

import csv
import json

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from source_tables import COLUMNS, image_folder, parquet, picture, shirt, take, write_csv

from weft.catalogue.sources import Columns, SourceSpec, open_source, table
from weft.errors import WeftError


def test_a_missing_column_is_named_with_its_nearest(tmp_path):
    spec = parquet(tmp_path, [shirt()], Columns(id="sku", image="image", title="titel"))
    with pytest.raises(WeftError, match=r"no column 'titel' \(did you mean 'title'\?\).*sku, image, title, colour"):
        open_source(spec)
    with pytest.raises(WeftError, match="no column 'season'"):
        open_source(parquet(tmp_path, [shirt()], where={"season": "1"}))
    with pytest.raises(WeftError, match="no column 'label'"):
        open_source(parquet(tmp_path, [shirt()], title_template="a {label}"))
    with pytest.raises(WeftError, match="no column 'split'"):
        open_source(parquet(tmp_path, [shirt()], split="train"))
    with pytest.raises(WeftError, match=r"columns\.image"):
        open_source(parquet(tmp_path, [shirt()], Columns(title="title")))


def test_places_that_hold_nothing(tmp_path):
    (tmp_path / "readme.md").write_text("x")
    for place, message in ((tmp_path / "no.csv", "there is no file"), (tmp_path, "holds no table"), ("", "no `path`")):
        with pytest.raises(WeftError, match=message):
            open_source(SourceSpec(path=str(place), columns=COLUMNS))


def test_a_damaged_parquet_file(tmp_path):
    spec = parquet(tmp_path, [shirt(str(i)) for i in range(50)])
    file = tmp_path / "products.parquet"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeftError, match="cannot be read as Parquet"):
        open_source(spec)
    file.write_bytes(whole[:4] + b"\xff" * (len(whole) // 2) + whole[4 + len(whole) // 2 :])
    with pytest.raises(WeftError, match="damaged after row"):
        list(open_source(spec))


@pytest.mark.parametrize("cell", ["bytes that are no text", "a day after the last"])
def test_a_cell_that_python_cannot_hold(tmp_path, cell):
    bad = pa.array([2**62], pa.timestamp("us"))
    if cell == "bytes that are no text":
        offsets = np.array([0, 2], np.int32).tobytes()
        bad = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(offsets), pa.py_buffer(b"\xff\xfe")])
    pq.write_table(pa.table({"id": ["1"], "image": [b"x"], "title": bad}), tmp_path / "a.parquet")
    spec = SourceSpec(path=str(tmp_path / "a.parquet"), columns=Columns(id="id", image="image", title="title"))
    with pytest.raises(WeftError, match=r"a\.parquet is damaged after row 0"):
        list(open_source(spec))


def test_what_datasets_wrote(tmp_path):
    features = datasets.Features(
        {
            "image": datasets.Image(), "more": datasets.List(datasets.Image()), "title": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["cat", "dog"]),
        }
    )  # fmt: skip
    images = [{"bytes": picture(i, "PNG"), "path": None} for i in range(3)]
    rows = {"image": images, "more": [images[:2]] * 3, "title": list("abc"), "label": [0, 1, -1]}
    datasets.Dataset.from_dict(rows, features=features).to_parquet(tmp_path / "d.parquet")
    spec = SourceSpec(path=str(tmp_path), columns=Columns(image="image", title="title", category="label"))
    products, _ = take(spec)
    assert [p.images for p in products] == [(picture(i, "PNG"),) for i in range(3)]
    assert [p.category for p in products] == ["cat", "dog", ""]
    [first, *_], _ = take(SourceSpec(path=str(tmp_path), columns=Columns(image="more", title="title")))
    assert first.images == (picture(0, "PNG"), picture(1, "PNG"))


def test_folders_globs_and_paths(tmp_path):
    (tmp_path / "x.jpg").write_bytes(picture())
    for part in range(3):
        table = pa.table({"sku": [f"{part}{i}" for i in range(2)], "image": ["x.jpg"] * 2, "title": ["t"] * 2})
        pq.write_table(table, tmp_path / f"part-{part}.parquet")
    columns = Columns(id="sku", image="image", title="title")
    for place in (tmp_path, tmp_path / "part-*.parquet"):
        products, _ = take(SourceSpec(path=str(place), columns=columns))
        assert [p.id for p in products] == ["00", "01", "10", "11", "20", "21"]
        assert products[0].images == (picture(),)
    pq.write_table(pa.table({"sku": ["z"], "image": ["x.jpg"]}), tmp_path / "part-3.parquet")
    with pytest.raises(WeftError, match=r"part-3\.parquet has no column 'title'"):
        open_source(SourceSpec(path=str(tmp_path), columns=columns))


def test_a_local_copy_stands_in(tmp_path):
    spec = parquet(tmp_path, [shirt()])
    hub = SourceSpec(path="hf:shop/catalogue", split="train", local=spec.path, columns=COLUMNS)
    assert [p.id for p in take(hub)[0]] == ["a"]


@pytest.mark.parametrize("kind", ["csv", "tsv", "semicolon", "jsonl"])
def test_tables_with_an_image_folder(tmp_path, kind):
    file = tmp_path / f"t.{'csv' if kind == 'semicolon' else kind}"
    cells = ["a.jpg", "a.jpg | sub/b.png", json.dumps(["sub/b.png", "a.jpg"])]
    titles = ["one, two", 'a 5" heel', "two\nlines"]
    if kind == "jsonl":
        lines = [{"image": cell, "title": title} for cell, title in zip(cells, titles, strict=True)]
        file.write_text("\n\n".join(map(json.dumps, lines)), encoding="utf-8-sig")
    else:
        with file.open("w", newline="", encoding="utf-8-sig") as handle:
            writer = csv.writer(handle, delimiter={"csv": ",", "tsv": "\t", "semicolon": ";"}[kind])
            writer.writerows([["image", "title"], *zip(cells, titles, strict=True)])
    spec = SourceSpec(
        path=str(file), image_folder=image_folder(tmp_path), columns=Columns(image="image", title="title")
    )
    products, skips = take(spec)
    assert not skips
    a, b = picture(1), picture(2, "PNG")
    assert [p.images for p in products] == [(a,), (a, b), (b, a)]
    assert [p.title for p in products] == ["one, two", 'a 5" heel', "two lines"]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_paths_begin_at_the_table_that_says_them(tmp_path, kind):
    """Of several tables in several folders each has a picture of one name, and they are not the same."""
    for place, name in enumerate(("test", "train")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "0.jpg").write_bytes(picture(place))
        row = {"sku": name, "image": "0.jpg", "title": "t"}
        if kind == "parquet":
            pq.write_table(pa.Table.from_pylist([row]), tmp_path / name / "meta.parquet")
        elif kind == "jsonl":
            (tmp_path / name / "meta.jsonl").write_text(json.dumps(row))
        else:
            write_csv(tmp_path / name / "meta.csv", list(row), [list(row.values())])
    columns = Columns(id="sku", image="image", title="title")
    products, _ = take(SourceSpec(path=str(tmp_path), columns=columns))
    assert [(p.id, p.images) for p in products] == [("test", (picture(0),)), ("train", (picture(1),))]
    products, _ = take(SourceSpec(path=str(tmp_path), image_folder=str(tmp_path / "test"), columns=columns))
    assert [p.images for p in products] == [(picture(0),)] * 2


def test_paths_never_leave_the_image_folder(tmp_path):
    file = tmp_path / "t.csv"
    names = ["../secret.jpg", str(tmp_path / "secret.jpg"), "link.jpg", "sub", "gone.jpg", "nul\0.jpg", "n" * 5000]
    folder = image_folder(tmp_path)
    write_csv(file, ["image", "title"], [[name, "t"] for name in names])
    products, skips = take(SourceSpec(str(file), image_folder=folder, columns=Columns(image="image", title="title")))
    assert not products
    assert ["outside" in s.reason for s in skips] == [True, True, True, False, False, False, False]
    assert all("there is no file" in s.reason for s in skips[3:5])
    assert all("cannot read" in s.reason for s in skips[5:])


def test_an_image_folder_may_be_below_home_and_must_be_there(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    image_folder(tmp_path)
    write_csv(tmp_path / "t.csv", ["image", "title"], [["a.jpg", "t"]])
    columns = Columns(image="image", title="title")
    [product], _ = take(SourceSpec("~/t.csv", image_folder="~/pictures", columns=columns))
    assert product.images == (picture(1),)
    with pytest.raises(WeftError, match="there is no folder '~/photos', which image_folder names"):
        open_source(SourceSpec("~/t.csv", image_folder="~/photos", columns=columns))


def test_addresses_are_not_fetched(tmp_path):
    write_csv(tmp_path / "t.csv", ["image", "title"], [["https://shop.example/a.jpg", "t"]])
    _, [skip] = take(SourceSpec(str(tmp_path / "t.csv"), columns=Columns(image="image", title="title")))
    assert "is an address, and nothing is fetched: download it" in skip.reason


def test_broken_csv_lines_cost_only_themselves(tmp_path):
    (tmp_path / "a.jpg").write_bytes(picture())
    lines = [
        b"image,title", b"a.jpg,one", b"a.jpg", b"a.jpg,two,three", b'a.jpg,"quoted" badly', b"", b"a.jpg,caf\xe9",
        "a.jpg,café".encode(), b"a.jpg," + b"w " * 100_000, b'a.jpg,"never closed',
    ]  # fmt: skip
    (tmp_path / "t.csv").write_bytes(b"\n".join(lines))
    products, skips = take(SourceSpec(str(tmp_path / "t.csv"), columns=Columns(image="image", title="title")))
    assert [p.title[:4] for p in products] == ["one", "café", "w w "]
    assert [s.reason.split(": ")[0] for s in skips] == [f"t.csv, line {n}" for n in (3, 4, 5, 7, 10)]
    assert "1 fields under 2" in skips[0].reason and "not UTF-8" in skips[3].reason


@pytest.mark.parametrize(
    ("later", "reason"),
    [
        ("dress", "of more than 500 lines"),  # nothing closes it
        ('"quoted, title"', "expected after"),  # the next quoted cell seems to
        ('heel 9"', "like rows each"),  # this does, and a row comes of it, of as many cells as there are columns
        ('heel 9",high', "5 fields under 4"),
    ],
)
def test_a_quote_too_many_costs_its_own_row(tmp_path, later, reason):
    (tmp_path / "a.jpg").write_bytes(picture())
    titles = {5: '"dress', 299: later}
    lines = ["id,title,image,more", *(f"{n},{titles.get(n, 'dress')},a.jpg," for n in range(700))]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    columns = Columns(id="id", image="image", title="title")
    products, skips = take(SourceSpec(str(tmp_path / "t.csv"), columns=columns))
    assert skips[0].reason.startswith("t.csv, line 7: ") and reason in skips[0].reason
    bad = {"5", "299"} if "high" in later else {"5"}  # that one has a comma too many of its own
    assert {p.id for p in products} == {str(n) for n in range(700)} - bad and len(skips) == len(bad)


def test_a_cell_of_many_lines_is_one_cell(tmp_path):
    (tmp_path / "a.jpg").write_bytes(picture())
    told = "\n".join(f"line, {n}" for n in range(200))
    write_csv(tmp_path / "t.csv", ["image", "title"], [["a.jpg", told], ["a.jpg", "next"], ["a.jpg"]])
    products, skips = take(SourceSpec(str(tmp_path / "t.csv"), columns=Columns(image="image", title="title")))
    assert [p.title for p in products] == [told.replace("\n", " "), "next"]
    assert [s.reason for s in skips] == ["t.csv, line 203: 1 fields under 2 column names"]


def test_broken_json_lines_cost_only_themselves(tmp_path):
    (tmp_path / "a.jpg").write_bytes(picture())
    good = json.dumps({"image": "a.jpg", "title": "one"}).encode()
    late = json.dumps({"image": "a.jpg", "title": "\ud83d two", "late": "x"}).encode()
    lines = [good, b"{", b"[1]", b'{"title": "caf\xe9"}', b"[" * 100_000, b'{"title": "no image"}', late]
    (tmp_path / "t.jsonl").write_bytes(b"\n".join(lines))
    columns = Columns(image="image", title="title", attributes={"late": "late"})
    products, skips = take(SourceSpec(str(tmp_path / "t.jsonl"), columns=columns))
    assert [p.title for p in products] == ["one", "two"]
    assert products[1].attributes == {"late": ("x",)}
    reasons = ["not JSON", "not a JSON object", "not UTF-8", "not JSON", "no picture"]
    assert all(reason in skip.reason for reason, skip in zip(reasons, skips, strict=True))


def test_a_sparse_key_may_be_in_any_json_lines_file(tmp_path, monkeypatch):
    """Of several files one may have no row with a pattern; and for a `split` that nobody asked for none is searched."""
    (tmp_path / "a.jpg").write_bytes(picture())
    for part in range(3):
        row = {"sku": f"{part}", "image": "a.jpg", "title": "t"} | ({"pattern": "dots"} if part == 1 else {})
        (tmp_path / f"{part}.jsonl").write_text(json.dumps(row) + "\n" + json.dumps(row | {"sku": f"{part}b"}))
    columns = Columns(id="sku", image="image", title="title", attributes={"pattern": "pattern"})
    products, skips = take(SourceSpec(str(tmp_path), columns=columns))
    assert [p.attributes for p in products] == [{}, {}, {"pattern": ("dots",)}, {"pattern": ("dots",)}, {}, {}]
    assert not skips
    with pytest.raises(WeftError, match="no column 'season'"):
        open_source(SourceSpec(str(tmp_path), columns=columns, where={"season": "1"}))
    read, rows = [], table._json_rows
    monkeypatch.setattr(table, "_json_rows", lambda file: (read.append(row) or row for row in rows(file)))
    open_source(SourceSpec(str(tmp_path), columns=Columns(id="sku", image="image", title="title")))
    assert len(read) == 1


def test_headers_that_cannot_serve(tmp_path):
    for header, message in ((b"", "no header"), (b"a,b,a\n", "names a twice"), (b"caf\xe9,x\n", "UTF-8")):
        (tmp_path / "t.csv").write_bytes(header)
        with pytest.raises(WeftError, match=message):
            open_source(SourceSpec(str(tmp_path / "t.csv"), columns=Columns(image="a")))
