"""What an evaluation writes of any benchmark is what `weft compare` reads: no stratum hides a column of the file."""

import dataclasses

import numpy as np
import pytest
from copies import cell, table
from test_generic import beir, mteb, trec
from test_lookbench import copy
from test_marqo import polyvore
from test_zooclaw_hm import hm, release

from shelves import shelf
from weft.benchmarks import BENCHMARKS, open_benchmark
from weft.evaluate import Scored
from weft.per_query import NEEDED, OPTIONAL, Table
from weft.results import write_per_query


def own(root):
    shelf(root, "eee", queries=[("q0", "in-domain/short", "test", "hat", 0, {0: 3})])
    return root


def classes(root):
    return table(root / "t.parquet", [{"image": cell(n), "label": "ab"[n % 2]} for n in range(4)])


READERS = {
    "zooclaw": ("zooclaw", release), "hm": ("hm", lambda root: hm(root / "hm.parquet")),
    "marqo": ("polyvore", polyvore), "mbeir": ("mbeir-fashion200k-t2i", mteb), "lookbench": ("lookbench", copy),
    "classes": ("cifar10", classes), "beir": ("beir", beir), "mteb": ("mteb", mteb), "trec": ("trec", trec),
    "collection": ("own", own),
}  # fmt: skip


def test_no_reader_was_forgotten():
    assert READERS.keys() == {known.module for known in BENCHMARKS.values()}


@pytest.mark.parametrize("reader", READERS)
def test_every_reader_s_scores_are_read_back(tmp_path, reader):
    name, make = READERS[reader]
    found = open_benchmark(f"{name}={make(tmp_path / 'data')}")
    tasks = {(name, task.name): task for task in found.tasks}
    values = {key: np.linspace(0, 1, len(task.query_ids)) for key, task in tasks.items()}
    scored = {key: Scored({metric: values[key] for metric in task.metrics}) for key, task in tasks.items()}
    write_per_query(tmp_path / "per_query.parquet", tasks, {"m": scored})
    back = Table(tmp_path)
    assert list(back.tasks) == [f"{name}: {task.name}" for task in found.tasks]
    for key, task in tasks.items():
        scores = back.scores(f"{name}: {task.name}", task.primary)
        order = np.argsort(np.asarray(task.query_ids, dtype=object), kind="stable")
        np.testing.assert_array_equal(scores.values, values[key][order])
        assert scores.strata.keys() == task.strata.keys()
        for stratum, labels in task.strata.items():
            assert scores.strata[stratum].tolist() == np.asarray(labels)[order].tolist()


@pytest.mark.parametrize("name", NEEDED + OPTIONAL)
def test_a_stratum_with_a_column_s_name_is_never_written(tmp_path, name):
    (task,) = open_benchmark(f"classes={classes(tmp_path)}").tasks
    task = dataclasses.replace(task, strata={name: np.asarray(["x"] * 4)})
    with pytest.raises(ValueError, match=f"no stratum may be called {name}"):
        write_per_query(tmp_path / "per_query.parquet", {("b", "t"): task}, {})
    assert not (tmp_path / "per_query.parquet").exists()
