"""Planted faults: what each changes, what it leaves alone, and that the truth goes along with it."""

import numpy as np
import pytest

from weft.catalogue import duplicates
from weft.catalogue.images import decode
from weft.demo import faults


@pytest.fixture(scope="module")
def sound():
    return faults.sound(faults.stock(220, seed=3), 40, seed=5)


def holds(planted, query: int, item: int) -> bool:
    return planted.stated[query].items() <= planted.shelf.garments[item].attributes.items()


def holding(planted) -> list[list[int]]:
    return [[item for item in range(len(planted.shelf)) if holds(planted, row, item)] for row in range(len(planted))]


def test_a_sound_benchmark_lists_all_that_fits_and_nothing_else(sound):
    assert len(sound) == len(set(sound.texts)) > 20
    assert [rows.tolist() for rows in sound.truth] == holding(sound) == [rows.tolist() for rows in sound.given]
    assert all(source in rows for source, rows in zip(sound.source, sound.truth, strict=True))
    assert all(faults.FEWEST <= len(rows) <= faults.MOST for rows in sound.truth)


def test_sources_are_uniform_among_what_fits(sound):
    """Its place among the answers, over many benchmarks: mean 1/2 and the variance of a uniform draw."""
    place, expected = [], []
    for seed in range(60):
        one = faults.sound(sound.shelf, 40, seed)
        for source, rows in zip(one.source, one.truth, strict=True):
            n = len(rows) - 1
            place.append(np.searchsorted(rows, source) / n - 0.5)
            expected.append((n + 2) / (12 * n))
    assert abs(np.sum(place)) < 3.5 * np.sqrt(np.sum(expected))
    assert np.mean(np.square(place)) == pytest.approx(np.mean(expected), rel=0.06)


@pytest.mark.parametrize("name", [*faults.FAULTS, "together"])
def test_truth_stays_the_truth(sound, name):
    planted = (faults.FAULTS | {"together": faults.together})[name](sound, seed=1)
    assert [rows.tolist() for rows in planted.truth] == holding(planted)
    assert all(set(g) <= set(t) and len(g) for g, t in zip(planted.given, planted.truth, strict=True))
    assert set(planted.faults) == (set(faults.FAULTS) if name == "together" else {name})
    again = (faults.FAULTS | {"together": faults.together})[name](sound, seed=1)
    assert again.texts == planted.texts and again.shelf.pictures == planted.shelf.pictures


def test_captions_tell_what_their_picture_shows(sound):
    planted = faults.captions(sound)
    for row, source in enumerate(planted.source):
        words = faults.accident_words(planted.shelf.accidents[source])
        assert planted.texts[row] == " ".join([sound.texts[row], *words]) and planted.given[row].tolist() == [source]
    assert faults.captions(sound, likely=0.0).texts == sound.texts
    none = faults.captions(sound, share=0.0)
    assert none.texts == sound.texts and none.given == sound.given


def test_missing_positives_are_a_share_and_favour_nobody(sound):
    lost = np.mean([faults.missing(sound, seed=seed).faults["missing positives"] for seed in range(40)])
    assert lost == pytest.approx(0.3 * sum(map(len, sound.truth)), rel=0.05)


def test_copies_look_like_their_originals_and_are_not_them(sound):
    planted = faults.copies(sound, share=0.2)
    count = len(planted.shelf) - len(sound.shelf)
    assert count == planted.faults["duplicate images"] > 20
    assert len(set(planted.shelf.ids)) == len(planted.shelf.pictures) == len(planted.shelf.accidents)
    look = duplicates.describe_all(decode(data) for data in planted.shelf.pictures)
    digests = [str(place) for place in range(len(planted.shelf))]
    group = duplicates.group(look.hash, look.thumb, digests).group
    ids = planted.shelf.ids
    pairs = [(ids.index(name.removesuffix("-copy")), row) for row, name in enumerate(ids) if name.endswith("-copy")]
    assert np.mean([group[a] == group[b] for a, b in pairs]) > 0.95
    sides = np.asarray([decode(data).width for data in planted.shelf.pictures])
    assert all(sides[a] > sides[b] for a, b in pairs)
    listed = set(np.concatenate(planted.given).tolist())
    assert not any(a in listed and b in listed for a, b in pairs)
    either = [b in listed for a, b in pairs if a in listed or b in listed]
    assert 0.2 < np.mean(either) < 0.8  # the original as often as its copy
    assert all(source in rows for source, rows in zip(planted.source, planted.given, strict=True))


def test_generic_queries_state_the_kind_alone(sound):
    planted = faults.generic(sound, share=1.0)
    assert planted.texts == [stated["kind"] for stated in sound.stated]
    assert all(rows.tolist() == [source] for rows, source in zip(planted.given, sound.source, strict=True))


def test_a_leak_takes_whole_departments(sound):
    planted = faults.leak(sound)
    kinds = np.asarray([stated["kind"] for stated in planted.stated])
    assert 0.3 < planted.trained.mean() < 0.7
    assert not set(kinds[planted.trained]) & set(kinds[~planted.trained])
    part = planted.only(np.flatnonzero(~planted.trained))
    assert len(part) == (~planted.trained).sum() and not part.trained.any()
