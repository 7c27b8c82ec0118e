"""The checker against what it should catch, and on drawn products: what it catches and what it wrongly accuses."""

import planted_texts
import pytest

from weft.demo.vocabulary import WORDS
from weft.pairs.checking import FEWEST_LONG, KINDS, Asked, Checker
from weft.pairs.queries import LONG_WORDS, Writer, randomness
from weft.recipe import Pairs
from weft.schema import Product

DRESS = Product(
    id="1", images=(), title="Acme navy rib dress by night", brand="Acme", category="dress",
    attributes={"colour": ("navy",), "material": ("cotton",), "sleeve": ("long-sleeve",), "words": ("night",)},
)  # fmt: skip
OTHERS = [
    Product(
        id="2", images=(), brand="Brio", category="coat",
        attributes={"colour": ("navy blue", "red"), "material": ("wool",), "size": ("s", "42"), "words": ("lovely",)},
    ),
    Product(id="3", images=(), brand="The", category="shorts", attributes={"colour": ("night", "red")}),
]  # fmt: skip
STATED = ("colour=navy", "sleeve=long-sleeve", "category=dress")
SHELF = [DRESS, *OTHERS]


def kind(text: str, stated=STATED, form: str = "short", twin_of: str = "", **more) -> str:
    problem = Checker(SHELF, **more).problem(
        text, Asked(form, DRESS, stated, twin_of), "Write a query of eight words now"
    )
    assert problem is None or problem.kind in KINDS
    return str(problem or "")


@pytest.mark.parametrize(
    "text",
    [
        "navy long-sleeve dress", "Long sleeves, navy dresses", "a lovely navy dress", "acme navy dress",
        "navy dress s 42", "the navy dress", "navy dress for a night", "short navy dress", "ribbed navy dress",
    ],
)  # fmt: skip
def test_sound_texts_pass(text):
    assert kind(text) == ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("red navy dress", 'invented: colour "red"'),
        ("navy RED dress", 'invented: colour "red"'),
        ("navy-blue dress long sleeve", 'invented: colour "navy blue"'),
        ("navy woolen dress", ""),  # no form of "wool": a limit
        ("navy dress wool", 'invented: material "wool"'),
        ("navy dress and coats", 'invented: category "coat" (as "coats")'),
        ("brio navy dress", 'invented: brand "brio"'),
        ("", "empty"),
        ("!", "empty"),
        ("I'm sorry, I cannot help with that", "refusal: I'm sorry, I cannot help with that"),
        ('"navy dress"', "form: in quotes"),
        ("- navy dress", "form: several lines or a list"),
        ("navy dress\nnavy dress", "form: several lines or a list"),
        ("**navy** dress", "form: markup"),
        ("navy\u200b dress \u202e", "form: characters that nobody sees"),
        ("navy dress\x00", "form: characters that nobody sees"),
        ("navy dress \ud83d", "form: characters that nobody sees"),
        ("Query: navy dress", "form: a preface"),
        ("Sure! navy dress", "form: a preface"),
        ("a query of eight words now navy dress", "form: the instruction repeated"),
        ("navy long sleeve dress to wear at every occasion", "length: 9 words, not 1 to 8"),
        ("navy dress mit und ohne", "language: de, not en"),
        ("платье navy цвета", "language: CYRILLIC letters, not en"),
        ("something nice", "unstated: colour navy, sleeve long-sleeve, category dress"),
        ("a dress", "unstated: colour navy, sleeve long-sleeve"),
    ],
)
def test_each_fault_is_named(text, why):
    assert kind(text) == why


def test_own_values_side_by_side_are_no_third_one():
    shoe = Product(id="9", images=(), category="sports shoes", attributes={"usage": ("casual",), "type": ("shoes",)})
    checker = Checker([shoe, Product(id="8", images=(), category="casual shoes")])
    assert checker.problem("casual shoes", Asked("short", shoe, ("usage=casual", "type=shoes"))) is None
    boot = Product(id="7", images=(), category="sports shoes", attributes={"type": ("shoes",)})
    assert str(checker.problem("casual shoes", Asked("short", boot, ("type=shoes",)))).startswith("invented: ")


def test_brands_only_where_they_may_be_named():
    assert (
        kind("acme navy dress", brand=False) == "brand: acme" and kind("brio navy dress", brand=False) == "brand: brio"
    )
    assert kind("navy dress", brand=False) == ""


def test_other_words_state_and_invent():
    more = {"other_words": {"navy": ["midnight"], "red": ["crimson"]}}
    assert kind("midnight dress", ("colour=navy", "category=dress"), **more) == ""
    assert kind("midnight crimson dress", **more) == 'invented: colour "red" (as "crimson")'
    assert kind("crimson navy dress") == ""  # what no product has is not known, unless one says so


def test_a_twin_states_exactly_what_its_query_does():
    query, stated = "navy dress", ("colour=navy", "category=dress")
    assert kind("dress in navy", stated, twin_of=query) == ""
    assert kind("dress", stated, twin_of=query) == "unstated: colour navy"
    assert kind("navy cotton dress", stated, twin_of=query) == 'more: material "cotton"'
    assert kind("navy red dress", stated, twin_of=query) == 'invented: colour "red"'
    assert kind("acme navy dress", stated, twin_of=query, brand=False) == 'more: brand "acme"'
    long = ("colour=navy", "category=dress", "words=" + " ".join(f"w{n}" for n in range(9)))
    assert kind("dress navy", long, twin_of=query) == ""  # the query had no room for the last either


def test_long_texts_have_thirty_to_sixty_words():
    for count, sound in ((FEWEST_LONG - 1, False), (FEWEST_LONG, True), (LONG_WORDS, True), (LONG_WORDS + 1, False)):
        text = "the navy long-sleeve dress " + "thing " * (count - 4)
        assert kind(text, form="long").startswith("length") != sound, count


def test_what_is_stated_is_what_was_asked_and_what_holds():
    found = Checker(SHELF).stated("acme long sleeved dress in cotton", Asked("short", DRESS, STATED))
    assert found == ("sleeve=long-sleeve", "category=dress", "brand=acme", "material=cotton")


def test_the_deterministic_writer_passes_its_own_check():
    products = planted_texts.shop(150, "house")
    checker, writer = Checker(products, language=""), Writer(Pairs())
    for product in products:
        query = writer.short(product, randomness(product.id))
        assert checker.problem(query.text, Asked("short", product, query.stated)) is None
        assert checker.stated(query.text, Asked("short", product, query.stated))[: len(query.stated)] == query.stated


@pytest.mark.parametrize(("words", "least"), [("house", 0.99), ("plain", 0.88)])
def test_two_hundred_inventions_and_two_hundred_honest_texts(words, least):
    """Recall 1. Precision suffers where a value has another sense: "plain" calls a fit "regular", and a tenth of the
    honest texts say "for regular use" of a product with another fit, or none."""
    products = planted_texts.shop(800, words)
    checker = Checker(products)
    honest = [checker.problem(one.text, one.asked) for one in planted_texts.texts(products, 200, 1, words, False)]
    planted = planted_texts.texts(products, 200, 2, words, True)
    caught = [(one, checker.problem(one.text, one.asked)) for one in planted]
    named = sum(bool(why) and why.kind == "invented" and f'"{one.value}"' in why.detail for one, why in caught)
    false = sum(why is not None for why in honest)
    print(f"{words}: caught and named {named} of 200, {false} of 200 honest texts rejected")
    assert named == 200 and 200 / (200 + false) >= least


def test_what_no_product_has_is_caught_only_by_other_words():
    products = planted_texts.shop(800, "house")
    planted = planted_texts.texts(products, 200, 3, "house", True, outside="street")
    strange = [
        one
        for one in planted
        if one.name not in ("brand", "sleeve") and one.value not in WORDS["house"][one.name].values()
    ]
    blind = Checker(products)
    street = {WORDS["house"][name][value]: [word] for name, of in WORDS["street"].items() for value, word in of.items()}
    told = Checker(products, other_words=street)
    assert len(strange) > 100
    seen = [
        sum((why := checker.problem(one.text, one.asked)) is not None and why.kind == "invented" for one in strange)
        for checker in (blind, told)
    ]
    print(f"of {len(strange)} inventions in strange words {seen[0]} are seen, {seen[1]} with other words")
    assert seen[0] == 0 and seen[1] >= 0.95 * len(strange)
