"""The query writer: short and long within their bounds, true of the product, the same for the same randomness."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.pairs.queries import LONG_WORDS, SHORT_WORDS, Writer, facts, normal, randomness, statements, words
from weft.pairs.relevance import Index
from weft.recipe import Pairs
from weft.schema import Product

ONE = Product(
    id="1",
    images=(),
    title="Acme navy rib Dress",
    brand="Acme",
    category="Dress",
    attributes={"colour": ("navy",), "material": ("cotton", "linen"), "fit": ("relaxed fit",)},
)
letters = st.text(max_size=30) | st.sampled_from(["navy", "rib knit", "فستان أحمر", "שמלה", "👗 💃", "a " * 12, " "])
products = st.builds(
    Product,
    id=st.text(min_size=1, max_size=5),
    images=st.just(()),
    title=letters | st.just("word " * 3000),
    description=letters | st.just("more " * 3000),
    brand=letters,
    category=letters,
    attributes=st.dictionaries(
        st.sampled_from(["colour", "brand", "category", "words", "title", "pattern"]),
        st.lists(letters, min_size=1, max_size=12).map(tuple),
        max_size=6,
    ),
    texts=st.dictionaries(st.sampled_from(["de", "ar"]), letters, max_size=2),
)
pairs = st.builds(
    Pairs,
    keep=st.floats(0, 1),
    name_attributes=st.booleans(),
    order=st.lists(st.sampled_from(["pattern", "colour", "nothing"]), unique=True).map(tuple),
)


@settings(max_examples=300, deadline=None)
@given(products, pairs, st.integers(0, 99))
def test_bounds_and_truth(product, how, seed):
    writer, held = Writer(how), facts(product)
    short = writer.short(product, randomness(seed))
    specific = writer.specific(product, randomness(seed), lambda stated: 100, 10)
    long = writer.long(product)
    assert words(short.text) <= SHORT_WORDS and words(specific.text) <= SHORT_WORDS and words(long.text) <= LONG_WORDS
    for query in (short, specific, long):
        assert query.stated and query.text == " ".join(query.text.split())
        untitled = query.stated == ("title=",)  # then only the product's own duplicates are relevant
        assert untitled or set(query.stated) <= held
    anything = [product.title, product.description, *product.texts.values(), product.brand, product.category]
    if any(map(normal, [*anything, *(v for vs in product.attributes.values() for v in vs)])):
        assert short.text and specific.text and long.text


@settings(max_examples=200, deadline=None)
@given(products, pairs)
def test_what_is_stated_is_said(product, how):
    told = statements(product, how.order)
    for query in (Writer(how).short(product, randomness(1)), Writer(how).long(product)):
        for statement in query.stated if told else ():
            value = statement.partition("=")[2]
            if words(value) <= SHORT_WORDS:  # a longer one is cut, and nothing else is said
                assert value in query.text.replace(",", "") or "," in value


@settings(max_examples=100, deadline=None)
@given(products, pairs, st.integers(0, 9))
def test_same_randomness_same_text(product, how, seed):
    writer = Writer(how)
    for write in (writer.short, lambda p, r: writer.specific(p, r, lambda stated: len(stated) * 3, 10)):
        assert write(product, randomness("a", seed)) == write(product, randomness("a", seed))
    assert writer.long(product) == writer.long(product)


def test_randomness_depends_on_its_arguments_and_their_borders():
    draws = [randomness(*parts).integers(2**62) for parts in ((1, "ab"), (1, "a", "b"), (1, "b"), (2, "ab"))]
    assert len(set(draws)) == 4
    assert randomness(1, "ab").integers(2**62) == draws[0]


def test_statements_say_each_value_once_brand_first_category_last():
    assert statements(ONE) == [
        ("brand", "acme"), ("colour", "navy"), ("material", "cotton"), ("material", "linen"),
        ("fit", "relaxed fit"), ("category", "dress"),
    ]  # fmt: skip
    assert [name for name, _ in statements(ONE, ("fit", "colour", "size"))] == [
        "brand", "fit", "colour", "material", "material", "category"
    ]  # fmt: skip
    twice = Product(id="2", images=(), brand="Navy", category="dress", attributes={"a": ("navy", "Dress"), "b": ("",)})
    assert statements(twice) == [("brand", "navy"), ("category", "dress")]


def test_facts_hold_nothing_empty():
    assert facts(Product(id="1", images=(), title=" ", attributes={"a": ("",)})) == set()
    assert {"title=acme navy rib dress", "brand=acme", "category=dress", "material=linen"} <= facts(ONE)


def test_short_queries_vary_and_long_ones_say_everything():
    writer = Writer(Pairs())
    texts = {writer.short(ONE, randomness(n)).text for n in range(200)}
    assert len(texts) > 10 and "acme navy cotton linen relaxed fit dress" in texts
    assert sum(text.endswith("dress") for text in texts) > len(texts) / 2
    assert writer.long(ONE).text == "acme navy cotton linen relaxed fit dress. acme navy rib dress"
    assert len(writer.long(ONE).stated) == 6


def test_keep_is_a_probability():
    for keep, least, most in ((0.0, 1, 1), (1.0, 5, 6)):  # the category stays nine times in ten
        lengths = [len(Writer(Pairs(keep=keep)).short(ONE, randomness(n)).stated) for n in range(50)]
        assert min(lengths) >= least and max(lengths) <= most


def test_named_attributes():
    text = Writer(Pairs(name_attributes=True)).long(ONE).text
    assert text.startswith("brand acme, colour navy, material cotton, material linen, fit relaxed fit, dress")


def test_a_title_that_says_nothing_new_is_not_repeated():
    plural = Product(id="2", images=(), title="Navy Dresses", category="dress", attributes={"colour": ("navy",)})
    assert Writer(Pairs()).long(plural).text == "navy dress. navy dresses"  # "dresse" is no stem of "dress"
    same = Product(id="3", images=(), title="NAVY dress!", category="dress", attributes={"colour": ("navy",)})
    assert Writer(Pairs()).long(same).text == "navy dress"


def test_a_long_query_states_only_what_its_sixty_words_say():
    many = {"words": tuple(f"word{n}" for n in range(100))}
    query = Writer(Pairs()).long(Product(id="1", images=(), title="t", category="coat", attributes=many))
    assert words(query.text) == LONG_WORDS == len(query.stated)
    assert "words=word59" in query.stated and "words=word60" not in query.stated


@pytest.mark.parametrize("title", ["👗💃", "فستان أحمر طويل", "שמלה אדומה", "ＡＢＣ", "a" * 10_000, "é" * 5])
def test_titles_of_every_kind(title):
    product = Product(id="1", images=(), title=title)
    as_it_is = Writer(Pairs(short="title", long="title"))
    assert as_it_is.short(product, randomness(1)).text == title == as_it_is.long(product).text
    assert as_it_is.long(product).stated == (f"title={normal(title)}",) and set(as_it_is.long(product).stated) <= facts(
        product
    )
    written = Writer(Pairs())
    assert written.short(product, randomness(1)).text == title == written.long(product).text


def test_the_title_as_it_is_may_be_long_but_written_queries_never_are():
    product = Product(id="1", images=(), title="word " * 100)
    assert words(Writer(Pairs(short="title")).short(product, randomness(1)).text) == 100
    assert words(Writer(Pairs()).short(product, randomness(1)).text) == SHORT_WORDS
    assert words(Writer(Pairs()).specific(product, randomness(1), lambda s: 1, 1).text) == SHORT_WORDS
    assert words(Writer(Pairs()).long(product).text) == LONG_WORDS


def test_without_a_title_other_words_ask():
    writer = Writer(Pairs(short="title"))
    for product, text in (
        (Product(id="1", images=(), texts={"de": "Rotes Kleid"}, description="x"), "Rotes Kleid x"),
        (Product(id="1", images=(), description="Soft wool."), "Soft wool."),
        (Product(id="1", images=(), category="Coat", attributes={"colour": ("red",)}), "red coat"),
    ):
        query = writer.short(product, randomness(1))
        assert query.text == text and not set(query.stated) & facts(product)


def test_categories_as_they_are():
    writer = Writer(Pairs(long="category"))
    assert (writer.long(ONE).text, writer.long(ONE).stated) == ("a photo of dress.", ("category=dress",))
    assert writer.long(Product(id="1", images=(), title="T")).text == "T"


def shelf(seed: int, count: int = 60) -> list[Product]:
    """Products over few values, some of several words, so that eight words do not always suffice."""
    random = np.random.default_rng(seed)
    values = {
        "colour": ["red", "navy blue", "green"], "fit": ["slim", "very relaxed fit"], "neck": ["crew", "v neck line"],
        "sleeve": ["long", "short", "three quarter sleeve"], "material": ["pure new wool", "cotton", "linen mix"],
    }  # fmt: skip
    return [
        Product(
            id=str(n),
            images=(),
            brand=str(random.choice(["Acme", "Brio"])),
            category=str(random.choice(["dress", "coat"])),
            attributes={name: (str(random.choice(of)),) for name, of in values.items()},
        )
        for n in range(count)
    ]


@pytest.mark.parametrize(("most", "share"), [(1, 0.8), (3, 0.9), (10, 1.0)])
def test_specific_queries_are_answered_by_few_products_where_words_allow(most, share):
    """Against every choice of eight words: the writer looks at two, which finds nearly all that is possible."""
    products = shelf(0)
    index = Index([facts(product) for product in products], np.arange(len(products)))
    writer, reached, possible = Writer(Pairs()), 0, 0
    for product in products:
        told = statements(product)
        query = writer.specific(product, randomness("q", product.id), index.count, most)
        assert words(query.text) <= SHORT_WORDS and query.stated[-1].startswith("category=")
        best = min(
            index.count([f"{told[i][0]}={told[i][1]}" for i in range(len(told)) if mask >> i & 1])
            for mask in range(2 ** (len(told) - 1), 2 ** len(told))  # all that say the category
            if words(" ".join(told[i][1] for i in range(len(told)) if mask >> i & 1)) <= SHORT_WORDS
        )
        possible += best <= most
        reached += index.count(query.stated) <= most
    assert possible and reached >= share * possible, (reached, possible)


def test_a_specific_query_says_no_more_than_it_must():
    products = shelf(1)
    index = Index([facts(product) for product in products], np.arange(len(products)))
    loose = [Writer(Pairs()).specific(p, randomness(p.id), index.count, 30) for p in products]
    tight = [Writer(Pairs()).specific(p, randomness(p.id), index.count, 1) for p in products]
    assert all(len(query.stated) == 2 or index.count(query.stated[1:]) > 0 for query in loose)
    assert np.mean([len(q.stated) for q in loose]) < np.mean([len(q.stated) for q in tight])


facets = st.lists(st.sets(st.sampled_from("abcdef"), max_size=5), min_size=1, max_size=8)


@settings(max_examples=200, deadline=None)
@given(facets, st.data())
def test_index_against_every_pair_looked_at(held, data):
    count = len(held)
    group = np.asarray(data.draw(st.lists(st.integers(0, count - 1), min_size=count, max_size=count)))
    stated = tuple(data.draw(st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=5, unique=True)))
    source = data.draw(st.integers(-1, count - 1))
    index = Index([set(own) for own in held], group)
    from weft.pairs.queries import Query

    rows, grades = index.grades(Query("text", stated), source)
    expected = {}
    for row, own in enumerate(held):
        missing = len(set(stated) - own)
        if missing == 0 or (source >= 0 and group[row] == group[source]):
            expected[row] = 3.0
        elif missing == 1 and len(stated) >= 3:
            expected[row] = 1.0
    assert dict(zip(rows.tolist(), grades.tolist(), strict=True)) == expected
    assert index.holding(stated).tolist() == [row for row, own in enumerate(held) if set(stated) <= own]
    assert index.count(stated) == len(index.holding(stated))
