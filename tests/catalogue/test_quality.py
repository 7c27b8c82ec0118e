"""The rules of quality find what was planted among drawn products, and little else; each can be turned off."""

import dataclasses
import html
import io
import json
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import mishaps
from weft.catalogue.collection import Collection
from weft.catalogue.curate import curate
from weft.catalogue.quality import RULES, Sieve, blank, chart, language, merged, misfit, placeholder
from weft.catalogue.sources.spec import Columns, SourceSpec
from weft.demo.source import products
from weft.demo.world import garment
from weft.errors import WeftError
from weft.recipe import Curate, Recipe
from weft.schema import Product

COUNT, EACH = 600, 30
COLUMNS = Columns(
    id="id", image="image", title="title", brand="brand", category="category", variant="variant",
    attributes={"colour": "colour", "pattern": "pattern"},
)  # fmt: skip
ALL = tuple(RULES)


def row(product):
    told = {name: "|".join(product.attributes.get(name, ())) for name in ("colour", "pattern")}
    plain = {name: getattr(product, name) for name in ("id", "title", "brand", "category", "variant")}
    return plain | told | {"image": list(product.images)}


def plant(seed=3):
    """600 drawn products' rows with 30 of each fault among them, and fault -> ids."""
    random = np.random.default_rng(seed)
    shelf = list(products("studio", COUNT, seed=5, words="plain", size=96))
    rows = [row(product) for product in shelf]
    own = [n for n in range(COUNT) if not shelf[n].variant]
    chosen = iter(random.permutation(own).tolist())
    truth = {}

    def some(fault):
        truth[fault] = [next(chosen) for _ in range(EACH)]
        return enumerate(truth[fault])

    for make, fault in ((mishaps.empty, "blank"), (mishaps.notice, "placeholder"), (mishaps.chart, "chart")):
        for number, n in some(fault):
            bad = mishaps.coded(make(random))
            rows[n]["image"] = [bad] if number % 2 else [*rows[n]["image"], bad]
    for _, n in some("broken"):
        rows[n]["image"] = [rows[n]["image"][0][:400]]
    for number, n in some("language"):
        rows[n]["title"] = list(mishaps.FOREIGN.values())[number % len(mishaps.FOREIGN)] + f" {n}"
    for _, n in some("misfit"):
        others = [p.title for p in shelf if p.category != shelf[n].category]
        rows[n]["title"] = str(random.choice(others)) + " too"
    for _, n in some("merged"):
        picture = Image.open(io.BytesIO(rows[n]["image"][0])).resize((90, 90), Image.Resampling.BICUBIC)
        rows.append(rows[n] | {"id": f"again-{n}", "image": [mishaps.coded(picture, 80)]})
    ids = {fault: {rows[n]["id"] for n in found} for fault, found in truth.items()}
    ids["merged"] = {f"again-{n}" for n in truth["merged"]}
    return rows, ids


def run(folder, rows, rules=ALL, fit=None, **settings):
    folder.mkdir(exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / "shop.parquet")
    source = SourceSpec(path=str(folder / "shop.parquet"), columns=COLUMNS)
    shares = Curate(zero_shot_share=0.0, dev_share=0.0, test_share=0.0, quality=rules, **settings)
    curate(Recipe(name="shop", base="demo", sources=(source,), curate=shares), folder, fit=fit)
    return Collection(folder), json.loads((folder / "summary.json").read_text())


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Everything curated with every rule, "misfit" by the demo's own base; read only."""
    from weft.embed import Embedder
    from weft.encoders import load_base
    from weft.fits import similarity

    embedder, folder = Embedder(load_base("demo")), tmp_path_factory.mktemp("planted")
    rows, truth = plant()
    collection, summary = run(folder, rows, fit=lambda *told: similarity(embedder, *told))
    return folder, collection, summary, truth, rows


def found_by(folder, rule):
    """Ids of the products that a rule took, or took a picture of."""
    signs = {
        "blank": "blank:", "chart": "size chart:", "placeholder": "placeholder:", "language": "written in",
        "misfit": "its text does not fit", "merged": "the same product as",
        "broken": "no usable picture: damaged",
    }  # fmt: skip
    listed = [(one["item"].partition("#")[0], one["reason"]) for one in lines(folder / "skipped.jsonl")]
    listed += [(one["product_id"], one["reason"]) for one in lines(folder / "dropped.jsonl")]
    return {name for name, reason in listed if signs[rule] in reason}


@pytest.mark.parametrize(
    ("rule", "precision", "recall"),
    [("broken", 1, 1), ("blank", 1, 1), ("placeholder", 1, 1), ("chart", 1, 1), ("language", 1, 1), ("merged", 1, 0.9),
     ("misfit", 0.8, 0.8)],
)  # fmt: skip
def test_planted_faults_are_found(planted, rule, precision, recall):
    folder, _, _, truth, _ = planted
    found, wanted = found_by(folder, rule), set(truth[rule])
    if rule == "merged":  # the demo lists some products again by itself
        wanted |= {one.id for one in (garment("studio", 5, n, "plain") for n in range(COUNT)) if one.duplicate_of}
        faulty = set().union(*(truth[other] for other in truth if other != "merged"))
        found, wanted = found - faulty, wanted - faulty
    assert len(found & wanted) >= precision * len(found)
    assert len(found & wanted) >= recall * len(wanted)


def test_nothing_is_lost(planted):
    folder, collection, summary, _, rows = planted
    counts = summary["counts"]
    assert counts["in"] == len(rows) == counts["kept"] + counts["skipped"]
    whole = [one for one in lines(folder / "skipped.jsonl") if "#" not in one["item"]]
    assert len(whole) == counts["skipped"] and len(collection) == counts["kept"]
    assert counts["skipped"] == EACH + 3 * EACH // 2  # the broken ones, and half of three rules' had no other picture
    assert counts["dropped"] == len(lines(folder / "dropped.jsonl")) == counts["splits"]["dropped"]


def test_a_bad_picture_leaves_its_product_the_others(planted):
    _, collection, _, truth, rows = planted
    given = {row["id"]: row["image"] for row in rows}
    for rule in ("blank", "placeholder"):
        for name in truth[rule]:
            if len(given[name]) > 1:
                own = [collection.image(one) for one in collection.image_rows[collection.row_of[name]]]
                assert own == given[name][:-1]
            else:
                assert name not in collection.row_of


def test_what_is_dropped_stays_in_the_gallery(planted):
    folder, collection, _, _, _ = planted
    for one in lines(folder / "dropped.jsonl"):
        assert collection.split[collection.row_of[one["product_id"]]] == "dropped"


def test_the_report_has_counts_and_pictures_of_every_rule(planted):
    _, collection, summary, _, _ = planted
    assert list(summary["quality"]) == list(ALL)
    for rule, told in summary["quality"].items():
        assert told["pictures"] + told["dropped"] >= 0.8 * EACH, rule
        assert told["examples"]
        for one in told["examples"]:
            assert collection.image(collection.image_row[one["image"]])
    skipped = sum(told["skipped"] for told in summary["quality"].values())
    assert skipped + EACH == summary["counts"]["skipped"]  # the source found the broken ones


def test_the_report_shows_them(planted):
    from weft.report.evidence import curated
    from weft.report.pictures import Thumbnails

    _, collection, summary, _, _ = planted
    page = str(curated(summary, Thumbnails(lambda name: collection.image(collection.image_row[name]))))
    assert page.count("<img") >= sum(len(told["examples"]) for told in summary["quality"].values())
    assert all(words in html.unescape(page) for words in RULES.values())


def test_every_rule_can_be_turned_off(tmp_path):
    random = np.random.default_rng(0)
    rows = [row(product) for product in products("studio", 8, seed=5, size=64)]
    rows[0]["image"] = [mishaps.coded(mishaps.empty(random))]
    rows[1]["title"] = mishaps.FOREIGN["de"]
    rows[2] |= {"title": rows[3]["title"], "image": rows[3]["image"]}
    _, none = run(tmp_path / "none", rows, rules=())
    assert none["counts"]["kept"] == 8 and none["counts"]["dropped"] == 0 and none["quality"] == {}
    _, some = run(tmp_path / "some", rows, rules=("merged",))
    assert some["counts"]["kept"] == 8 and some["counts"]["dropped"] == 1
    _, most = run(tmp_path / "most", rows, rules=("blank", "language", "merged"))
    assert most["counts"]["skipped"] == 1 and most["counts"]["dropped"] == 2


def test_strict_stops_at_the_first_product_without_a_picture(tmp_path):
    rows = [row(product) for product in products("studio", 2, seed=5, size=64)]
    rows[1]["image"] = [mishaps.coded(Image.new("RGB", (64, 64), "white"))]
    with pytest.raises(WeftError, match=rf"{rows[1]['id']}: no usable picture: blank"):
        run(tmp_path, rows, strict=True, rules=("blank",))


def test_a_catalogue_of_nothing_but_bad_pictures(tmp_path):
    white = mishaps.coded(Image.new("RGB", (64, 64), "white"))
    rows = [row(product) | {"image": [white]} for product in products("studio", 3, seed=5, size=64)]
    with pytest.raises(WeftError, match="no product is left to train on"):
        run(tmp_path, rows, rules=("blank",))


def test_misfit_needs_an_encoder_and_language_a_known_one(tmp_path):
    rows = [row(product) for product in products("studio", 2, seed=5, size=64)]
    with pytest.raises(WeftError, match="needs an encoder"):
        run(tmp_path, rows, rules=("misfit",))
    with pytest.raises(WeftError, match="known are en"):
        Sieve(("language",), "english")


def test_soft_light_is_blank_and_a_faint_thing_is_not():
    assert all(blank.fault(mishaps.empty(np.random.default_rng(n))) for n in range(20))
    paper = Image.new("RGB", (160, 160), (250, 250, 250))
    paper.paste((238, 238, 238), (60, 50, 100, 110))
    assert not blank.fault(paper)


def test_stripes_and_grids_are_no_size_charts():
    for step in (4, 8, 20):
        picture = np.full((400, 300), 255, dtype=np.uint8)
        picture[60:340, 80:220] = 40 + 180 * (np.arange(280) // step % 2)[:, None]
        assert chart.table(Image.fromarray(picture)) == (0, 0)
        picture[60:340:step], picture[:, 80:220:step] = 0, 0
        assert not chart.fault(Image.fromarray(picture))


def test_a_table_is_counted():
    rows, columns = chart.table(mishaps.chart(np.random.default_rng(10)))
    assert rows in (11, 12) and columns == 4


def test_one_photo_of_many_variants_is_no_placeholder():
    def shown(**words):
        shelf = [Product(str(n), (b"",), **{k: v.format(n=n) for k, v in words.items()}) for n in range(25)]
        return placeholder.shown(shelf, np.arange(25), np.zeros(25, dtype=np.int64))

    assert not shown(title="The same {n}", variant="v", category="dress")
    assert not shown(title="The same", category="dress")
    assert len(shown(title="Other {n}", category="dress")) == 25  # more than `MANY` things
    five = [Product(str(n), (b"",), title=str(n), category=str(n)) for n in range(5)]
    assert not placeholder.shown(five, np.arange(5), np.zeros(5, dtype=np.int64))


def test_one_of_each_product_is_trained_on():
    random = np.random.default_rng(0)
    shelf = [
        Product(str(n), (b"",), title=f"t{random.integers(6)}", variant=f"{random.integers(9)}") for n in range(60)
    ]
    group = random.integers(0, 5, 60)
    gone = {row for row, _ in merged.repeated(shelf, group, np.arange(60))}
    left = [n for n in range(60) if n not in gone]
    for name in ("title", "variant"):
        assert max(Counter((group[n], getattr(shelf[n], name)) for n in left).values()) == 1
    assert gone and all(
        any(group[n] == group[m] and (shelf[n].title == shelf[m].title or shelf[n].variant == shelf[m].variant)
            for m in range(n)) for n in gone
    )  # fmt: skip


@pytest.mark.parametrize("name", mishaps.FOREIGN)
def test_languages(name):
    text = mishaps.FOREIGN[name]
    assert language.foreign(text, "en") and not language.foreign(text, name)


def test_quotations_and_brands_are_no_foreign_language():
    for text in (
        "Comme des Garçons Play T-shirt",
        "Nike Air Max 90",
        "Robe",
        "",
        "Los Angeles Lakers shirt",
        "東京 tee",
    ):
        assert not language.foreign(text, "en")
    assert language.foreign("Long dress with short sleeves for women", "ja")


def test_misfits_are_those_far_below_their_own_category():
    random = np.random.default_rng(1)
    similarity = np.concatenate([random.normal(0.3, 0.02, 500), random.normal(0.1, 0.02, 500)])
    kinds = ["shirt"] * 500 + ["hat"] * 500
    assert len(misfit.misfits(similarity, kinds)) <= 3  # 2.3 in 10,000 below -3.5
    similarity[7] = 0.15  # would be high for a hat
    assert 7 in [row for row, _ in misfit.misfits(similarity, kinds)]
    scores = misfit.robust(similarity, kinds)
    assert np.allclose(misfit.robust(5 * similarity + 2, kinds), scores) and abs(np.median(scores[:500])) < 1e-12
    few = misfit.robust(np.asarray([0.1, 0.2, np.nan]), ["a", "b", "a"])
    assert few[2] == 0 and np.isclose(few[0], -few[1])


def test_settings_are_no_part_of_older_keys():
    from weft.tables import settings

    assert not {"quality", "language"} & settings(Curate()).keys()
    assert settings(dataclasses.replace(Curate(), quality=("blank",)))["quality"] == ("blank",)
