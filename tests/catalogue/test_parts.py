"""Tables in parts are byte for byte what pyarrow writes at once; a file has two names or is copied."""

import os
import resource

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from weft.catalogue import collection, parts
from weft.catalogue.layout import PRODUCTS, QRELS, write_table
from weft.catalogue.parts import link_or_copy, read_parts, write_parts
from weft.errors import WeftError


def product(row):
    odd = row % 2
    return {
        "product_id": f"p{row}", "image_rows": list(range(row % 3)), "title": f"t {row % 7}", "description": "",
        "brand": "b", "category": "k", "attributes": [("colour", ["red", f"x{row}"]), ("fit", [])][odd:], "variant": "",
        "texts": [("de", "x")] * odd, "split": "train", "group": row,
    }  # fmt: skip


def products(count):
    return map(product, range(count))


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 350])
def test_a_table_from_dicts(tmp_path, monkeypatch, count):
    monkeypatch.setattr(parts, "GROUP", 100)
    monkeypatch.setattr(collection, "AT_ONCE", 30)
    write_table(tmp_path / "parts", products(count), PRODUCTS)
    whole = pa.Table.from_pylist(list(products(count)), schema=PRODUCTS)
    pq.write_table(whole, tmp_path / "whole", row_group_size=100)
    assert (tmp_path / "parts").read_bytes() == (tmp_path / "whole").read_bytes()
    read = list(read_parts(tmp_path / "parts", 40))
    assert pa.Table.from_batches(read, PRODUCTS) == whole and all(part.num_rows <= 40 for part in read)


@pytest.mark.parametrize("sizes", [(), (0,), (3, 0, 5), (100,), (250, 40), (40, 60, 100, 1), (7,) * 61])
def test_a_table_from_parts_of_any_size(tmp_path, monkeypatch, sizes):
    monkeypatch.setattr(parts, "GROUP", 100)
    random, count = np.random.default_rng(0), sum(sizes)
    columns = [f"q{row // 9}" for row in range(count)], [f"p{row}" for row in random.integers(50, size=count)]
    grades = pa.array(random.integers(1, 4, count), pa.float32())
    whole = pa.Table.from_arrays([*(pa.array(one, pa.string()) for one in columns), grades], schema=QRELS)
    starts = np.cumsum([0, *sizes])
    write_parts(tmp_path / "parts", (whole.slice(*one) for one in zip(starts, sizes, strict=False)), QRELS)
    pq.write_table(whole, tmp_path / "whole", row_group_size=100)
    assert (tmp_path / "parts").read_bytes() == (tmp_path / "whole").read_bytes()


def test_what_fails_between_parts_leaves_nothing(tmp_path):
    def failing():
        yield QRELS.empty_table()
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        write_parts(tmp_path / "table", failing(), QRELS)
    assert not list(tmp_path.iterdir())


def test_one_file_has_two_names(tmp_path):
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_text("new")
    target.write_text("old")
    (tmp_path / "b.partial").write_text("of a killed run")
    for _ in range(2):  # the second time they are one already
        link_or_copy(source, target)
        assert target.samefile(source) and sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"]


def test_where_no_file_has_two_names_it_is_copied(tmp_path, monkeypatch, capsys):
    def refuse(*_):
        raise PermissionError("no hard links here")

    monkeypatch.setattr(os, "link", refuse)
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_bytes(b"x" * 100_000)
    link_or_copy(source, target)
    assert target.read_bytes() == source.read_bytes() and not target.samefile(source)
    assert "copied" in capsys.readouterr().err
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))  # the system refuses larger files
    try:
        with pytest.raises(WeftError, match="cannot write"):
            link_or_copy(source, target)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert target.read_bytes() == source.read_bytes(), "what was there stays"
