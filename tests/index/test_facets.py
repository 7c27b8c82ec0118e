"""Filters and counts against their definition, product by product."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.errors import WeftError
from weft.index import Facets
from weft.index.folder import PRODUCTS

VALUES = st.lists(st.sampled_from("abcd"), max_size=3)
PRODUCT = st.tuples(
    st.sampled_from(["", "x", "y"]), st.sampled_from(["", "dress"]),
    st.dictionaries(st.sampled_from(["colour", "fit", "brand"]), VALUES, max_size=3),
)  # fmt: skip
FILTERS = st.dictionaries(
    st.sampled_from(["brand", "colour", "fit"]), st.lists(st.sampled_from("abxyz"), max_size=2), max_size=3
)


def table(products) -> pa.Table:
    rows = [
        {"product_id": str(n), "brand": brand, "category": category, "attributes": list(told.items())}
        for n, (brand, category, told) in enumerate(products)
    ]
    half = len(rows) // 2  # two chunks, as a large file has
    return pa.concat_tables([pa.Table.from_pylist(part, schema=PRODUCTS) for part in (rows[:half], rows[half:])])


def has(product, name) -> set[str]:
    brand, category, told = product
    own = {"brand": brand, "category": category}.get(name, "")
    return {value for value in [own, *told.get(name, [])] if value}


@settings(deadline=None, max_examples=60)
@given(st.lists(PRODUCT, min_size=1, max_size=12), FILTERS)
def test_masks_and_counts_are_what_they_say(products, filters):
    facets = Facets(table(products))
    there = {n for n in ("brand", "category", "colour", "fit") if any(has(p, n) for p in products)}
    assert set(facets.facets) == there
    filters = {name: values for name, values in filters.items() if name in there}

    def fits(product, without="") -> bool:
        return all(has(product, n) & set(v) for n, v in filters.items() if v and n != without)

    mask = facets.mask(filters)
    assert (np.ones(len(products), bool) if mask is None else mask).tolist() == [fits(p) for p in products]
    for name, counted in facets.counts(filters).items():
        expected = {
            value: sum(value in has(p, name) and fits(p, name) for p in products)
            for value in set().union(*(has(p, name) for p in products))
        }
        chosen = filters.get(name, [])
        assert dict(counted) == {v: n for v, n in expected.items() if n or v in chosen}
        assert [n for _, n in counted if n] == sorted((n for _, n in counted if n), reverse=True)


def test_a_slice_of_a_table_counts_only_its_own():
    products = [("x", "", {"fit": ["a", "b"]}), ("y", "", {"fit": ["c"]}), ("", "", {}), ("x", "", {"fit": ["c", "d"]})]
    facets = Facets(table(products).slice(1, 3))
    assert dict(facets.counts({})["fit"]) == {"c": 2, "d": 1} and dict(facets.counts({})["brand"]) == {"y": 1, "x": 1}


def test_only_the_largest_values_are_counted_and_those_chosen():
    facets = Facets(table([("x", "", {})] * 3 + [("y", "", {})] * 2 + [("z", "", {})]))
    assert facets.counts({}, most=1) == {"brand": [("x", 3)]}
    assert facets.counts({"brand": ["z"]}, most=1) == {"brand": [("x", 3), ("z", 1)]}


def test_an_unknown_name_is_refused_with_the_nearest():
    facets = Facets(table([("x", "", {"colour": ["a"]})]))
    with pytest.raises(WeftError, match="did you mean 'colour'"):
        facets.mask({"color": ["a"]})
    with pytest.raises(WeftError, match="there are brand, colour"):
        facets.mask({"\ud800": ["a"]})
