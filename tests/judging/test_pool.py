"""Pools: the right pairs, blinded, with pictures, provenance apart, as deep as a precision asks for."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from pools import benchmark, drawn, pool, system

from weft.benchmarks.record import Benchmark
from weft.catalogue.images import fingerprint
from weft.errors import WeftError
from weft.judging.gather import Wanted, build, make, render
from weft.judging.pool import ANSWERS, COLUMNS, RANDOM, Pool
from weft.judging.systems import read_run
from weft.judging.union import Ranked


def test_a_pool_is_the_union_and_a_sample_of_the_rest(tmp_path):
    found = pool(tmp_path, depth=3, sample=2)
    made = benchmark(tmp_path / "again")
    task = made.tasks[0]
    one, two = (drawn(name, seed).rankings["in-domain/short"] for name, seed in (("one", 1), ("two", 2)))
    pairs = list(found.pairs())
    by_query = {}
    for pair in pairs:
        by_query.setdefault(pair.query_id, set()).add(int(pair.doc_id))
    table = found.systems().to_pylist()
    for row, query in enumerate(task.query_ids):
        returned = {*one[row, :3].tolist(), *two[row, :3].tolist()}
        right = {row, row + 1}
        chance = {int(r["doc_id"]) for r in table if r["query_id"] == query and r["system"] == RANDOM}
        assert len(chance) == 2 and not chance & (returned | right)
        assert by_query[query] == returned | right | chance
        assert {int(r["doc_id"]) for r in table if r["query_id"] == query and r["system"] == ANSWERS} == right
        ranks = {r["rank"]: int(r["doc_id"]) for r in table if r["query_id"] == query and r["system"] == "two"}
        assert [ranks[rank] for rank in (1, 2, 3)] == two[row, :3].tolist()
    assert len(pairs) == len(found) == len({pair.key for pair in pairs}) == sum(map(len, by_query.values()))


def test_nothing_in_it_tells_who_returned_a_pair(tmp_path):
    found = pool(tmp_path)
    table = pq.read_table(found.folder / "pool.parquet")
    assert tuple(table.column_names) == COLUMNS
    order = [pair.query_id for pair in found.pairs()]
    assert order != sorted(order) and len(set(order[:8])) > 2
    # Whether a pair was drawn by chance is no matter of where it stands: the sample is spread over the whole.
    chance = {(row["query_id"], row["doc_id"]) for row in found.systems().to_pylist() if row["system"] == RANDOM}
    places = [place for place, pair in enumerate(found.pairs()) if (pair.query_id, pair.doc_id) in chance]
    assert np.mean(places) == pytest.approx(len(order) / 2, abs=len(order) / 5)


def test_pictures_and_words_are_the_benchmark_s_own(tmp_path):
    found = pool(tmp_path)
    for pair in found.pairs():
        assert fingerprint(found.image(pair.image)) == pair.image
        assert pair.title == f"title {pair.doc_id}" and pair.query_text.startswith("title ") and not pair.query_image
    assert found.facts["counts"] == {
        "pictures": len({p.image for p in found.pairs()}),
        "pictures that cannot be read": 0,
    }
    with pytest.raises(WeftError, match="no picture"):
        found.image("0" * 64)


def test_the_same_seed_gives_the_same_pool_and_another_one_another(tmp_path):
    made, systems = benchmark(tmp_path / "b"), [drawn("one", 1)]

    def pairs(name: str, **wanted) -> list:
        build(made, systems, tmp_path / name, Wanted(depth=3, sample=3, cut=3, **wanted))
        return list(Pool(tmp_path / name).pairs())

    one, again, other = pairs("one"), pairs("again"), pairs("other", seed=1)
    assert one == again and one != other
    assert {pair.key for pair in one} != {pair.key for pair in other}
    assert len(pairs("bare", answers=False)) < len(one)


def test_the_key_of_a_pool_is_that_of_its_pairs(tmp_path):
    """A file of rankings may change under its name: judgements of the pool before it do not belong to the new one."""
    made, wanted = benchmark(tmp_path / "b"), Wanted(depth=3, sample=0, cut=3, answers=False)
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        build(made, [drawn("one", seed)], tmp_path / name, wanted)
    one, again, other = (Pool(tmp_path / name) for name in ("one", "again", "other"))
    assert one.facts["asked"] == other.facts["asked"] and len(one) == len(other)
    assert one.key == again.key != other.key


def test_every_unpooled_document_is_equally_likely_to_be_drawn(tmp_path):
    made = benchmark(tmp_path, products=12, queries=1)
    ranked = Ranked(made.tasks[0], [system("one", [[0, 1, 2, 3]])])
    counts = np.zeros(12)
    for seed in range(600):
        part = ranked.pooled(4, 3, False, seed)
        counts[part.document[part.drawn]] += 1
    assert (counts[:4] == 0).all()
    expected = 600 * 3 / 8
    assert (np.abs(counts[4:] - expected) < 4.5 * np.sqrt(expected)).all()
    everything = ranked.pooled(4, 100, False, 0)
    assert sorted(everything.document) == list(range(12))


def test_a_precision_chooses_depth_and_sample_and_the_price_is_told(tmp_path):
    made = benchmark(tmp_path / "b")
    systems = [drawn(name, seed, depth=20) for seed, name in enumerate("abc")]
    facts = build(made, systems, tmp_path / "p", Wanted(precision=0.2, cut=3), prices=(1.0, 10.0), dry=True)
    assert not (tmp_path / "p").exists()
    fitting = [row["depth"] for row in facts["depths"] if row["error"] <= 0.2]
    assert facts["depth"] == min(fitting) > 3
    assert facts["sample"] == 5  # 1.96^2 / (4 * 0.2^2) = 24.01 pairs over 6 queries
    guess = facts["estimate"]
    assert guess["requests"] == facts["pairs"]
    assert guess["price"] == pytest.approx((guess["tokens_in"] + 10 * guess["tokens_out"]) / 1e6, rel=1e-6)
    told = render(facts)
    assert "<- chosen" in told and "requests" in told and "at the given prices" in told
    deeper = build(made, systems, tmp_path / "p", Wanted(precision=0.01, cut=3), dry=True)
    assert deeper["depth"] == 20  # all there is


def test_a_system_counts_where_it_ranks(tmp_path, capsys):
    """Two tasks, one of them ranked by one system alone: its holes there are all holes, the other's are none."""
    import dataclasses

    from weft.judging.union import depth_table

    task = benchmark(tmp_path / "b").tasks[0]
    other = dataclasses.replace(task, name="other")
    both = drawn("both", 1)
    rankings = {task.name: both.rankings[task.name], "other": both.rankings[task.name]}
    systems = [dataclasses.replace(both, rankings=rankings), dataclasses.replace(both, name="same")]
    (row,) = depth_table([Ranked(task, systems), Ranked(other, systems)], systems, 20)
    assert row["unjudged by system"] == {"both": 0.5, "same": 0.0} and row["pairs"] == 2 * 6 * 20
    build(Benchmark("b", (task,)), [drawn("short", 1, depth=2)], tmp_path / "p", Wanted(cut=5, sample=0), dry=True)
    assert "short: only 2 of its first 5 results" in capsys.readouterr().err


def test_answers_and_empty_slots(tmp_path):
    made = benchmark(tmp_path / "b", queries=2)
    facts = build(made, [system("gaps", [[5, -1, -1], [-1, -1, -1]])], tmp_path / "p", Wanted(depth=3, sample=0, cut=3))
    table = Pool(tmp_path / "p").systems().to_pylist()
    assert [(r["doc_id"], r["rank"]) for r in table if r["system"] == "gaps"] == [("5", 1)]
    assert facts["pairs"] == 1 + 2 * 2


@pytest.mark.parametrize("changed", [{"seed": 1}, {"precision": 0.1}])
def test_another_pool_is_never_written_over_one(tmp_path, changed):
    benchmark(tmp_path / "b")
    spec = f"own={tmp_path / 'b'}"
    first = make(spec, ["bm25"], tmp_path / "p", Wanted(depth=3))
    assert make(spec, ["bm25"], tmp_path / "p", Wanted(depth=3)) == json.loads((tmp_path / "p/pool.json").read_text())
    assert first["asked"]["systems"] == ["bm25"]
    with pytest.raises(WeftError, match="another pool"):
        make(spec, ["bm25"], tmp_path / "p", Wanted(depth=3, **changed))


def test_lines_hold_what_trec_eval_would_read(tmp_path):
    (tmp_path / "a.run").write_text("q Q0 b 1 2 t\nq Q0 a 2 3 t\n\n")
    assert read_run(tmp_path / "a.run") == ("t", {"q": ["a", "b"]})


def test_a_full_disk_leaves_no_half_table_behind(tmp_path, monkeypatch):
    def full(table, where, **how):
        Path(where).write_bytes(b"PAR1 half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("weft.judging.pool.pq.write_table", full)
    with pytest.raises(WeftError, match=r"pool\.parquet: No space left"):
        pool(tmp_path)
    assert not list((tmp_path / "pool").glob("*.parquet*")) and not (tmp_path / "pool" / "pool.json").exists()
