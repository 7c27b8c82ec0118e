"""The release: others' tools read it, and its card says how the grades were made."""

import judged_evaluation as toy
import pyarrow.parquet as pq
import pytest

from weft.errors import WeftError
from weft.judging import verbs
from weft.judging.release import plain
from weft.judging.rubric import Rubric


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    root = tmp_path_factory.mktemp("released")
    folder, rows = toy.source_biased(root / "evaluation")
    rows = [row | {"rubric": "fashion-0-3@1", "answer": "quotes the catalogue"} for row in rows]
    rows[5] |= {"grade": None, "status": "unparsed"}
    place = toy.write_judgements(root / "judgements.parquet", rows)
    record = verbs.judge_again(folder, [place], root / "out", licence="cc-by-4.0")
    return root / "out" / "release", rows, record


def test_trec_and_parquet_hold_the_same_grades(released):
    folder, rows, _ = released
    lines = [line.split() for line in (folder / "qrels" / "shop.text_to_image.qrels").read_text().splitlines()]
    graded = {(row["query_id"], row["doc_id"]): int(row["grade"]) for row in rows if row["grade"] is not None}
    words = {tuple(part.replace(" ", "_") for part in pair): grade for pair, grade in graded.items()}
    assert {(line[0], line[2]): int(line[3]) for line in lines} == words and {line[1] for line in lines} == {"0"}
    table = pq.read_table(folder / "data" / "shop.text_to_image.parquet").to_pylist()
    assert {(row["query-id"], row["corpus-id"]): row["score"] for row in table} == graded


def test_outside_tools_read_it(released):
    ir_measures = pytest.importorskip("ir_measures")
    folder, rows, record = released
    qrels = list(ir_measures.read_trec_qrels(str(folder / "qrels" / "shop.text_to_image.qrels")))
    assert len(qrels) == len(rows) - 1
    run = list(
        ir_measures.read_trec_run(str(folder.parents[1] / "evaluation" / "runs" / "finder.shop.text_to_image.trec"))
    )
    measure = ir_measures.parse_measure("R(rel=2)@10")
    value = ir_measures.calc_aggregate([measure], qrels, run)[measure]
    (row,) = [row for row in record["tasks"][0]["systems"] if row["system"] == "finder"]
    assert value == pytest.approx(row["rejudged"][0], abs=1e-9)


def test_the_hub_s_library_reads_it(released, tmp_path):
    datasets = pytest.importorskip("datasets")
    folder, rows, _ = released
    names = datasets.get_dataset_config_names(str(folder))
    assert names == ["qrels-shop-text_to_image", "judgements"]
    table = datasets.load_dataset(str(folder), names[0], split="test", cache_dir=str(tmp_path))
    assert table.column_names == ["query-id", "corpus-id", "score"] and len(table) == len(rows) - 1


def test_the_card_says_how_they_were_made(released):
    folder, _, record = released
    card = (folder / "README.md").read_text()
    for said in ('license: "cc-by-4.0"', "Judges: truth.", "1 more were asked about", "exactly what was asked for",
                 "0.2% at 10", "lower bounds", "relevant from grade 2", record["verdict"][0][:30]):  # fmt: skip
        assert said in card, said
    judgements = pq.read_table(folder / "data" / "judgements.parquet")
    assert "answer" not in judgements.column_names and "quotes the catalogue" not in card


def test_names_cannot_break_the_card_and_half_grades_are_refused(tmp_path):
    assert plain("a|b\n# <c> `d`") == r"a\|b \# \<c\> \`d\`"
    folder, rows = toy.source_biased(tmp_path / "e")
    place = toy.write_judgements(tmp_path / "j.parquet", [row | {"grade": row["grade"] and 2.5} for row in rows])
    with pytest.raises(WeftError, match="no whole number"):
        verbs.judge_again(folder, [place], tmp_path / "out", relevant=2)


def test_the_card_has_a_rubric_of_one_s_own_and_relevant_is_its_word(tmp_path):
    rubric = Rubric("own", 4, 3, 3, "3: as asked\n0: not as asked")
    folder, rows = toy.source_biased(tmp_path / "e")
    rows = [row | {"rubric": str(rubric)} for row in rows]
    place = toy.write_judgements(tmp_path / "j.parquet", rows)
    with pytest.raises(WeftError, match=r"own@4 mean is not written.*--relevant"):
        verbs.judge_again(folder, [place], tmp_path / "out")
    verbs.judge_again(folder, [place], tmp_path / "out", relevant=2)
    assert "ask who made the grades" in (tmp_path / "out" / "release" / "README.md").read_text()
    pq.write_table(pq.read_table(place).replace_schema_metadata(rubric.metadata), place)
    record = verbs.judge_again(folder, [place], tmp_path / "out")
    assert record["relevant"] == 3 and "3: as asked" in (tmp_path / "out" / "release" / "README.md").read_text()
