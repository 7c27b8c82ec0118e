"""Curation: nothing is lost without a word, no split is leaked across, and the same recipe writes the same bytes."""

import dataclasses
import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from weft.catalogue.collection import Collection
from weft.catalogue.curate import curate
from weft.catalogue.sources.spec import Columns, SourceSpec
from weft.errors import WeftError
from weft.pairs.queries import SHORT_WORDS, facts, words
from weft.recipe import Benchmark, Curate, Pairs, Recipe

COLUMNS = Columns(
    id="id", image="image", title="title", brand="brand", category="kind",
    attributes={"colour": "colour", "ground": "ground"}, variant="variant",
)  # fmt: skip
SETTINGS = Curate(zero_shot_share=0.2, dev_share=0.2, test_share=0.2)


def table(path, rows):
    pq.write_table(pa.Table.from_pylist([{"variant": ""} | row for row in rows]), path)
    return SourceSpec(path=str(path), columns=COLUMNS)


def recipe(*sources, **parts):
    return Recipe(**({"name": "shop", "base": "demo", "sources": sources, "curate": SETTINGS} | parts))


def run(folder, *sources, **parts):
    folder.mkdir(exist_ok=True)
    curate(recipe(*sources, **parts), folder)
    return Collection(folder), json.loads((folder / "summary.json").read_text())


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def photo(seed, side=96):
    """A picture like no other, with structure of every size, as the near-duplicate finder expects of photographs."""
    random, picture = np.random.default_rng(seed), np.full((side, side, 3), 128.0)
    for cells in (3, 6, 12, 24):
        noise = Image.fromarray(random.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
        picture += (np.asarray(noise.resize((side, side), Image.Resampling.BICUBIC)) - 128.0) / 2
    return Image.fromarray(picture.clip(0, 255).astype(np.uint8))


def coded(image, form="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def shelf(count, seed=0):
    """Products with pictures and titles of their own."""
    random = np.random.default_rng(seed)
    return [
        {
            "id": f"p{n}",
            "image": coded(photo((seed, n))),
            "title": f"Thing number {n} of {seed}",
            "brand": f"brand{random.integers(20)}",
            "kind": str(random.choice(["dress", "coat", "hat"])),
            "colour": str(random.choice(["red", "navy", "green", "black"])),
            "ground": str(random.choice(["wool", "silk"])),
        }
        for n in range(count)
    ]


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """One ordinary catalogue of 150 products, curated once; read only."""
    root = tmp_path_factory.mktemp("plain")
    source = table(root / "shop.parquet", shelf(150))
    found, summary = run(root / "curate", source)
    return found, summary, source


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


def test_every_query_is_answered_and_every_answer_is_true(plain):
    found, summary, _ = plain
    held = [facts(product) for product in found.products]
    stated = {q["query_id"]: q["stated"] for q in pq.read_table(found.folder / "queries.parquet").to_pylist()}
    tasks = [task for split in ("dev", "test") for task in found.tasks(split)]
    assert {task.name for task in tasks} == {f"{d}/{f}" for d in ("in-domain", "zero-shot") for f in ("short", "long")}
    for task in tasks:
        assert len(set(task.texts)) == len(task.texts) == summary["queries"][f"{task.name} {task.split}"]
        for query_id, text, source, (rows, grades) in zip(
            task.ids, task.texts, task.source, task.relevant, strict=True
        ):
            graded = dict(zip(rows.tolist(), grades.tolist(), strict=True))
            assert graded[int(source)] == 3.0
            part = task.split if task.name.startswith("in-domain") else f"zero-{task.split}"
            assert found.split[source] == part
            assert words(text) <= (SHORT_WORDS if task.name.endswith("short") else 60)
            for row, own in enumerate(held):
                if set(stated[query_id]) <= own:
                    assert graded[row] == 3.0


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


def test_an_empty_table(tmp_path):
    source = table(tmp_path / "a.parquet", shelf(1))
    pq.write_table(pq.read_table(tmp_path / "a.parquet").slice(0, 0), tmp_path / "a.parquet")
    with pytest.raises(WeftError, match="gives no product: it is empty"):
        run(tmp_path / "c", source)


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
    rows[trained]["title"] = rows[held]["title"]
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


def test_query_counts_are_limited(plain, tmp_path):
    _, _, source = plain
    few = dataclasses.replace(SETTINGS, dev_queries=3, test_queries=5)
    found, summary = run(tmp_path / "c", source, curate=few)
    for split, most in (("dev", 3), ("test", 5)):
        assert {len(task.ids) for task in found.tasks(split)} == {most}
    assert set(summary["queries"].values()) == {3, 5}


def test_titles_as_queries_make_one_task(tmp_path):
    rows = shelf(60)
    rows[0]["title"] = "وردي 👗"
    both = Pairs(short="title", long="title")
    found, summary = run(tmp_path / "c", table(tmp_path / "a.parquet", rows), pairs=both)
    tasks = found.tasks("test")
    assert [task.name for task in tasks] == ["in-domain/title", "zero-shot/title"]
    for task in tasks:
        assert [found.products[row].title for row in task.source] == task.texts and len(set(task.ids)) == len(task.ids)
    assert summary["words"]["in-domain/title"]["min"] >= 1


def test_titles_short_and_attributes_long(tmp_path):
    found, _ = run(tmp_path / "c", table(tmp_path / "a.parquet", shelf(60)), pairs=Pairs(short="title", long=""))
    assert [task.name for task in found.tasks("dev")] == ["in-domain/title", "zero-shot/title"]


def with_log(tmp_path, rows, entries, header="query,product_id,grade", **parts):
    (tmp_path / "log.csv").write_text("\n".join([header, *entries]) + "\n", encoding="utf-8")
    source = table(tmp_path / "a.parquet", rows)
    return run(tmp_path / "c", source, query_log=SourceSpec(path=str(tmp_path / "log.csv")), **parts)


def test_a_query_log(plain, tmp_path):
    found, _, _ = plain
    of = {name: [f"p{row}" for row in np.flatnonzero(found.split == name)] for name in set(found.split)}
    entries = [
        f"warm coat,{of['train'][0]},3", f"Warm COAT,{of['train'][1]},2",
        f"party,{of['dev'][0]},3", f"party,{of['dev'][1]},1",
        f"rain,{of['test'][0]},2", f"unseen,{of['zero-test'][0]},3",
        f"both,{of['train'][0]},3", f"both,{of['test'][0]},3",
        f"weak,{of['test'][1]},1", "gone,nothing,3", f"odd,{of['dev'][0]},7",
    ]  # fmt: skip
    logged, summary = with_log(tmp_path, shelf(150), entries)
    training = lines(tmp_path / "c" / "log.jsonl")
    assert training == [
        {"product_id": of["train"][0], "text": "warm coat", "grade": 3},
        {"product_id": of["train"][1], "text": "warm coat", "grade": 2},
    ]
    asked = {(t.name, t.split): t for split in ("dev", "test") for t in logged.tasks(split) if t.name.endswith("/log")}
    assert set(asked) == {("in-domain/log", "dev"), ("in-domain/log", "test"), ("zero-shot/log", "test")}
    party = asked["in-domain/log", "dev"]
    assert party.texts == ["party"] and party.source.tolist() == [-1] and sorted(party.relevant[0][1]) == [1.0, 3.0]
    reasons = {line["item"]: line["reason"] for line in lines(tmp_path / "c" / "skipped.jsonl")}
    assert "train" in reasons["both"] and "grade 2" in reasons["weak"] and "nothing" in reasons["gone"]
    assert any("not 0, 1, 2 or 3" in reason for reason in reasons.values()) and len(reasons) == 4
    counts = summary["counts"]  # the log's rows are no products
    assert counts["rows"] == counts["kept"] == 150 and counts["skipped"] == 0


def test_a_bad_query_log_stops_when_strict(tmp_path):
    strict = dataclasses.replace(SETTINGS, strict=True)
    with pytest.raises(WeftError, match="not 0, 1, 2 or 3"):
        with_log(tmp_path, shelf(40), ["a,p0,9"], curate=strict)


def test_class_benchmarks(tmp_path):
    rows = [row | {"title": "the same title"} for row in shelf(80, seed=4)]
    rows[0]["kind"] = ""
    rows[1]["image"] = b"broken"
    rows[3]["image"] = rows[2]["image"]
    benchmark = Benchmark(name="kinds", task="class", source=table(tmp_path / "b.parquet", rows), dev_share=0.3)
    run(tmp_path / "c", table(tmp_path / "a.parquet", shelf(40)), benchmarks=(benchmark,))
    found = Collection(tmp_path / "c" / "benchmarks" / "kinds")
    shares = {name: int((found.split == name).sum()) for name in set(found.split)}
    assert set(shares) == {"dev", "test"} and 12 <= shares["dev"] <= 36  # one title does not make one family
    assert found.split[found.row_of["p2"]] == found.split[found.row_of["p3"]]
    assert found.tasks("dev") == found.tasks("test") == []
    skipped = lines(found.folder / "skipped.jsonl")
    assert [line["item"] for line in skipped] == ["p0", "p1"] and skipped[0]["reason"] == "no category"
    counts = json.loads((found.folder / "summary.json").read_text())["counts"]
    assert (counts["rows"], counts["kept"], counts["skipped"]) == (80, 78, 2)


def test_title_benchmarks_ask_all_they_hold(tmp_path):
    benchmark = Benchmark(name="titles", source=table(tmp_path / "b.parquet", shelf(50, seed=4)), dev_queries=10)
    run(tmp_path / "c", table(tmp_path / "a.parquet", shelf(40)), benchmarks=(benchmark,))
    found = Collection(tmp_path / "c" / "benchmarks" / "titles")
    (dev,), (test,) = found.tasks("dev"), found.tasks("test")
    assert dev.name == test.name == "title" and len(dev.ids) == 10
    assert len(test.ids) == (found.split == "test").sum() > 10
    assert not set(dev.source.tolist()) & set(test.source.tolist())


def test_progress_of_a_long_reading(plain, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "weft.catalogue.curate.progress", lambda items, what, **options: seen.append((what, options)) or items
    )
    _, _, source = plain
    run(tmp_path / "c", source)
    assert seen == [(f"reading {source.path}", {"unit": "product"})]
