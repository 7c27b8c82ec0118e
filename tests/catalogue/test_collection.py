"""A collection comes back from the disk as it was written, and says so when it is damaged."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from weft.catalogue.collection import Collection
from weft.catalogue.images import fingerprint
from weft.catalogue.layout import PRODUCTS, QRELS, QUERIES, ImageWriter, product_row, write_table
from weft.errors import WeftError
from weft.schema import Product

PRODUCT = Product(
    id="a/b c",
    images=(),
    title="Røde kjole 👗 فستان",
    description="x" * 5000,
    brand="Acme",
    category="dress",
    attributes={"colour": ("red", "navy blue"), "fit": ()},
    variant="v1",
    texts={"ar": "فستان", "en": "dress"},
)
BARE = Product(id="2", images=())


def query(name, task="in-domain/short", split="test", source="2"):
    return {"query_id": name, "task": task, "split": split, "text": name.upper(), "source": source, "stated": ["a=b"]}


@pytest.fixture
def folder(tmp_path):
    writer = ImageWriter(tmp_path)
    rows = [[writer.add("a/b c/0", b"one"), writer.add("a/b c/1", b"two")], [writer.add("2/0", b"three" * 1000)]]
    writer.close()
    table = [product_row(PRODUCT, rows[0], "train", 0), product_row(BARE, rows[1], "zero-test", 1)]
    write_table(tmp_path / "products.parquet", table, PRODUCTS)
    asked = [query("q2"), query("q1"), query("d1", split="dev"), query("z", "zero-shot/long", source="")]
    write_table(tmp_path / "queries.parquet", asked, QUERIES)
    grades = [("q1", "2", 1.0), ("q1", "a/b c", 3.0), ("q2", "2", 3.0), ("d1", "2", 3.0), ("z", "a/b c", 2.0)]
    rows = [{"query_id": q, "product_id": p, "grade": g} for q, p, g in grades]
    write_table(tmp_path / "qrels.parquet", rows, QRELS)
    return tmp_path


def test_products_come_back(folder):
    found = Collection(folder)
    assert found.products == [PRODUCT, BARE] and len(found) == 2
    assert found.split.tolist() == ["train", "zero-test"] and found.group.tolist() == [0, 1]
    assert found.row_of == {"a/b c": 0, "2": 1}


def test_pictures_come_back(folder):
    found = Collection(folder)
    assert [found.image(row) for row in range(found.image_count)] == [b"one", b"two", b"three" * 1000]
    assert found.image_id(1) == "a/b c/1" and found.product_of_image.tolist() == [0, 0, 1]
    assert found.image_hashes[0] == fingerprint(b"one")
    assert found.image_row["2/0"] == found.image_row[fingerprint(b"three" * 1000)] == 2


def test_tasks_and_their_answers(folder):
    short, long = Collection(folder).tasks("test")
    assert (short.name, short.split, short.ids, short.texts) == ("in-domain/short", "test", ["q2", "q1"], ["Q2", "Q1"])
    assert short.source.tolist() == [1, 1] and long.source.tolist() == [-1]
    rows, grades = short.relevant[1]
    assert rows.tolist() == [0, 1] and grades.tolist() == [3.0, 1.0]
    assert [task.name for task in Collection(folder).tasks("dev")] == ["in-domain/short"]
    assert Collection(folder).tasks("nothing") == []


def test_identity_is_that_of_the_pictures_in_their_order(folder, tmp_path_factory):
    def identity(*pictures):
        place = tmp_path_factory.mktemp("c")
        writer = ImageWriter(place)
        for number, data in enumerate(pictures):
            writer.add(str(number), data)
        writer.close()
        write_table(place / "products.parquet", [product_row(BARE, [0, 1], "train", 0)], PRODUCTS)
        return Collection(place).identity

    assert identity(b"a", b"b") == identity(b"a", b"b") != identity(b"b", b"a")


def test_nothing_at_all(tmp_path):
    with pytest.raises(WeftError, match="not a curated collection"):
        Collection(tmp_path)


@pytest.mark.parametrize("name", ["products.parquet", "images.arrow", "queries.parquet", "qrels.parquet"])
@pytest.mark.parametrize("damage", ["missing", "cut", "empty"])
def test_a_damaged_collection_is_named(folder, name, damage):
    data = (folder / name).read_bytes()
    (folder / name).unlink()
    if damage != "missing":
        (folder / name).write_bytes(data[: len(data) // 2] if damage == "cut" else b"")
    with pytest.raises(WeftError, match=name):
        Collection(folder).tasks("test")


def test_the_layout_is_plain_arrow_and_parquet(folder):
    assert pq.read_schema(folder / "products.parquet").names == PRODUCTS.names
    table = pa.ipc.open_file(folder / "images.arrow").read_all()
    assert table.schema.names == ["image_id", "sha256", "bytes"]
