"""The systems whose results are pooled: models embedded now, BM25, and rankings that others left in TREC's files."""

import glob
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from weft.artefact import file_key
from weft.benchmarks.record import Retrieval
from weft.benchmarks.trec import file_name, word
from weft.embed import Embedder
from weft.encoders import KNOWN, known, load
from weft.encoders.source import find, split_name
from weft.errors import Unable, WeftError
from weft.evaluate import bm25_ranking, embed_task, score
from weft.progress import say

BM25 = "bm25"


@dataclass(frozen=True)
class System:
    """What one system returns.

    Attributes:
        facts: what identifies it: a fingerprint, a file's key.
        rankings: task -> (Q, K) corpus rows, best first, -1 where none.
    """

    name: str
    facts: dict
    rankings: Mapping[str, np.ndarray]


def open_systems(
    specs: Sequence[str], benchmark: str, tasks: Sequence[Retrieval], cache: Path, remote_code: Collection[str] = (),
    batch: int = 64,
) -> Iterator[System]:  # fmt: skip
    """Opens them one after another, so that one model at a time is in memory.

    Args:
        specs: `bm25`; a TREC run's file; an evaluation's folder, for every model in its `runs/`; else a model, as
            `weft.encoders.load` opens it. `NAME=SPEC` names it (not an evaluation's).
        benchmark: its name, by which an evaluation's files are told.

    Raises:
        WeftError: nothing is there, a file is damaged, or it ranks nothing of these tasks.
    """
    for spec in specs:
        name, place = split_name(spec)
        path = Path(place)
        if place == BM25:
            yield _bm25(name or BM25, tasks)
        elif (path / "runs").is_dir():
            yield from _evaluation(path / "runs", benchmark, tasks)
        elif path.is_file():
            yield _run_file(name, path, tasks)
        else:
            yield _model(name, place, tasks, cache, remote_code, batch)


def is_model(spec: str) -> bool:
    """Whether `open_systems` would embed with it."""
    place = split_name(spec)[1]
    return place != BM25 and not Path(place).is_file() and not (Path(place) / "runs").is_dir()


def _bm25(name: str, tasks: Sequence[Retrieval]) -> System:
    readable = [task for task in tasks if task.queries.texts is not None and any(task.corpus.titles or ())]
    if not readable:
        raise WeftError("bm25 needs queries of words and titles, and no task here has both: leave it out")
    return System(name, {"kind": "bm25"}, {task.name: bm25_ranking(task)[0] for task in readable})


def _model(
    name: str, place: str, tasks: Sequence[Retrieval], cache: Path, remote_code: Collection[str], batch: int
) -> System:
    source = find(place)
    embedder = Embedder(load(place, remote_code=remote_code), cache, batch)
    model = KNOWN.get(name) or known(place)
    rankings = {}
    say(f"{name or source.name}: {source.place}")
    for task in tasks:
        try:
            rankings[task.name] = score(task, *embed_task(task, embedder, model.query_prefix if model else "")).ranking
        except Unable as reason:
            say(f"  it cannot do {task.name}: {reason}")
    if not rankings:
        raise WeftError(f"{place} can do none of these tasks: leave it out")
    return System(name or source.name, {"kind": "model", "fingerprint": embedder.fingerprint}, rankings)


def _evaluation(folder: Path, benchmark: str, tasks: Sequence[Retrieval]) -> Iterator[System]:
    found: dict[str, dict[str, np.ndarray]] = defaultdict(dict)
    keys: dict[str, dict[str, str]] = defaultdict(dict)
    named = {task.name: task for task in tasks}
    for tag, task, path, results in _runs(folder, benchmark, named):
        found[tag][task], _ = rows_of(results, named[task], path)
        keys[tag][task] = file_key(path)
    if not found:
        there = ", ".join(sorted(path.name for path in folder.glob("*.trec"))[:3]) or "none"
        raise WeftError(f"{folder} has no run of {benchmark} (it has {there}): is it an evaluation on this benchmark?")
    for name, rankings in found.items():
        yield System(name, {"kind": "evaluation", "files": keys[name]}, rankings)


def _runs(folder: Path, benchmark: str, tasks: Iterable[str]) -> Iterator[tuple[str, str, Path, dict[str, list[str]]]]:
    """Tag, task, file and results of an evaluation's runs of this benchmark."""
    for task in tasks:
        for path in sorted(folder.glob(f"*.{glob.escape(file_name(task))}.trec")):
            tag, results = read_run(path)
            # A recipe's own evaluation leaves the benchmark out of its files' names.
            if path.name in {file_name(tag, *part, task) + ".trec" for part in ((benchmark,), ())}:
                yield tag, task, path, results


def changed(facts: Mapping, specs: Sequence[str], remote_code: Collection[str] = ()) -> str:
    """A system that is not what it was when it was pooled, by another file or other weights; "" if there is none.

    Args:
        facts: what `pool.json` holds; specs, remote_code: as `open_systems`. Nothing is ranked.
    """
    then, now = {}, {}
    for one in facts["systems"]:
        keys = [one.get("key"), one.get("fingerprint"), *one.get("files", {}).values()]
        then |= dict.fromkeys(filter(None, keys), one["name"])
    for spec in specs:
        place = split_name(spec)[1]
        path = Path(place)
        if place == BM25:
            keys = []
        elif (path / "runs").is_dir():
            runs = _runs(path / "runs", facts["benchmark"]["name"], [task["name"] for task in facts["tasks"]])
            keys = {(tag, task): file_key(file) for tag, task, file, _ in runs}.values()
        elif path.is_file():
            keys = [file_key(path)]
        else:
            keys = [load(place, remote_code=remote_code).fingerprint()]
        now |= dict.fromkeys(filter(None, keys), spec)
    return next((name for key, name in (then | now).items() if key not in then or key not in now), "")


def _run_file(name: str, path: Path, tasks: Sequence[Retrieval]) -> System:
    tag, results = read_run(path)
    about = [task for task in tasks if any(word(query) in results for query in task.query_ids)]
    if not about:
        raise WeftError(f"{path} ranks no query of this benchmark: its first is {next(iter(results), 'none')!r}")
    if len(about) > 1:
        names = ", ".join(task.name for task in about)
        raise WeftError(f"{path} could be of {names}, which ask the same query ids: choose one by ?tasks=")
    ranking, lost = rows_of(results, about[0], path)
    facts = {"kind": "run", "file": path.name, "key": file_key(path), "documents not in the corpus": lost}
    return System(name or tag, facts, {about[0].name: ranking})


def read_run(path: Path) -> tuple[str, dict[str, list[str]]]:
    """A TREC run, `qid Q0 did rank score tag`: its tag, and per query the documents by falling score, as trec_eval
    reads it; equal scores by the stated rank.

    Raises:
        WeftError: the file cannot be read, a line is not of this form, or a document is there twice for a query.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise WeftError(f"{path} cannot be read: {error}") from None
    found: dict[str, list[tuple[float, int, str]]] = defaultdict(list)
    tag = path.stem
    for number, line in enumerate(lines, start=1):
        fields = line.split()
        if not fields:
            continue
        try:
            query, _, document, rank, value, tag = fields
            found[query].append((-float(value), int(rank), document))
        except ValueError:
            raise WeftError(f"{path}, line {number}: {line[:60]!r} is not qid Q0 did rank score tag") from None
    ranked = {query: [document for _, _, document in sorted(rows)] for query, rows in found.items()}
    for query, documents in ranked.items():
        if len(set(documents)) < len(documents):
            raise WeftError(f"{path} ranks a document twice for query {query}")
    return tag, ranked


def rows_of(results: Mapping[str, Sequence[str]], task: Retrieval, path: Path) -> tuple[np.ndarray, int]:
    """(Q, K) corpus rows of a run, and how many of its documents the corpus lacks. Ids are compared without spaces,
    as TREC's files hold them.

    Raises:
        WeftError: two ids are one without their spaces, or most documents are not in the corpus.
    """
    place = {word(name): row for row, name in enumerate(task.corpus.ids)}
    if len(place) < len(task.corpus) or len({word(name) for name in task.query_ids}) < len(task.query_ids):
        raise WeftError(f"task {task.name}: two ids differ by spaces alone, so {path} cannot be read for it")
    depth = max(map(len, results.values()), default=0)
    ranking = np.full((len(task.queries), depth), -1, dtype=np.int64)
    lost = total = 0
    for row, query in enumerate(task.query_ids):
        documents = results.get(word(query), ())
        known_rows = [place[document] for document in documents if document in place]
        ranking[row, : len(known_rows)] = known_rows
        lost, total = lost + len(documents) - len(known_rows), total + len(documents)
    if lost > total / 2:
        raise WeftError(f"{path}: {lost:,} of its {total:,} results are not in the corpus of {task.name}")
    return ranking, lost
