"""A collection's tables are written in parts, whole or not at all."""

import errno
import os

import pyarrow as pa
import pytest

from weft.catalogue import layout, parts
from weft.catalogue.collection import Collection
from weft.catalogue.layout import PRODUCTS, QRELS, ImageWriter, product_row, write_table
from weft.errors import WeftError
from weft.schema import Product


def test_large_pictures_are_written_before_there_are_256(tmp_path, monkeypatch):
    monkeypatch.setattr(layout, "HELD", 1000)
    writer = ImageWriter(tmp_path)
    for n in range(10):
        writer.add(str(n), bytes([n]) * 400)
    held = sum(len(data) for _, _, data in writer._rows)
    writer.close()
    with pa.ipc.open_file(pa.memory_map(str(tmp_path / "images.arrow"))) as file:
        assert [file.get_batch(n).num_rows for n in range(file.num_record_batches)] == [3, 3, 3, 1] and held == 400
        assert file.read_all()["bytes"].to_pylist() == [bytes([n]) * 400 for n in range(10)]


def test_many_pictures_in_several_batches(tmp_path):
    writer = ImageWriter(tmp_path)
    for number in range(700):
        assert writer.add(f"{number}/0", b"%d" % number) == number
    writer.close()
    row = product_row(Product(id="2", images=()), list(range(700)), "train", 0)
    write_table(tmp_path / "products.parquet", [row], PRODUCTS)
    found = Collection(tmp_path)
    assert found._images.column("bytes").num_chunks == 3
    assert [int(found.image(row)) for row in (0, 255, 256, 699)] == [0, 255, 256, 699]


def full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_keeps_the_old_table(tmp_path, monkeypatch):
    write_table(tmp_path / "qrels.parquet", [{"query_id": "q", "product_id": "2", "grade": 1.0}], QRELS)
    before = (tmp_path / "qrels.parquet").read_bytes()
    monkeypatch.setattr(parts.pq, "ParquetWriter", full)
    with pytest.raises(WeftError, match=r"qrels.parquet: No space left"):
        write_table(tmp_path / "qrels.parquet", [], QRELS)
    assert (tmp_path / "qrels.parquet").read_bytes() == before
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.parametrize("when", ["flush", "close"])
def test_a_full_disk_while_pictures_are_written(tmp_path, monkeypatch, when):
    writer = ImageWriter(tmp_path)

    class Full:
        def write_batch(self, _):
            if when == "flush":
                full()

        def close(self):
            full()

    monkeypatch.setattr(writer, "_writer", Full())
    with pytest.raises(WeftError, match=r"images.arrow: No space left"):
        for number in range(300 if when == "flush" else 3):
            writer.add(str(number), b"x")
        writer.close()
