"""Has queries written for a curated catalogue: asked, checked, asked again, and taken from the deterministic writer."""

import contextlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from weft.artefact import MANIFEST, stage_key
from weft.catalogue.collection import Collection
from weft.catalogue.layout import write_table
from weft.curation import twins
from weft.curation.prompt import SYSTEM, TASKS, USUAL, question, text_of
from weft.curation.tally import Text, tally
from weft.endpoint import Answer, Asked, Endpoint, Ledger, Request, answered, complete, estimate
from weft.errors import WeftError
from weft.files import read_json, write_json
from weft.judging.prompt import pictures
from weft.pairs.checking import Checker, Problem
from weft.pairs.queries import Query, normal
from weft.pairs.writing import FILE, WRITTEN, Wanted, wanted
from weft.progress import progress, say
from weft.recipe import Pairs

AGAIN = 2
"""How often a text that was rejected is asked for again, each time with the reason named."""
ANSWERS = "answers.jsonl"
SUMMARY = "write.json"


@dataclass(frozen=True)
class Options:
    """What is written, and what passes.

    Attributes:
        versions: short texts a product. language: of the texts, "" for the data's, unchecked. brand: whether texts
            may name it. side: of the pictures that long texts are written with, 0 for none. twins: whether the dev and
            test queries are written anew. other_words: value -> other ways of saying it. seed: of the draws.
    """

    versions: int = 3
    language: str = "en"
    brand: bool = True
    side: int = 0
    twins: bool = True
    other_words: Mapping[str, Sequence[str]] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        if self.versions < 0 or self.side < 0:
            raise WeftError("a product has at least 0 short texts, and a picture at least 0 pixels")


def curated(run: Path | str) -> tuple[Path, Pairs]:
    """The curate folder of a run, or the folder itself, and how its queries were written.

    Raises:
        WeftError: it is no finished curate folder.
    """
    run = Path(run)
    folder = run / "curate" if (run / "curate" / MANIFEST).exists() else run
    settings = read_json(folder / MANIFEST)["settings"].get("pairs")
    if settings is None:
        raise WeftError(f"{folder} is not the curate folder of a run: name the folder that weft curate wrote")
    return folder, Pairs(**settings | {"order": tuple(settings["order"])})


def write(run: Path | str, out: Path, asked: Asked, options: Options | None = None) -> dict:
    """Writes `out/written.parquet`, `out/twins` and `out/write.json`.

    What it will cost is said first. Paid answers are found again by what was asked: a killed run, one with a larger
    budget, and one with another check pay nothing twice.

    Args:
        asked: its `where` is None for the deterministic writer alone, which costs nothing; its `answers` are
            `out/answers.jsonl` by default.

    Returns:
        "estimate", and after writing what `out/write.json` holds.

    Raises:
        WeftError: `run` was not curated, or as `weft.endpoint.complete`; nothing is written then, and nothing lost.
    """
    options, cache = options or Options(), asked.answers or out / ANSWERS
    endpoint, ledger = asked.where, asked.ledger
    folder, pairs = curated(run)
    collection = Collection(folder)
    checker = Checker(collection.products, options.language, options.brand, options.other_words)
    texts = [Text(one) for one in _all(collection, pairs, options)]
    guess = ""
    if endpoint:
        asking = _asking(collection, options, asked.fields)
        guess = _estimate(texts, asking, cache, endpoint, ledger)
        say(f"{endpoint.model} at {endpoint.place}: {guess}")
        if asked.dry_run:
            return {"estimate": guess}
        load = pictures(lambda sha256: collection.image(collection.image_row[sha256]))
        try:
            _ask(texts, checker, asking, endpoint, cache, ledger, load)
        finally:
            say(str(ledger))
    elif asked.dry_run:
        return {"estimate": f"{len(texts):,} texts by the deterministic writer, which asks nobody"}
    rows = [_row(text, endpoint, checker) for text in texts]
    out.mkdir(parents=True, exist_ok=True)
    summary = {"estimate": guess, "options": asdict(options), "endpoint": endpoint.place if endpoint else ""}
    summary |= {"model": endpoint.model if endpoint else "", "body": dict(asked.fields), "left": ledger.left}
    summary |= {"curate": stage_key(folder), "looked for": len(checker.phrases)}
    summary |= tally(texts, rows) | {"spent": str(ledger) if endpoint else ""}
    summary["twins"] = twins.write(collection, rows, out / "twins") if options.twins else {}
    if not options.twins and (out / "twins").exists():
        shutil.rmtree(out / "twins")  # an earlier run's: whoever evaluated on them would ask other texts than these
    write_table(out / FILE, rows, WRITTEN)
    write_json(out / SUMMARY, summary)
    return summary


def _all(collection: Collection, pairs: Pairs, options: Options) -> Iterator[Wanted]:
    for row in np.flatnonzero(collection.split == "train").tolist():
        product = collection.products[row]
        yield from wanted(product, row, pairs, options.versions, options.seed, options.brand)
    if options.twins:
        yield from twins.wanted(collection)


def _asking(collection: Collection, options: Options, body: Mapping) -> Callable[[Text, int], Request]:
    def asking(text: Text, repeat: int) -> Request:
        images = collection.image_rows[text.wanted.row]
        image = collection.image_hashes[images[0]] if len(images) and options.side else ""
        failed = (text.text, text.why[-1]) if repeat else None
        return question(
            text.wanted, options.language, options.brand, image, options.side, body, repeat, failed, tag=text
        )

    return asking


def _estimate(
    texts: Sequence[Text], asking: Callable[[Text, int], Request], cache: Path, endpoint: Endpoint, ledger: Ledger
) -> str:
    known = [answer for answer in answered(cache).values() if answer.model == endpoint.model]
    usual = sum(USUAL[text.wanted.form] for text in texts) / max(len(texts), 1)
    requests = progress((asking(text, 0) for text in texts), "counting tokens", total=len(texts), unit="text")
    told = estimate(requests, known, round(usual), ledger)
    return f"{told}; what is rejected is asked again, at most {AGAIN} times"


def _ask(
    texts: list[Text], checker: Checker, asking: Callable[[Text, int], Request], endpoint: Endpoint, cache: Path,
    ledger: Ledger, load: Callable[[str, int], str],
) -> None:  # fmt: skip
    """Fills in the texts that pass. Answers are judged in the texts' own order, however they came."""
    taken = {(one.task, normal(one.query.text)) for one in (text.wanted for text in texts) if one.query_id}
    waiting = texts
    for repeat in range(1 + AGAIN):

        def reads(answer: Answer, first: bool = not repeat) -> bool:
            """A first answer that was not cut may be mended when it is asked again, with what was wrong."""
            return text_of(answer.text) is not None or (first and answer.finish != "length")

        found: dict[int, tuple[str, Answer]] = {}
        requests = (asking(text, repeat) for text in waiting)
        with contextlib.closing(complete(requests, endpoint, cache, ledger, load, reads)) as answers:
            what = f"writing, round {repeat + 1}"
            for request, answer in progress(answers, what, total=len(waiting), unit="text"):
                found[id(request.tag)] = (request.hash, answer)
        rejected = []
        for text in waiting:
            asked, answer = found.get(id(text), ("", None))
            if answer is None or answer.status == "failed":
                text.why.append(Problem("not asked" if answer is None else "failed", answer.reason if answer else ""))
                continue
            text.tries += 1
            given = text_of(answer.text) if answer.status == "answered" else None
            problem = _problem(text.wanted, answer, given, checker, taken)
            if problem is None:
                text.text, text.hash = " ".join(given.split()), asked
                taken |= {(text.wanted.task, normal(text.text))} if text.wanted.query_id else set()
            else:
                text.text = given or ""
                text.why.append(problem)
                rejected.append(text)
        waiting = rejected
        if not waiting:
            return


def _problem(wanted: Wanted, answer: Answer, given: str | None, checker: Checker, taken: set) -> Problem | None:
    if answer.status == "refused":
        return Problem("refusal", answer.reason[:80])
    if given is None:
        return Problem("unparsed", answer.finish)
    instruction = SYSTEM + TASKS["twin" if wanted.query_id else wanted.form]
    if problem := checker.problem(given, wanted.asked, instruction):
        return problem
    if wanted.query_id and (wanted.task, normal(given)) in taken:
        return Problem("repeated", "a query of its task, or another one's twin")
    return None


def _row(text: Text, endpoint: Endpoint | None, checker: Checker) -> dict:
    one, query = text.wanted, text.wanted.query
    if text.hash:
        stated = query.stated if one.query_id else checker.stated(text.text, one.asked) or query.stated
        query = Query(text.text, stated)
    return {
        "product_id": one.product.id, "query_id": one.query_id, "form": one.form, "number": one.number,
        "text": query.text, "stated": list(query.stated), "origin": "written" if text.hash else "deterministic",
        "reason": "" if text.hash or not text.why else str(text.why[-1]), "tries": text.tries,
        "model": endpoint.model if endpoint and text.hash else "", "prompt_hash": text.hash,
    }  # fmt: skip
