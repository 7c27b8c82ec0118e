"""LookBench: fine, coarse and graded answers, distractors, and the several ways in which attributes are written."""

import pytest
from copies import answers, cell, picture, shown, table

from weft.benchmarks import open_benchmark
from weft.errors import WeftError

KEYS = ("category", "main_attribute", "other_attributes")


def split(path, rows, start):
    more = {"difficulty": "easy", "task": "single"}
    things = [
        dict(zip(KEYS, row, strict=True)) | {"item_ID": str(n), "image": cell(start + n)} | more
        for n, row in enumerate(rows)
    ]
    return table(path, things)


def copy(root, noise=True):
    asked = [("Dress", "red", "long, silk"), ("hat", "blue", None), ("shoe", "", "")]
    there = [
        ("dress", "Red", "silk, long, lace"),  # all of the first query's, and more
        ("dress", "red", "long"),  # two of three
        ("dress", "green", ""),
        ("hat", "blue", "wool"),
        ("shoe", "black", ""),
    ]
    split(root / "real_studio_flat" / "query.parquet", asked, 0)
    split(root / "real_studio_flat" / "gallery.parquet", there, 10)
    if noise:
        split(root / "noise" / "gallery.parquet", [("dress", "red", "long, silk")] * 3, 20)
    return root


def test_three_tasks_a_subset(tmp_path):
    found = open_benchmark(f"lookbench={copy(tmp_path)}")
    fine, coarse, graded = found.tasks
    assert [t.name for t in found.tasks] == [f"real_studio_flat/{what}" for what in ("fine", "coarse", "attributes")]
    subset = "real_studio_flat"
    assert answers(fine) == {f"{subset}-0": {f"{subset}/0": 1.0}, f"{subset}-1": {f"{subset}/3": 1.0}}
    assert answers(coarse) == {
        f"{subset}-0": {f"{subset}/{n}": 1.0 for n in (0, 1, 2)},
        f"{subset}-1": {f"{subset}/3": 1.0},
        f"{subset}-2": {f"{subset}/4": 1.0},
    }
    assert answers(graded) == {
        f"{subset}-0": {f"{subset}/0": 1.0, f"{subset}/1": 2 / 3}, f"{subset}-1": {f"{subset}/3": 1.0},
    }  # fmt: skip
    assert fine.primary == coarse.primary == "hit_rate@1" and graded.primary == "ndcg@5"
    assert fine.queries.texts is None and shown(fine.queries)[f"{subset}-1"] == [picture(1)]
    gallery = shown(fine.corpus)
    assert len(gallery) == 8 and gallery[f"{subset}/4"] == [picture(14)] and gallery["noise/2"] == [picture(22)]
    assert fine.counts["distractors"] == 3 and fine.counts["queries without a relevant item in the corpus"] == 1
    assert {name: labels.tolist() for name, labels in fine.strata.items()} == {
        "category": ["dress", "hat"], "difficulty": ["easy"] * 2, "query task": ["single"] * 2,
    }  # fmt: skip


def test_the_main_attribute_alone(tmp_path):
    fine, _, _ = open_benchmark(f"lookbench={copy(tmp_path)}?fine=main").tasks
    assert fine.name == "real_studio_flat/fine-main"
    assert answers(fine)["real_studio_flat-0"] == {"real_studio_flat/0": 1.0, "real_studio_flat/1": 1.0}


def test_a_gallery_without_distractors_says_so(tmp_path):
    for place, query in ((copy(tmp_path / "a"), "?noise=0"), (copy(tmp_path / "b", noise=False), "")):
        found = open_benchmark(f"lookbench={place}{query}")
        assert all(task.name.endswith("(without distractors)") and len(task.corpus) == 5 for task in found.tasks)
        assert any("distractors" in note for note in found.notes)


@pytest.mark.parametrize(
    "written",
    [["long", "silk"], '["long", "silk"]', "['long', 'silk']", "Silk; LONG ,", {"fabric": "silk", "cut": "long"}],
)
def test_attributes_in_any_writing(tmp_path, written):
    split(tmp_path / "aigen_studio" / "query.parquet", [("dress", "red", written)], 0)
    split(tmp_path / "aigen_studio" / "gallery.parquet", [("dress", "red", written), ("dress", "red", written)], 5)
    fine, _, graded = open_benchmark(f"lookbench={tmp_path}").tasks
    assert answers(fine) == answers(graded) == {"aigen_studio-0": {"aigen_studio/0": 1.0, "aigen_studio/1": 1.0}}


def test_dated_folders_limits_and_bad_input(tmp_path):
    copy(tmp_path / "v20251201")
    coarse = open_benchmark(f"lookbench={tmp_path}?limit=2&tasks=real_studio_flat/coarse").tasks[0]
    assert coarse.name == "real_studio_flat/coarse (gallery of 2)" and len(coarse.corpus) == 2
    (coarse,) = open_benchmark(f"lookbench={tmp_path}?limit=1&tasks=real_studio_flat/coarse").tasks
    assert coarse.counts["queries read"] == 3, "a small gallery leaves no query out unasked"
    with pytest.raises(WeftError, match="'all' or 'main'"):
        open_benchmark(f"lookbench={tmp_path}?fine=none")
    with pytest.raises(WeftError, match="none of the folders real_studio_flat"):
        (tmp_path / "other").mkdir()
        open_benchmark(f"lookbench={tmp_path / 'other'}")
    table(tmp_path / "v20251201" / "real_studio_flat" / "query.parquet", [{"category": "x", "image": cell(1)}])
    with pytest.raises(WeftError, match="no column 'main_attribute'"):
        open_benchmark(f"lookbench={tmp_path}")
