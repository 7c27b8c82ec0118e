"""What is to be written, and what was written read back behind the deterministic writer's interface."""

import numpy as np
import pytest

from weft.catalogue.layout import write_table
from weft.errors import WeftError
from weft.pairs.queries import Query, Writer, facts, randomness, statements
from weft.pairs.writing import WRITTEN, Written, unbranded, wanted
from weft.recipe import Pairs
from weft.schema import Product

ONE = Product(
    id="1", images=(), title="Acme's navy rib dress, ACME", brand="Acme", category="dress",
    attributes={"colour": ("navy",), "material": ("cotton", "linen"), "fit": ("relaxed",), "neck": ("crew",)},
)  # fmt: skip
BARE = Product(id="2", images=(), title="Thing", category="dress")


def row(product: str, form: str, text: str, query_id: str = "", number: int = 0) -> dict:
    return {
        "product_id": product, "query_id": query_id, "form": form, "number": number, "text": text,
        "stated": [f"colour={text}"], "origin": "written", "reason": "", "tries": 1, "model": "m", "prompt_hash": "h",
    }  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    rows = [row("1", "short", f"text {n}", number=n) for n in range(3)] + [row("1", "long", "a long text")]
    write_table(tmp_path / "written.parquet", [*rows, row("2", "short", "twin", "in-domain/short/2")], WRITTEN)
    return tmp_path


def test_short_texts_state_different_things_and_the_long_one_everything():
    found = list(wanted(ONE, 7, Pairs(), 5, seed=0))
    assert [(one.form, one.number, one.row) for one in found] == [("short", n, 7) for n in range(5)] + [("long", 0, 7)]
    states = [frozenset(one.query.stated) for one in found[:-1]]
    assert len(set(states)) == 5 and not any(one.same for one in found)
    assert all(set(one.query.stated) <= facts(ONE) and len(one.query.text.split()) <= 8 for one in found[:-1])
    assert len(found[-1].query.stated) == len(statements(ONE)) and found[-1].query == Writer(Pairs()).long(ONE)
    assert list(wanted(ONE, 7, Pairs(), 5, seed=0)) == found != list(wanted(ONE, 7, Pairs(), 5, seed=1))


def test_where_there_is_one_thing_to_state_wordings_are_told_apart():
    assert [one.same for one in wanted(BARE, 0, Pairs(), 3, seed=0) if one.form == "short"] == [0, 1, 2]


def test_forms_that_a_recipe_leaves_out_are_not_written():
    assert {one.form for one in wanted(ONE, 0, Pairs(long=""), 2, 0)} == {"short"}
    assert {one.form for one in wanted(ONE, 0, Pairs(short=""), 2, 0)} == {"long"}


def test_without_the_brand():
    bare = unbranded(ONE)
    assert (bare.brand, bare.title) == ("", "navy rib dress,") and unbranded(BARE) is BARE
    assert unbranded(Product(id="3", images=(), brand="A+", title="A+ A+B coat")).title == "A+B coat"
    for one in wanted(ONE, 0, Pairs(keep=1.0), 3, 0, brand=False):
        assert "acme" not in one.query.text.lower() and not any(s.startswith("brand=") for s in one.query.stated)
        assert one.product is ONE


def test_written_texts_are_drawn_and_others_written_as_before(folder):
    writer, plain = Written(Pairs(), folder), Writer(Pairs())
    drawn = {writer.short(ONE, randomness(n)).text for n in range(50)}
    assert drawn == {"text 0", "text 1", "text 2"}
    assert writer.short(ONE, randomness(1)) == writer.short(ONE, randomness(1))
    assert writer.long(ONE) == Query("a long text", ("colour=a long text",))
    assert writer.short(BARE, randomness(1)) == plain.short(BARE, randomness(1))  # a twin is nothing to train on
    assert writer.long(BARE) == plain.long(BARE)


def test_draws_are_even(folder):
    writer = Written(Pairs(), folder / "written.parquet")
    counts = np.bincount([int(writer.short(ONE, randomness("even", n)).text[-1]) for n in range(600)])
    assert counts.min() > 150


def test_a_missing_or_damaged_file_is_told(tmp_path):
    with pytest.raises(WeftError, match="weft write"):
        Written(Pairs(), tmp_path)
    (tmp_path / "written.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(WeftError, match="damaged"):
        Written(Pairs(), tmp_path)
