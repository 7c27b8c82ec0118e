"""New answers for others: TREC qrels and a Hugging Face folder, with a card that says how they were made."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from weft import __version__
from weft.benchmarks.trec import file_name, word
from weft.errors import WeftError
from weft.files import write_whole
from weft.judging.ensemble import RULE, Grades
from weft.judging.evaluated import Evaluated
from weft.judging.judgements import SCHEMA
from weft.judging.rubric import Rubric

QRELS = pa.schema([("query-id", pa.string()), ("corpus-id", pa.string()), ("score", pa.int32())])
KEPT = tuple(name for name in SCHEMA.names if name != "answer")
"""Columns of the judgements that are published; an answer may quote the catalogue."""


def release(
    folder: Path, record: Mapping, tasks: Sequence[Evaluated], grades: Grades, rows: Sequence[dict],
    rubric: Rubric | None = None, licence: str = "unknown", source: Mapping | None = None, pool: Mapping | None = None,
) -> Path:  # fmt: skip
    """Writes the folder: `qrels/*.qrels`, `data/*.parquet`, `README.md`.

    Args:
        record: what `weft.judging.rejudge.rejudge` returned. grades, rows: what it was made from.
        rubric: what the grades mean, if it is known.
        licence: of the new grades, an identifier of the hub. source: the benchmark's name, source, revision, licence.
        pool: `pool.json`, if the pool is at hand.

    Raises:
        WeftError: a grade is not a whole number, or the disk is full.
    """
    judged = {row["file"] for row in record["tasks"]}
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    (folder / "data").mkdir(exist_ok=True)
    configs = []
    for task in (task for task in tasks if task.file in judged):
        own = {key: grade for key, grade in grades.values.items() if key[0] in (task.task, task.label)}
        if any(grade != int(grade) for grade in own.values()):
            raise WeftError(f"{task.label}: a grade is no whole number, which qrels need; which judge gave it?")
        lines = [f"{word(query)} 0 {word(doc)} {int(grade)}" for (_, query, doc), grade in sorted(own.items())]
        write_whole(folder / "qrels" / f"{task.file}.qrels", "\n".join(lines) + "\n")
        table = [
            {"query-id": query, "corpus-id": doc, "score": int(grade)} for (_, query, doc), grade in sorted(own.items())
        ]
        configs.append((_config(task), f"data/{task.file}.parquet"))
        _write(folder / configs[-1][1], pa.Table.from_pylist(table, schema=QRELS))
    _write(folder / "data" / "judgements.parquet", pa.Table.from_pylist(list(rows), schema=SCHEMA).select(KEPT))
    configs.append(("judgements", "data/judgements.parquet"))
    write_whole(folder / "README.md", card(record, configs, rubric, licence, source or {}, pool or {}))
    return folder


def _config(task: Evaluated) -> str:
    """The name of a task's table on the hub: word characters only."""
    return "qrels-" + file_name(task.file).replace("+", "_").replace(".", "-")


def _write(path: Path, table: pa.Table) -> None:
    written = pa.BufferOutputStream()
    pq.write_table(table, written, compression="zstd")
    write_whole(path, written.getvalue().to_pybytes())


def card(
    record: Mapping, configs: Sequence[tuple[str, str]], rubric: Rubric | None, licence: str, source: Mapping,
    pool: Mapping,
) -> str:  # fmt: skip
    """The data set's card, with the hub's metadata in front."""
    front = ["---", f"license: {json.dumps(licence)}", "task_categories: [text-retrieval]", "configs:"]
    for name, path in configs:
        front += [f"- config_name: {name}", f"  data_files: [{{split: test, path: {json.dumps(path)}}}]"]
    name = str(source.get("name") or record["tasks"][0]["task"])
    lines = [*front, "---", "", f"# {plain(name)}, judged again", "", plain(" ".join(record["verdict"]))]
    lines += ["", "## How these grades were made", ""]
    lines += [f"- {told}" for told in _made(record, source, pool)]
    scale = rubric.text if rubric else "not kept with the judgements: ask who made the grades"
    lines += ["", "## The scale", ""] + [f"`{one}`:\n\n{scale}\n" for one in record["rubric"]]
    lines += ["## Who was judged, and what nobody judged", "", *_holes(record), "", "## What to bear in mind", ""]
    lines += [f"- {caveat}" for caveat in _caveats(record, source)]
    lines += ["", f"Written by Weft {__version__}; `qrels/` holds the same grades in TREC's form."]
    return "\n".join(lines) + "\n"


def _made(record: Mapping, source: Mapping, pool: Mapping) -> list[str]:
    of = [str(source[key]) for key in ("name", "source", "revision", "licence") if source.get(key)]
    pairs = sum(task["judged_pairs"] for task in record["tasks"])
    told = [
        f"Benchmark: {plain(', '.join(of)) or 'not stated'}.",
        f"Judges: {plain(', '.join(record['judges']))}. Of several grades: {RULE}.",
        f"{pairs:,} graded pairs; {record['missing']:,} more were asked about and got no grade: the qrels lack them.",
        f"A document is relevant from grade {record['relevant']:g} where a metric knows only yes and no.",
    ]
    if pool:
        systems = plain(", ".join(str(system["name"]) for system in pool.get("systems", ())))
        told.append(
            f"Pool: the first {pool.get('depth')} results of {systems}, and {pool.get('sample')} more a query drawn at "
            "random; shuffled, and without the systems' names."
        )
    return told


def plain(text: str) -> str:
    """A name as Markdown shows it letter by letter, on one line."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", " ".join(str(text).split()))


def _holes(record: Mapping) -> list[str]:
    lines = ["| task | system | unjudged share | metric |", "|---|---|---:|---|"]
    for task in record["tasks"]:
        for row in task["systems"]:
            names = f"| {plain(task['task'])} | {plain(row['system'])} "
            lines.append(f"{names}| {row['unjudged']:.1%} at {list(row['holes'])[-1]} | {task['metric']} |")
    return lines


def _caveats(record: Mapping, source: Mapping) -> list[str]:
    people = all(judge.startswith("human:") for judge in record["judges"])
    told = [] if people else ["A model or rule gave (some of) the grades. How far it agrees with people: weft agree."]
    told += [
        "What nobody judged is not irrelevant, only unknown; a new system may return much of it. Report its share.",
        "Recall counts the relevant documents that were judged, which is fewer than there are.",
        "The pool was made from the listed systems: scores of others are lower bounds.",
        "Scores by these grades are not comparable with scores by the benchmark's own.",
    ]
    if source.get("licence"):
        told.append(f"Queries and documents are the benchmark's and stay under its terms ({plain(source['licence'])}).")
    return told
