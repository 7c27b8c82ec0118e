"""What checks count beyond their one planted fault: arithmetic against closed forms, and known false alarms."""

from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from planted import MANY, PLANTED, run, sound, with_texts, with_titles

from weft import benchmarks, metrics
from weft.audit import Subject, audit
from weft.audit.baselines import chance, popularity
from weft.audit.boilerplate import shared
from weft.audit.colour_shortcut import lab
from weft.audit.contained import holders
from weft.audit.finding import severity
from weft.audit.lost import LOSSES
from weft.audit.other_views import products
from weft.audit.vocabulary import ALIKE, CLOSE, COLOURS, HEDGES, INK, KINDS, SCENE, colours, disagree, kinds
from weft.benchmarks.assemble import UNASKED
from weft.seen import NO_LOOKS, Seen, first64


def test_ceilings_are_those_of_a_perfect_ranking():
    plan = sound()
    plan.answers[:2] = set(range(20)), {0, 1, 2, 3}
    (found,) = run("low ceilings", plan.subject(metrics=("recall@1", "recall@10", "precision@10", "mrr@10")))
    best = {one.metric: one.after for one in found.effect}
    assert best["recall@1"] == pytest.approx((1 / 20 + 1 / 4 + MANY - 2) / MANY)
    assert best["recall@10"] == pytest.approx((0.5 + 1 + MANY - 2) / MANY)
    assert best["precision@10"] == pytest.approx((1 + 0.4 + 0.1 * (MANY - 2)) / MANY)
    assert "mrr@10" not in best and found.count == MANY


def test_few_queries_state_the_exact_interval():
    (found,) = run("few queries", sound(5).subject())
    lowest = found.facts["lower end of the 95% interval of a perfect hit rate"]
    assert found.severity == "error" and lowest**5 == pytest.approx(0.025, abs=1e-4)
    assert run("few queries", sound(99).subject())[0].severity == "warning"


def test_effective_number_and_design_effect():
    plan = sound()
    plan.titles = [text if number < MANY // 2 else "" for number, text in enumerate(plan.texts)]  # BM25 finds half
    (found,) = run("dependent queries", plan.subject(groups=np.arange(MANY) // 10))
    assert found.facts["effective number of queries"] == pytest.approx(MANY / 10)
    # All ten of a group score alike, so that a mean over groups varies ten times as much as one over queries.
    groups = MANY // 10
    exact = 10 * (MANY - 1) / (10 * (groups - 1))
    assert found.facts["design effect, bm25"] == pytest.approx(exact, rel=1e-3)
    assert {one.split(",")[0] for one in found.facts if "design" in one} == {"design effect"}


def test_contained_queries_count_other_texts_only():
    plan = sound()
    plan.texts[:4] = "print", "print skirt long", "a print dress now", "blueprint of a shirt"
    plan.titles[:3] = "print thing", "print hat", "no print at all"
    queries, titles = holders(plan.subject())
    assert queries[:4].tolist() == [2, 0, 0, 0] and titles[0] == 2, "its own answer's title is no fault"


def test_generic_queries_are_none_where_all_is_listed():
    plan = sound()
    plan.texts[0], plan.titles = "red", [f"red item{number} thing" for number in range(MANY)]
    (found,) = run("generic queries", plan.subject())
    assert found.count == 1 and found.severity == "note"
    plan.answers[0] = set(range(MANY))
    assert run("generic queries", plan.subject()) == []


def test_two_words_are_enough_where_all_that_fit_are_listed():
    plan = sound()
    plan.texts[0], plan.answers[0] = "red hat", {0, 1}
    assert run("generic queries", plan.subject())[0].count == 1, "titles do not tell"
    plan.titles[:2] = "a red wool hat", "hat of red silk"
    assert run("generic queries", plan.subject()) == []
    plan.titles[2] = "red and blue hat"
    assert run("generic queries", plan.subject())[0].count == 1, "a third fits"


def test_scripts_without_blanks_are_no_single_words():
    """A Chinese query is not generic for having no blank, and its words are found in longer titles."""
    plan = sound()
    garments = ["红色连衣裙棉质长袖", "黑色皮鞋男士商务", "蓝色牛仔裤修身弹力", "羊毛大衣灰色长款"]
    plan.texts = [f"{garments[number % 4]}{number}号款" for number in range(MANY)]
    assert run("generic queries", plan.subject()) == []
    plan.texts[0], plan.titles[:12] = "丝绸围巾", [f"新款蓝色丝绸围巾{number}号" for number in range(12)]
    (found,) = run("generic queries", plan.subject())
    assert found.count == 1 and found.facts["that many further titles fit"] == 1


def test_a_leak_is_graver_where_no_answer_is_new():
    plan = sound()
    plan.answers = [{number, (number + 1) % MANY} for number in range(MANY)]
    digests = plan.task().corpus.pictures.image_hashes

    def leak(*rows):
        exact = np.asarray(sorted(first64(digests[row]) for row in rows), dtype=np.uint64)
        (found,) = run("training leak", plan.subject(seen={"ours": Seen(frozenset(), exact, NO_LOOKS)}))
        return found

    counted = "queries", "queries all of whose answers are"
    for found, expected in ((leak(*range(0, MANY, 2)), ("warning", MANY, 0)), (leak(*range(7)), ("error", 8, 6))):
        assert (found.severity, *(found.facts[name] for name in counted)) == expected


def test_single_answers_are_counted_right():
    subject = with_titles("red dress", "red dress", "red dress")
    (found,) = run("single answers", subject)
    assert found.count == 3 and found.of == MANY
    assert subject.lacking({0: np.asarray([1, 2]), 1: np.asarray([0])}) == pytest.approx((2 / 3 + 1 / 2) / MANY)


@pytest.mark.parametrize(
    ("text", "hedged", "scene"),
    [
        ("a red women's dress, possibly silk", True, False),
        ("the collar appears to be white", True, False),
        ("May the fourth could seam", False, False),
        ("dress worn by a young woman", False, True),
        ("women and men wallet", False, False),
        ("shirt on a plain background", False, True),
        ("the smiling lady", False, True),
    ],
)
def test_word_lists(text, hedged, scene):
    assert bool(HEDGES.search(text)) == hedged
    assert any(pattern.search(text) for pattern in SCENE.values()) == scene


def test_colours_and_kinds():
    assert colours(["a", "navy", "shirt", "with", "gold", "buttons"]) == {"blue", "yellow"}
    assert kinds(["dress", "shirts"]) == {"dress", "top"}
    assert disagree(frozenset({"red"}), frozenset({"blue"}), CLOSE)
    assert not disagree(frozenset({"green"}), frozenset({"blue"}), CLOSE), "teal is either"
    assert not disagree(frozenset(), frozenset({"blue"}), CLOSE)
    assert not disagree(frozenset({"top"}), frozenset({"knit"}), ALIKE)
    assert set(INK) == set(COLOURS) >= set().union(*CLOSE) and set(KINDS) >= set().union(*ALIKE)
    words = [word for every in COLOURS.values() for word in every.split()]
    assert len(words) == len(set(words)), "a word names one colour"


def test_lab_of_known_colours():
    """White, black and the primaries, from Lindbloom's tables for sRGB and D65, to half a unit."""
    found = lab(np.asarray([[255, 255, 255], [0, 0, 0], [255, 0, 0], [0, 0, 255]], dtype=float))
    assert np.abs(found - [[100, 0, 0], [0, 0, 0], [53.2, 80.1, 67.2], [32.3, 79.2, -107.9]]).max() < 0.5


def test_boilerplate_counts_texts_not_occurrences():
    texts = [f"made of a soft wool number {n}".split() for n in range(20)] + [["made", "of", "a", "soft"] * 3] * 4
    phrases = dict(shared(texts))
    assert len(phrases["made of a soft"]) == 24 and set(map(len, phrases.values())) == {24, 20}


def test_polyvore_s_outfits_are_no_views():
    plan = sound()
    plan.ids = [f"21{number // 4:06d}_{number % 4}" for number in range(MANY)]  # four things of an outfit
    assert products(plan.subject())[1] is None
    plan.titles = ["a coat of wool"] * MANY
    plan.ids = [f"women/coats/{number}.jpeg" for number in range(MANY)]
    assert products(plan.subject())[1] is None, "a folder of a category"
    plan.ids = [f"21{number // 4:06d}_{number % 4}" for number in range(MANY)]
    plan.titles = [f"coat{number // 4} wool{number // 4} view{number % 4}" for number in range(MANY)]
    name, product, alike, strangers = products(plan.subject())
    assert name == "the view's number" and product.tolist() == (np.arange(MANY) // 4).tolist()
    assert alike == 0.5 > strangers


@pytest.mark.parametrize(
    ("ids", "name"),
    [
        (["women/91000001/91000001_0.jpeg", "women/91000001/91000001_1.jpeg"], "a folder for each product"),
        (["WOMEN-Tees_Tanks-id_00001220-02_1_front", "WOMEN-Tees_Tanks-id_00001220-02_4_full"], "the view's name"),
    ],
)  # fmt: skip
def test_views_by_other_patterns(ids, name):
    plan = sound(2)
    plan.ids, plan.titles = ids, ["a long blue dress", "a long blue gown"]
    plan.texts = ["long blue dress", "long blue gown"]
    assert products(plan.subject())[0] == name
    (found,) = run("other views", plan.subject())
    assert found.count == 2 and found.severity == "note", "of two queries both are too few to say anything"


def test_chance_is_the_mean_over_all_orders():
    plan = sound(5)
    plan.answers = [{0}, {0, 1}, {2, 3, 4}, {1}, {4}]
    orders = np.asarray(list(permutations(range(5))))
    for primary, k in (("recall@2", 2), ("hit_rate@2", 2), ("mrr@10", 5), ("precision@2", 2)):
        subject = plan.subject(primary=primary, metrics=(primary,))
        scores = []
        for answers in plan.answers:
            hits = np.isin(orders[:, :k], list(answers))
            first = np.where(hits.any(axis=1), 1 / (hits.argmax(axis=1) + 1), 0)
            each = {"recall@2": hits.sum(1) / len(answers), "hit_rate@2": hits.any(1), "mrr@10": first}
            scores.append(np.mean(each.get(primary, hits.mean(1))))
        assert chance(subject) == pytest.approx(np.mean(scores)), primary
    hits = np.isin(orders[:, :2], [0, 1]).any(axis=1).mean()
    assert metrics.hit_rate_by_chance(np.asarray([2]), 5, 2) == pytest.approx(hits)


def test_popularity_does_not_know_its_own_answers():
    assert popularity(sound().subject()) == 0
    plan = sound()
    plan.answers = [{7, number} for number in range(MANY)]
    assert popularity(plan.subject()) == pytest.approx(0.5, abs=0.05)


def test_unreadable_answers_lower_the_ceiling():
    plan = sound()
    plan.pictures[3:6] = [b"no picture"] * 3
    task = plan.task()
    subject = Subject(replace(task, corpus=replace(task.corpus, texts=None)))
    (found,) = run("unreachable items", subject)
    assert found.severity == "warning" and found.count == 3
    assert found.effect[0].after == pytest.approx((MANY - 3) / MANY)


def test_fewer_than_three_cases_are_a_note_whatever_their_share():
    assert [severity(1.0, cases, 0.1, 0.5) for cases in (0, 2, 3)] == ["note", "note", "error"]
    own = {"few queries", "training leak", "source bias"}  # rules of their own
    few = [name for name, (_, count) in PLANTED.items() if count < 3 and name not in own]
    assert len(few) > 10
    for name in few:
        (found,) = run(name, PLANTED[name][0]())
        assert found.severity == "note", name


def test_where_there_are_no_pictures_words_are_no_shortcut():
    plan = sound()
    plan.titles, plan.pictures = list(plan.texts), None
    assert "text shortcut" not in {one.check for one in audit(plan.subject())}
    plan.pictures = sound().pictures
    assert "text shortcut" in {one.check for one in audit(plan.subject())}


def test_what_is_counted_and_not_lost_is_no_fault():
    """Queries of another split, LookBench's distractors, texts that are asked twice."""
    fine = {UNASKED: 80, "distractors": 5000, "repeated query texts": 40, "repeated query texts with other answers": 9}
    counts = {"corpus": 300, "queries read": 300, "relevant ids": 220, "queries": 220}
    assert run("lost data", sound().subject(counts=counts | fine)) == []
    (found,) = run("lost data", sound().subject(counts=counts | fine | {"queries without a text": 3}))
    assert (found.count, found.of, found.unit, found.facts) == (3, 300, "queries read", {"queries without a text": 3})


def test_losses_are_called_as_the_readers_call_them():
    code = "".join(path.read_text() for path in Path(benchmarks.__file__).parent.glob("*.py"))
    assert [what for what in (*LOSSES, *LOSSES.values()) if f'"{what}"' not in code] == []


def test_pictures_of_one_item_are_no_duplicates():
    plan = sound()
    task = plan.task()
    twice = replace(task.corpus, rows=np.repeat(np.arange(MANY), 2), owner=np.repeat(np.arange(MANY), 2))
    assert run("duplicate pictures", Subject(replace(task, corpus=twice))) == []


def test_all_at_once_and_queries_that_are_pictures():
    texts = with_texts("possibly a t-shirt")
    assert [one.check for one in audit(texts)] == ["hedging captions"]
    plan = sound()
    wall = plan.task().corpus
    pictures = replace(plan.task().queries, texts=None, pictures=wall.pictures, rows=wall.rows)
    subject = Subject(replace(plan.task(), queries=pictures))
    assert audit(subject) == [] and subject.lacks(("texts",)) == ["texts"]
    assert subject.example(3, [4]).pictures == tuple(wall.pictures.image_hashes[3:5])
