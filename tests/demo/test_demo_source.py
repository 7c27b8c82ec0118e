"""The drawn catalogue as a source, and its uris."""

import time
import tracemalloc
from itertools import islice

import pytest

from weft.demo.source import SECOND_VIEW, parse, products, views
from weft.demo.world import garment
from weft.errors import WeftError


def test_products_speak_the_chosen_vocabulary():
    for words in ("plain", "house", "street"):
        for place, product in enumerate(products("studio", 6, seed=2, words=words, size=32)):
            g = garment("studio", 2, place, words)
            assert (product.id, product.title, product.variant) == (g.id, g.title, g.variant)
            assert product.category == g.words["kind"] and product.brand == g.attributes["brand"]
            assert product.attributes == {n: (w,) for n, w in g.words.items() if n not in ("kind", "brand")}


def test_a_stream_may_start_anywhere():
    whole = list(products("street", 12, seed=5, size=32))
    assert list(products("street", 4, seed=5, start=8, size=32)) == whole[8:]
    assert len({p.id for p in whole}) == 12
    assert all(image[:2] == b"\xff\xd8" for p in whole for image in p.images)


def test_some_products_have_two_pictures():
    counts = [views(garment("studio", 0, index)) for index in range(2000)]
    assert set(counts) == {1, 2}
    assert abs(counts.count(2) / 2000 - SECOND_VIEW) < 0.03
    place = counts.index(2)
    (product,) = products("studio", 1, start=place, size=48)
    assert len(set(product.images)) == 2


def test_a_hundred_products_are_quick():
    start = time.process_time()
    assert sum(1 for _ in products("studio", 100)) == 100
    assert time.process_time() - start < 5  # 0.6 s on a free core; the bound is for busy machines


def test_memory_does_not_grow_with_the_count():
    stream = products("street", 1_000_000, size=48)
    for _ in islice(stream, 60):  # textures are made on first use
        pass
    tracemalloc.start()
    for _ in islice(stream, 120):
        pass
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 200_000


def test_parse_reads_every_key():
    assert parse("demo:studio") == {"world": "studio"}
    assert parse("demo:street?products=20&seed=7&words=house&start=5&size=64") == {
        "world": "street", "products": 20, "seed": 7, "words": "house", "start": 5, "size": 64,
    }  # fmt: skip
    found = list(products(**parse("demo:street?products=2&seed=7&size=32&words=plain")))
    assert [p.id for p in found] == ["street-7-0000000", "street-7-0000001"]


@pytest.mark.parametrize(
    ("uri", "hint"),
    [
        ("demo:stret", "did you mean 'street'"),
        ("demo:", "known are studio, street"),
        ("parquet:studio", "no demo catalogue"),
        ("demo:studio?prodcts=3", "did you mean 'products'"),
        ("demo:studio?words=hose", "did you mean 'house'"),
        ("demo:studio?products=many", "whole number of at least 1"),
        ("demo:studio?products=0", "whole number of at least 1"),
        ("demo:studio?seed=-1", "whole number of at least 0"),
        ("demo:studio?size=4", "at least 16"),
        ("demo:studio?seed=1&seed=2", "given twice"),
        ("demo:studio?seed", "key=value"),
    ],
)
def test_a_wrong_uri_names_the_remedy(uri, hint):
    with pytest.raises(WeftError, match=hint):
        parse(uri)
