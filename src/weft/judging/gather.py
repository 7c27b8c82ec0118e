"""Makes a pool for judging: what to pool, how deep, how much it will cost, and the folder that holds it."""

import datetime
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from weft import __version__
from weft.artefact import key_of
from weft.benchmarks import open_benchmark
from weft.benchmarks.record import Benchmark, Retrieval, Side
from weft.benchmarks.sound import sound
from weft.endpoint import Ledger
from weft.errors import WeftError
from weft.files import read_json
from weft.judging import precision as arithmetic
from weft.judging.blind import write
from weft.judging.pool import ANSWERS, FACTS, RANDOM, Pair
from weft.judging.prompt import SIDE, question
from weft.judging.rubric import RUBRICS
from weft.judging.systems import System, changed, is_model, open_systems
from weft.judging.union import Part, Ranked, deep, depth_table
from weft.progress import say

USUAL = 60
"""ASSUMED tokens of an answer: a reason of up to 30 words and a grade."""


@dataclass(frozen=True)
class Wanted:
    """How much to pool. precision: see `weft.judging.precision`; depth, sample: instead of what it says, -1 where it
    decides; cut: c of the metrics; answers: whether the benchmark's own answers are judged as well; seed."""

    precision: float = 0.01
    depth: int = -1
    sample: int = -1
    cut: int = 10
    answers: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.precision < 1:
            raise WeftError(f"a precision of {self.precision} is none: 0.01 stands for one point of a hundred")
        if self.cut < 1 or self.depth == 0 or self.depth < -1 or self.sample < -1:
            raise WeftError("cut and depth are at least 1, a sample is not negative")


def make(
    on: str, specs: Sequence[str], out: Path, wanted: Wanted | None = None, prices: tuple[float, float] = (0.0, 0.0),
    dry: bool = False, cache: Path | None = None, remote_code: Collection[str] = (), batch: int = 64,
) -> dict:  # fmt: skip
    """Pools what systems return on a benchmark, into the folder `out`.

    Args:
        on: as `weft.benchmarks.open_benchmark`; specs: as `weft.judging.systems.open_systems`.
        prices: for a million tokens in and out, of the judge that will be asked.
        dry: says what there would be, and writes nothing but embeddings.
        cache: where embeddings are kept, `out/cache` by default.

    Returns:
        What `pool.json` holds.

    Raises:
        WeftError: `out` holds another pool, or one of files or weights that have changed: judgements may belong to it;
            or a benchmark or system cannot be opened.
    """
    wanted = wanted or Wanted()
    asked = {"benchmark": on, "systems": list(specs)} | wanted.__dict__
    held = read_json(out / FACTS) if (out / FACTS).exists() and not dry else None
    if held and held.get("asked") != asked:
        raise WeftError(f"{out} holds another pool, to which judgements may belong: name another folder")
    if held and (name := changed(held, specs, remote_code)):
        raise WeftError(
            f"{out} was pooled from other results than {name} has now, and judgements may belong to it: name another "
            "folder by --out, or put back the file or model that was pooled"
        )
    cache = cache or out / "cache"
    benchmark = open_benchmark(on, cache / "benchmarks")
    content = _content(benchmark)
    if held and held["benchmark"].get("content", content) != content:
        raise WeftError(
            f"{out} was pooled from other queries, things or answers than {on} has now, and judgements may belong to "
            "it: name another folder by --out, or put back the benchmark that was pooled"
        )
    if held:
        say(f"{out}: nothing changed, kept")
        return held
    if any(map(is_model, specs)):  # what is embedded must be readable; rankings need no look at every picture
        benchmark = sound(benchmark)
    tasks = [task for task in benchmark.tasks if isinstance(task, Retrieval)]
    if not tasks:
        raise WeftError(f"{on} has no retrieval task: there is nothing to pool")
    systems = list(open_systems(specs, benchmark.name, tasks, cache, remote_code, batch))
    return build(benchmark, systems, out, wanted, prices, dry, asked, content)


def build(
    benchmark: Benchmark, systems: Sequence[System], out: Path, wanted: Wanted,
    prices: tuple[float, float] = (0.0, 0.0), dry: bool = False, asked: Mapping | None = None, content: str = "",
) -> dict:  # fmt: skip
    """`make`, from what is open already. content: `_content` of the benchmark as it was opened."""
    names = [system.name for system in systems]
    if twice := {name for name in names if names.count(name) > 1} | set(names) & {RANDOM, ANSWERS}:
        raise WeftError(f"the name {twice.pop()!r} is taken: call the systems NAME=SPEC")
    if not systems:
        raise WeftError("a pool needs at least one system")
    tasks = [task for task in benchmark.tasks if isinstance(task, Retrieval)]
    ranked = [Ranked(task, systems) for task in tasks]
    queries = sum(len(task.queries) for task in tasks)
    sample = wanted.sample if wanted.sample >= 0 else arithmetic.sample_size(wanted.precision, queries)
    table = depth_table(ranked, systems, wanted.cut)
    depth = wanted.depth if wanted.depth > 0 else _depth(table, wanted.precision)
    for system in systems:
        if min(depth, deep(system)) < wanted.cut:
            say(f"{system.name}: only {min(depth, deep(system))} of its first {wanted.cut} results a query are judged")
    pooled = [one.pooled(depth, sample, wanted.answers, wanted.seed) for one in ranked]
    chosen = next((row for row in table if row["depth"] == depth), None)
    facts = {
        "format": 1,
        "asked": dict(asked or {}),
        "benchmark": {
            "name": benchmark.name, "source": benchmark.source, "revision": benchmark.revision,
            "content": content or _content(benchmark),
        },
        "pairs": sum(len(part.query) for part in pooled),
        "cut": wanted.cut, "depth": depth, "sample": sample, "seed": wanted.seed,
        "precision": {
            "stated": wanted.precision,
            "error of a system not pooled": chosen and chosen["error"],
            "half width of the share of relevant among the unjudged": arithmetic.half_width(sample, queries),
        },
        "depths": table,
        "systems": [{"name": system.name, **system.facts, "depth": deep(system)} for system in systems],
        "tasks": [part.facts() for part in pooled],
    }  # fmt: skip
    facts["estimate"] = _estimate(pooled, prices)
    facts |= {"created": datetime.datetime.now().astimezone().isoformat(timespec="seconds"), "weft": __version__}
    if not dry:
        write(pooled, benchmark.name, names, out, facts, wanted.seed)
    return facts


def _content(benchmark: Benchmark) -> str:
    """Equal for the same queries, corpora and answers: a name or a folder says nothing of what it holds."""

    def told(side: Side) -> list:
        places = [None if rows is None else np.asarray(rows).tolist() for rows in (side.rows, side.owner)]
        return [list(side.ids), side.texts, side.titles, side.pictures and side.pictures.identity, places]

    tasks = [task for task in benchmark.tasks if isinstance(task, Retrieval)]
    answers = [[[rows.tolist(), grades.tolist()] for rows, grades in task.relevant] for task in tasks]
    return key_of([[task.name, told(task.queries), told(task.corpus)] for task in tasks] + answers)


def _depth(table: Sequence[dict], precision: float) -> int:
    fitting = [row["depth"] for row in table if row["error"] <= precision]
    if not fitting:
        row = table[-1]
        say(f"even {row['depth']} results deep, all there are, a system not pooled may be off by {row['error']:.3f}")
    return fitting[0] if fitting else table[-1]["depth"]


def render(facts: dict) -> str:
    """What a pool is and costs, and what other depths would, for a terminal."""
    guess = facts["estimate"]
    each = guess["price"] / max(guess["requests"], 1)
    more = facts["pairs"] - next((row["pairs"] for row in facts["depths"] if row["depth"] == facts["depth"]), 0)
    lines = [f"depth      pairs   unjudged in the first {facts['cut']}   error of a system not pooled"]
    lines[0] += "      price" * bool(each)
    for row in facts["depths"]:
        pairs, share = row["pairs"] + more, f"{row['unjudged']:.1%}".rjust(23 + len(str(facts["cut"])))
        price = f"{each * pairs:>11,.2f}" if each else ""
        chosen = "  <- chosen" if row["depth"] == facts["depth"] else ""
        lines.append(f"{row['depth']:>5} {pairs:>10,} {share} {row['error']:>30.3f}{price}{chosen}")
    width = facts["precision"]["half width of the share of relevant among the unjudged"]
    price = f", about {guess['price']:,.2f} at the given prices" if each else ""
    return "\n".join(
        [
            *lines,
            f"\n{facts['pairs']:,} pairs: {facts['depth']} results deep, {facts['sample']} drawn at random a query "
            f"(share of relevant among the unjudged within {width:.3f} at the worst)",
            f"to judge them once: {guess['requests']:,} requests, about {guess['tokens_in']:,} tokens in and "
            f"{guess['tokens_out']:,} out{price}",
        ]
    )


def _estimate(pooled: Sequence[Part], prices: tuple[float, float], most: int = 1000) -> dict:
    """Requests, tokens and price of judging every pair once, from the questions of at most so many pairs a task."""
    ledger, tokens, pairs = Ledger(*prices), 0.0, 0
    for part in pooled:
        rows = np.linspace(0, len(part.query) - 1, min(most, len(part.query))).astype(np.int64)
        shown = "-" if part.task.corpus.pictures is not None else ""
        sought = "-" if part.task.queries.pictures is not None else ""
        each = [
            question(Pair("", text, sought, "", title, shown, "", ""), RUBRICS["fashion-0-3"], SIDE).tokens
            for text, title in zip(
                _words(part.task.queries, part.query[rows]), _words(part.task.corpus, part.document[rows], True),
                strict=True,
            )
        ]  # fmt: skip
        tokens, pairs = tokens + float(np.mean(each)) * len(part.query), pairs + len(part.query)
    price = ledger.price(tokens, USUAL * pairs)
    return {
        "requests": pairs, "tokens_in": round(tokens), "tokens_out": USUAL * pairs, "price": price,
        "price_in": prices[0], "price_out": prices[1], "picture side": SIDE,
    }  # fmt: skip


def _words(side: Side, rows: np.ndarray, titles: bool = False) -> list[str]:
    texts = (side.titles or side.texts) if titles else side.texts
    return [texts[row] for row in rows] if texts is not None else [""] * len(rows)
