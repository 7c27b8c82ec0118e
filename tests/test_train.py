"""The training loop: freezing, rates, what it logs and what it leaves behind."""

import numpy as np
import pytest
import torch

import tiny_catalogue
from training import PAIRS, fresh, run, state, train_with
from training import catalogue as catalogue  # the fixture
from training import made as made  # the fixture
from weft import encoders, train, trainer
from weft.catalogue.layout import write_table
from weft.errors import WeftError
from weft.pairs.writing import WRITTEN
from weft.recipe import Recipe


def test_a_reference_and_its_collection_belong_together(made, catalogue, tmp_path):
    recipe = Recipe(name="test", base="test", pairs=PAIRS, train=train_with(reference="somewhere"), seed=3)
    with pytest.raises(ValueError, match="belong together"):
        train.train(recipe, catalogue, fresh(made, "siglip"), tmp_path)


def test_what_cannot_be_compiled_rightly_is_said_first(monkeypatch):
    cpu = torch.device("cpu")
    with pytest.raises(WeftError, match="wrong gradients in bf16 on a CPU"):
        trainer.check_compile(train_with(compile=True, precision="bf16"), cpu)
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(WeftError, match=r"needs a C\+\+ compiler, and there is no no-such-compiler"):
        trainer.check_compile(train_with(compile=True, precision="fp32"), cpu)
    trainer.check_compile(train_with(precision="bf16"), cpu)


@pytest.mark.parametrize("frozen", ["image", "text"])
def test_a_rate_of_zero_freezes_a_tower_bit_for_bit(made, catalogue, tmp_path, frozen):
    encoder = fresh(made, "siglip")
    before = state(encoder)
    run(catalogue, encoder, tmp_path, micro_batch=4, weight_decay=0.5, **{f"{frozen}_lr": 0.0})
    towers, after = encoder.towers(), encoder.model.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in towers.pop(frozen))
    moved = [not torch.equal(after[name], before[name]) for names in towers.values() for name in names]
    assert np.mean(moved) > 0.9


def test_a_frozen_head_and_both_frozen_towers(made, catalogue, tmp_path):
    encoder = fresh(made, "clip")
    before = state(encoder)
    run(catalogue, encoder, tmp_path / "towers", micro_batch=4, image_lr=0.0, text_lr=0.0, lwf_weight=0.0)
    changed = [name for name, tensor in encoder.model.state_dict().items() if not torch.equal(tensor, before[name])]
    assert changed == ["logit_scale"]
    with pytest.raises(WeftError, match="nothing to train"):
        run(catalogue, encoder, tmp_path / "none", image_lr=0.0, text_lr=0.0, head_lr=0.0, lwf_weight=0.0)


def test_learning_lowers_the_loss_and_the_log_tells(made, catalogue, tmp_path):
    log = run(catalogue, fresh(made, "siglip"), tmp_path, epochs=12, lr=5e-3, checkpoint_every=5, crop=1.0, flip=False)
    assert [entry["step"] for entry in log] == list(range(24))
    for entry in log:
        parts = 0.7 * entry["short"] + 1.3 * entry["long"] + 0.4 * entry["lwf"]
        assert entry["loss"] == pytest.approx(parts, abs=1e-5)
    assert log[-1]["loss"] < 0.8 * log[0]["loss"]
    assert log[0]["lwf"] < 1e-5 < 1e-2 < log[-1]["lwf"]  # the student begins as the base and leaves it
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "base_images.npy", "checkpoint.safetensors", "log.jsonl", "model",
    ]  # fmt: skip


def test_a_backdrop_that_cannot_be_is_told_before_the_base_is_asked(made, catalogue, tmp_path):
    with pytest.raises(WeftError, match=r"train\.backdrop needs"):
        run(catalogue, fresh(made, "clip"), tmp_path, backdrop=0.5)
    assert not list(tmp_path.iterdir())


def test_a_reference_with_too_few_products_is_told_before_the_base_is_asked(made, catalogue, tmp_path):
    with pytest.raises(WeftError, match=r"train\.reference_batch is 24, and .* has 23 products to draw from"):
        run(catalogue, fresh(made, "siglip"), tmp_path, reference=str(catalogue.folder), reference_batch=24)
    assert not list(tmp_path.iterdir())


def test_texts_of_another_catalogue_are_told_before_the_base_is_asked(made, catalogue, tmp_path):
    (tmp_path / "texts").mkdir()
    row = dict.fromkeys(WRITTEN.names) | {"product_id": "other", "form": "short", "text": "a hat", "stated": []}
    write_table(tmp_path / "texts" / "written.parquet", [row], WRITTEN)
    (tmp_path / "run").mkdir()
    with pytest.raises(WeftError, match="is of another catalogue"):
        run(catalogue, fresh(made, "siglip"), tmp_path / "run", written=str(tmp_path / "texts"))
    assert not list((tmp_path / "run").iterdir())


def test_the_log_tells_each_step_s_products(made, catalogue, tmp_path):
    """Of a catalogue smaller than a batch there are no more than it has."""
    for batch, steps in ((11, 2), (64, 1)):
        log = run(catalogue, fresh(made, "siglip"), tmp_path / str(batch), batch=batch, epochs=1, lwf_weight=0.0)
        assert [entry["products"] for entry in log] == [min(batch, 23)] * steps


def test_divergence_is_a_clear_error(made, catalogue, tmp_path):
    encoder = fresh(made, "siglip")
    with torch.no_grad():
        encoder.logit_scale.fill_(200.0)
    with pytest.raises(WeftError, match=r"diverged at step 0: lower train\.lr"):
        run(catalogue, encoder, tmp_path)


def test_weights_that_the_last_step_broke_are_no_model(made, catalogue, tmp_path):
    with pytest.raises(WeftError, match="diverged at its last step"):
        run(catalogue, fresh(made, "siglip"), tmp_path, epochs=1, batch=22, lr=float("inf"))
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(("count", "told"), [(2, "a batch of this catalogue is one product"), (1, "no product")])
def test_one_product_has_no_variance_and_none_no_training(made, tmp_path, count, told):
    few = tiny_catalogue.collection(tmp_path / "c", count=count)  # the last one is a test product
    (tmp_path / "t").mkdir()
    with pytest.raises(WeftError, match=told):
        run(few, fresh(made, "siglip"), tmp_path / "t", vicreg_weight=1.0)


def test_the_result_is_the_trained_model(made, catalogue, tmp_path):
    encoder = fresh(made, "clip")
    run(catalogue, encoder, tmp_path, lwf_weight=0.0)
    trained, opened = encoder.model.state_dict(), encoders.load(str(tmp_path / "model")).model.state_dict()
    assert trained.keys() == opened.keys()
    assert all(torch.equal(opened[name], tensor) for name, tensor in trained.items())
