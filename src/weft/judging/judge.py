"""Judges a pool, by an endpoint or by attributes; every answer is kept at once, and none is asked for twice."""

import contextlib
import datetime
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow.compute as pc

from weft.endpoint import Answer, Asked, Journal, Request, answered, complete, estimate
from weft.errors import WeftError
from weft.judging import precision
from weft.judging.attribute import Blurred
from weft.judging.judgements import LINES, claim, export, key_of, settled
from weft.judging.pool import RANDOM, Pair, Pool
from weft.judging.prompt import SIDE, pictures, question
from weft.judging.rubric import Rubric
from weft.progress import progress, say

ANSWERS = "answers.jsonl"
SORRY = re.compile(
    r"\b(sorry|can(?:no|['’])t (?:help|assist|comply|grade|view|see)|unable to|won['’]t)\b", re.IGNORECASE
)
"""An answer without a grade that sounds so is a refusal in words; it is missing either way."""


UNASKED = {
    "grade": None, "status": "refused", "answer": "not asked: the query or the product has no words and no picture",
    "tokens_in": 0, "tokens_out": 0, "seconds": 0.0, "created": "",
}  # fmt: skip


def by_endpoint(
    pool: Pool, out: Path, asked: Asked, rubric: Rubric, judge: str = "", side: int = SIDE,
    repeats: int = 1, orders: Sequence[int] = (0,),
) -> dict:  # fmt: skip
    """Has an endpoint grade every pair, into the folder `out`.

    First of all what it will cost is said. A pair comes once before any comes twice, so that a budget that ends early
    has still bought a whole first round, or a part of it in random order.

    Args:
        asked: whom; its `answers` are `out/answers.jsonl` by default.
        judge: what the judge is called; the model's name by default.
        side: of pictures, 0 for none. orders: see `weft.judging.prompt.question`.

    Returns:
        "estimate", and after judging "counts" by status, "spent" (a `Ledger`'s words), "left" and `sampled`'s.

    Raises:
        WeftError: as `complete`, or a query by picture is to be judged without pictures.
    """
    if side < 0 or repeats < 1:
        raise WeftError("pictures have a side of at least 0 pixels, and pairs are judged at least once")
    endpoint, ledger, cache = asked.where, asked.ledger, asked.answers or out / ANSWERS
    judge = judge or endpoint.model
    settings = {"judge": judge, "model": endpoint.model, "pictures": side} | rubric.settings
    if not asked.dry_run:
        claim(out, settings | {"body": dict(asked.fields), "pool": pool.key}, {"endpoint": endpoint.place})
    done = settled(out)

    def requests() -> Iterator[Request]:
        for repeat in range(repeats):
            for order in orders:
                for pair in pool.pairs():
                    if not pair.query_text and not side:
                        raise WeftError("queries by picture cannot be judged without pictures: take --side from 1")
                    if _blank(pair, side):
                        continue
                    yield question(pair, rubric, side, order, repeat, asked.fields)

    total, known = len(pool) * repeats * len(orders), answered(cache).values()
    guess = estimate(
        progress(requests(), "reading the pool", total=total, unit="pair"),
        [answer for answer in known if answer.model == endpoint.model], ledger=ledger,
    )  # fmt: skip
    say(f"{endpoint.model} at {endpoint.place}: {guess}")
    if asked.dry_run:
        return {"estimate": str(guess)}
    new = (request for request in requests() if key_of(_told(request, endpoint.model)) not in done)
    useful = any(row["grade"] is not None for row in done.values())
    reads = None if useful else lambda answer: rubric.grade(answer.text) is not None
    with Journal(out / LINES) as journal:
        try:
            for pair in (pair for pair in pool.pairs() if _blank(pair, side)):  # no answer could mean anything
                told = _pair(pair) | {"model": endpoint.model, "prompt_hash": "", "repeat": 0, "order": 0}
                if key_of(told) not in done:
                    journal.add(told | {"judge": judge, "rubric": str(rubric)} | UNASKED)
            with contextlib.closing(complete(new, endpoint, cache, ledger, pictures(pool.image), reads)) as found:
                for request, answer in progress(found, "judging", total=total - len(done), unit="pair"):
                    told = _told(request, endpoint.model) | {"judge": judge, "rubric": str(rubric)}
                    journal.add(told | _graded(answer, rubric))
        finally:  # of a run that ends early, too: others read the table
            say(str(ledger))
            counts = export(out, rubric.metadata)
    found = {"estimate": str(guess), "counts": counts, "spent": str(ledger), "left": ledger.left}
    return found | sampled(pool, out, rubric)


def _blank(pair: Pair, side: int) -> bool:
    """Whether the query or the document has neither words nor a picture that a judge would be shown."""
    asks, shows = pair.query_text.strip() or (side and pair.query_image), pair.title.strip() or (side and pair.image)
    return not (asks and shows)


def _told(request: Request, model: str) -> dict:
    pair, order = request.tag
    return _pair(pair) | {"model": model, "prompt_hash": request.hash, "repeat": request.repeat, "order": order}


def _pair(pair: Pair) -> dict:
    return {"query_id": pair.query_id, "doc_id": pair.doc_id, "task": pair.task}


def _graded(answer: Answer, rubric: Rubric) -> dict:
    """Grade and status: what cannot be read, was refused or failed is missing, and never 0."""
    grade = rubric.grade(answer.text) if answer.status == "answered" else None
    status = "graded" if grade is not None else answer.status
    if status == "answered":
        status = "refused" if SORRY.search(answer.text) else "unparsed"
    return {
        "grade": grade, "status": status, "answer": answer.text or answer.reason, "tokens_in": answer.tokens_in,
        "tokens_out": answer.tokens_out, "seconds": answer.seconds, "created": answer.created,
    }  # fmt: skip


def by_attributes(
    pool: Pool, out: Path, rule: Blurred, rubric: Rubric, judge: str = "attributes", repeats: int = 1,
    dry: bool = False,
) -> dict:  # fmt: skip
    """Has `weft.judging.attribute` grade every pair. What it cannot know anything of is "refused": missing, not 0.

    Args:
        dry: only counts, and writes nothing.
    """
    model = str(rule)
    if not dry:
        claim(out, {"judge": judge, "model": model, "pool": pool.key} | rubric.settings)
    done, created = settled(out), datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")

    def new() -> Iterator[tuple[Pair, dict]]:
        for repeat in range(repeats):
            for pair in pool.pairs():
                told = _pair(pair) | {"model": model, "prompt_hash": "", "repeat": repeat, "order": 0}
                if key_of(told) not in done:
                    yield pair, told

    left = sum(1 for _ in new())
    if dry:
        return {"estimate": f"{left:,} pairs would be judged by attributes ({model}), which asks nobody"}
    with Journal(out / LINES) as journal:
        for pair, told in progress(new(), "judging by attributes", total=left, unit="pair"):
            grade = rule.grade(pair, told["repeat"])
            status = "refused" if grade is None else "graded"
            answer = "" if grade is not None else "the query states nothing that is known to this judge"
            more = {"judge": judge, "rubric": str(rubric), "answer": answer, "created": created}
            journal.add(
                told | more | {"grade": grade, "status": status, "tokens_in": 0, "tokens_out": 0, "seconds": 0.0}
            )
    return {"counts": export(out, rubric.metadata)} | sampled(pool, out, rubric)


def sampled(pool: Pool, out: Path, rubric: Rubric) -> dict:
    """What the random sample says of all that was not pooled: the share of relevant with its 95% interval (Wilson), and
    by what part of itself recall is too high at the interval's upper end (`weft.judging.precision.overstated`).

    Of a pair that was judged several times the median counts, the lower one of two; missing grades do not.
    """
    table = pool.systems()
    names = ("task", "query_id", "doc_id")
    table = table.filter(pc.equal(table["system"], RANDOM))
    drawn = set(zip(*(table[name].to_pylist() for name in names), strict=True))
    grades: dict[tuple, list[float]] = {}
    for row in settled(out).values():
        if row["grade"] is not None:
            grades.setdefault(tuple(row[name] for name in names), []).append(row["grade"])
    right = {key: sorted(found)[(len(found) - 1) // 2] >= rubric.relevant for key, found in grades.items()}
    seen = [right[key] for key in drawn if key in right]
    low, high = precision.wilson(sum(seen), len(seen))
    tasks = pool.facts["tasks"]
    queries = sum(task["queries"] for task in tasks)
    rest = sum(task["queries"] * task["gallery"] - task["pairs"] + task["random"] for task in tasks) / max(queries, 1)
    known = sum(found for key, found in right.items() if key not in drawn) / max(queries, 1)
    return {
        "sample": {
            "judged": len(seen), "relevant": int(sum(seen)), "share": sum(seen) / len(seen) if seen else None,
            "low": low, "high": high, "unjudged per query": rest, "relevant per query": known,
            "recall overstated by at most": precision.overstated(high, rest, known),
        }
    }  # fmt: skip


def render(found: dict) -> str:
    """What a judging run came to, for a terminal."""
    if "counts" not in found:
        return found["estimate"]
    counts, sample = found["counts"], found["sample"]
    lines = ["  ".join(f"{name} {count:,}" for name, count in counts.items())]
    missing = sum(counts.values()) - counts["graded"]
    if missing:
        lines.append(f"{missing:,} judgements are missing; they are left out everywhere, never counted as 0")
    if sample["judged"]:
        lines.append(
            f"of {sample['judged']:,} pairs drawn at random from what no system returned {sample['relevant']:,} are "
            f"relevant: {100 * sample['share']:.2f}% [{100 * sample['low']:.2f}, {100 * sample['high']:.2f}]; with "
            f"{sample['unjudged per query']:,.0f} such documents a query, recall is too high by at most "
            f"{100 * sample['recall overstated by at most']:.0f}% of itself"
        )
    if found.get("left"):
        lines.append(f"the budget is spent: {found['left']:,} pairs were not asked; run again with more to go on")
    return "\n".join(lines)
