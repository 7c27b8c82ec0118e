"""What others published is in names that Weft's models, readers and metrics really have, and is the table's own."""

import csv
import importlib
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shelves import png
from weft import fidelity
from weft.benchmarks import BENCHMARKS, lookbench, marqo, open_benchmark
from weft.encoders.registry import KNOWN

ROOT = Path(__file__).parents[1]
TABLE = ROOT.parent / "shared" / "data" / "published_scores.csv"
PUBLISHED = fidelity.read(ROOT / fidelity.FILE)


@pytest.fixture
def tool(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tools")
    return importlib.import_module("baselines")


def table(path: Path, **row: object) -> None:
    """A table of one row with a picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist([row | {"image": {"bytes": png(1), "path": None}}]), path)


@pytest.fixture(scope="module")
def produced(tmp_path_factory) -> set[tuple[str, str, str]]:
    """(benchmark, task, metric) of everything that the readers make of benchmarks with one query and one item."""
    root = tmp_path_factory.mktemp("benchmarks")
    specs = [f"zooclaw={root / 'zooclaw'}?together=1", f"hm={root / 'hm'}", f"lookbench={root / 'lookbench'}"]
    table(root / "zooclaw" / "corpus.parquet", corpus_id=1)
    asked = {"query_id": 1, "short_query": "hat", "long_query": "a red hat", "query_type": "zero-shot"}
    pq.write_table(pa.Table.from_pylist([asked]), root / "zooclaw" / "queries.parquet")
    truth = {"query_id": 1, "corpus_ids": [1]}
    pq.write_table(pa.Table.from_pylist([truth]), root / "zooclaw" / "ground_truth.parquet")
    table(root / "hm" / "all.parquet", query_id=1, label_id=1, title="hat", query_type="in-domain")
    for part in [f"{subset}/{split}" for subset in lookbench.SUBSETS for split in ("query", "gallery")]:
        table(root / "lookbench" / f"{part}.parquet", category="hat", main_attribute="red", other_attributes="")
    table(root / "lookbench" / "noise" / "gallery.parquet", category="hat", main_attribute="red", other_attributes="")
    for name, known in BENCHMARKS.items():
        if known.module == "marqo":
            tasks = marqo.TASKS[known.options["dataset"]]
            table(root / name / "all.parquet", item_ID="1", **dict.fromkeys(["text", *tasks.values()], "hat"))
            (root / name / "ground_truth_text-image.json").write_text(json.dumps({"hat": {"1": 1}}))
            specs.append(f"{name}={root / name}")
    found = [open_benchmark(spec, root / "cache") for spec in specs]
    return {(one.name, task.name, metric) for one in found for task in one.tasks for metric in task.metrics}


def test_every_score_is_of_a_known_model_on_a_task_and_metric_that_a_reader_produces(produced):
    assert len(PUBLISHED) > 700
    assert {one.model for one in PUBLISHED} <= set(KNOWN)
    assert {one.benchmark for one in PUBLISHED} <= set(BENCHMARKS)
    assert {(one.benchmark, one.task, one.metric) for one in PUBLISHED} - produced == set()
    assert all(0 <= one.value <= 1 and 0 < one.tolerance <= 0.01 and one.source for one in PUBLISHED)


def test_every_public_task_that_was_published_has_scores(produced):
    """The other way round: no task of these benchmarks is left without any score by a slip in a name."""
    scored = {(one.benchmark, one.task) for one in PUBLISHED}
    assert {(benchmark, task) for benchmark, task, _ in produced} == scored


def test_a_model_without_texts_has_scores_of_pictures_only():
    silent = {name for name, model in KNOWN.items() if not model.texts}
    assert {one.benchmark for one in PUBLISHED if one.model in silent} == {"lookbench"}


def test_figures_that_were_read_off_the_sources_by_hand():
    values = {(one.model, one.benchmark, one.task, one.metric): one.value for one in PUBLISHED}
    assert values["zooclaw", "zooclaw", "text-to-image/long", "hit_rate@10"] == 0.795
    assert values["marqo-fashionsiglip", "zooclaw", "text-to-image/long", "hit_rate@1"] == 0.412
    assert values["siglip2-base-384", "hm", "text-to-image", "mrr@10"] == 0.059
    assert values["gr-lite", "lookbench", "real_streetlook/fine", "hit_rate@1"] == 0.6014
    assert values["marqo-fashionsiglip", "lookbench", "aigen_studio/attributes", "ndcg@5"] == 0.5853


def rows(*lines: str) -> list[dict]:
    head = "benchmark,task,model,metric,value,source\n"
    return list(csv.DictReader(io.StringIO(head + "\n".join(lines))))


def test_what_has_no_counterpart_is_counted(tool):
    found, left_out = tool.tables(
        rows(
            "KAGL,Text-To-Image,Marqo-FashionCLIP,Recall@10,0.41200000000000003,s",
            "KAGL,Text-To-Image,Marqo-FashionCLIP,AvgRecall,0.2,s",
            "KAGL,Text-To-Image,DINOv2-ViT-L,Recall@1,0.2,s",
            '"Fashion200k (pooled, relevant at grade >= 3)",text-to-image,LLM2CLIP,Recall@10,0.2,s',
            "LookBench Real Studio,image-to-image,CLIP-B/32,nDCG@5,0.2,s",
            "Nowhere,text-to-image,LLM2CLIP,Recall@10,0.2,s",
            "KAGL,Text-To-Image,LLM2CLIP,Recall@7,0.2,s",
        )
    )
    assert found == {("s", "kagl", "marqo-fashionclip"): {"text-to-image": {"recall@10": 0.412}}}
    assert len(left_out) == left_out.total() == 6


@pytest.mark.parametrize("value", ["41.2", "nan", "-0.1"])
def test_what_is_no_fraction_is_refused(tool, value):
    with pytest.raises(ValueError, match="not a fraction"):
        tool.tables(rows(f"KAGL,Text-To-Image,LLM2CLIP,Recall@1,{value},s"))
    with pytest.raises(ValueError, match="twice"):
        tool.tables(rows(*["KAGL,Text-To-Image,LLM2CLIP,Recall@1,0.1,s"] * 2))


def test_what_is_written_is_read_back(tool, tmp_path):
    found, _ = tool.tables(rows("H&M,text-to-image,LLM2CLIP,MRR@10,0.055,a page", "KAGL,X,FashionCLIP,P@1,1,b"))
    (tmp_path / "b.toml").write_text(tool.toml(found))
    assert fidelity.read(tmp_path / "b.toml") == [
        fidelity.Published("llm2clip", "", "hm", "text-to-image", "mrr@10", 0.055, tool.TOLERANCE, "a page"),
        fidelity.Published("fashionclip", "", "kagl", "x", "precision@1", 1.0, tool.TOLERANCE, "b"),
    ]


@pytest.mark.skipif(not TABLE.exists(), reason="the table of published scores is not here")
def test_the_file_is_what_the_tool_makes_of_the_table(tool):
    found, _ = tool.tables(tool.read(TABLE))
    assert tool.toml(found) == (ROOT / fidelity.FILE).read_text(encoding="utf-8"), "run tools/baselines.py again"
