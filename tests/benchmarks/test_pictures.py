"""Pictures by row from Parquet, folders and streams: the right bytes, hashes, and every broken one found."""

import hashlib

import numpy as np
import pytest
from copies import picture, table

from weft.benchmarks import pictures
from weft.benchmarks.pictures import Joined, encoded, from_folder, from_parquet
from weft.catalogue.images import ImageError
from weft.errors import WeftError


def files(tmp_path, count=11, group=3):
    first = [{"image": {"bytes": picture(n), "path": f"{n}.jpg"}} for n in range(count)]
    second = [{"image": {"bytes": picture(n), "path": None}} for n in range(count, count + 4)]
    return [table(tmp_path / "a.parquet", first, group), table(tmp_path / "b.parquet", second, group)]


def test_any_row_of_any_file_in_any_order(tmp_path):
    found = from_parquet(files(tmp_path), "image", tmp_path)
    assert found.image_count == 15
    for row in np.random.default_rng(0).permutation(15):
        assert found.image(row) == picture(int(row))
    assert found.image_hashes == [hashlib.sha256(picture(row)).hexdigest() for row in range(15)]
    with pytest.raises(IndexError):
        found.image(15)


def test_reading_in_order_opens_each_row_group_once_and_keeps_few(tmp_path, monkeypatch):
    found = from_parquet(files(tmp_path, count=30), "image", tmp_path)
    monkeypatch.setattr(pictures, "KEPT_BYTES", 1)
    cells = found.image.__closure__[0].cell_contents
    opened = []
    monkeypatch.setattr(cells, "groups", [(f, Counting(t, opened, n), n) for f, t, n in cells.groups])
    for row in range(found.image_count):
        found.image(row)
    assert len(opened) == len(cells.groups) == 12
    assert len(cells._kept) == 1


class Counting:
    def __init__(self, inner, opened, number):
        self.inner, self.opened, self.number = inner, opened, number

    def read_row_group(self, *args, **names):
        self.opened.append(self.number)
        return self.inner.read_row_group(*args, **names)


def test_bytes_and_paths_are_columns_of_pictures_too(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "x.jpg").write_bytes(picture(5))
    plain = table(tmp_path / "plain.parquet", [{"img": picture(1)}, {"img": picture(2)}])
    paths = table(tmp_path / "paths.parquet", [{"img": "sub/x.jpg"}, {"img": None}])
    assert from_parquet([plain], "img", tmp_path).image(1) == picture(2)
    found = from_parquet([paths], "img", tmp_path)
    assert found.image(0) == picture(5)
    with pytest.raises(ImageError, match="no picture"):
        found.image(1)


def test_paths_never_lead_out(tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(picture(1))
    (inside / "link.jpg").symlink_to(secret)
    names = ["../secret.jpg", str(secret), "link.jpg", "gone.jpg", "nul\0.jpg", ""]
    found = from_folder(inside, names)
    for row in range(len(names)):
        with pytest.raises(ImageError):
            found.image(row)
    assert len(found.broken) == len(names) and "outside" in found.broken[0]
    with pytest.raises(ImageError):
        from_parquet([table(inside / "t.parquet", [{"image": "../secret.jpg"}])], "image", inside).image(0)


def test_broken_pictures_are_listed_and_shift_nothing(tmp_path):
    data = [picture(0), picture(1)[:200], b"no picture at all", None, picture(4)]
    path = table(tmp_path / "t.parquet", [{"image": {"bytes": d, "path": None}} for d in data])
    found = from_parquet([path], "image", tmp_path)
    assert set(found.broken) == {1, 2, 3} and found.broken[3] == "no picture"
    assert found.image(4) == picture(4) and found.image_hashes[3] == "" and len(found.image_hashes) == 5


def test_what_was_found_out_is_kept_until_the_file_changes(tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    path = files(tmp_path)
    first = from_parquet(path, "image", tmp_path, cache)
    identity, broken = first.identity, first.broken
    monkeypatch.setattr(pictures, "examine", None)  # it is not called again
    again = from_parquet(path, "image", tmp_path, cache)
    assert (again.identity, again.broken) == (identity, broken)
    monkeypatch.undo()
    table(path[0], [{"image": {"bytes": picture(n + 50), "path": None}} for n in range(11)])
    assert from_parquet(path, "image", tmp_path, cache).identity != identity


def test_damaged_notes_are_made_again(tmp_path):
    cache = tmp_path / "cache"
    identity = from_parquet(files(tmp_path), "image", tmp_path, cache).identity
    (note,) = cache.iterdir()
    for text in ("", "{}", "[1]", '{"hashes": [], "broken": {}}'):
        note.write_text(text)
        assert from_parquet(files(tmp_path), "image", tmp_path, cache).identity == identity


def test_two_sets_as_one(tmp_path):
    one = from_parquet([table(tmp_path / "a.parquet", [{"i": picture(n)} for n in range(3)])], "i", tmp_path)
    two = from_parquet([table(tmp_path / "b.parquet", [{"i": picture(7)}, {"i": b"x"}])], "i", tmp_path)
    both = Joined(one, two)
    assert [both.image(row) for row in range(4)] == [*(picture(n) for n in range(3)), picture(7)]
    assert set(both.broken) == {4} and both.image_hashes == [*one.image_hashes, *two.image_hashes]
    assert both.image_count == 5


@pytest.mark.parametrize("cell", [None, "", b"", {"bytes": None, "path": None}, 5, [b"x"]])
def test_cells_without_a_picture(cell):
    with pytest.raises(ImageError):
        encoded(cell, lambda name: b"")


def test_damaged_files_and_missing_columns_are_named(tmp_path):
    path = files(tmp_path)[0]
    with pytest.raises(WeftError, match=r"no column 'img'\. Its columns are image"):
        from_parquet([path], "img", tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    with pytest.raises(WeftError, match=r"a\.parquet cannot be read"):
        from_parquet([path], "image", tmp_path)
    path.write_bytes(whole[:4] + bytes(len(whole) // 2) + whole[4 + len(whole) // 2 :])
    with pytest.raises(WeftError, match="damaged in row group 0"):
        from_parquet([path], "image", tmp_path).image(0)
