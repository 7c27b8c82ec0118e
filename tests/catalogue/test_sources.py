"""What becomes of a row: every column arrives, every bad row is listed, filters take what they say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from source_tables import parquet, picture, shirt, take

from weft.catalogue.sources import Columns, brand_share, open_source, text
from weft.catalogue.sources.rows import references
from weft.errors import WeftError
from weft.schema import Product


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
    ("cell", "values"),
    [
        ('["Cotton", "Linen"]', ("cotton", "linen")),
        ("['Cotton', 'Linen']", ("cotton", "linen")),
        ("['Cotton' \"men's\"\n 'Linen']", ("cotton", "men's", "linen")),
        ("['Cotton', None, 42]", ("cotton", "42")),
        ("['cotton']", ("cotton",)),
        ("[]", ()),
        ("[new] cotton", ("[new] cotton",)),
        ("[print('x')]", ("[print('x')]",)),
        ("[['a'], 'b']", ("[['a'], 'b']",)),
        ("[" * 5000, ("[" * 5000,)),
    ],
)
def test_lists_that_were_written_as_text(cell, values):
    assert text.terms(cell) == values


def test_lists_of_pictures_that_were_written_as_text():
    for cell in ("['a.jpg', 'b.jpg']", "['a.jpg' 'b.jpg']", '["a.jpg", "b.jpg"]', "a.jpg | b.jpg"):
        assert references(cell) == ["a.jpg", "b.jpg"]
    assert references("['a.jpg'].jpg") == ["['a.jpg'].jpg"] and references("[1] a.jpg") == ["[1] a.jpg"]
    assert references("[" * 900 + "]" * 900) == ["[" * 900 + "]" * 900]
    assert references("['a.jpg', None]") == ["a.jpg"] and references("[]") == []


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


@pytest.mark.parametrize("empty", ["NULL", "N/A", "none", "NaN", " null "])
def test_what_stands_for_an_empty_cell_is_no_text(tmp_path, empty):
    """Else a "variant" that is NULL would make one family of the catalogue."""
    row = shirt(title=empty, text=empty, group=empty, french=empty)
    columns = Columns(
        id="sku", image="image", title="title", description="text", variant="group", texts={"fr": "french"},
        attributes={"colour": "colour"},
    )  # fmt: skip
    [product], _ = take(parquet(tmp_path, [row], columns, title_template="a {text} shirt"))
    assert (product.title, product.description, product.variant, product.texts) == ("", "", "", {})
    [product], _ = take(parquet(tmp_path, [row | {"title": "None the Wiser", "group": "NULL-7"}], columns))
    assert (product.title, product.variant) == ("None the Wiser", "NULL-7")


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


def test_the_limit_on_pictures_is_passed_on(tmp_path):
    spec = parquet(tmp_path, [shirt()])
    assert "too small (16x16)" in take(spec, min_side=17)[1][0].reason


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


@pytest.mark.parametrize("asked", ["true", "True"])
def test_where_asks_for_truth_as_a_recipe_writes_it(tmp_path, asked):
    rows = [shirt(str(i), in_stock=i % 2 == 0, word=["True", "x"][i % 2]) for i in range(4)]
    assert [p.id for p in take(parquet(tmp_path, rows, where={"in_stock": asked}))[0]] == ["0", "2"]
    assert [p.id for p in take(parquet(tmp_path, rows, where={"in_stock": "false"}))[0]] == ["1", "3"]
    assert len(take(parquet(tmp_path, rows, where={"word": asked}))[0]) == (2 if asked == "True" else 0)


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
