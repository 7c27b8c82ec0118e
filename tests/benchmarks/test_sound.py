"""Broken pictures: counted and out of play, while every other row keeps its place."""

import dataclasses

import pytest
from copies import answers, cell, document, picture, shown, table

from weft.benchmarks import open_benchmark
from weft.benchmarks.sound import LOST, broken, sound
from weft.errors import WeftError

BAD = {"bytes": picture(1)[:150], "path": None}


def test_a_thing_without_a_picture_stays_in_the_corpus(tmp_path):
    cells = [cell(0), BAD, cell(2), {"bytes": None, "path": "../out.jpg"}, cell(4)]
    table(tmp_path / "t.parquet", [{"item_ID": f"i{n}", "text": f"t{n}", "image": c} for n, c in enumerate(cells)])
    truth = {f"t{n}": {f"i{n}": 1} for n in range(5)}
    document(tmp_path / "ground_truth_text-image.json", truth)
    found = open_benchmark(f"polyvore={tmp_path}")
    (before,), (after,) = found.tasks, sound(found).tasks
    assert set(broken(before.corpus)) == {"i1", "i3"} and "outside" in broken(before.corpus)["i3"]
    assert after.counts[LOST] == 2 and LOST not in before.counts
    assert after.corpus.ids == before.corpus.ids and answers(after) == answers(before) and len(after.queries) == 5
    assert after.corpus.owner.tolist() == after.corpus.rows.tolist() == [0, 2, 4]
    assert shown(after.corpus) == {"i0": [picture(0)], "i1": [], "i2": [picture(2)], "i3": [], "i4": [picture(4)]}


def test_what_cannot_be_asked_is_left_out(tmp_path):
    for part, cells in (("query", [BAD, cell(1), cell(2)]), ("gallery", [cell(3), BAD])):
        things = [
            {"category": "hat", "main_attribute": "red", "image": c, "item_ID": str(n)} for n, c in enumerate(cells)
        ]
        table(tmp_path / "aigen_studio" / f"{part}.parquet", things)
    fine = sound(open_benchmark(f"lookbench={tmp_path}?tasks=aigen_studio/fine")).tasks[0]
    assert (
        fine.queries.ids == ["aigen_studio-1", "aigen_studio-2"] and len(fine.relevant) == 2 and len(fine.corpus) == 2
    )
    assert shown(fine.queries)["aigen_studio-2"] == [picture(2)] and len(fine.strata["category"]) == 2
    assert (
        fine.counts[LOST] == 1
        and fine.counts["queries whose picture cannot be read"] == 1 == fine.counts["queries"] - 1
    )


def test_classification_and_sound_data(tmp_path):
    cells = [cell(0), cell(1), BAD, cell(3)]
    path = table(tmp_path / "t.parquet", [{"image": c, "label": "ab"[n % 2]} for n, c in enumerate(cells)])
    found = open_benchmark(f"classes={path}")
    (task,) = sound(found).tasks
    assert task.truth.tolist() == [0, 1, 1] and list(shown(task.items).values()) == [[picture(n)] for n in (0, 1, 3)]
    assert task.counts[LOST] == 1
    clean = dataclasses.replace(found, tasks=(task,))
    assert sound(clean).tasks == (task,)


def test_nothing_left_is_an_error(tmp_path):
    path = table(tmp_path / "t.parquet", [{"image": BAD, "label": "a"}, {"image": BAD, "label": "b"}])
    with pytest.raises(WeftError, match="none of its 2 pictures can be read"):
        sound(open_benchmark(f"classes={path}"))
