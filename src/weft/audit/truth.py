"""A ground truth alone, without corpus or pictures: `truth=PATH.json`, {query text: {item id: grade}}.

What can be said of a benchmark from its answers is a great deal, and a repository often has them where pictures have
terms of their own. The corpus of such a task is its answers; checks that need more do not run, and the page says so.
"""

import json
from pathlib import Path

from weft.benchmarks.assemble import asked, corpus, look_up, retrieval
from weft.benchmarks.marqo import CATEGORY, TEXT
from weft.benchmarks.mteb import finite
from weft.benchmarks.record import Benchmark
from weft.benchmarks.tables import identity
from weft.errors import WeftError

MARK = "ground_truth_"


def read(path: Path) -> Benchmark:
    """A file as a benchmark of one task. A list of ids instead of grades means grade 1 for each.

    `Atlas.ground_truth_text-image.json` is called Atlas, its task text-to-image, with the metrics that Marqo reports of
    such a task; another file is called by its name.

    Raises:
        WeftError: the file is missing or holds something else, or no query has an answer.
    """
    try:
        truth = json.loads(path.expanduser().read_text(encoding="utf-8"))
        answers = {text: _answers(text, items) for text, items in truth.items()}
    except OSError as error:
        raise WeftError(f"{path} cannot be read ({error.strerror}); truth=PATH names a JSON file") from None
    except (ValueError, AttributeError, TypeError) as error:
        raise WeftError(f"{path} is damaged ({error}); it must hold {{query: {{item id: grade}}}}") from None
    ids = list(dict.fromkeys(item for items in answers.values() for item in items))
    if not ids:
        raise WeftError(f"{path} holds no answer; it must hold {{query: {{item id: grade}}}}")
    gallery = corpus(ids, texts=[""] * len(ids))
    queries, _, counts = asked([f"query-{number}" for number in range(len(answers))], texts=list(answers))
    judged, missing = look_up(gallery, [answers[text] for text in queries.texts])
    name, mark, column = path.stem.partition(MARK)
    category = bool(mark) and not column.startswith("text-")
    made = retrieval(
        column.replace("-", "-to-", 1) if column else "queries", queries, gallery, judged, counts=counts | missing,
        metrics=CATEGORY if category else TEXT, primary="precision@10" if category else "recall@10",
    )  # fmt: skip
    note = "only a ground truth was read: its corpus is its answers, and no picture was seen"
    return Benchmark(name.strip("._- ") or path.parent.name, (made,), source=str(path), notes=(note,))


def _answers(text: str, items: object) -> dict[str, float]:
    """Item id -> grade. Raises `ValueError` or `TypeError`: a string, for one, would be read letter by letter."""
    if not isinstance(items, dict | list):
        raise TypeError(f"the answers of {text!r:.60} are {items!r:.60}")
    grades = items if isinstance(items, dict) else dict.fromkeys(map(identity, items), 1.0)
    return {identity(item): finite(grade) for item, grade in grades.items()}
