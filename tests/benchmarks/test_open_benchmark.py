"""The names: every one has its module, its options are read by type, and what is mistyped is told the nearest."""

import importlib
import inspect
import json
import os

import pytest
from copies import answers, cell, document, lines, picture, shown, table

from weft.benchmarks import BENCHMARKS, open_benchmark, places, tables
from weft.errors import WeftError


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_name_has_a_reader(name):
    known = BENCHMARKS[name]
    module = importlib.import_module(f"weft.benchmarks.{known.module}")
    takes = inspect.signature(module.read).parameters
    assert {"place", "known", "cache", "limit"} <= takes.keys() and set(known.options) <= takes.keys()
    if known.hub:
        assert known.citation and known.hub.count("/") == 1
        assert known.revision == "" or len(known.revision) == 40
    else:
        with pytest.raises(WeftError, match=f"{name}=PATH"):
            open_benchmark(name)


def small(root):
    rows = [{"item_ID": str(n), "text": f"t{n}", "category": "c", "image": cell(n)} for n in range(3)]
    table(root / "data.parquet", rows)
    document(root / "ground_truth_text-image.json", {"t1": {"1": 1}})
    return root


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ("kaggl=.", "no benchmark 'kaggl'; did you mean 'kagl'"),
        ("polyvore=./gone", "benchmark polyvore: there is no file or folder ./gone"),
        ("polyvore={here}?limits=3", "no option 'limits'; did you mean 'limit'"),
        ("polyvore={here}?limit=few", "limit='few' is no number"),
        ("polyvore={here}?limit=-1", "must not be negative"),
        ("polyvore={here}?limit", "option 'limit' has no value"),
        ("polyvore={here}?tasks=text-to-imag", "no task 'text-to-imag'; did you mean 'text-to-image'"),
        ("polyvore={here}?dataset=Kagle", "there is no 'Kagle'"),
    ],
)
def test_mistakes_are_explained(tmp_path, spec, complaint):
    with pytest.raises(WeftError) as error:
        open_benchmark(spec.format(here=small(tmp_path)))
    assert complaint in str(error.value)


def test_a_curated_folder_alone_is_told_how_it_is_named(tmp_path):
    (tmp_path / "queries.parquet").touch()
    with pytest.raises(WeftError, match=f"write own={tmp_path}"):
        open_benchmark(str(tmp_path))


def test_paths_may_hold_signs(tmp_path):
    odd = small(tmp_path / "a=b?c")
    assert open_benchmark(f"polyvore={odd}").source == str(odd)
    assert len(open_benchmark(f"polyvore={odd}?tasks=text-to-image").tasks) == 1


def hub(root):
    """A dataset as the hub keeps it: configs named in README.md."""
    text = "---\nconfigs:\n"
    for part, split in (("corpus", "corpus"), ("query", "test"), ("qrels", "test")):
        text += f"- config_name: {part}\n  data_files:\n  - split: {split}\n    path: {part}/*.parquet\n"
    table(
        root / "corpus" / "0.parquet",
        [{"id": f"i{n}", "image": cell(n) if n != 1 else {"bytes": b"no", "path": "x"}} for n in range(4)],
    )
    table(root / "query" / "0.parquet", [{"id": "q1", "text": "red"}, {"id": "q2", "text": "blue"}])
    table(root / "qrels" / "0.parquet", [{"query-id": "q1", "corpus-id": "i3", "score": 1}])
    (root / "README.md").write_text(text + "---\n")
    return root


def test_the_hub_is_streamed_once_and_kept_whole(tmp_path, monkeypatch):
    pytest.importorskip("datasets")
    cache = tmp_path / "cache"
    place = f"mteb=hf:{hub(tmp_path / 'hub')}"
    found = open_benchmark(place, cache)
    (task,) = found.tasks
    assert task.name == "text-to-image" and answers(task) == {"q1": {"i3": 1.0}}
    assert shown(task.corpus)["i3"] == [picture(3)] and set(task.corpus.pictures.broken) == {1}
    assert task.corpus.pictures.image(1) == b"no" and len(task.corpus.pictures.image_hashes) == 4
    assert any("no revision is pinned" in note for note in found.notes)
    monkeypatch.setattr(places.hub, "read", None)  # what is kept is not fetched again
    again = open_benchmark(place, cache).tasks[0]
    assert answers(again) == answers(task) and again.corpus.pictures.identity == task.corpus.pictures.identity


def test_a_broken_connection_leaves_no_half_a_file(tmp_path, monkeypatch):
    pytest.importorskip("datasets")
    cache, place = tmp_path / "cache", f"mteb=hf:{hub(tmp_path / 'hub')}"
    whole = places.hub.read

    def breaks(spec, needed):
        found = whole(spec, needed)

        def some():
            yield next(found.rows)
            raise WeftError("the line went dead")

        return type(found)(found.columns, [(some(), found.load)])

    monkeypatch.setattr(places.hub, "read", breaks)
    with pytest.raises(WeftError, match="the line went dead"):
        open_benchmark(place, cache)
    assert all(path.name.endswith(".partial") for path in cache.iterdir())
    monkeypatch.undo()
    assert answers(open_benchmark(place, cache).tasks[0]) == {"q1": {"i3": 1.0}}
    assert not [path for path in cache.iterdir() if path.name.endswith(".partial")]


def test_a_limit_streams_no_more_than_it_needs(tmp_path):
    pytest.importorskip("datasets")
    place = hub(tmp_path / "hub")
    table(place / "qrels" / "0.parquet", [{"query-id": "q1", "corpus-id": "i0", "score": 1}])
    (task,) = open_benchmark(f"mteb=hf:{place}?limit=2", tmp_path / "cache").tasks
    assert task.name == "text-to-image (gallery of 2)" and task.corpus.pictures.image_count == 3


def test_the_hub_s_only_split_stands_for_no_other_that_was_asked_for(tmp_path):
    pytest.importorskip("datasets")
    place = hub(tmp_path / "hub")
    readme = place / "README.md"
    readme.write_text(readme.read_text().replace("split: test", "split: dev"))
    for query in ("", "?split=dev"):
        assert list(answers(open_benchmark(f"mteb=hf:{place}{query}", tmp_path / "cache").tasks[0])) == ["q1"]
    with pytest.raises(WeftError, match="cannot open the Hugging Face dataset"):
        open_benchmark(f"mteb=hf:{place}?split=test", tmp_path / "cache")


def test_without_a_network_the_message_says_what_to_do(monkeypatch, tmp_path):
    pytest.importorskip("datasets")
    monkeypatch.setitem(os.environ, "HF_HUB_OFFLINE", "1")
    with pytest.raises(WeftError, match="cannot open the Hugging Face dataset"):
        open_benchmark(f"hm=hf:{tmp_path / 'nothing' / 'here'}", tmp_path)


def test_a_damaged_cache_is_named(tmp_path):
    pytest.importorskip("datasets")
    place, cache = f"mteb=hf:{hub(tmp_path / 'hub')}", tmp_path / "cache"
    open_benchmark(place, cache)
    for name in ("rows.parquet", "images.arrow", "broken.json"):
        for path in cache.glob(f"*corpus*/{name}"):
            before = path.read_bytes()
            path.write_bytes(before[:20])
            with pytest.raises(WeftError, match="delete it, and it is fetched again"):
                open_benchmark(place, cache)
            path.write_bytes(before)


def test_ids_compare_as_text():
    cases = [(1163, "1163"), (1163.0, "1163"), ("1163", "1163"), (" a ", "a"), (None, ""), (float("nan"), ""), (0, "0")]
    assert [tables.identity(cell) for cell, _ in cases] == [name for _, name in cases]


def test_half_a_surrogate_pair_is_no_text():
    assert [tables.words(cell) for cell in ("caf\ud83d", "👗", 7.0, None)] == ["caf?", "👗", "7", ""]


def test_a_csv_with_paths(tmp_path):
    (tmp_path / "x.jpg").write_bytes(picture(3))
    (tmp_path / "t.csv").write_text("item_ID,text,image,category\n1,hat,x.jpg,h\n2,shoe,../x.jpg,s\n")
    (tmp_path / "ground_truth_text-image.json").write_text(json.dumps({"hat": {"1": 1}}))
    text, _ = open_benchmark(f"polyvore={tmp_path}").tasks
    assert text.corpus.pictures.image(0) == picture(3) and set(text.corpus.pictures.broken) == {1}
    lines(tmp_path / "t.jsonl", [{"item_ID": 1, "text": "hat", "image": "x.jpg"}])
    assert open_benchmark(f"polyvore={tmp_path / 't.jsonl'}").tasks[0].corpus.ids == ["1"]
