"""Keys of what curation reads: pictures beside a table count where it names them, and a machine may lack it all."""

import dataclasses
import json
import os
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from weft import origin
from weft.artefact import Stage
from weft.catalogue.sources import Columns, SourceSpec

COLUMNS = Columns(id="id", image="image", title="title")
ROWS = [{"id": f"{n}", "image": f"photos/{n}.jpg", "title": "t"} for n in range(3)]


def named(folder, kind="csv", rows=ROWS, **more):
    """A table that names its pictures by paths, beside pictures and a run that changes all the time."""
    (folder / "photos").mkdir(parents=True, exist_ok=True)
    (folder / "photos" / "0.jpg").write_bytes(b"0")
    file = folder / f"shop.{kind}"
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), file)
    elif kind == "jsonl":
        file.write_text("\n".join(map(json.dumps, rows)))
    else:
        file.write_text("\n".join(["id,image,title", *(",".join(row.values()) for row in rows)]))
    return SourceSpec(path=str(file), columns=COLUMNS, **more)


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_pictures_beside_a_table_are_inputs(tmp_path, kind):
    source = named(tmp_path, kind)
    before = origin.keys([source])
    assert set(before) == {source.path, f"pictures beside {source.path}"}
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "log").write_text("not named by the table")
    assert origin.keys([source]) == before
    (tmp_path / "photos" / "1.jpg").write_bytes(b"1")  # a picture that was missing
    added = origin.keys([source])
    os.utime(tmp_path / "photos" / "0.jpg", ns=(1, 1))  # another in place of one
    replaced = origin.keys([source])
    assert len({tuple(one.items()) for one in (before, added, replaced)}) == 3
    assert before[source.path] == replaced[source.path]


def test_pictures_within_a_table_or_a_named_folder_add_no_key(tmp_path):
    for cell in (b"jpeg", {"bytes": b"jpeg", "path": None}, [b"jpeg"]):
        source = named(tmp_path, "parquet", [{"id": "0", "image": cell, "title": "t"}])
        assert set(origin.keys([source])) == {source.path}
    source = named(tmp_path, image_folder=str(tmp_path / "photos"))
    assert set(origin.keys([source])) == {source.path, source.image_folder}
    log = SourceSpec(path=source.path)  # a query log has no pictures
    far = [SourceSpec(path=place, columns=COLUMNS) for place in ("hf:shop/x", "demo:studio?products=9", "gone.csv")]
    assert set(origin.keys([log, *far])) == {source.path}


def made(folder, source, **settings):
    stage = Stage(folder / "curate", {"curate": settings}, origin.keys([source]))
    stage.run(lambda place: (place / "products.parquet").write_bytes(b"x"))
    return stage


def test_a_curated_folder_is_taken_where_the_shop_s_files_are_absent(tmp_path, capsys):
    source = named(tmp_path / "shop")
    there = made(tmp_path, source, share=1)
    for elsewhere in (source, dataclasses.replace(source, path=str(tmp_path / "shop" / "*.csv"))):
        stage = Stage(there.folder, there.settings, {})
        assert not origin.as_made(stage, origin.places([elsewhere])).done(), "the files are here: they were changed"
    shutil.rmtree(tmp_path / "shop")
    here = Stage(there.folder, there.settings, origin.keys([source]))
    assert not here.done()
    assert origin.as_made(here, origin.places([source])).key == there.key
    assert "is not on this machine" in capsys.readouterr().err
    other = dataclasses.replace(here, settings={"curate": {"share": 2}})
    assert origin.as_made(other, origin.places([source])) == other
    more = dataclasses.replace(here, inputs={"more.csv": "abc"})
    assert origin.as_made(more, origin.places([source])) == more


def test_one_of_several_files_that_is_gone_is_a_change(tmp_path):
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("id,image,title\n")
    source = SourceSpec(path=str(tmp_path / "*.csv"), columns=COLUMNS)
    there = made(tmp_path, source)
    (tmp_path / "b.csv").unlink()
    here = Stage(there.folder, there.settings, origin.keys([source]))
    assert not origin.as_made(here, origin.places([source])).done()
