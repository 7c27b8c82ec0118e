"""Every check finds its planted fault, is silent on a sound benchmark, and says what it is about."""

import ast
from pathlib import Path

import numpy as np
import pytest
from planted import MANY, PLANTED, run, sound, trained_on

import weft.audit
from weft.audit import CHECKS, explain
from weft.audit.judged import Judged
from weft.audit.subject import NEEDS
from weft.seen import NO_LOOKS, Seen

NAMES = [check.name for check in CHECKS]


def test_no_check_was_forgotten():
    folder = Path(weft.audit.__file__).parent
    written = {
        path.stem
        for path in folder.glob("*.py")
        if any(isinstance(node, ast.FunctionDef) and node.name == "check" for node in ast.parse(path.read_text()).body)
    }
    assert written == {check.module for check in CHECKS}
    assert len(set(NAMES)) == len(NAMES) and set(PLANTED) == set(NAMES)
    assert {need for check in CHECKS for need in check.needs} <= set(NEEDS)


@pytest.mark.parametrize("name", NAMES)
def test_a_planted_fault_is_found(name):
    make, count = PLANTED[name]
    subject = make()
    (found,) = run(name, subject)
    assert (found.check, found.count) == (name, count) and found.count <= found.of
    assert found.sentence.endswith(".") and found.task == "made"
    assert all(np.isfinite([one.before, one.after]).all() for one in found.effect)
    assert all(set(one.pictures) <= set(subject.task.corpus.pictures.image_hashes) for one in found.examples)


@pytest.fixture(scope="module")
def clean():
    """Judged and trained, too: the judge found what is listed, the model saw something else."""
    other = Seen(frozenset({"none"}), np.asarray([1], dtype=np.uint64), NO_LOOKS)
    judged = Judged([np.asarray([number]) for number in range(MANY)])
    return sound().subject(seen={"ours": other}, judged=judged, source=np.arange(MANY))


@pytest.mark.parametrize("name", NAMES)
def test_a_sound_benchmark_is_silent(name, clean):
    assert run(name, clean) == []


@pytest.mark.parametrize("check", CHECKS, ids=NAMES)
def test_a_check_says_what_it_detects_why_it_biases_and_when_it_errs(check):
    told = explain(check)
    assert set(told) == {"what", "detects", "biases", "false alarms"}
    assert all(len(text) > 20 and text[0] == text[0].upper() for text in told.values()), told


def test_what_a_check_needs_is_what_is_lacking():
    plan = sound()
    plan.pictures = None
    subject = plan.subject()
    assert subject.lacks(("texts", "titles", "corpus")) == []
    assert subject.lacks(tuple(NEEDS)) == ["pictures", "training list", "judgements"]
    assert trained_on().lacks(("training list", "pictures")) == []
