"""Curation: nothing is lost without a word, and the same recipe writes the same bytes."""

import dataclasses

import pyarrow.parquet as pq
import pytest
from PIL import Image
from shop_tables import SETTINGS, coded, lines, run, shelf, table

from weft.catalogue.sources.spec import SourceSpec
from weft.errors import WeftError
from weft.options import Train
from weft.recipe import Benchmark


def test_counts_add_up(plain):
    found, summary, _ = plain
    counts = summary["counts"]
    assert counts["rows"] == counts["in"] == counts["kept"] == len(found) == 150
    assert counts["skipped"] == counts["left_out"] == 0 and counts["images"] == 150
    assert sum(counts["splits"].values()) == 150
    assert set(counts["splits"]) == {"train", "dev", "test", "zero-dev", "zero-test"}


def test_what_is_said_names_the_recipe_not_a_folder(tmp_path, capsys):
    source = table(tmp_path / "shop.parquet", shelf(30))
    benchmark = Benchmark(name="other shop", source=table(tmp_path / "b.parquet", shelf(12, seed=1)))
    run(tmp_path / "curate.partial", source, benchmarks=(benchmark,))
    said = capsys.readouterr().err
    assert "  shop: 30 rows = 30 kept + 0 skipped + 0 not asked for; " in said
    assert "  other shop: 12 rows = 12 kept" in said and "partial" not in said


def test_the_same_recipe_writes_the_same_bytes(plain, tmp_path):
    found, _, source = plain
    again, _ = run(tmp_path / "again", source)
    for name in ("queries.parquet", "qrels.parquet", "products.parquet", "images.arrow", "summary.json"):
        assert (again.folder / name).read_bytes() == (found.folder / name).read_bytes(), name
    other, _ = run(tmp_path / "other", source, seed=1)
    assert (other.folder / "queries.parquet").read_bytes() != (found.folder / "queries.parquet").read_bytes()


def test_nothing_is_lost_without_a_word(tmp_path):
    rows = shelf(60)
    rows[3]["image"] = b"not a picture"
    rows[4] = rows[4] | {"title": "", "kind": "", "colour": "", "ground": ""}
    rows[5]["id"] = "p6"
    rows[7]["id"] = "#7"
    rows[8]["image"] = coded(Image.new("RGB", (1, 1)))
    first = dataclasses.replace(table(tmp_path / "a.parquet", rows), where={"variant": ""}, keep_brands=(0.0, 0.9))
    second = table(tmp_path / "b.parquet", [*shelf(5, seed=2), rows[7]])  # p0 to p4 and #7 are taken
    found, summary = run(tmp_path / "c", first, second)
    counts, skipped = summary["counts"], lines(tmp_path / "c" / "skipped.jsonl")
    assert counts["rows"] == 66 == counts["kept"] + counts["skipped"] + counts["left_out"]
    assert counts["kept"] == len(found) and counts["left_out"] > 0
    assert counts["skipped"] == len(skipped) and counts["in"] == counts["kept"] + counts["skipped"]
    assert {"%237", "p8", "p4"} <= {line["item"] for line in skipped}
    assert sum(summary["skipped_reasons"].values()) == len(skipped)
    assert sum(line["reason"] == "duplicate id" for line in skipped) >= 3


def test_a_bad_picture_beside_a_good_one_is_listed_but_costs_no_product(tmp_path):
    rows = [row | {"image": [row["image"], b"broken"]} for row in shelf(30)]
    found, summary = run(tmp_path / "c", table(tmp_path / "a.parquet", rows))
    assert summary["counts"]["kept"] == summary["counts"]["rows"] == 30 and summary["counts"]["skipped"] == 0
    assert [line["item"] for line in lines(tmp_path / "c" / "skipped.jsonl")] == [f"p{n}#2" for n in range(30)]
    assert summary["counts"]["images"] == 30 == found.image_count


def test_strict_stops(tmp_path):
    strict = dataclasses.replace(SETTINGS, strict=True)
    first = table(tmp_path / "a.parquet", shelf(10))
    for bad, reason in (({"image": b"x"}, "picture"), ({"id": "p0"}, "duplicate id")):
        other = table(tmp_path / "b.parquet", [shelf(1, seed=3)[0] | {"id": "new"} | bad])
        with pytest.raises(WeftError, match=f"{reason}.*strict"):
            run(tmp_path / "c", first, other, curate=strict)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"image": b"broken"}, "gives no product: of 8 rows 0 are not asked for, and the others are skipped.*damaged"),
        ({"brand": "zzz"}, "of 8 rows 8 are not asked for"),
    ],
)
def test_a_source_of_which_nothing_is_left(tmp_path, change, told):
    source = table(tmp_path / "a.parquet", [row | change for row in shelf(8)])
    with pytest.raises(WeftError, match=told):
        run(tmp_path / "c", dataclasses.replace(source, keep_brands=(0.0, 0.001)) if "brand" in change else source)


def test_a_second_source_without_a_product_is_told_before_the_first_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("weft.catalogue.curate.Builder.read", lambda *told, **more: pytest.fail("it was read"))
    first, second = (table(tmp_path / f"{name}.parquet", shelf(8)) for name in "ab")
    empty = table(tmp_path / "c.parquet", [row | {"image": b"broken"} for row in shelf(8)])
    with pytest.raises(WeftError, match=r"c\.parquet gives no product: of 8 rows"):
        run(tmp_path / "d", first, second, empty)


def test_bad_rows_at_the_beginning_of_a_table_stop_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("weft.catalogue.sources.PEEKED", 3)
    rows = [row | ({"image": b"broken"} if place < 5 else {}) for place, row in enumerate(shelf(40))]
    _, summary = run(tmp_path / "c", table(tmp_path / "a.parquet", rows))
    assert (summary["counts"]["rows"], summary["counts"]["kept"], summary["counts"]["skipped"]) == (40, 35, 5)


@pytest.mark.parametrize("last", ["source", "benchmark", "query log", "reference"])
def test_a_wrong_name_is_told_before_anything_is_read(tmp_path, monkeypatch, last):
    monkeypatch.setattr("weft.catalogue.curate.Builder.read", lambda *told, **more: pytest.fail("it was read"))
    first, lost = table(tmp_path / "a.parquet", shelf(8)), SourceSpec(path=str(tmp_path / "lost.parquet"))
    sources = (first, lost) if last == "source" else (first,)
    asked = {"benchmarks": (Benchmark("other", source=lost),)} if last == "benchmark" else {}
    asked |= {"query_log": lost} if last == "query log" else {}
    asked |= {"reference": (lost,), "train": Train(reference="own")} if last == "reference" else {}
    with pytest.raises(WeftError, match=r"lost\.parquet"):
        run(tmp_path / "c", *sources, **asked)


def test_an_empty_table(tmp_path):
    source = table(tmp_path / "a.parquet", shelf(1))
    pq.write_table(pq.read_table(tmp_path / "a.parquet").slice(0, 0), tmp_path / "a.parquet")
    with pytest.raises(WeftError, match="gives no product: it is empty"):
        run(tmp_path / "c", source)


def test_progress_of_a_long_reading(plain, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "weft.catalogue.builder.progress", lambda items, what, **options: seen.append((what, options)) or items
    )
    _, _, source = plain
    run(tmp_path / "c", source)
    assert seen == [(f"reading {source.path}", {"unit": "product"})]
