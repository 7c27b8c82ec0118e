"""Counts the faults of public ground truths with `weft audit`'s checks, and puts them into docs/audit.md as a table.

python tools/audit.py DATA     counts them in a folder of ground truths and writes expected/audit.json and the table
python tools/audit.py          writes the table from expected/audit.json
"""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from weft.audit import CHECKS, Finding, Subject
from weft.audit.ceilings import ceiling
from weft.audit.contained import holders
from weft.audit.run import opened

ROOT = Path(__file__).resolve().parent.parent
FILE, PAGE = ROOT / "expected" / "audit.json", ROOT / "docs" / "audit.md"
WORDS = r"sets of case-folded words (\w+)"
BLANKS = "words split at blanks"
TEXTS = {
    "Atlas": "truth={data}/marqo_ground_truth/Atlas.ground_truth_text-image.json",
    "In-Shop": "truth={data}/marqo_ground_truth/DeepFashion-InShop.ground_truth_text-image.json",
    "Multimodal": "truth={data}/marqo_ground_truth/DeepFashion-Multimodal.ground_truth_text-image.json",
    "Fashion200k": "truth={data}/marqo_ground_truth/Fashion200k.ground_truth_text-image.json",
    "KAGL": "truth={data}/kagl/marqo_ground_truth/ground_truth_text-image.json?name=KAGL",
    "Polyvore": "truth={data}/marqo_ground_truth/Polyvore.ground_truth_text-image.json",
}
PRODUCTS = "kagl={data}/kagl/products.parquet"

LISTED = {  # relevant per query, the largest, share with one, ceiling of R@1, mean words, near-duplicate queries
    "Atlas": (4.37, 179, 0.42, 0.560, 7.4, 259),
    "In-Shop": (6.70, 168, 0.002, 0.204, 75, 24),
    "Multimodal": (1.04, None, 0.97, 0.985, 41, 454),
    "Fashion200k": (1.05, None, 0.96, 0.980, 38.6, 14),
    "KAGL": (1.39, 20, 0.84, 0.901, 6.0, 73),
    "Polyvore": (1.00, None, 1.0, 1.0, 5.2, 0),
}
OTHER = {"Multimodal": 691, "Fashion200k": 40, "Atlas": 275}
"""Another published count of near-duplicate queries."""

COUNTED = "the list does not say what a word is; it lies between words split at blanks, {blank}, and ours"
SAME = "it is the second count that the list names"


def found(check: str, subject: Subject) -> Finding | None:
    """What a check finds of a subject, if anything."""
    (one,) = (one for one in CHECKS if one.name == check)
    return next(iter(one.function(subject)), None)


def fact(check: str, subject: Subject, name: str = "") -> int:
    """A finding's count or one of its facts; 0 where the check is silent."""
    said = found(check, subject)
    return 0 if said is None else said.facts.get(name, 0) if name else said.count


def structure(name: str, subject: Subject) -> list[dict]:
    """The rows of one line of the list's table."""
    sizes = subject.sizes
    values = (
        sizes.mean(), sizes.max(), (sizes == 1).mean(), ceiling("recall@1", sizes).mean(),
        np.mean([len(text.split()) for text in subject.texts]),
    )  # fmt: skip
    what = ("relevant per query", "most relevant", "share of queries with one", "ceiling of R@1", "mean words")
    told = [BLANKS if one == "mean words" else "" for one in what]
    rows = [row(name, *one) for one in zip(what, LISTED[name], values, told, strict=False) if one[1] is not None]
    near, blank = fact("near-duplicate queries", subject), fact("near-duplicate queries", subject, f"queries, {BLANKS}")
    why = "" if near == LISTED[name][-1] else SAME if near == OTHER.get(name) else COUNTED.format(blank=blank)
    rows.append(row(name, "near-duplicate queries", LISTED[name][-1], near, WORDS, why))
    if name in OTHER:
        rows.append(row(name, "near-duplicate queries, second count", OTHER[name], near, WORDS))
    return rows


def row(benchmark: str, fault: str, listed: float, value: float, tokenisation: str = "", why: str = "") -> dict:
    value = round(float(value), 4)
    return {"benchmark": benchmark, "fault": fault, "listed": listed, "found": int(value) if value % 1 == 0 else value,
            "tokenisation": tokenisation, "why": why}  # fmt: skip


def captions(subjects: dict[str, Subject]) -> list[dict]:
    """What the list says of texts."""
    fashion, polyvore, inshop = (subjects[name] for name in ("Fashion200k", "Polyvore", "In-Shop"))
    apart = fact("scene captions", fashion, "how one stands, or the photo")
    inside = {
        text: int(holders(subject)[0][list(subject.texts).index(text)])
        for subject, text in ((fashion, "t-shirt."), (polyvore, "print"))
    }
    long = np.mean([len(text.split()) > 50 for text in inshop.texts])
    row_of = "case-folded words in a row"
    return [
        row("Fashion200k", "captions that hedge", 235, fact("hedging captions", fashion), "a list of words",
            "our list is longer; “possibly” (118) and “appears” (136) are most of both"),
        row("Fashion200k", "captions about the person or the photo", 214, fact("scene captions", fashion),
            "a list of words", f"ours counts “a woman” and “wearing” as well; stance and photo alone are {apart}"),
        row("Fashion200k", "queries that count another view as wrong, at least", 132, fact("other views", fashion),
            "ids", "of the corpus only the answers are at hand: views that answer no sampled query are not seen"),
        row("Fashion200k", "captions that hold “t-shirt.”", 87, inside["t-shirt."], row_of),
        row("In-Shop", "share of queries over 50 words", 0.92, long, BLANKS),
        row("Polyvore", "queries of at most two words, with one answer", 179,
            fact("generic queries", polyvore, "of at most two words with one answer"), BLANKS),
        row("Polyvore", "titles that hold “print”", 62, inside["print"], row_of),
    ]  # fmt: skip


def pictures(data: str) -> list[dict]:
    """What the list says of KAGL's pictures and category tasks."""
    benchmark = opened(PRODUCTS.format(data=data))
    subject = Subject(benchmark.tasks[0])
    copies = fact("duplicate pictures", subject, "copies of an earlier item's picture")
    sizes = sorted(len(task.queries) for task in benchmark.tasks[1:])
    size = len(subject.items)
    fine = "one task more than the list counts, of article types, has {most}"
    return [
        row("KAGL", "exact duplicate pictures", 779, copies, "bytes",
            f"{size:,} of 44,434 pictures are at hand".replace(",", " ")),
        row("KAGL", "fewest queries of a category task", 4, sizes[0]),
        row("KAGL", "most queries of a category task", 45, sizes[-1], "", fine.format(most=sizes[-1])),
    ]  # fmt: skip


def table(expected: dict) -> str:
    """A Markdown table: what is listed and what was found, line by line."""
    lines = ["| benchmark | fault | listed | found | counted by | difference |", "|---|---|---:|---:|---|---|"]
    for one in expected["faults"]:
        digits = len(str(one["listed"]).partition(".")[2])  # as many as the list gives
        value = f"{one['found']:.{digits}f}"
        cells = (one["benchmark"], one["fault"], str(one["listed"]), value, one["tokenisation"], one["why"])
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def written(text: str, expected: dict, make: Callable[[dict], str] = table) -> str:
    """A page with the table in its place."""
    block = f"<!-- faults -->\n{make(expected)}\n<!-- end -->"
    return re.sub(r"<!-- faults -->.*?<!-- end -->", lambda _: block, text, flags=re.S)


def count(data: str) -> dict:
    """What `expected/audit.json` holds."""
    subjects = {
        name: Subject(opened(spec.format(data=data)).tasks[0], answers_only=True) for name, spec in TEXTS.items()
    }
    rows = [one for name, subject in subjects.items() for one in structure(name, subject)]
    return {"command": "python tools/audit.py ../shared/data", "faults": rows + captions(subjects) + pictures(data)}


def main(arguments: list[str]) -> None:
    if arguments:
        FILE.write_text(json.dumps(count(arguments[0]), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), json.loads(FILE.read_text(encoding="utf-8"))), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
