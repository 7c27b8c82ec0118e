"""Every kind of source, every bad row and table that section 5 of the plan names, and counts that add up."""

import csv
import dataclasses
import io
import json
import sys

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from weft.catalogue.sources import Columns, SourceSpec, brand_share, open_source, text
from weft.catalogue.sources.querylog import LogEntry, grades_from_clicks, read_log
from weft.errors import WeftError
from weft.schema import Product, Skipped


def picture(seed: int = 0, format: str = "JPEG", side: int = 16) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format=format)
    return buffer.getvalue()


COLUMNS = Columns(id="sku", image="image", title="title", attributes={"colour": "colour"})


def parquet(path, rows: list[dict], columns: Columns = COLUMNS, **spec) -> SourceSpec:
    pq.write_table(pa.Table.from_pylist(rows), path / "products.parquet")
    return SourceSpec(path=str(path / "products.parquet"), columns=columns, **spec)


def shirt(sku="a", **more) -> dict:
    return {"sku": sku, "image": picture(), "title": "Red shirt", "colour": "Red"} | more


def take(spec: SourceSpec, **options):
    """(products, skips), after checking that no row was lost or counted twice."""
    source = open_source(spec, **options)
    items = list(source)
    products = [item for item in items if isinstance(item, Product)]
    skips = [item for item in items if isinstance(item, Skipped)]
    rows = [skip for skip in skips if "#" not in skip.item]
    counts = source.counts
    assert (counts.products, counts.skipped) == (len(products), len(rows))
    assert counts.bad_images == len(skips) - len(rows)
    assert counts.rows == counts.products + counts.skipped + counts.left_out
    return products, skips


def write_csv(file, header, rows):
    with file.open("w", newline="", encoding="utf-8") as handle:
        csv.writer(handle).writerows([header, *rows])


# --- what a row becomes


def test_every_column_arrives(tmp_path):
    row = shirt(
        title=" Levi's\u0000 Blue\tDenim  Shirts ", text="A shirt.", kind="Shirts", group=7.0, french="Chemise 👕",
        colour=["Navy  Blue", "nan", None, "NAVY BLUE", "White"], fabric="[\"Cotton\", \"Linen\"]", size=42.0,
    )  # fmt: skip
    columns = Columns(
        id="sku", image="image", title="title", description="text", category="kind", variant="group",
        attributes={"Colour": "colour", "material": "fabric", "size": "size"}, texts={"fr": "french"},
    )  # fmt: skip
    [product], _ = take(parquet(tmp_path, [row], columns, brand_from_title=True, title_words=True, id_prefix="s/"))
    assert product == Product(
        id="s/a", images=(picture(),), title="Levi's Blue Denim Shirts", description="A shirt.", brand="levis",
        category="shirts", variant="7", texts={"fr": "Chemise 👕"},
        attributes={
            "colour": ("navy blue", "white"), "material": ("cotton", "linen"), "size": ("42",), "words": ("denim",)
        },
    )  # fmt: skip


@pytest.mark.parametrize(
    ("title", "brand", "known", "words"),
    [
        ("Nike Men Blue T-shirts", "nike", ("blue", "tshirts"), ("men",)),
        ("Levi's Men's Dress and Belts - Belt", "levis", ("dresses",), ("men", "belts")),
        ("Puma 'Retro' (V-neck) Top, with 3/4 Sleeves", "puma", (), ("retro", "v-neck", "top", "3/4", "sleeves")),
        ("", "", (), ()),
    ],
)
def test_title_words(title, brand, known, words):
    assert text.title_words(title, brand, known) == words
    assert text.first_word(title) == brand


@given(st.lists(st.integers(0, 0x10FFFF).map(chr)).map("".join))
def test_cleaning_is_safe_and_settled(value):
    cleaned = text.clean(value)
    cleaned.encode()
    assert text.clean(cleaned) == cleaned
    assert not any(c < " " or c == "\x7f" for c in cleaned)


def test_emoji_and_right_to_left_text_stay_whole(tmp_path):
    titles = ["👩‍👩‍👧 robe 🧥", "קפוצ׳ון אדום", "لباس می‌خواهم", "שלום \u200fabc"]
    products, _ = take(parquet(tmp_path, [shirt(str(i), title=t) for i, t in enumerate(titles)]))
    assert [p.title for p in products] == titles


def test_long_titles_are_kept_to_10000_characters(tmp_path):
    rows = [shirt("a", title="x" * 10_000), shirt("b", title="y" * 12_000)]
    products, _ = take(parquet(tmp_path, rows))
    assert [p.title for p in products] == ["x" * 10_000, "y" * 10_000]


def test_templates_make_titles(tmp_path):
    rows = [{"image": picture(), "label": label} for label in ("cat", "dog", None)]
    spec = parquet(tmp_path, rows, Columns(image="image"), title_template="a photo of a {label}.")
    products, skips = take(spec)
    assert [(p.id, p.title) for p in products] == [
        ("row-000000", "a photo of a cat."), ("row-000001", "a photo of a dog."),
    ]  # fmt: skip
    assert [(s.item, s.reason) for s in skips] == [("row-000002", "no text")]


# --- bad rows


def test_bad_rows_are_listed_each_with_its_reason(tmp_path):
    rows = [
        shirt("ok"),
        shirt("ok", title="again"),
        shirt("", title="nameless"),
        shirt("wordless", title=" \t", colour="nan"),
        shirt("blind", image=None),
        shirt("cut", image=picture()[:-40]),
        shirt("tiny", image=picture(side=1)),
        shirt("untitled", title=None),
    ]
    products, skips = take(parquet(tmp_path, rows))
    assert [p.id for p in products] == ["ok", "untitled"]
    assert [(s.item, s.reason) for s in skips[:4]] == [
        ("ok", "duplicate id"), ("row-000002", "no id"), ("wordless", "no text"), ("blind", "no picture"),
    ]  # fmt: skip
    assert skips[4].item == "cut" and "truncated" in skips[4].reason
    assert skips[5].item == "tiny" and "too small (1x1)" in skips[5].reason
    assert {s.source for s in skips} == {str(tmp_path / "products.parquet")}


def test_a_category_alone_is_text(tmp_path):
    rows = [{"image": picture(), "kind": "Dress"}]
    [product], _ = take(parquet(tmp_path, rows, Columns(image="image", category="kind")))
    assert (product.title, product.category) == ("", "dress")


def test_a_product_outlives_a_bad_picture(tmp_path):
    rows = [shirt("a#1", image=[picture(1), b"", picture(2)]), shirt("b#1", image=[b"", b"x"])]
    products, skips = take(parquet(tmp_path, rows))
    assert products[0].images == (picture(1), picture(2))
    assert (skips[0].item, skips[0].reason) == ("a%231#2", "empty")
    assert skips[1].item == "b%231" and skips[1].reason.startswith("no usable picture: 1: empty; 2: damaged")


def test_strict_stops_at_the_first_bad_item(tmp_path):
    spec = parquet(tmp_path, [shirt("a", image=[picture()]), shirt("b", image=[picture(), b""])])
    source = open_source(spec, strict=True)
    assert next(source).id == "a"
    with pytest.raises(WeftError, match="b#2: empty"):
        next(source)


def test_limits_on_pictures_are_passed_on(tmp_path):
    spec = parquet(tmp_path, [shirt()])
    assert "too small (16x16)" in take(spec, min_side=17)[1][0].reason
    assert "more than 100 pixels" in take(spec, max_pixels=100)[1][0].reason


# --- which rows are wanted


def test_where_split_limit_and_brands(tmp_path):
    rows = [shirt(str(i), brand=f"B{i % 10}", split="train" if i % 2 else "test", season=i % 3) for i in range(60)]
    columns = Columns(id="sku", image="image", title="title", brand="brand")

    def ids(**spec):
        return [p.id for p in take(parquet(tmp_path, rows, columns, **spec))[0]]

    assert ids(where={"season": "1"}, split="train") == [str(i) for i in range(60) if i % 6 == 1]
    assert ids(limit=4, split="test") == ["0", "2", "4", "6"]
    low, high = ids(keep_brands=(0.0, 0.5)), ids(keep_brands=(0.5, 1.0))
    assert sorted(low + high, key=int) == [str(i) for i in range(60)]
    assert low == [str(i) for i in range(60) if brand_share(f"b{i % 10}") < 0.5]


def test_row_ids_do_not_depend_on_filters(tmp_path):
    rows = [{"image": picture(), "title": "x", "split": "ab"[i % 2]} for i in range(4)]
    spec = parquet(tmp_path, rows, Columns(image="image", title="title"), split="b")
    assert [p.id for p in take(spec)[0]] == ["row-000001", "row-000003"]


def test_brand_share_is_fixed_and_even():
    assert brand_share("Nike ") == brand_share("nike")
    # int(sha256(b"nike").hexdigest()[:12], 16) / 16**12, from the sha256sum command
    assert brand_share("nike") == pytest.approx(0.366597926404161, abs=1e-12)
    shares = [brand_share(f"brand {i}") for i in range(2000)]
    assert min(shares) >= 0 and max(shares) < 1
    assert sum(s < 0.3 for s in shares) / 2000 == pytest.approx(0.3, abs=0.04)


# --- tables that cannot be read as asked


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


# --- Parquet


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


# --- CSV and JSON Lines


def image_folder(tmp_path):
    folder = tmp_path / "pictures"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.jpg").write_bytes(picture(1))
    (folder / "sub" / "b.png").write_bytes(picture(2, "PNG"))
    (tmp_path / "secret.jpg").write_bytes(picture(3))
    (folder / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    return str(folder)


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


def test_headers_that_cannot_serve(tmp_path):
    for header, message in ((b"", "no header"), (b"a,b,a\n", "names a twice"), (b"caf\xe9,x\n", "UTF-8")):
        (tmp_path / "t.csv").write_bytes(header)
        with pytest.raises(WeftError, match=message):
            open_source(SourceSpec(str(tmp_path / "t.csv"), columns=Columns(image="a")))


# --- the hub and the demo


def stand_in_for_the_hub(monkeypatch, asked: dict):
    features = datasets.Features(
        {
            "photos": datasets.List(datasets.Image()), "name": datasets.Value("string"),
            "kind": datasets.ClassLabel(names=["shirt", "shoe"]), "unused": datasets.Value("int64"),
        }
    )  # fmt: skip
    rows = {
        "photos": [[{"bytes": picture(i), "path": None}] for i in range(3)] + [[{"bytes": b"", "path": None}]],
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


def test_hub_problems_are_explained(monkeypatch):
    stand_in_for_the_hub(monkeypatch, {})
    with pytest.raises(WeftError, match=r"cannot open the Hugging Face dataset 'shop/gone'.*local"):
        open_source(dataclasses.replace(HUB, path="hf:shop/gone"))
    with pytest.raises(WeftError, match="splits train, test; choose"):
        open_source(dataclasses.replace(HUB, split=""))
    with pytest.raises(WeftError, match="no column 'titel'"):
        open_source(dataclasses.replace(HUB, columns=Columns(image="photos", title="titel")))
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(WeftError, match=r"pip install 'weft\[hub\]'"):
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


def log(tmp_path, rows, **spec):
    write_csv(tmp_path / "log.csv", rows[0], rows[1:])
    return list(read_log(SourceSpec(str(tmp_path / "log.csv"), **spec)))


def test_clicks_are_added_up_and_graded(tmp_path):
    rows = [
        ("query", "product_id", "clicks"), ("red dress", "p1", 30), ("Red  Dress", "p1", 30), ("red dress", "p2", 6),
        ("red dress", "p3", 5), ("hat", "p1", 1), ("hat", "p4", 0),
    ]  # fmt: skip
    assert log(tmp_path, rows, id_prefix="s/") == [
        LogEntry("red dress", "s/p1", 60.0, 3), LogEntry("red dress", "s/p2", 6.0, 2),
        LogEntry("red dress", "s/p3", 5.0, 1), LogEntry("hat", "s/p1", 1.0, 3), LogEntry("hat", "s/p4", 0.0, 0),
    ]  # fmt: skip
    bare = log(tmp_path, [("q", "sku"), ("hat", "p1"), ("hat", "p1")], columns=Columns(id="sku", title="q"))
    assert bare == [LogEntry("hat", "p1", 2.0, 3)]


def test_given_grades_count_as_they_are(tmp_path):
    rows = [("query", "product_id", "grade"), ("hat", "a", 1), ("hat", "a", 3), ("hat", "b", 0), ("hat", "c", 2.0)]
    assert [(e.product_id, e.grade) for e in log(tmp_path, rows)] == [("a", 3), ("b", 0), ("c", 2)]


def test_bad_log_rows_are_listed(tmp_path):
    rows = [
        ("query", "product_id", "clicks"), ("", "p", 1), ("hat", "", 1), ("hat", "p", "many"), ("hat", "p", -1),
        ("hat", "p", "nan"), ("hat", "p", 2),
    ]  # fmt: skip
    items = log(tmp_path, rows)
    assert [i.item for i in items[:-1]] == [f"row-{n:06d}" for n in range(5)]
    assert items[-1] == LogEntry("hat", "p", 2.0, 3)
    graded = log(tmp_path, [("query", "product_id", "grade"), ("hat", "p", 4)])
    assert [i.reason for i in graded] == ["grade is not 0, 1, 2 or 3: '4'"]
    with pytest.raises(WeftError, match="row-000000: no query"):
        write_csv(tmp_path / "log.csv", rows[0], rows[1:])
        list(read_log(SourceSpec(str(tmp_path / "log.csv")), strict=True))
    with pytest.raises(WeftError, match="no column 'query'"):
        log(tmp_path, [("text", "product_id"), ("a", "b")])


@given(st.lists(st.integers(0, 1000)))
def test_grades_follow_the_clicks(clicks):
    grades = grades_from_clicks(clicks)
    assert all(0 <= g <= 3 and (g == 0) == (c == 0) for g, c in zip(grades, clicks, strict=True))
    by_clicks = [g for _, g in sorted(zip(clicks, grades, strict=True))]
    assert by_clicks == sorted(grades)
    assert not any(clicks) or max(grades) == 3
