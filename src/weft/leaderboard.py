"""Any encoders on any benchmarks, side by side: every model embeds once, everything is kept query by query."""

import datetime
import shlex
import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from weft import __version__, fidelity, standings
from weft.artefact import versions
from weft.benchmarks import open_benchmark
from weft.benchmarks.record import AnyTask, Benchmark, Retrieval
from weft.benchmarks.sound import sound
from weft.benchmarks.trec import file_name
from weft.embed import Embedder
from weft.encoders import KNOWN, known, load
from weft.encoders.source import find, split_name
from weft.errors import Unable, WeftError
from weft.evaluate import DEPTH, Scored, bm25_ranking, embed_task, fused, retrieval_metrics, score
from weft.progress import progress, say
from weft.report import leaderboard as page
from weft.results import write_per_query, write_qrels, write_runs
from weft.seen import Seen, contamination

BM25 = "bm25"


@dataclass
class Entrant:
    """A model of the leaderboard: its row's facts, and its scores by (benchmark, task); what it cannot do is absent."""

    facts: dict
    scored: dict[tuple[str, str], Scored] = field(default_factory=dict)
    unable: dict[tuple[str, str], str] = field(default_factory=dict)


def evaluate(
    models: Sequence[str],
    on: Sequence[str],
    out: Path,
    published: Path | None = None,
    remote_code: Collection[str] = (),
    cache: Path | None = None,
    batch: int = 64,
    seed: int = 0,
) -> dict:
    """Evaluates models on benchmarks and writes the evidence into `out`.

    `leaderboard.html`, `.md`, `.json`, `per_query.parquet`, `runs/` and `qrels/` (TREC). The first model is the
    candidate; every other one, BM25 over titles, and BM25 fused with the candidate are what it is compared with.

    Args:
        models: `NAME=MODEL`, or anything that `weft.encoders.load` opens.
        on: anything that `weft.benchmarks.open_benchmark` opens.
        published: scores to hold baselines against; by default `expected/baselines.toml`, if it is there.
        remote_code: models that may run code from their repositories.
        cache: where embeddings are kept by content, `out/cache` by default.

    Returns:
        What `leaderboard.json` holds.

    Raises:
        WeftError: a model or benchmark cannot be opened, or two have one name.
    """
    cache = cache or out / "cache"
    benchmarks = [sound(open_benchmark(spec, cache / "benchmarks")) for spec in on]
    unique([file_name(benchmark.name) for benchmark in benchmarks], "benchmarks")
    named = dict(name_and_place(spec) for spec in models)
    if len({file_name(name) for name in named}) < len(models):  # runs are files by that name
        raise WeftError(f"two models have one name, as a file: call them NAME=MODEL ({', '.join(models)})")
    for name, place in named.items():
        find(place)  # a typo is answered before hours of embedding
        if name == BM25 or name.startswith(f"{BM25}+"):
            raise WeftError(f"{name!r} is the name of a row of its own: call the model something else")
    file = published or fidelity.FILE
    scores = fidelity.read(file) if published or file.exists() else []
    if not scores:
        say(f"no published score was read from {file}: nothing can be verified; name another file with --published")
    tasks = {(benchmark.name, task.name): task for benchmark in benchmarks for task in benchmark.tasks}
    _say_what_is_asked(benchmarks)
    entrants = {
        name: _embedded(name, place, tasks, Embedder(load(place, remote_code=remote_code), cache, batch))
        for name, place in named.items()
    }
    candidate = next(iter(entrants))
    entrants |= _lexical(tasks, candidate, entrants[candidate])
    results = standings.standings(benchmarks, entrants, scores, seed)
    seen = [row for name, place in named.items() for row in _contaminated(name, place, benchmarks, cache)]
    results |= {
        "contamination": seen,
        "environment": versions() | {"command": shlex.join(["weft", *sys.argv[1:]]), "seed": seed},
        "created": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "weft": __version__,
    }
    out.mkdir(parents=True, exist_ok=True)
    by_model = {name: entrant.scored for name, entrant in entrants.items()}
    write_per_query(out / "per_query.parquet", tasks, by_model)
    write_runs(out / "runs", tasks, by_model, DEPTH)
    write_qrels(out / "qrels", tasks)
    page.write(results, pictures(tasks.values()), out)
    return results


def unique(names: Sequence[str], what: str) -> None:
    """Raises `WeftError` if a name is there twice."""
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise WeftError(f"two {what} are called {', '.join(twice)}: every row and column needs a name of its own")


def name_and_place(spec: str) -> tuple[str, str]:
    """A model's name in tables, and where it is."""
    name, place = split_name(spec)
    return name or find(place).name, place


def _say_what_is_asked(benchmarks: Sequence[Benchmark]) -> None:
    for benchmark in benchmarks:
        say(f"{benchmark.name}: {benchmark.source} {benchmark.revision}".rstrip())
        for task in benchmark.tasks:
            told = "; ".join(f"{count:,} {what}" for what, count in task.counts.items())
            say(f"  {task.name}: {told}")


def _embedded(name: str, place: str, tasks: dict[tuple[str, str], AnyTask], embedder: Embedder) -> Entrant:
    """One model on every task that it can do."""
    encoder, source = embedder.encoder, find(place)
    model = KNOWN.get(name) or known(place)  # NAME=FOLDER with a known name says what the folder is a copy of
    short = next((name for name, one in KNOWN.items() if one is model), "")
    prefix = model.query_prefix if model else ""
    own = encoder.facts() | ({"query prefix": prefix} if prefix else {})
    facts = {
        "name": name, "id": source.place, "revision": "" if source.local else source.revision, "family": source.family,
        "parameters": sum(p.numel() for p in encoder.model.parameters()) if hasattr(encoder, "model") else None,
        "fingerprint": embedder.fingerprint, "preprocessing": own, "role": "baseline", "known_as": short,
    }  # fmt: skip
    entrant = Entrant(facts)
    say(f"{name}: {source.place}")
    for key, task in tasks.items():
        try:
            entrant.scored[key] = score(task, *embed_task(task, embedder, prefix))
        except Unable as reason:
            entrant.unable[key] = str(reason)
            say(f"  {name} cannot do {key[1]}: {reason}")
    entrant.facts |= {"dim": encoder.dim, "unnormalised": embedder.unnormalised}
    if embedder.unnormalised:
        own["unit length"] = f"no, off by up to {embedder.unnormalised:.3g}: normalised here"
    return entrant


def _lexical(tasks: dict[tuple[str, str], AnyTask], candidate: str, entrant: Entrant) -> dict[str, Entrant]:
    """BM25 over titles, and its fusion with the candidate, where there are titles and queries of words."""
    alone = Entrant({"name": BM25, "role": "lexical", "preprocessing": {"k1": 1.2, "b": 0.75}})
    both = Entrant({"name": f"{BM25}+{candidate}", "role": "fusion", "preprocessing": {"rule": "reciprocal ranks"}})
    readable = {key: task for key, task in tasks.items() if _has_words(task)}
    for key, task in progress(readable.items(), "ranking by BM25", total=len(readable), unit="task"):
        ranking, scores = bm25_ranking(task)
        alone.scored[key] = Scored(retrieval_metrics(task, ranking), ranking, scores)
        if key in entrant.scored:
            both.scored[key] = fused(task, [ranking, entrant.scored[key].ranking])
    return {one.facts["name"]: one for one in (alone, both) if one.scored}


def _has_words(task: AnyTask) -> bool:
    return isinstance(task, Retrieval) and task.queries.texts is not None and any(task.corpus.titles or ())


def _contaminated(name: str, place: str, benchmarks: Sequence[Benchmark], cache: Path) -> list[dict]:
    seen = Seen.of(place)
    rows = []
    for benchmark in benchmarks if seen else ():
        for task in benchmark.tasks:
            found = contamination(task, seen, cache)
            rows += [
                {"model": name, "benchmark": benchmark.name, "task": task.name, "by": by, "count": count}
                for by, count in found.items()
            ]
    return rows


def pictures(tasks: Iterable[AnyTask]) -> Callable[[str], bytes]:
    """SHA-256 of a picture -> its bytes, over everything that was asked."""
    stores = {}
    for task in tasks:
        for side in (task.queries, task.corpus) if isinstance(task, Retrieval) else (task.items,):
            if side.pictures is not None:
                stores[id(side.pictures)] = side.pictures
    place = {name: (store, row) for store in stores.values() for row, name in enumerate(store.image_hashes)}

    def image(name: str) -> bytes:
        if name not in place:
            raise WeftError(f"no picture {name} in the benchmarks")
        store, row = place[name]
        return store.image(row)

    return image
