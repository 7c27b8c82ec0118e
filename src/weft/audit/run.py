"""Audits benchmarks from end to end: opens them and models, runs every check, writes the page, says how grave it is."""

import dataclasses
import datetime
import shlex
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from weft import __version__
from weft.artefact import versions
from weft.audit import CHECKS, explain
from weft.audit.finding import SEVERITIES, Finding, weight
from weft.audit.judged import Judged
from weft.audit.stock import Stock
from weft.audit.subject import NEEDS, Subject
from weft.audit.truth import read as read_truth
from weft.benchmarks import open_benchmark
from weft.benchmarks.record import AnyTask, Benchmark, Retrieval
from weft.benchmarks.sound import sound
from weft.embed import Embedder
from weft.encoders import KNOWN, known, load
from weft.errors import WeftError
from weft.evaluate import describe
from weft.leaderboard import name_and_place, pictures
from weft.progress import progress, say
from weft.report import audit as page
from weft.seen import Seen

TRUTH = "truth"
NEVER = "never"


def run(
    on: Sequence[str], models: Sequence[str] = (), out: Path = Path("runs/audit"), remote_code: Collection[str] = (),
    cache: Path | None = None, batch: int = 64, judged: Callable[[Benchmark], Mapping[str, Judged]] | None = None,
) -> dict:  # fmt: skip
    """Audits benchmarks and writes `audit.html`, `.md` and `.json` into `out`.

    Args:
        on: what `weft.benchmarks.open_benchmark` opens, or `truth=PATH.json` for a ground truth alone.
        models: `NAME=MODEL`, or what `weft.encoders.load` opens; for effects on scores, tokenizers and leaks.
        remote_code: models that may run code from their repositories.
        cache: where looks and embeddings are kept by content, `out/cache` by default.
        judged: from a benchmark to what a judge found in a pool of it, by task: `weft.audit.judged.reader`.

    Returns:
        What `audit.json` holds; see docs/audit.md.

    Raises:
        WeftError: a benchmark or model cannot be opened, or two have one name.
    """
    cache = cache or out / "cache"
    benchmarks = {spec: opened(spec, cache / "benchmarks") for spec in on}
    names = [benchmark.name for benchmark in benchmarks.values()]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise WeftError(f"two benchmarks are called {', '.join(twice)}: name one of them, SPEC?name=OTHER")
    encoders, seen, prefixes = opened_models(models, remote_code, cache, batch)
    rows: list[dict] = []
    outcomes: list[dict] = []
    for spec, benchmark in benchmarks.items():
        stock, judgements = None, judged(benchmark) if judged else {}
        for task in benchmark.tasks:
            if isinstance(task, Retrieval) and not (stock and stock.asks(task.corpus)):
                stock = Stock(task.corpus, cache)
            alone, said = spec.partition("=")[0] == TRUTH, judgements.get(task.name)
            found, ran = audited(task, stock, encoders, seen, prefixes, alone, said)
            about = {"benchmark": benchmark.name, "task": task.name}
            rows += [about | dataclasses.asdict(one) for one in found]
            outcomes += [about | outcome for outcome in ran]
    rows.sort(key=lambda row: weight(row["severity"]))
    results = {
        "verdict": verdict(rows, outcomes, names),
        "benchmarks": [told_of(benchmark) for benchmark in benchmarks.values()],
        "models": [
            {"name": name, "fingerprint": encoder.fingerprint, "training list": name in seen}
            for name, encoder in encoders.items()
        ],
        "checks": [{"name": one.name, "needs": list(one.needs)} | explain(one) for one in CHECKS],
        "findings": rows,
        "outcomes": outcomes,
        "environment": versions() | {"command": shlex.join(["weft", *sys.argv[1:]])},
        "created": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "weft": __version__,
    }
    page.write(results, pictures([task for benchmark in benchmarks.values() for task in benchmark.tasks]), out)
    return results


def opened(spec: str, cache: Path | None = None) -> Benchmark:
    """A benchmark by spec, without pictures that cannot be read; a ground truth alone from `truth=PATH[?name=NAME]`."""
    name, _, place = spec.partition("=")
    if name != TRUTH:
        return sound(open_benchmark(spec, cache))
    path, _, called = place.partition("?name=")
    found = read_truth(Path(path))
    return dataclasses.replace(found, name=called) if called else found


def opened_models(
    specs: Sequence[str], remote_code: Collection[str], cache: Path, batch: int
) -> tuple[dict[str, Embedder], dict[str, Seen], dict[str, str]]:
    """By name: the encoders, what they were trained on where they say it, and their prefixes of queries."""
    encoders, seen, prefixes = {}, {}, {}
    for spec in specs:
        name, place = name_and_place(spec)
        if name in encoders:
            raise WeftError(f"two models are called {name}: call them NAME=MODEL ({', '.join(specs)})")
        encoders[name] = Embedder(load(place, remote_code=remote_code), cache, batch)
        model = KNOWN.get(name) or known(place)
        prefixes[name] = model.query_prefix if model else ""
        if (trained := Seen.of(place)) is not None:
            seen[name] = trained
    return encoders, seen, prefixes


def audited(
    task: AnyTask, stock: Stock | None, models: Mapping[str, Embedder], seen: Mapping[str, Seen],
    prefixes: Mapping[str, str], answers_only: bool, judged: Judged | None = None,
) -> tuple[list[Finding], list[dict]]:  # fmt: skip
    """Findings of a task, and of every check whether it found something, was silent or did not run, and why."""
    if not isinstance(task, Retrieval):
        why = "the task asks for classes of pictures, not for items: there are no answers to check"
        return [], [{"check": one.name, "status": "not run", "why": why, "seconds": 0.0} for one in CHECKS]
    subject = Subject(task, models, seen, answers_only, prefixes, stock=stock, judged=judged)
    found, outcomes = [], []
    for one in progress(CHECKS, f"auditing {task.name}", unit="check"):
        started = time.perf_counter()
        if lacking := subject.lacks(one.needs):
            why = "needs " + " and ".join(NEEDS[need] for need in lacking)
            outcomes.append({"check": one.name, "status": "not run", "why": why, "seconds": 0.0})
            continue
        own = list(one.function(subject))
        found += own
        status = "found" if own else "silent"
        outcomes.append(
            {"check": one.name, "status": status, "why": "", "seconds": round(time.perf_counter() - started, 3)}
        )
    counted = {name: sum(one.severity == name for one in found) for name in SEVERITIES}
    say(f"  {task.name}: " + ", ".join(f"{many} {name}{'s' * (many != 1)}" for name, many in counted.items()))
    return found, outcomes


def verdict(rows: Sequence[dict], outcomes: Sequence[dict], names: Sequence[str]) -> dict:
    """Counts by severity, and one sentence with the gravest faults of each benchmark, by its name."""
    counts = {name: sum(row["severity"] == name for row in rows) for name in SEVERITIES}
    asked = {row["benchmark"] for row in outcomes if row["status"] != "not run"}
    wrong, blurred, sound = [], [], []
    for name in names:
        own = [row for row in rows if row["benchmark"] == name]
        grave = dict.fromkeys(row["check"] for row in own if row["severity"] == "error")
        if grave:
            wrong.append(f"{name} ({', '.join(grave)})")
        elif any(row["severity"] == "warning" for row in own):
            blurred.append(name)
        elif name in asked:
            sound.append(name)
    idle = [name for name in names if name not in asked]
    told = [f"scores can be wrong on {_and(wrong)}"] if wrong else []
    told += [f"faults blur the scores of {_and(blurred)}"] if blurred else []
    told += [f"nothing that biases scores was found in {_and(sound)}"] if sound else []
    told += [f"no check could be run on {_and(idle)}"] if idle else []
    sentence = "; ".join(told) + "."
    worst = next((name for name in SEVERITIES if counts[name]), "")
    return {"sentence": sentence[:1].upper() + sentence[1:], "counts": counts, "worst": worst}


def _and(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def fails(results: dict, fail_on: str) -> bool:
    """Whether something at least as grave as `fail_on` was found: the exit code for CI.

    Raises:
        WeftError: `fail_on` is neither a severity nor "never".
    """
    if fail_on == NEVER:
        return False
    limit = weight(fail_on)
    return any(weight(row["severity"]) <= limit for row in results["findings"])


def told_of(benchmark: Benchmark) -> dict:
    facts = ("name", "source", "revision", "licence", "citation")
    tasks = [describe(task) | {"metrics": list(task.metrics), "counts": task.counts} for task in benchmark.tasks]
    return {name: getattr(benchmark, name) for name in facts} | {"notes": list(benchmark.notes), "tasks": tasks}
