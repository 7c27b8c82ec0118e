"""What annotators said, as judgements and as TREC qrels: one file for all who worked on one pool."""

from glob import escape
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from weft.annotate.log import read, same
from weft.annotate.pairs import Pairs
from weft.benchmarks.trec import file_name, word
from weft.errors import WeftError
from weft.files import write_whole
from weft.judging.ensemble import grades_of
from weft.judging.judgements import SCHEMA
from weft.judging.rubric import Rubric
from weft.lock import alone


def log_path(out: Path, name: str) -> Path:
    """`human.ANNA.jsonl` beside `human.parquet`."""
    return out.with_name(f"{out.stem}.{file_name(word(name))}.jsonl")


def logs(out: Path, rubric: Rubric, pool: str) -> list[list[dict]]:
    """Header and events of every annotator's log that is of `out`, by name.

    Another's may begin alike: `human.v2.ANNA.jsonl` is of `human.v2.parquet`, not of `human.parquet`.

    Args:
        pool: its key, `weft.annotate.pairs.Pairs.key`.

    Raises:
        WeftError: one is of another pool, by another rubric, or damaged: their grades are not to be mixed.
    """
    found = {path: read(path) for path in sorted(out.parent.glob(f"{escape(out.stem)}.*.jsonl"))}
    # An empty one was killed, or out of room, before it could say whose it is.
    own = {path: log for path, log in found.items() if log and path == log_path(out, str(log[0]["annotator"]))}
    for path, (header, *_) in own.items():
        same(path, header, rubric.settings | {"pool": pool})
    return list(own.values())


def export(out: Path, rubric: Rubric, every: Pairs) -> list[Path]:
    """Writes `out`, and `.qrels` files with the annotators' median, from the logs beside it; returns their paths.

    A skipped pair is a judgement without a grade (status "refused"). Of several annotators' programs one writes at a
    time, and a task of which nobody says anything any more has no qrels.

    Args:
        rubric: which `out` keeps, so that its grades can be read by others. every: the pool's pairs.

    Raises:
        WeftError: as `logs`, or `out` holds others' judgements, before anything is written; or the disk is full.
    """
    with alone(out):
        _people_only(out)
        rows = [row for log in logs(out, rubric, every.key) for row in _rows(*log)]
        values = grades_of(rows).values
        table = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA.with_metadata(rubric.metadata)), table)
        written = {out: table.getvalue().to_pybytes()}
        tasks = sorted({task for task, _ in every.places})
        for task in tasks:
            path = out.with_name(f"{file_name(out.stem, task if len(tasks) > 1 else '')}.qrels")
            lines = [f"{word(q)} 0 {word(doc)} {grade:g}" for (name, q, doc), grade in values.items() if name == task]
            if lines:
                written[path] = "\n".join(lines) + "\n"
            else:
                path.unlink(missing_ok=True)
        for path, data in written.items():
            write_whole(path, data)
        return list(written)


def _people_only(out: Path) -> None:
    """Raises `WeftError` if the file in our place was not made from logs: it could not be made again from them."""
    if not out.exists():
        return
    try:
        judges = set(pq.read_table(out, columns=["judge"])["judge"].to_pylist())
    except (OSError, pa.ArrowException):
        judges = {"something else"}
    if others := sorted(judge for judge in judges if not str(judge).startswith("human:")):
        raise WeftError(f"{out} holds judgements of {others[0]}, which would be lost: choose another --out")


def _rows(header: dict, *events: dict) -> list[dict]:
    last: dict[tuple, dict] = {}
    for event in events:
        pair = tuple(event["pair"])
        last.pop(pair, None)
        if event["action"] != "undo":
            last[pair] = event
    fixed = {"judge": f"human:{header['annotator']}", "model": "", "rubric": header["rubric"], "prompt_hash": ""}
    fixed |= {"repeat": 0, "order": 0, "tokens_in": 0, "tokens_out": 0}
    return [
        fixed | {"task": task, "query_id": query, "doc_id": doc}
        | {"grade": event.get("grade"), "status": "graded" if event["action"] == "grade" else "refused"}
        | {"answer": str(event.get("grade", event["action"]))}
        | {"seconds": event.get("seconds", 0.0), "created": event.get("created", "")}
        for (task, query, doc), event in last.items()
    ]  # fmt: skip


def named(name: str) -> str:
    """An annotator's name as it stands in files and on the page. Raises `WeftError` for one that cannot."""
    name = " ".join(name.split())
    if not name or len(name) > 40 or not name.isprintable():
        raise WeftError(f"an annotator's name has 1 to 40 printable characters, not {name[:60]!r}: --name ANNA")
    return name
