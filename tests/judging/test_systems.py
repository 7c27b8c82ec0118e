"""What is pooled: runs, evaluations, models and BM25; and a pool of what has changed since is told."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pools import benchmark, drawn

from weft.benchmarks.record import Benchmark
from weft.benchmarks.trec import file_name
from weft.errors import WeftError
from weft.files import read_json, write_json
from weft.judging.gather import Wanted, build, make
from weft.judging.pool import Pool
from weft.judging.systems import open_systems


def run_of(first: int) -> str:
    return "".join(f"q{query} Q0 {first + rank} {rank} {9 - rank} mine\n" for query in range(6) for rank in range(4))


def test_a_pool_of_a_run_that_has_changed_is_not_passed_off_as_its_own(tmp_path):
    benchmark(tmp_path / "b")
    run, wanted = tmp_path / "a.trec", Wanted(depth=3, sample=0, cut=3)

    def pooled() -> dict:
        return make(f"own={tmp_path / 'b'}", [str(run), "bm25"], tmp_path / "p", wanted)

    run.write_text(run_of(0))
    first = pooled()
    run.write_text(run_of(20))
    with pytest.raises(WeftError, match=r"pooled from other results than mine has now.*name another folder"):
        pooled()
    run.write_text(run_of(0))
    assert pooled() == first


def test_a_pool_of_a_benchmark_that_has_changed_neither(tmp_path):
    """Curated again or mended: the grades of old titles would be applied by id to other products."""
    benchmark(tmp_path / "b")
    wanted = Wanted(depth=3, sample=0, cut=3)

    def pooled() -> dict:
        return make(f"own={tmp_path / 'b'}", ["bm25"], tmp_path / "p", wanted)

    first = pooled()
    assert pooled() == first
    products = pq.read_table(tmp_path / "b" / "products.parquet")
    titles = [title.replace("title 3", "black coat 3") for title in products["title"].to_pylist()]
    mended = products.set_column(products.schema.get_field_index("title"), "title", pa.array(titles))
    pq.write_table(mended, tmp_path / "b" / "products.parquet")
    with pytest.raises(WeftError, match=r"pooled from other queries, things or answers than own=.* has now"):
        pooled()
    pq.write_table(products, tmp_path / "b" / "products.parquet")
    assert pooled() == first
    facts = read_json(tmp_path / "p" / "pool.json")
    del facts["benchmark"]["content"]  # as an older version left it
    write_json(tmp_path / "p" / "pool.json", facts)
    assert pooled() == facts


def test_a_pool_of_an_evaluation_or_a_model_that_has_changed_neither(tmp_path, monkeypatch):
    made = benchmark(tmp_path / "b")
    (tmp_path / "dull.py").write_text(GREY.replace("Grey", "Dull"))
    monkeypatch.syspath_prepend(tmp_path)
    specs, wanted = [str(tmp_path / "e"), "d=python:dull:Dull"], Wanted(depth=3, sample=0, cut=3)

    def pooled(**systems) -> int:
        write_evaluation(tmp_path / "e", made, systems)
        other = tmp_path / "e" / "runs" / f"{file_name('a', 'elsewhere', made.tasks[0].name)}.trec"
        other.write_text(run_of(len(systems)).replace("mine", "a"))  # of another benchmark: no part of the pool
        return make(f"own={tmp_path / 'b'}", specs, tmp_path / "p", wanted)["pairs"]

    count = pooled(a=1)
    assert pooled(a=1) == count
    for changed, named in (({"a": 2}, "a"), ({"a": 1, "b": 2}, ".*/e")):
        with pytest.raises(WeftError, match=f"other results than {named} has now"):
            pooled(**changed)
    assert pooled(a=1) == count
    monkeypatch.setattr("dull.Dull.fingerprint", "other weights")
    with pytest.raises(WeftError, match="other results than d has now"):
        pooled(a=1)


RUN = "q1 Q0 4 1 0.9 mine\nq1 Q0 7 2 0.9 mine\nq1 Q0 2 9 1.5 mine\nq0 Q0 nobody 1 1 mine\nq0 Q0 3 2 0.5 mine\n"


def test_a_trec_run_is_read_by_score_then_rank(tmp_path):
    made = benchmark(tmp_path / "b")
    path = tmp_path / "a.run"
    path.write_text(RUN)
    (found,) = open_systems([str(path)], made.name, made.tasks, tmp_path)
    assert found.name == "mine" and found.facts["documents not in the corpus"] == 1
    ranking = found.rankings["in-domain/short"]
    assert ranking[1].tolist() == [2, 4, 7] and ranking[0].tolist() == [3, -1, -1] and (ranking[2:] == -1).all()
    (named,) = open_systems([f"ours={path}"], made.name, made.tasks, tmp_path)
    assert named.name == "ours"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("q1 Q0 4 1 0.9", "line 1"),
        ("q1 Q0 4 one 0.9 mine", "line 1"),
        ("q1 Q0 4 1 0.9 m\nq1 Q0 4 2 0.8 m", "twice"),
        ("who Q0 4 1 0.9 mine", "no query"),
        ("q1 Q0 x 1 0.9 m\nq1 Q0 y 2 0.8 m", "not in the corpus"),
    ],
)
def test_a_bad_run_is_named(tmp_path, text, said):
    made = benchmark(tmp_path / "b")
    (tmp_path / "a.run").write_text(text)
    with pytest.raises(WeftError, match=said):
        list(open_systems([str(tmp_path / "a.run")], made.name, made.tasks, tmp_path))


def write_evaluation(folder: Path, made: Benchmark, seeds: dict[str, int]) -> dict:
    """The runs of systems that rank by chance."""
    from weft.evaluate import Scored
    from weft.results import write_runs

    task = made.tasks[0]
    scored = {
        name: {(made.name, task.name): Scored({}, drawn(name, seed, depth=10).rankings[task.name], np.ones((6, 10)))}
        for name, seed in seeds.items()
    }
    write_runs(folder / "runs", {(made.name, task.name): task}, scored)
    return scored


def test_an_evaluation_s_folder_gives_all_its_models(tmp_path):
    made = benchmark(tmp_path / "b")
    task = made.tasks[0]
    scored = write_evaluation(tmp_path / "e", made, {"a model": 0, "bm25": 1})
    found = {one.name: one for one in open_systems([str(tmp_path / "e")], made.name, made.tasks, tmp_path)}
    assert set(found) == {"a_model", "bm25"}
    for name, by_task in scored.items():
        ranking = found["_".join(name.split())].rankings[task.name]
        assert (ranking == by_task[made.name, task.name].ranking).all()
    with pytest.raises(WeftError, match="no run of"):
        list(open_systems([str(tmp_path / "e")], "other", made.tasks, tmp_path))


GREY = """
import numpy as np
class Grey:
    fingerprint = "grey"
    def embed_images(self, images):
        return np.stack([np.asarray(i.resize((2, 2)), dtype=np.float32).ravel() + 1 for i in images])
    def embed_texts(self, texts):
        return np.asarray([[len(t) + n for n in range(12)] for t in texts], dtype=np.float32)
"""


def test_models_and_bm25_are_ranked_now(tmp_path, monkeypatch):
    (tmp_path / "grey.py").write_text(GREY)
    monkeypatch.chdir(tmp_path)
    benchmark(tmp_path / "b")
    facts = make(f"own={tmp_path / 'b'}", ["g=python:grey:Grey", "bm25"], tmp_path / "p", Wanted(depth=4, sample=1))
    assert [one["name"] for one in facts["systems"]] == ["g", "bm25"]
    assert facts["systems"][0]["fingerprint"] == "python grey"
    rows = Pool(tmp_path / "p").systems().to_pylist()
    first = {row["query_id"]: row["doc_id"] for row in rows if row["system"] == "bm25" and row["rank"] == 1}
    assert all(query == f"q{document}" for query, document in first.items()) and len(first) == 6
    assert max(row["rank"] for row in rows if row["system"] == "g") == 4


def test_names_must_tell_systems_apart(tmp_path):
    made = benchmark(tmp_path / "b")
    for systems in ([drawn("a", 1), drawn("a", 2)], [drawn("random", 1)]):
        with pytest.raises(WeftError, match="is taken"):
            build(made, systems, tmp_path / "p", Wanted())
    with pytest.raises(WeftError, match="at least one"):
        build(made, [], tmp_path / "p", Wanted())
    with pytest.raises(WeftError, match="no finished pool"):
        Pool(tmp_path)
