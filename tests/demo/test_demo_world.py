"""The drawn catalogue's facts: seeded, complete, and never saying one thing with two meanings."""

from collections import Counter

import pytest

from weft.demo import emblem, taste
from weft.demo.garments import OUTLINES
from weft.demo.vocabulary import ATTRIBUTES, VALUES, VOCABULARIES, WORDS
from weft.demo.world import RELISTED, VARIANTS, garment, worlds
from weft.errors import WeftError

SAMPLE = {world: [garment(world, 3, index) for index in range(4000)] for world in worlds}


def test_a_garment_depends_on_its_arguments_alone():
    for world, sample in SAMPLE.items():
        for index in (3999, 17, 400, 0):
            assert garment(world, 3, index) == sample[index]
    assert garment("studio", 4, 17).attributes != garment("studio", 3, 17).attributes
    assert garment("studio", 3, 1_000_000).id == "studio-3-1000000"


def test_the_worlds_are_rich_and_each_has_kinds_of_its_own():
    studio, street = (set(worlds[name].kinds) for name in ("studio", "street"))
    assert len(studio) >= 14 and len(studio & street) >= 12 and len(street - studio) >= 5
    assert set(OUTLINES) == set(VALUES["kind"]) == studio | street
    assert all(len(set(world.brands)) == 24 for world in worlds.values())
    assert not set(worlds["studio"].brands) & set(worlds["street"].brands)


@pytest.mark.parametrize("world", worlds)
def test_every_value_is_well_covered(world):
    sample = SAMPLE[world]
    for name in ATTRIBUTES:
        counts = Counter(g.attributes[name] for g in sample if name in g.attributes)
        known = {"kind": worlds[world].kinds, "brand": worlds[world].brands}.get(name, VALUES.get(name))
        assert set(counts) == set(known)
        assert min(counts.values()) > 0.02 * sum(counts.values())


def test_only_attributes_that_apply_and_natural_correlations():
    for sample in SAMPLE.values():
        for g in sample:
            extra = set(g.attributes) - {"kind", "colour", "pattern", "material", "brand"}
            assert extra == set(taste.APPLIES.get(g.kind, ()))
    patterns = {kind: Counter() for kind in ("coat", "dress")}
    for g in SAMPLE["studio"]:
        if g.kind in patterns:
            patterns[g.kind][g.attributes["pattern"]] += 1
    assert 0 < patterns["coat"]["floral"] < 0.3 * patterns["dress"]["floral"]


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
def test_within_a_vocabulary_a_word_states_one_fact(vocabulary):
    said = [word for words in WORDS[vocabulary].values() for word in words.values()]
    said += [brand.lower() for world in worlds.values() for brand in world.brands]
    assert [word for word, count in Counter(said).items() if count > 1] == []


def test_house_words_are_not_the_plain_ones():
    for name in ("colour", "pattern", "fit", "kind"):
        new = [value for value, word in WORDS["house"][name].items() if word != value]
        assert len(new) >= 0.9 * len(VALUES[name])
    assert garment("studio", 0, 5).words == garment("studio", 0, 5, "house").words
    assert garment("street", 0, 5).words == garment("street", 0, 5, "street").words
    assert garment("street", 0, 5, "plain").words == garment("street", 0, 5).attributes


def test_titles_say_true_words_brand_first_and_kind_last():
    for g in SAMPLE["studio"][:300]:
        said = g.title.split()
        assert said[0] == g.words["brand"] and said[-1] == g.words["kind"] and g.words["colour"] in said
        assert set(said) <= set(g.words.values())
    assert len({len(g.title.split()) for g in SAMPLE["studio"] if g.kind == "dress"}) > 3


def test_variants_share_a_family_and_differ_in_colour_alone():
    for world, sample in SAMPLE.items():
        families: dict[str, list] = {}
        for g in sample:
            if g.variant:
                families.setdefault(g.variant, []).append(g)
        later = sum(len(members) - 1 for members in families.values())
        assert abs(later / len(sample) - VARIANTS) < 0.02
        for members in list(families.values())[:-1]:
            first = members[0]
            assert len(members) >= 2 and first.variant == first.id
            assert len({g.attributes["colour"] for g in members}) == len(members)
            rest = [{**g.attributes, "colour": ""} for g in members]
            assert all(attributes == rest[0] for attributes in rest), world


def test_relisted_products_lead_to_an_original_that_is_the_same():
    for sample in SAMPLE.values():
        by_id = {g.id: g for g in sample}
        copies = [g for g in sample if g.duplicate_of]
        assert abs(len(copies) / len(sample) - RELISTED) < 0.01
        assert {g.relisted for g in copies} == {"same", "recoded", "resized"}
        for g in copies:
            first = by_id[g.duplicate_of]
            assert not first.duplicate_of and first.index < g.index
            assert (first.title, first.attributes, first.photo) == (g.title, g.attributes, g.photo)
        assert all(g.relisted == "" and g.photo == g.index for g in sample if not g.duplicate_of)


def test_no_two_brands_share_an_emblem():
    brands = [brand for world in worlds.values() for brand in world.brands]
    assert len({emblem.emblem_of(brand) for brand in brands}) == len(brands)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("stdio", 0, 0), "did you mean 'studio'"),
        (("studio", 0, 0, "hose"), "did you mean 'house'"),
        (("studio", -1, 0), "must not be negative"),
        (("studio", 0, -1), "must not be negative"),
    ],
)
def test_wrong_arguments_name_the_remedy(arguments, hint):
    with pytest.raises(WeftError, match=hint):
        garment(*arguments)
