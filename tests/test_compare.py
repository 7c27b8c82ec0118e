"""Two evaluations compared: what the record and the sentences say, and every way in which files can disagree."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from weft import stats
from weft.benchmarks.record import Retrieval, Side
from weft.compare import compare, render
from weft.errors import WeftError
from weft.evaluate import Scored, classification_metrics
from weft.per_query import Table
from weft.results import write_per_query

QUERIES = 300


def frame(model, task, values, metric="recall@10", ids=None, **more):
    """Rows of one model, task and metric as columns; `more` are further columns, one value or one a query."""
    values = np.asarray(values, dtype=float)
    ids = [f"q{i:03}" for i in range(len(values))] if ids is None else ids
    columns = {"model": model, "task": task, "query_id": ids, "metric": metric, "value": values.tolist()} | more
    return {
        name: [entry] * len(values) if isinstance(entry, (str, bool, type(None))) else list(entry)
        for name, entry in columns.items()
    }


def write(path, *frames):
    columns = {name: [value for one in frames for value in one[name]] for name in frames[0]}
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)
    return path


def hits(rate, seed=0, queries=QUERIES):
    return (np.random.default_rng(seed).random(queries) < rate).astype(float)


@pytest.fixture
def pair(tmp_path):
    """Two evaluations' folders: B, and A that is better on "short", worse on "long", the same on "brand"."""
    a, b = tmp_path / "a" / "per_query.parquet", tmp_path / "b" / "per_query.parquet"
    easy = hits(0.5)
    better, worse = np.maximum(easy, hits(0.3, 1)), np.minimum(easy, hits(0.7, 2))
    write(b, *(frame("clip", task, easy) for task in ("short", "long", "brand")))
    write(a, frame("ours", "short", better), frame("ours", "long", worse), frame("ours", "brand", easy))
    return a, b


def test_the_record_is_what_the_single_tests_say(pair):
    result = compare(pair[0].parent, pair[1])
    assert [row["call"] for row in result["tasks"]] == ["better", "worse", "cannot be told"]
    short = result["tasks"][0]
    a, b = Table(pair[0]).scores("short", "recall@10").values, hits(0.5)
    assert short["value"] == a.mean() and short["value_against"] == b.mean()
    assert short["queries"] == short["groups"] == QUERIES and short["metric"] == "recall@10"
    expected = stats.paired_bootstrap(a, b, seed=9)
    assert (short["difference"], short["low"], short["high"]) == pytest.approx(expected, abs=0.004)
    assert short["mde"] == pytest.approx(stats.minimum_detectable(a, b))
    np.testing.assert_allclose(
        [row["p_holm"] for row in result["tasks"]], stats.holm([row["p"] for row in result["tasks"]])
    )
    assert result["a"] == {"label": "ours", "model": "ours", "path": str(pair[0])}
    json.dumps(result)


def test_a_split_verdict_names_every_exception(pair):
    result = compare(*pair)
    assert not result["a_beats_b"]["holds"] and not result["b_beats_a"]["holds"]
    assert [(e["task"], e["kind"]) for e in result["a_beats_b"]["exceptions"]] == [
        ("long", "worse"), ("brand", "cannot be told")
    ]  # fmt: skip
    said = result["verdict"]
    assert said.startswith(
        "ours does not beat clip on every one of 3 tasks: 1 of 3 comparisons pass at 5%; exceptions:"
    )
    assert (
        "with Holm's correction over 3 tasks: ours is better on 1 (short); clip is better on 1 (long); 1 cannot" in said
    )


def test_turned_around_it_says_the_opposite(pair):
    forth, back = compare(*pair), compare(*reversed(pair))
    for one, other in zip(forth["tasks"], back["tasks"], strict=True):
        assert one["difference"] == -other["difference"] and one["p"] == other["p"] and one["mde"] == other["mde"]
        assert {one["call"], other["call"]} in ({"better", "worse"}, {"cannot be told"})
    assert forth["a_beats_b"]["exceptions"][0]["kind"] == "worse"
    row, told = forth["tasks"][0], forth["b_beats_a"]["exceptions"][0]["text"]
    assert (
        f"{-100 * row['difference']:+.1f} points recall@10 [{-100 * row['high']:+.1f}, {-100 * row['low']:+.1f}]"
        in told
    )
    assert forth["b_beats_a"]["won"] == back["a_beats_b"]["won"] == 1


@pytest.mark.parametrize("turn", [False, True])
def test_better_everywhere(tmp_path, turn):
    easy = hits(0.5)
    b = write(tmp_path / "b.parquet", *(frame("clip", task, easy) for task in ("short", "long")))
    a = write(tmp_path / "a.parquet", *(frame("ours", t, np.maximum(easy, hits(0.3, 1))) for t in ("short", "long")))
    result = compare(b, a) if turn else compare(a, b)
    assert result["b_beats_a" if turn else "a_beats_b"]["holds"]
    assert result["verdict"].startswith("ours beats clip on every one of 2 tasks: intersection-union test of 2")


def test_nothing_to_tell(tmp_path):
    a = write(tmp_path / "a.parquet", frame("ours", "short", hits(0.5, 1)))
    b = write(tmp_path / "b.parquet", frame("clip", "short", hits(0.5, 2)))
    assert compare(a, b)["verdict"] == "Which of ours and clip is better cannot be told from 1 task."
    c = write(tmp_path / "c.parquet", frame("copy", "short", hits(0.5, 1)))
    assert compare(a, c)["verdict"] == "ours and copy give every query of 1 task the same score."


def test_the_order_of_the_rows_decides_nothing(pair, tmp_path):
    table = pq.read_table(pair[0])
    shuffled = table.take(np.random.default_rng(0).permutation(len(table)))
    pq.write_table(shuffled, tmp_path / "shuffled.parquet")
    one, other = compare(*pair), compare(tmp_path / "shuffled.parquet", pair[1])
    by_task = [{row["task"]: row for row in result["tasks"]} for result in (one, other)]
    assert by_task[0] == by_task[1]


def test_two_models_of_one_file_must_be_named(tmp_path):
    file = write(tmp_path / "r" / "per_query.parquet", frame("ours", "t", hits(0.9)), frame("clip", "t", hits(0.2, 1)))
    assert compare(file, file, "ours", "clip")["tasks"][0]["call"] == "better"
    with pytest.raises(WeftError, match="holds 2 models, say which one: ours, clip"):
        compare(file, file)
    with pytest.raises(WeftError, match="no model 'clop'; did you mean 'clip'"):
        compare(file, file, "ours", "clop")
    with pytest.raises(WeftError, match="compared with itself"):
        compare(file, file.parent, "ours", "ours")
    other = write(tmp_path / "s" / "per_query.parquet", frame("ours", "t", hits(0.2, 1)))
    labels = [compare(file, other, "ours")[side]["label"] for side in "ab"]
    assert labels == [f"ours ({file.parent})", f"ours ({other.parent})"]


def test_other_queries_are_refused(pair, tmp_path):
    ids = [f"q{i:03}" for i in range(2, QUERIES + 2)]
    other = write(tmp_path / "c.parquet", frame("new", "short", hits(0.5), ids=ids))
    with pytest.raises(WeftError, match=r"task short: 4 queries are in one .* q000 \(A\), q001 \(A\), q300 \(B\)"):
        compare(pair[0], other)


def test_repeated_queries_and_missing_numbers_are_refused(pair, tmp_path):
    twice = write(tmp_path / "c.parquet", frame("new", "short", hits(0.5), ids=["q7"] * QUERIES))
    with pytest.raises(WeftError, match="two values of recall@10 for query 'q7' of task short"):
        compare(twice, pair[1])
    broken = write(tmp_path / "d.parquet", frame("new", "short", np.where(np.arange(QUERIES) == 5, np.nan, 0.5)))
    with pytest.raises(WeftError, match="recall@10 of query 'q005' of task short is not a number"):
        compare(broken, pair[1])


def test_tasks_of_one_file_only_are_said(pair, tmp_path):
    other = write(
        tmp_path / "c.parquet", frame("new", "short", hits(0.5, 4)), frame("new", "long", hits(0.5, 4), "ndcg@10")
    )
    result = compare(pair[0], other)
    assert result["not_compared"] == {"brand": "only A has it", "long": "not both have a primary metric"}
    assert "Not compared: brand (only A has it); long (not both have a primary metric)." in result["verdict"]
    assert [row["task"] for row in result["tasks"]] == ["short"]
    with pytest.raises(WeftError, match="no task in common: short, long, brand and elsewhere"):
        compare(pair[0], write(tmp_path / "d.parquet", frame("new", "elsewhere", hits(0.5))))


def test_the_metric_asked_for_or_declared_or_the_first_of_the_fixed_order(tmp_path):
    def both(name, model, seed, primary=None):
        frames = [frame(model, "t", hits(0.5, seed), metric) for metric in ("accuracy", "ndcg@10", "mrr@10")]
        if primary:
            frames = [one | {"primary": [one["metric"][0] == primary] * QUERIES} for one in frames]
        return write(tmp_path / name, *frames)

    a, b = both("a.parquet", "ours", 1), both("b.parquet", "clip", 2)
    assert compare(a, b)["tasks"][0]["metric"] == "ndcg@10"
    assert compare(a, b, metric="mrr@10")["tasks"][0]["metric"] == "mrr@10"
    declared = both("c.parquet", "theirs", 3, "accuracy")
    assert compare(a, declared)["tasks"][0]["metric"] == "accuracy"
    with pytest.raises(WeftError, match="declared with accuracy and with mrr@10"):
        compare(declared, both("d.parquet", "fourth", 4, "mrr@10"))
    with pytest.raises(WeftError, match="no recall@10 in common on any task; choose one of accuracy, mrr@10, ndcg@10"):
        compare(a, b, metric="recall@10")
    with pytest.raises(WeftError, match="no metric in common at all"):
        compare(a, write(tmp_path / "e.parquet", frame("fifth", "t", hits(0.5), "hit_rate@3")))


def test_groups_benchmarks_and_strata_are_read_where_they_are(tmp_path):
    group = [f"p{i // 6}" if i < 290 else None for i in range(QUERIES)]
    kind = ["negated" if i % 2 else "" for i in range(QUERIES)]
    more = {"benchmark": "KAGL", "group": group, "kind": kind, "short": [i < 100 for i in range(QUERIES)]}
    more |= {"seconds": np.arange(QUERIES) / 7}  # a number is no stratum
    b = hits(0.4)
    a = np.where(np.arange(QUERIES) % 2, np.maximum(b, hits(0.5, 1)), b)
    rich = write(tmp_path / "a.parquet", frame("ours", "text", a, **more))
    plain = write(tmp_path / "b.parquet", frame("clip", "text", b, benchmark="KAGL"))
    for forth in (True, False):
        result = compare(rich, plain) if forth else compare(plain, rich)
        (row,) = result["tasks"]
        assert row["task"] == "KAGL: text" and row["groups"] == 49 + 10  # a query without a group is one of its own
        slices = {(s["stratum"], s["label"]): s for s in result["strata"]}
        assert set(slices) == {("kind", "negated"), ("short", "true"), ("short", "false")}
        assert all(s["exploratory"] for s in result["strata"])
        assert slices["kind", "negated"]["difference"] == pytest.approx(2 * row["difference"])
        assert slices["short", "true"]["small"] and slices["short", "true"]["groups"] == 17
        assert "kind: negated" in render(result) and "exploratory" in render(result)
    other = write(
        tmp_path / "c.parquet", frame("new", "text", b, benchmark="KAGL", group=[str(i) for i in range(QUERIES)])
    )
    with pytest.raises(WeftError, match="group its queries differently"):
        compare(rich, other)


def test_dictionary_columns_numbered_queries_and_folders_that_look_like_partitions(tmp_path):
    columns = frame("ours", "t", hits(0.5, 1), ids=range(QUERIES))
    table = pa.table(columns)
    for name in ("model", "task", "metric"):
        table = table.set_column(table.schema.get_field_index(name), name, table[name].dictionary_encode())
    folder = tmp_path / "alpha=0.5"
    folder.mkdir()
    pq.write_table(table, folder / "per_query.parquet")
    other = write(tmp_path / "b.parquet", frame("clip", "t", hits(0.5, 2), ids=[str(i) for i in range(QUERIES)]))
    result = compare(folder, other)
    assert result["tasks"][0]["queries"] == QUERIES and result["strata"] == []


def test_files_that_are_none(tmp_path):
    with pytest.raises(WeftError, match=r"there is no .*per_query\.parquet"):
        compare(tmp_path, tmp_path)
    (tmp_path / "x.parquet").write_text("not a table")
    with pytest.raises(WeftError, match="not a Parquet file"):
        compare(tmp_path / "x.parquet", tmp_path / "x.parquet")
    pq.write_table(pa.table({"model": ["a"], "query_id": ["q"]}), tmp_path / "y.parquet")
    with pytest.raises(WeftError, match="no column task, metric, value"):
        compare(tmp_path / "y.parquet", tmp_path / "y.parquet")
    rows = pa.table(frame("ours", "t", hits(0.5)))
    pq.write_table(rows.append_column("task", rows["task"]), tmp_path / "w.parquet")
    with pytest.raises(WeftError, match="has two columns task"):
        compare(tmp_path / "w.parquet", tmp_path / "w.parquet")
    empty = {name: pa.array([], pa.string()) for name in ("model", "task", "query_id", "metric", "value")}
    pq.write_table(pa.table(empty), tmp_path / "z.parquet")
    with pytest.raises(WeftError, match="has no rows"):
        compare(tmp_path / "z.parquet", tmp_path / "z.parquet")


def test_the_terminal_shows_what_the_record_holds(pair):
    result = compare(*pair)
    lines = render(result).splitlines()
    assert max(map(len, lines)) <= 140
    for row in result["tasks"]:
        (line,) = [one for one in lines if one.startswith(f"{row['task']} ")]
        assert f"{100 * row['value']:.1f}" in line and f"{100 * row['difference']:+.1f}" in line
        assert line.endswith(row["call"])
        assert any(row["visible"] in one for one in lines)
    assert result["verdict"] in " ".join(lines)
    assert "10,000 sign flips; Holm: over 3 comparisons." in lines[-1]


def test_a_terminal_obeys_no_name_of_a_file(tmp_path):
    """Escapes, a line of one's own, and writing that turns the order of what stands beside it."""
    task = "\x1b[31mred\x1b[0m\r\nours wins\u202e, Kleid für Älva"
    more = {"kind": ["\x1b[2Jx" if i % 2 else "" for i in range(QUERIES)]}
    a = write(tmp_path / "a\x1b.parquet", frame("ours\x9b", task, hits(0.9, 1), **more))
    b = write(tmp_path / "b.parquet", frame("clip\x1b", task, hits(0.1, 2)))
    shown, plain = render(compare(a, b)), render(compare(a, b) | {"verdict": ""})
    assert all(line.isprintable() for text in (shown, plain) for line in text.splitlines())
    assert "\ufffd[31mred\ufffd[0m\ufffd\ufffdours wins\ufffd, Kleid für Älva" in plain and "kind: \ufffd[2Jx" in shown


def test_parts_of_a_classification_are_compared_by_plain_accuracy(tmp_path):
    """Balanced accuracy's weights are those of all classes: of a part they would say 225%."""
    truth = np.repeat([0, 1], [240, 60])
    names = np.asarray(["a", "b"])[truth]
    told = (
        classification_metrics(truth, truth, 2),
        classification_metrics(np.where(np.arange(300) % 3, truth, 0), truth, 2),
    )

    def both(name, model, values, metrics=("balanced_accuracy", "accuracy")):
        more = {"kind": names, "class": [f"0{name}" for name in names]}
        plain = more | {"class": None}
        frames = [frame(model, "t", values[m], m, **(more if m[0] == "b" else plain)) for m in metrics]
        return write(tmp_path / name, *frames)

    a, b = both("a.parquet", "ours", told[0]), both("b.parquet", "clip", told[1])
    result = compare(a, b)
    assert result["tasks"][0]["metric"] == "balanced_accuracy"
    assert [(s["label"], s["metric"]) for s in result["strata"]] == [("a", "accuracy"), ("b", "accuracy")]
    assert [s["difference"] for s in result["strata"]] == pytest.approx([0.0, 1 / 3])
    alone = both("c.parquet", "clip", told[1], ("balanced_accuracy",))
    assert compare(a, alone)["strata"] == []


def test_what_an_evaluation_writes_is_read(tmp_path):
    ids = [f"q{i}" for i in range(QUERIES)]
    side = Side(ids, texts=ids)
    answers = [(np.asarray([row]), np.asarray([1.0])) for row in range(QUERIES)]
    groups, kind = np.arange(QUERIES) // 3, np.where(np.arange(QUERIES) % 2, "negated", "")
    task = Retrieval("short", side, side, answers, primary="ndcg@10", groups=groups, strata={"kind": kind})
    key = ("KAGL", task.name)
    scored = {
        model: {key: Scored({"recall@10": hits(rate, 1), "ndcg@10": hits(rate, 2)})}
        for model, rate in (("base", 0.3), ("woven", 0.6))
    }
    write_per_query(tmp_path / "per_query.parquet", {key: task}, scored)
    result = compare(tmp_path, tmp_path, "woven", "base")
    (row,) = result["tasks"]
    assert row["difference"] == pytest.approx(hits(0.6, 2).mean() - hits(0.3, 2).mean()) and row["call"] == "better"
    assert (row["task"], row["metric"], row["groups"]) == ("KAGL: short", "ndcg@10", 100)
    assert [(s["stratum"], s["label"], s["queries"]) for s in result["strata"]] == [("kind", "negated", 150)]
