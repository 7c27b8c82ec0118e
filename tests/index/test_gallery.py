"""Where a gallery may come from, and what is said of one that cannot be read."""

from pathlib import Path

import pytest

import tiny
import tiny_catalogue
from galleries import shop, table
from shelves import shelf
from weft.errors import WeftError
from weft.index import build, open_index
from weft.index.gallery import Example, examples, read_gallery
from weft.schema import Product, Skipped


def read(*arguments) -> list[Product]:
    return [item for item in read_gallery(*arguments) if isinstance(item, Product)]


def test_a_table_s_columns_may_have_the_fields_names_or_be_told(tmp_path):
    source = table(tmp_path, shop(3))
    plain = read(source)
    assert [p.id for p in plain] == ["p0", "p1", "p2"] and plain[0].category == "dress" and not plain[0].attributes
    told = read(source, ["title=colour", "Shade=colour"])
    assert told[1].title == '["navy", "c1"]' and told[1].attributes == {"shade": ("navy", "c1")}
    with pytest.raises(WeftError, match="say NAME=COLUMN"):
        read(source, ["colour"])
    with pytest.raises(WeftError, match=r"no column 'color' .*colour"):
        read(source, ["shade=color"])


def test_a_product_without_words_is_found_by_its_picture(tmp_path):
    """Words are what training needs; a feed that loses a title does not lose the product."""
    source = Path(table(tmp_path, shop(4), {"p1": ""}))
    bare = [line.split(",")[:3] for line in source.read_text().splitlines()]
    source.write_text("\n".join(",".join(line) for line in bare))
    found = read(str(source))
    assert [product.id for product in found] == ["p0", "p1", "p2", "p3"] and not found[1].title
    build(str(_model(tmp_path)), str(source), tmp_path / "index")
    assert len(open_index(tmp_path / "index")) == 4


def _model(folder: Path) -> Path:
    tiny.encoder().save(folder / "model")
    return folder / "model"


def test_pictures_may_lie_elsewhere(tmp_path):
    source = table(tmp_path / "shop", shop(2))
    (tmp_path / "photos").mkdir()
    for file in (tmp_path / "shop").glob("*.jpg"):
        file.rename(tmp_path / "photos" / file.name)
    assert not read(source) and len(read(source, (), str(tmp_path / "photos"))) == 2


def test_a_curated_folder_gives_its_products_and_its_test_queries(tmp_path):
    collection = tiny_catalogue.collection(tmp_path / "curate", 5)
    products = read(str(tmp_path / "curate"))
    assert [p.id for p in products] == [p.id for p in collection.products]
    assert products[0].images == tuple(map(collection.image, collection.image_rows[0]))
    asked = [
        ("a", "in-domain/short", "test", "title 1", 1, {}), ("b", "in-domain/long", "test", "the title 1", 1, {}),
        ("c", "in-domain/short", "test", "title 2", 2, {}), ("d", "in-domain/short", "dev", "title 0", 0, {}),
    ]  # fmt: skip
    shelf(tmp_path / "asked", "eed", queries=asked)
    assert examples(str(tmp_path / "asked"), []) == [Example("1", "title 1", "the title 1")]


def test_of_other_galleries_the_writer_makes_examples():
    product = Product("x", (b"",), category="coat", attributes={"colour": ("red",), "material": ("wool",)})
    (one,) = examples("demo:studio", [product, Product("y", (b"",), title="no attributes")])
    assert one.product_id == "x" and one.long == "red wool coat" and set(one.short.split()) <= set(one.long.split())


def test_a_recipe_is_its_sources(tmp_path):
    table(tmp_path / "shop", shop(2))
    columns = 'columns = { id = "id", image = "image", title = "title" }'
    one = f'[[sources]]\npath = "{tmp_path}/shop/shop.csv"\n{columns}\n'
    (tmp_path / "recipe.toml").write_text('base = "demo"\n' + one + one)
    items = list(read_gallery(str(tmp_path / "recipe.toml")))
    assert [item.id for item in items[:2]] == ["p0", "p1"]
    assert [(item.item, item.reason) for item in items[2:]] == [("p0", "duplicate id"), ("p1", "duplicate id")]


def test_links_do_not_lead_out_of_a_folder_of_pictures(tmp_path):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "secret.jpg").write_bytes(tiny.jpeg(tiny.pictures(1)[0]))
    (tmp_path / "pictures" / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    (item,) = read_gallery(str(tmp_path / "pictures"))
    assert isinstance(item, Skipped) and "leads out" in item.reason


@pytest.mark.parametrize("place", ["nowhere", "empty"])
def test_nothing_there_is_one_line(tmp_path, place):
    (tmp_path / "empty").mkdir()
    with pytest.raises(WeftError, match=r"there is no file|holds neither a table"):
        read(str(tmp_path / place))


def test_the_demo_is_a_gallery():
    assert [bool(product.title) for product in read("demo:studio?products=2")] == [True, True]
