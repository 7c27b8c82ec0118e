"""Batches depend on (seed, epoch, product id) alone, show what they should, and are shared among processes."""

import dataclasses
from unittest import mock

import numpy as np
import pytest
import torch

import tiny
import tiny_catalogue
from weft import encoders
from weft.batch import Batch, Loader
from weft.catalogue.layout import write_table
from weft.errors import WeftError
from weft.pairs.grades import GRADES
from weft.pairs.negatives import mine
from weft.pairs.writing import WRITTEN
from weft.recipe import Pairs, Train
from weft.trainer import check_shares, check_views
from weft.views import training_pixels

SETTINGS = Train(batch=8, epochs=3, crop=0.7)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    return tiny_catalogue.collection(tmp_path_factory.mktemp("catalogue"))


@pytest.fixture(scope="module")
def encoder():
    return tiny.encoder()


def loader(catalogue, encoder, settings=SETTINGS, seed: int = 1, **more) -> Loader:
    return Loader(catalogue, encoder, Pairs(), settings, seed, **more)


def tensors(batch: Batch) -> dict[str, torch.Tensor]:
    """Everything of a batch that the loss or the model reads."""
    rows = slice(0, batch.size)
    out = {f"pixels {name}": tensor for name, tensor in batch.pixels.items()} | {"views": batch.views}
    for task, tokens in batch.texts.items():
        out |= {f"{task} {name}": tensor for name, tensor in tokens.items()}
        out[f"{task} grades"] = batch.relevance[task].products(rows)
        out[f"{task} positives"] = batch.positive_grades[task]
    return out


def same(one: Batch, other: Batch) -> bool:
    a, b = tensors(one), tensors(other)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_the_order_of_calls_does_not_matter(catalogue, encoder):
    one, other = loader(catalogue, encoder), loader(catalogue, encoder)
    assert one.steps == 6  # 23 products: two whole batches in each of three epochs
    backwards = {step: one.prepare(step) for step in reversed(range(6))}
    assert all(same(other.prepare(step), backwards[step]) for step in range(6))
    assert not same(backwards[0], backwards[1])
    assert not same(loader(catalogue, encoder, seed=2).prepare(0), backwards[0])


def test_a_resumed_loader_gives_the_same_batches(catalogue, encoder):
    whole = list(loader(catalogue, encoder).batches())
    for start in (1, 4, 6):
        rest = list(loader(catalogue, encoder).batches(start))
        assert len(rest) == 6 - start
        assert all(same(a, b) for a, b in zip(rest, whole[start:], strict=True))


def test_epochs_differ_in_short_queries_views_and_pictures_but_not_in_long_queries(catalogue, encoder):
    made = loader(catalogue, encoder)
    asked = {task: [[made._query(task, e, p)[0].text for p in range(23)] for e in range(3)] for task in made.tasks}
    assert asked["long"][0] == asked["long"][1] == asked["long"][2]
    apart = [sum(a != b for a, b in zip(asked["short"][e], asked["short"][e + 1], strict=True)) for e in (0, 1)]
    assert min(apart) > 8
    shown = {}
    for step in range(made.steps):
        epoch, places = made._plan[step]
        batch = made.prepare(step)
        for place, pixels, seen in zip(places, batch.pixels["pixel_values"], batch.views, strict=True):
            shown.setdefault(int(place), {})[epoch] = (pixels, seen)
    twice = {place: own for place, own in shown.items() if len(own) > 1}
    assert all(not torch.equal(*[seen for _, seen in list(own.values())[:2]]) for own in twice.values())
    pictures = {p: {pixels.numpy().tobytes() for pixels, _ in own.values()} for p, own in twice.items()}
    assert all(len(found) == 1 for place, found in pictures.items() if place % 3)  # one picture only
    assert any(len(found) == 2 for place, found in pictures.items() if place % 3 == 0)


def test_a_query_does_not_depend_on_who_else_is_in_the_catalogue(catalogue, encoder, tmp_path):
    fewer = tiny_catalogue.collection(tmp_path / "fewer", count=15)
    one, other = loader(catalogue, encoder), loader(fewer, encoder)
    for place in range(14):
        assert one._query("short", 2, place) == other._query("short", 2, place)


def test_processes_share_a_batch(catalogue, encoder):
    whole = loader(catalogue, encoder).prepare(1)
    parts = [loader(catalogue, encoder, rank=rank, world=4).prepare(1) for rank in range(4)]
    assert [part.first for part in parts] == [0, 2, 4, 6]
    assert torch.equal(torch.cat([part.pixels["pixel_values"] for part in parts]), whole.pixels["pixel_values"])
    assert torch.equal(torch.cat([part.views for part in parts]), whole.views)
    for task in whole.texts:
        assert torch.equal(torch.cat([p.texts[task]["input_ids"] for p in parts]), whole.texts[task]["input_ids"])
        for part in parts:
            assert part.size == 8
            assert torch.equal(part.positive_grades[task], whole.positive_grades[task])
            every = slice(0, 8)
            assert torch.equal(part.relevance[task].products(every), whole.relevance[task].products(every))


def test_processes_that_cannot_share_a_batch_are_told(catalogue, encoder):
    check_shares(Train(batch=8), 4)
    with pytest.raises(WeftError, match=r"train.batch = 8 products cannot be shared equally by 3 processes"):
        check_shares(Train(batch=8), 3)
    with pytest.raises(WeftError, match=r"train.reference_batch = 6 products cannot be shared equally by 4"):
        check_shares(Train(batch=8, reference="general", reference_batch=6), 4)
    check_shares(Train(batch=8, reference_batch=6), 4)  # without a reference nothing is drawn from it
    with pytest.raises(WeftError, match="products to train on are too few for 100 processes"):
        loader(catalogue, encoder, rank=0, world=100)


def test_a_catalogue_without_a_train_split_is_told(encoder, tmp_path):
    with pytest.raises(WeftError, match="no product of the catalogue is in the train split; curate more products"):
        loader(tiny_catalogue.collection(tmp_path, count=1), encoder)  # its last product is for testing


def test_targets_belong_to_the_pictures_shown(catalogue, encoder):
    """Each picture's target is its own row number."""
    targets = np.arange(catalogue.image_count, dtype=np.float32)[:, None]
    batch = loader(catalogue, encoder, targets=targets).prepare(0)
    rows = batch.targets[:, 0].long().tolist()
    pixels, fixed = training_pixels(encoder, [catalogue.image(row) for row in rows])
    assert fixed
    assert torch.equal(pixels["pixel_values"], batch.pixels["pixel_values"])


def test_what_shoppers_asked_is_used_with_its_grade(catalogue, encoder):
    made = loader(catalogue, encoder)
    graded = {(product, text): grade for product, text, grade in tiny_catalogue.ASKED}
    found = {}
    for place in range(23):
        for epoch in range(40):
            query, grade = made._query("short", epoch, place)
            if query.stated[0].startswith("asked="):
                found[made.products[place].id, query.text] = grade
            else:
                assert grade == 3
    assert found == {asked: grade for asked, grade in graded.items() if grade > 0}
    assert "asked=gift" in made.facts[6]  # so that another's "gift" does not push it away
    assert "asked=gift" not in made.facts[7]
    assert "asked=gift" not in made.facts[8]


def test_a_judged_pair_is_mined_by_its_grade(catalogue, encoder, tmp_path):
    """What a judge called unrelated is a hard negative, whatever is recorded; what it called relevant is none."""
    targets = np.ones((catalogue.image_count, 4), dtype=np.float32) / 2

    def mined(*rows) -> tuple:
        write_table(tmp_path / "grades.parquet", list(rows), GRADES)
        settings = Train(batch=8, epochs=1, hard="base", grades=str(tmp_path) if rows else "")
        with mock.patch("weft.batch.negatives.mine", side_effect=mine) as asked:
            made = loader(catalogue, encoder, settings, targets=targets)
            assert made.steps
        return made.products, asked.call_args.kwargs["grades"]

    products, none = mined()
    assert none == {}
    one, two = products[0].id, products[1].id
    told = {"status": "graded", "judge": "j", "rubric": "r@1"}
    own = {"query": "red", "product_id": one, "grade": 3.0, "own": True, "given": 3.0} | told
    other = {"query": "red", "product_id": two, "grade": 0.0, "own": False, "given": 0.0} | told
    assert mined(own, other)[1] == {(0, 1): 0.0}


def test_texts_and_grades_of_another_catalogue_are_told(catalogue, encoder, tmp_path, capsys):
    def given(product: str, form: str = "short") -> Train:
        text = {"query_id": "", "form": form, "number": 0, "text": "red", "stated": ["colour=red"], "tries": 1}
        text |= {"origin": "written", "reason": "", "model": "m", "prompt_hash": "h"}
        grade = {"query": "red", "grade": 2.0, "own": False, "given": 2.0, "status": "graded", "judge": "j"}
        write_table(tmp_path / "written.parquet", [text | {"product_id": product}], WRITTEN)
        write_table(tmp_path / "grades.parquet", [grade | {"product_id": product, "rubric": "r@1"}], GRADES)
        return Train(batch=8, epochs=1, written=str(tmp_path), grades=str(tmp_path))

    loader(catalogue, encoder, given("p3"))
    said = capsys.readouterr().err
    assert "1 of 23 products to train on have written texts" in said
    assert "1 graded pairs are of the 23 products to train on" in said
    texts = "0 of 23 products to train on have written texts"
    for product, form, changes, told in (
        ("SKU-1", "short", {}, texts),
        ("SKU-1", "short", {"grades": ""}, texts),
        ("SKU-1", "short", {"written": ""}, "0 graded pairs are of the 23"),
        ("p23", "short", {}, texts),  # which is for testing
        ("p3", "long", {"long_weight": 0.0}, texts),  # a form that is not learnt
    ):
        with pytest.raises(WeftError, match=f"is of another catalogue, or its ids have changed since: {told}"):
            loader(catalogue, encoder, dataclasses.replace(given(product, form), **changes))


@pytest.mark.parametrize("family", ["clip", "naflex"])
def test_views_that_a_base_leaves_no_room_for_are_told(encoder, tmp_path, capsys, family):
    other = encoders.load(str(tiny.FAMILIES[family](tmp_path / family)))
    check_views(encoder, Train(backdrop=0.5))
    check_views(other, Train(crop=1.0, flip=False))
    assert not capsys.readouterr().err
    for settings in (Train(flip=False), Train(crop=1.0)):
        check_views(other, settings)
        assert f"{family} crops or sizes pictures by itself: train.crop and" in capsys.readouterr().err
    with pytest.raises(WeftError, match=rf"train\.backdrop needs pictures of one size, and {family} crops"):
        check_views(other, Train(backdrop=0.5))


def test_tasks_without_weight_are_left_out(catalogue, encoder):
    alone = loader(catalogue, encoder, Train(batch=8, epochs=1, long_weight=0.0))
    assert alone.tasks == ["short"]
    assert alone.prepare(0).texts.keys() == {"short"}
    with pytest.raises(WeftError, match="nothing to learn"):
        loader(catalogue, encoder, Train(batch=8, short_weight=0.0, long_weight=0.0))
