"""The verbs agree and rejudge from the command line: what they print, write and refuse."""

import json

import judged_evaluation as toy
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import command
import weft.cli.annotate  # noqa: F401  (its verbs)
from weft.catalogue.layout import ImageWriter
from weft.files import write_json
from weft.judging.pool import FACTS, PAIRS, SYSTEMS


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("verbs")
    _, rows = toy.source_biased(root / "evaluation")
    rows = [row | {"rubric": "fashion-0-3@1"} for row in rows]
    noise = np.random.default_rng(0).random(len(rows)) < 0.1
    judged = [
        row | {"judge": "vlm", "grade": 0.0 if wrong else row["grade"]} for row, wrong in zip(rows, noise, strict=True)
    ]
    toy.write_judgements(root / "judged" / "judgements.parquet", judged)
    toy.write_judgements(root / "human.parquet", [row | {"judge": "human:ANNA"} for row in rows])
    (root / "pool").mkdir()
    writer = ImageWriter(root / "pool")
    writer.close()
    fixed = {"query_text": "q", "query_image": "", "title": "t", "task": "text to image", "benchmark": "shop"}
    ids = [{name: row[name] for name in ("query_id", "doc_id")} for row in rows]
    pairs = [row | fixed | {"image": row["doc_id"] if int(row["doc_id"][2:]) < 240 else "junk"} for row in ids]
    pq.write_table(pa.Table.from_pylist(pairs, schema=PAIRS), root / "pool" / "pool.parquet")
    returned = [row | {"task": "text to image", "system": "finder", "rank": 1} for row in ids[::2]]
    pq.write_table(pa.Table.from_pylist(returned, schema=SYSTEMS), root / "pool" / "systems.parquet")
    write_json(root / "pool" / FACTS, {"pairs": len(rows), "depth": 10, "sample": 0, "systems": [{"name": "finder"}]})
    table = {
        "product_id": [row["doc_id"] for row in ids],
        "category": ["right" if r["grade"] else "junk" for r in rows],
    }
    pq.write_table(pa.table(table), root / "products.parquet")
    return root


def test_agree_tells_kappa_systems_and_categories(folder):
    done = command.weft(
        "agree", "judged", "human.parquet", "--pool", "pool", "--products", "products.parquet", "--out", "agreed",
        folder=folder,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "vlm agrees with human:ANNA to a quadratic kappa of 0." in done.out and "vlm, by system" in done.out
    record = json.loads((folder / "agreed" / "agreement.json").read_text())
    by = record["judges"][0]["agreement"]["by"]
    assert [row["label"] for row in by["category"]] == ["junk", "right"] and by["category"][0]["exact"] == [1, 1, 1]
    assert (folder / "agreed" / "agreement.html").exists() and by["system"][0]["label"] == "finder"


def test_rejudge_writes_everything_and_says_the_verdict(folder):
    done = command.weft(
        "rejudge", "evaluation", "--judgements", "judged", "--judgements", "human.parquet", "--pool", "pool",
        "--out", "new", "--licence", "cc0-1.0", folder=folder,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "finder is above copier on shop: text to image" in done.out and "2 → " not in done.err
    record = json.loads((folder / "new" / "results.json").read_text())
    corrections = record["pairs"][0]["corrections"]
    assert {"same pictures merged", "vlm alone", "human:ANNA alone"} <= set(corrections)
    assert record["relevant"] == 2 and record["tasks"][0]["impossible"] == {}
    card = (folder / "new" / "release" / "README.md").read_text()
    assert "the first 10 results of finder" in card and 'license: "cc0-1.0"' in card
    assert (folder / "new" / "results.html").exists() and (folder / "new" / "results.md").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("agree", "nothing"), "there is no nothing"),
        (("agree", "judged", "--pool", "judged"), "holds no pool.json"),
        (("agree", "judged", "human.parquet", "--pool", "pool", "--products", "human.parquet"), "needs category"),
        (("agree", "judged", "human.parquet", "--products", "products.parquet"), "needs --pool"),
        (("rejudge", "pool", "--judgements", "judged"), "name a folder that weft evaluate wrote"),
        (("rejudge", "evaluation", "--judgements", "products.parquet"), "is not a file of judgements"),
        (("rejudge", "evaluation", "--judgements", "judged", "--task", "hats"), "has no task hats"),
        (("annotate", "judged", "--name", "ANNA"), "holds no pool.json"),
        (("annotate", "pool", "--name", ""), "name has 1 to 40"),
        (("annotate", "pool", "--name", "A", "--rubric", "none"), "there is no rubric"),
    ],
)
def test_what_a_user_can_cause_ends_in_one_line(folder, arguments, said):
    done = command.weft(*arguments, folder=folder)
    assert done.code == 2 and said in done.err and done.err.count("\n") == 1 and "Traceback" not in done.err
