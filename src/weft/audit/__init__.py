"""What is wrong with a benchmark: one small check a file, every fault counted, shown and, where possible, scored.

A check is a function of a `weft.audit.subject.Subject` that yields findings; its module's docstring says what it
detects, why that biases scores, and its known false alarms. A new one is a file and a line here.
"""

import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from weft.audit.finding import Effect, Example, Finding
from weft.audit.subject import Subject

__all__ = ["CHECKS", "Check", "Effect", "Example", "Finding", "Subject", "audit", "explain"]


class Check(NamedTuple):
    """A check by name: the module here that holds `check(subject)`, and what that needs (see `subject.NEEDS`)."""

    name: str
    module: str
    needs: tuple[str, ...] = ()

    @property
    def function(self) -> Callable[[Subject], Iterator[Finding]]:
        return importlib.import_module(f"weft.audit.{self.module}").check


CHECKS = (
    Check("low ceilings", "ceilings"),
    Check("few queries", "few_queries"),
    Check("dependent queries", "dependent"),
    Check("duplicate queries", "duplicate_queries", ("texts",)),
    Check("near-duplicate queries", "near_queries", ("texts",)),
    Check("contained queries", "contained", ("texts",)),
    Check("generic queries", "generic", ("texts",)),
    Check("differing duplicates", "differing", ("texts",)),
    Check("single answers", "single_answers", ("texts", "titles", "corpus")),
    Check("near-duplicate titles", "near_titles", ("titles", "corpus")),
    Check("duplicate pictures", "duplicate_pictures", ("pictures",)),
    Check("near-duplicate pictures", "near_pictures", ("pictures",)),
    Check("other views", "other_views"),
    Check("hedging captions", "hedging", ("texts",)),
    Check("scene captions", "scene", ("texts",)),
    Check("boilerplate", "boilerplate", ("texts",)),
    Check("cut captions", "cut", ("texts",)),
    Check("contradictions", "contradiction", ("texts", "titles")),
    Check("text shortcut", "text_shortcut", ("texts", "titles", "pictures", "corpus")),
    Check("colour shortcut", "colour_shortcut", ("texts", "pictures", "corpus")),
    Check("trivial baselines", "baselines", ("corpus",)),
    Check("unreachable items", "unreachable", ("corpus",)),
    Check("training leak", "leak", ("training list",)),
    Check("missing answers", "missing", ("judgements",)),
    Check("source bias", "source_bias", ("judgements",)),
    Check("lost data", "lost"),
)
"""Every check, in the order of the page."""


def audit(subject: Subject) -> list[Finding]:
    """What all checks find that this subject lets run."""
    return [found for one in CHECKS if not subject.lacks(one.needs) for found in one.function(subject)]


def explain(check: Check) -> dict[str, str]:
    """A check's docstring in parts: "what", "detects", "biases", "false alarms"."""
    text = inspect.getdoc(importlib.import_module(f"weft.audit.{check.module}")) or ""
    what, _, rest = text.partition("\n\n")
    parts = re.split(r"^(Detects|Biases|False alarms):", rest, flags=re.MULTILINE)
    told = {name.lower(): _sentence(body) for name, body in zip(parts[1::2], parts[2::2], strict=True)}
    return {"what": what} | told


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text[:1].upper() + text[1:]
