"""Grades by judges in place of grades by attributes: which pairs they decide, and what they leave open."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from weft.build.ask import TWINS, parts_of_groups
from weft.build.select import Chosen
from weft.catalogue.collection import Collection
from weft.errors import WeftError
from weft.judging.ensemble import RULE, grades_of, read_all
from weft.judging.rubric import Rubric, rubric_of

Key = tuple[str, str, str]
"""Twin, query id, product id."""


@dataclass(frozen=True)
class Judged:
    """What judgements of a first build come to.

    Attributes:
        grades: (twin, query, product) -> 0 to 3 on the scale of this benchmark, see `on_our_scale`.
        facts: who judged, by what, and how much was left open, for the card.
    """

    grades: dict[Key, float]
    facts: dict[str, object]


def on_our_scale(grade: float, rubric: Rubric) -> float:
    """A rubric's grade as one of 0 to 3: its top is 3, what it calls relevant 2, what else is above 0 is 1.

    So "relevant from 2 on" means what the rubric means by it; `fashion-0-3` stays as it is.
    """
    if grade >= rubric.top:
        return 3.0
    return 2.0 if grade >= rubric.relevant else float(grade > 0)


def read(paths: Sequence[Path]) -> Judged:
    """Judgements of a pool that was made of an earlier build, by one judge or several.

    Raises:
        WeftError: they are none, of no benchmark of this kind, or by a rubric that is not known.
    """
    rows = read_all(paths)
    found = grades_of(rows)
    rubric = rubric_of(rows[0]["rubric"], paths)
    grades = {_key(key): on_our_scale(grade, rubric) for key, grade in found.values.items()}
    facts = {
        "judges": list(found.judges), "rubric": str(rubric), "rule": RULE, "missing": len(found.missing),
        "pairs": len(grades),
    }  # fmt: skip
    return Judged(grades, facts)


def _key(key: Key) -> Key:
    """From a pool's key, whose task is text-to-image/TWIN/TYPE."""
    task, query, product = key
    twin = next((part for part in task.split("/") if part in TWINS), "")
    if not twin:
        raise WeftError(f"judgements of task {task!r} are not of a benchmark that Weft built: pool built=FOLDER")
    return twin, query, product


def apply(
    chosen: Chosen, collection: Collection, judged: Judged, unseen: bool = True
) -> tuple[Chosen, dict[str, object]]:
    """The questions with judged grades in place of others; those that no product answers any more are left out.

    Both twins share one list of answers: a product is right if it is right for both, so where the judged grades of
    one fall below 2 those of the other do not make it an answer of the release's `ground_truth`.

    Args:
        unseen: whether a question is left out, too, if what is right for one of its twins, or a duplicate of that, is
            open to training or belongs to the other part. Called right it would leak, called wrong it would be false.

    Returns:
        The new choice, and `judged.facts` with counts: pairs used and unknown, answers that keep their grade by
        attributes because nobody judged them (holes), answers gained and lost, queries left out for either reason.

    Raises:
        WeftError: no judgement is of these questions, or none of test is left.
    """
    used, kept, open_, gained, lost, left, elsewhere = set(), [], 0, 0, 0, 0, 0
    parts = parts_of_groups(collection)
    by_query: dict[str, list[Key]] = {}
    for key in judged.grades:
        by_query.setdefault(key[1], []).append(key)
    for one in chosen.questions:
        before = set(one.asked.answers)
        grades = {twin: dict(own) for twin, own in one.asked.grades.items()}
        own = [key for key in by_query.get(one.id, ()) if collection.row_of.get(key[2], -1) in chosen.inside]
        for key in own:
            row = collection.row_of[key[2]]
            grades[key[0]][row] = judged.grades[key]
        used.update(own)
        new = dataclasses.replace(one, asked=dataclasses.replace(one.asked, grades=grades))
        groups = {int(collection.group[row]) for row in new.asked.relevant}
        if unseen and any(parts[group] - {one.part} for group in groups):
            elsewhere += 1
            continue
        for group in groups:
            parts[group].add(one.part)  # what curation dropped, and so has no part, answers in one alone
        after = set(new.asked.answers)
        open_ += sum(
            (twin, one.id, collection.products[row].id) not in judged.grades
            for row in before
            for twin in TWINS
            if after
        )
        gained, lost = gained + len(after - before), lost + len(before - after)
        kept += [new] * bool(after)
        left += not after
    if not used:
        raise WeftError(
            "no judgement is of a query of this benchmark: was it built with other settings or another seed?"
        )
    if not any(one.part == "test" for one in kept):
        why = f"; {elsewhere:,} have one that training or the other part may see, which --seen allows" * (elsewhere > 0)
        raise WeftError(f"by these judgements no test query has an answer{why}")
    facts = judged.facts | {
        "used": len(used), "unknown": len(judged.grades) - len(used), "answers_unjudged": open_,
        "answers_gained": gained, "answers_lost": lost, "queries_left_out": left,
        "queries_answered_elsewhere": elsewhere,
    }  # fmt: skip
    return dataclasses.replace(chosen, questions=kept), facts
