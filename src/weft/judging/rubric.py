"""What the grades mean: versioned scales that a judge is shown word for word, and how its answer is read."""

import json
import re
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from weft.artefact import key_of
from weft.errors import WeftError
from weft.judging.judgements import TABLE

LONGEST = 20_000
"""Letters of an answer that is read: a judge that writes more has lost its way, and patterns take long over it."""

KEPT = "rubric"
"""Under this name a table of judgements keeps its rubric, in the metadata of its Parquet file."""


@dataclass(frozen=True)
class Rubric:
    """A scale from 0 to `top`.

    Attributes:
        version: raised with every change of a word, because grades by other words are other grades.
        relevant: the lowest grade that yes-or-no metrics should call relevant.
        text: the grades' meanings, as the judge reads them.
    """

    name: str
    version: int
    top: int
    relevant: int
    text: str

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"

    @property
    def settings(self) -> dict[str, str]:
        """What a folder of judgements is claimed for: grades by other words under one version are other grades."""
        return {"rubric": str(self), "rubric's words": key_of(asdict(self))}

    @property
    def metadata(self) -> dict[str, str]:
        """What a table of judgements keeps of it, for whoever reads them without its file: `rubric_of`."""
        return {KEPT: json.dumps(asdict(self), ensure_ascii=False)}

    @property
    def schema(self) -> dict:
        """The JSON schema of an answer: the reason before the grade, so that the grade follows from it."""
        properties = {
            "reason": {"type": "string", "description": "at most 30 words"},
            "grade": {"type": "integer", "enum": list(range(self.top + 1))},
        }
        return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}

    def grade(self, text: str) -> float | None:
        """The grade that an answer states; None where it states none, several, or one that is not on the scale.

        Taken are a JSON object with a whole "grade", alone or in a code fence, after a reasoning model's `<think>`
        block; or one line "grade: 2". Anything else could be read in two ways, and a guess would be a grade that
        nobody gave.
        """
        text = unwrapped(text)
        if text.startswith("<think>"):  # cut before it came to an answer
            return None
        try:
            found = json.loads(text, object_pairs_hook=_once)
        except (ValueError, RecursionError):
            # Before the number no sign but those of emphasis, quotes and brackets: it may be a minus or a "below".
            stated = r"""^\W*grade\W*[:=][\s*"'`(\[]*(\d{1,4})\W*$"""
            dense = "\n".join(line.strip() for line in text.splitlines() if line.strip())
            lines = re.findall(stated, dense, flags=re.IGNORECASE | re.MULTILINE)
            found = {"grade": int(lines[0])} if len(lines) == 1 else None
        grade = found.get("grade") if isinstance(found, dict) else None
        if isinstance(grade, float) and grade.is_integer():
            grade = int(grade)
        whole = isinstance(grade, int) and not isinstance(grade, bool)
        return float(grade) if whole and 0 <= grade <= self.top else None


def unwrapped(answer: str) -> str:
    """An answer without a reasoning model's `<think>` block and without a code fence; "" if it is longer than
    `LONGEST`. No pattern is matched over white space here, which an answer may hold without end."""
    start = answer.lstrip()
    if start.startswith("<think>") and "</think>" in start:
        start = start.partition("</think>")[2]
    text = start.strip()
    if len(text) > LONGEST:
        return ""
    if len(text) >= 6 and text.startswith("```") and text.endswith("```"):
        text = text[3:-3].removeprefix("json").strip()
    return text


def _once(pairs: list[tuple[str, object]]) -> dict:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a name is there twice")
    return dict(pairs)


RUBRICS = {
    "fashion-0-3": Rubric(
        "fashion-0-3", 1, 3, 2,
        "3: the product is exactly what was asked for; everything that the query states is true of it.\n"
        "2: partly right: the right kind of product, with one small difference from what was asked, such as a "
        "neighbouring shade, a slightly other cut or detail.\n"
        "1: related, but wrong: the right kind of product with a plain contradiction of the query, or another kind of "
        "product that is worn or used for the same purpose.\n"
        "0: unrelated: somebody who asked this would not want to see the product.",
    ),
    "fashion-0-4": Rubric(
        "fashion-0-4", 1, 4, 3,
        "4: the product is exactly what was asked for; everything that the query states is true of it, and can be "
        "seen or read.\n"
        "3: nothing that the query states is contradicted, but one statement can be neither seen nor read.\n"
        "2: the right kind of product, with one small difference from what was asked, such as a neighbouring shade, "
        "a slightly other cut or detail.\n"
        "1: related, but wrong: the right kind of product with a plain contradiction of the query, or another kind of "
        "product that is worn or used for the same purpose.\n"
        "0: unrelated: somebody who asked this would not want to see the product.",
    ),
}  # fmt: skip


def open_rubric(name: str) -> Rubric:
    """A rubric by name, or from a TOML file with name, version, top, relevant and text.

    Raises:
        WeftError: there is no such rubric, or the file does not hold one, or one that takes another's name.
    """
    if name in RUBRICS:
        return RUBRICS[name]
    path = Path(name)
    if not path.is_file():
        raise WeftError(f"there is no rubric {name!r}: name {', '.join(RUBRICS)} or a TOML file")
    try:
        made = Rubric(**tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise WeftError(f"{path} is no rubric ({error}): it holds name, version, top, relevant and text") from None
    whole = all(type(value) is int for value in (made.version, made.top, made.relevant))
    if not (whole and isinstance(made.name, str) and isinstance(made.text, str) and 0 < made.relevant <= made.top):
        raise WeftError(f"{path}: version, top and relevant are whole numbers with 0 < relevant <= top")
    if _own(str(made)) not in (None, made):
        raise WeftError(f"{path} calls itself {made}, which is Weft's own rubric: give it a name of its own")
    return made


def known_rubric(told: str, places: Sequence[Path]) -> Rubric | None:
    """The rubric of judgements: Weft's own, or what is kept with them; None where it is not.

    Args:
        told: name@version, as a judgement has it; places: the files or folders that the judgements are read from.

    Raises:
        WeftError: the files keep different rubrics of that name and version.
    """
    if own := _own(told):
        return own
    kept = {one for place in places if (one := _kept(Path(place))) and str(one) == told}
    if len(kept) > 1:
        raise WeftError(
            f"different rubrics call themselves {told} in {', '.join(map(str, places))}: give one rubric's judgements, "
            "or raise the version of the newer one and judge again"
        )
    return kept.pop() if kept else None


def rubric_of(told: str, places: Sequence[Path]) -> Rubric:
    """As `known_rubric`, for whom grades mean nothing without. Raises `WeftError` where it is not known, too."""
    if found := known_rubric(told, places):
        return found
    raise WeftError(
        f"what the grades of rubric {told} mean is not written in {', '.join(map(str, places))}: repeat the weft judge "
        "or weft annotate that made them, with the same --rubric; it keeps the rubric and asks nothing twice (weft "
        "rejudge can do with --relevant instead)"
    )


def _own(told: str) -> Rubric | None:
    return next((rubric for rubric in RUBRICS.values() if str(rubric) == told), None)


def _kept(place: Path) -> Rubric | None:
    """What the table of a folder, a table, or the table beside a file of lines keeps."""
    path = place / TABLE if place.is_dir() else place.with_suffix(".parquet")
    try:
        held = (pq.read_schema(path).metadata or {}).get(KEPT.encode())
        return Rubric(**json.loads(held)) if held else None
    except (OSError, pa.ArrowException, ValueError, TypeError):  # no table yet, or another program's metadata
        return None
