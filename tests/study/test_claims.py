"""Claims are judged by rules that were fixed before: intervals, Holm's test, seeds, and what is worth having."""

import numpy as np
import pytest

from weft.study import claims
from weft.study.plan import Claim, Row, Study
from weft.study.sample import Sample


def part(low, high, called="undecided", p=0.01, agree=True):
    return {"low": low, "high": high, "difference": (low + high) / 2, "call": called, "p_holm": p, "seeds_agree": agree}


@pytest.mark.parametrize(
    ("row", "says", "verdict"),
    [
        (part(0.01, 0.03, "better"), "better", "confirmed"),
        (part(-0.03, -0.01, "worse"), "better", "reversed"),
        (part(-0.01, 0.004), "better", "not confirmed"),
        (part(-0.01, 0.02), "better", "undecided"),
        (part(0.001, 0.02, agree=False), "better", "undecided"),
        (part(-0.02, 0.004), "not better", "confirmed"),
        (part(0.001, 0.004, "better"), "not better", "confirmed"),  # surely ahead, by less than is worth having
        (part(0.01, 0.02, "better"), "not better", "reversed"),
        (part(-0.01, 0.02), "not better", "undecided"),
    ],
)
def test_one_part(row, says, verdict):
    assert claims.call(row, says, worth=0.005)[0] == verdict


def test_the_reason_is_told():
    assert claims.call(part(-0.01, 0.02), "better", 0.005)[1] == "the interval holds zero"
    assert claims.call(part(0.001, 0.02, agree=False), "better", 0.005)[1] == "the seeds disagree"
    assert claims.call(part(0.001, 0.02, p=0.2), "better", 0.005)[1] == "Holm's p is 0.20"
    assert "0.5 points is excluded" in claims.call(part(-0.01, 0.004), "better", 0.005)[1]


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        (["confirmed", "confirmed"], "confirmed"),
        (["reversed", "reversed"], "reversed"),
        (["confirmed", "reversed"], "not confirmed"),
        (["confirmed", "not confirmed"], "not confirmed"),
        (["confirmed", "undecided"], "undecided"),
        (["undecided"], "undecided"),
    ],
)
def test_the_whole_claim(parts, whole):
    assert claims._whole(parts) == whole


def sample(**seeds):
    """Row -> so many seeds, each with one task of two queries."""
    one = {"t": np.zeros(2)}
    return Sample({row: {seed: one for seed in range(count)} for row, count in seeds.items()}, {"t": None}, {})


def study(*names):
    rows = (Row("base", model="base"), *(Row(name, label=name.upper()) for name in names))
    claim = Claim("c", "text", names[0], tuple(names[1:]), ("in-domain",))
    return Study("s", "r.toml", names[0], rows, claims=(claim,))


def gap(row, against):
    told = {"row": row, "against": against, "domain": "in-domain", "p": 0.01, "by_seed": [0.02] * 3}
    return told | part(0.01, 0.03, "better")


def test_fewer_than_three_seeds_decide_nothing():
    (claim,) = claims.judge(study("a", "b"), sample(base=1, a=3, b=2), [gap("a", "b")])
    assert claim["verdict"] == "undecided" and "B: fewer than 3 seeds" in claim["parts"][0]["why"]
    assert "confirmed" in claim["parts"][0]["why"], "and what they would say is told"
    (claim,) = claims.judge(study("a", "b"), sample(base=1, a=3, b=3), [gap("a", "b")])
    assert claim["verdict"] == "confirmed"


def test_a_base_has_no_seeds_to_vary():
    whole = study("a", "base")
    (claim,) = claims.judge(whole, sample(base=1, a=3), [gap("a", "base")])
    assert claim["verdict"] == "confirmed" and claims.pairs(whole, sample(base=1, a=3)) == [("a", "base")]


def test_what_was_not_scored_is_said():
    whole = study("a", "b", "c")
    (claim,) = claims.judge(whole, sample(base=1, a=3, b=3), [gap("a", "b")])
    assert [one["verdict"] for one in claim["parts"]] == ["confirmed", "undecided"] and claim["verdict"] == "undecided"
    assert claim["parts"][1]["why"] == "not scored" and claims.pairs(whole, sample(a=3, b=3)) == [("a", "b")]
