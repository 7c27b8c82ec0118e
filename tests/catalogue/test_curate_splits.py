"""No split is leaked across: duplicates, variants, namesakes and brands stay whole."""

import dataclasses

import numpy as np
from shop_tables import SETTINGS, coded, lines, photo, run, shelf, table


def test_duplicates_variants_and_titles_are_never_cut(tmp_path):
    rows = shelf(120)
    for n in range(0, 30, 2):
        rows[n + 1]["image"] = rows[n]["image"]  # the same bytes
    for n in range(30, 60, 2):
        rows[n + 1]["image"] = coded(photo((0, n)).resize((90, 90)), "JPEG", quality=80)  # recoded and smaller
    for n in range(60, 90, 2):
        rows[n]["variant"] = rows[n + 1]["variant"] = f"v{n}"
    for n in range(90, 120, 2):
        rows[n + 1]["title"] = rows[n]["title"].upper()
    for row in rows:
        row["brand"] = "one"
    settings = dataclasses.replace(SETTINGS, zero_shot_share=0.0)
    found, summary = run(tmp_path / "c", table(tmp_path / "a.parquet", rows), curate=settings)
    assert (found.split[0::2] == found.split[1::2]).all() and len(set(found.split)) == 3
    assert (found.group[0:60:2] == found.group[1:60:2]).all()
    assert len(set(found.group[60:])) == 60  # variants and namesakes are no duplicates
    assert summary["duplicates"]["groups"] == 30 and summary["duplicates"]["products"] == 60
    assert summary["duplicates"]["largest"] == summary["duplicates"]["largest_family"] == 2
    assert ["p0/0", "p1/0"] in summary["duplicates"]["examples"]
    without, _ = run(
        tmp_path / "d",
        table(tmp_path / "a.parquet", rows),
        curate=dataclasses.replace(settings, near_duplicates=False),
    )
    assert (without.group[0:30:2] == without.group[1:30:2]).all() and len(set(without.group[30:])) == 90


def test_duplicates_are_relevant_to_each_other_s_queries(tmp_path):
    rows = shelf(80)
    for n in range(0, 80, 2):
        rows[n + 1]["image"] = rows[n]["image"]
    found, _ = run(tmp_path / "c", table(tmp_path / "a.parquet", rows))
    for task in found.tasks("test"):
        for source, (judged, grades) in zip(task.source, task.relevant, strict=True):
            assert grades[judged == source ^ 1] == 3.0


def test_products_of_several_pictures_join_the_groups_they_show(tmp_path):
    rows = shelf(40)
    one, other = rows[0]["image"], rows[1]["image"]
    rows[2]["image"] = [coded(photo(99)), other, one]
    for row in rows:
        row["image"] = row["image"] if isinstance(row["image"], list) else [row["image"]]
    settings = dataclasses.replace(SETTINGS, zero_shot_share=0.0)
    found, _ = run(tmp_path / "c", table(tmp_path / "a.parquet", rows), curate=settings)
    assert found.group[:3].tolist() == [0, 0, 0] and len(set(found.split[:3])) == 1
    assert found.image_rows[2].tolist() == [2, 3, 4] and found.product_of_image[:6].tolist() == [0, 1, 2, 2, 2, 3]


def test_brands_held_out_whole_and_what_reaches_into_them_is_dropped(plain, tmp_path):
    found, _, _ = plain
    rows = shelf(150)
    held = int(np.flatnonzero(found.split == "zero-test")[0])
    trained = int(np.flatnonzero(found.split == "train")[0])
    rows[trained]["variant"] = rows[held]["variant"] = "one garment"
    again, summary = run(tmp_path / "c", table(tmp_path / "a.parquet", rows))
    brands = {p.brand for p, name in zip(found.products, found.split, strict=True) if name.startswith("zero-")}
    for product, name in zip(again.products, again.split, strict=True):
        assert (product.brand in brands) == name.startswith("zero-")
    assert again.split[trained] == "dropped" and summary["counts"]["dropped"] == 1
    assert lines(tmp_path / "c" / "dropped.jsonl")[0]["product_id"] == f"p{trained}"
    assert summary["counts"]["splits"]["dropped"] == 1 and sum(summary["counts"]["splits"].values()) == 150


def test_it_is_said_when_no_brand_can_be_held_out(tmp_path, capsys):
    rows = [row | {"brand": "one"} for row in shelf(30)]
    run(tmp_path / "c", table(tmp_path / "a.parquet", rows))
    assert "no brand is small enough" in capsys.readouterr().err


def test_train_only_sources_are_trained_on_alone(tmp_path):
    rows = [row | {"id": f"c{n}", "title": "a photo of a cat.", "brand": ""} for n, row in enumerate(shelf(30, seed=5))]
    captions = dataclasses.replace(table(tmp_path / "b.parquet", rows), train_only=True)
    found, _ = run(tmp_path / "c", table(tmp_path / "a.parquet", shelf(60)), captions)
    assert set(found.split[60:]) == {"train"} and len(set(found.split[:60])) > 3
    for split in ("dev", "test"):
        for task in found.tasks(split):
            assert (task.source < 60).all()


def test_a_family_that_swallows_the_catalogue_and_much_that_is_dropped_are_told(tmp_path, capsys):
    rows = shelf(60)
    run(tmp_path / "c", table(tmp_path / "a.parquet", rows))
    said = capsys.readouterr().err
    assert "are one family" not in said and "are dropped" not in said
    for row in rows[:30]:
        row["variant"] = "basic"
    run(tmp_path / "d", table(tmp_path / "b.parquet", rows))
    said = capsys.readouterr().err
    assert "30 of 60 products are one family (p0, p1, p2 ...), which no split cuts" in said
    assert "of 60 products are dropped, p" in said and "for instance: shares a family with" in said


def test_what_stands_for_no_variant_makes_no_family(tmp_path):
    rows = [row | {"variant": "NULL"} for row in shelf(60)]
    _, summary = run(tmp_path / "c", table(tmp_path / "a.parquet", rows))
    assert summary["duplicates"]["largest_family"] == 1
