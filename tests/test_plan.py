"""The plan against what can be counted and measured: parameters, saved tensors, matrix products."""

import dataclasses

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import tiny
from weft import adapters
from weft import plan as planning
from weft import recipe as recipes
from weft.catalogue.sources.spec import Columns, SourceSpec
from weft.encoders import load
from weft.encoders.published import published
from weft.errors import WeftError
from weft.options import Train
from weft.rates import parameter_groups
from weft.trainer import Trainer

SIGLIP2 = "google/siglip2-base-patch16-384"


def medium():
    """Large enough that matrices outweigh bookkeeping."""
    return tiny.encoder(image_size=64, hidden_size=64, vision_layers=3, text_layers=2, heads=2, max_tokens=32)


@pytest.mark.parametrize(
    ("name", "millions"),
    [  # as the model cards state them
        (SIGLIP2, 375),
        ("google/siglip2-large-patch16-256", 882),
        ("google/siglip2-so400m-patch14-384", 1136),
        ("google/siglip2-giant-opt-patch16-256", 1872),
        ("google/siglip2-base-patch16-naflex", 375),
        ("google/siglip-base-patch16-224", 203),
        ("google/siglip-so400m-patch14-384", 878),
        ("openai/clip-vit-base-patch32", 151),
        ("openai/clip-vit-large-patch14", 428),
    ],
)
def test_published_models_by_name_alone(name, millions):
    counts = planning.count(published(name))
    assert sum(counts.values()) / 1e6 == pytest.approx(millions, rel=0.005)
    assert counts["head"] == (1 if "clip" in name else 2)


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_parameters_are_those_of_the_model(family, tmp_path):
    encoder = load(tiny.FAMILIES[family](tmp_path / family))
    named = dict(encoder.model.named_parameters())
    counts = planning.count(planning.config_of(str(tmp_path / family)))
    assert counts == {tower: sum(named[n].numel() for n in names) for tower, names in encoder.towers().items()}
    image, text, dim = planning.towers(encoder.config)
    assert dim == encoder.dim and text.tokens == encoder.max_tokens
    if family == "naflex":
        assert image.tokens == 256
    else:
        assert image.tokens == 16 + (family == "clip")


def kept(encoder, run) -> int:
    """Bytes of distinct tensors saved for backward, without the weights and their bf16 copies."""
    shapes = [tuple(parameter.shape) for parameter in encoder.model.parameters()]
    copies = {(shape[::step], torch.bfloat16) for shape in shapes for step in (1, -1)}
    own = {parameter.untyped_storage().data_ptr() for parameter in encoder.model.parameters()}
    seen = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own and (tuple(tensor.shape), tensor.dtype) not in copies:
            seen[storage.data_ptr()] = (storage.nbytes(), tensor)  # holding it keeps its address from reuse
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t), torch.autocast("cpu", torch.bfloat16):
        run()
    return sum(size for size, _ in seen.values())


def test_activations_against_saved_tensors():
    encoder = medium()
    encoder.model.train()
    image, text, _ = planning.towers(encoder.config)
    count = 5
    pixels = {"pixel_values": torch.randn(count, 3, 64, 64)}
    measured = kept(encoder, lambda: encoder.image_features(pixels)) / count
    assert image.activations() / measured == pytest.approx(1, abs=0.15)
    tokens = encoder.tokens(["red dress"] * count)
    measured = kept(encoder, lambda: encoder.text_features(tokens)) / count
    assert text.activations() / measured == pytest.approx(1, abs=0.15)


def test_checkpointing_keeps_one_input_per_layer():
    encoder = medium()
    encoder.model.train()
    encoder.model.gradient_checkpointing_enable()
    image, _, _ = planning.towers(encoder.config)
    pixels = {"pixel_values": torch.randn(5, 3, 64, 64)}
    measured = kept(encoder, lambda: encoder.image_features(pixels)) / 5
    one_layer = dataclasses.replace(image, layers=1).activations() - dataclasses.replace(image, layers=0).activations()
    assert (image.activations(True) - one_layer) / measured == pytest.approx(1, abs=0.3)
    assert image.activations(True) < 0.7 * image.activations()


@pytest.mark.parametrize("family", ["siglip2", "clip"])
def test_flops_against_counted_ones(family, tmp_path):
    encoder = load(tiny.FAMILIES[family](tmp_path / family))
    image, text, _ = planning.towers(encoder.config)
    encoder.model.set_attn_implementation("eager")  # the counter sees plain products only
    pixels, tokens = encoder.pixels(tiny.pictures(1)), encoder.tokens(["red dress"])
    for tower, run in ((image, lambda: encoder.image_features(pixels)), (text, lambda: encoder.text_features(tokens))):
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            run()
        assert tower.flops() / counter.get_total_flops() == pytest.approx(1, abs=0.12)


def test_the_papers_base_on_three_cards():
    config, options = published(SIGLIP2), Train(batch=4096, micro_batch=128, epochs=5)
    plan = planning.plan(config, 200_000, options, decoders=64)
    assert (plan.dim, plan.image_tokens, plan.text_tokens) == (768, 576, 64)
    assert plan.fixed == 18 * sum(plan.parameters.values())
    assert plan.cache_disk == 200_000 * 768 * 4
    sizes = [fit.plain for fit in plan.fits]
    assert 0 < sizes[0] < sizes[1] < sizes[2] <= 4096
    assert [fit.fits for fit in plan.fits] == [size >= 128 for size in sizes]
    assert plan.fits[1].hours == pytest.approx(200_000 * 5 * plan.flops / 400e12 / 3600)
    for fit in plan.fits:  # the largest fits, one more does not
        for extra, fits in ((0, True), (1, False)):
            for largest, checkpointing in ((fit.plain, False), (fit.checkpointing, True)):
                how = dataclasses.replace(options, micro_batch=largest + extra, checkpointing=checkpointing)
                again = planning.plan(config, 200_000, how, cards=(fit.card,))
                assert again.fits[0].fits is fits
                assert (again.memory <= planning.USABLE * fit.card.memory) is fits


def test_the_slower_of_computing_and_loading_sets_the_pace():
    options = Train(batch=4096, micro_batch=128, epochs=1)
    slow, fast = (planning.plan(published(SIGLIP2), 72_000, options, decoders=n).fits[1] for n in (1, 64))
    assert (slow.bound, fast.bound) == ("loading", "compute")
    assert slow.hours == pytest.approx(72_000 / planning.DECODED / 3600)
    assert fast.hours < slow.hours


def test_replay_and_checkpointing_cost_a_pass_each():
    config = published(SIGLIP2)
    whole = planning.plan(config, 1000, Train(batch=256))
    assert (whole.micro_batch, whole.passes) == (256, 3)
    assert planning.plan(config, 1000, Train(batch=256, micro_batch=64)).passes == 4
    both = planning.plan(config, 1000, Train(batch=256, micro_batch=64, checkpointing=True))
    assert both.flops == pytest.approx(whole.flops * 5 / 3)
    assert both.activations < whole.activations / 3


@pytest.mark.parametrize("family", ["siglip2", "clip"])
def test_lora_trains_few_parameters_and_asks_no_gradient_of_the_others(family, tmp_path):
    encoder = load(tiny.FAMILIES[family](tmp_path / family))
    image, text, _ = planning.towers(encoder.config)
    encoder.model.set_attn_implementation("eager")
    pixels, tokens = encoder.pixels(tiny.pictures(1)), encoder.tokens(["red dress"])
    adapters.adapt(encoder, 2, 0.0, 0)
    added = [value for name, value in encoder.model.named_parameters() if ".lora_" in name]
    assert sum(value.numel() for value in added) == 2 * (image.adapted() + text.adapted())
    with FlopCounterMode(display=False) as counter:
        (encoder.image_features(pixels).sum() + encoder.text_features(tokens).sum()).backward()
    assert 2 * (image.flops() + text.flops()) / counter.get_total_flops() == pytest.approx(1, abs=0.25)
    how = [planning.plan(encoder.config, 100, Train(batch=8, lora_rank=rank)) for rank in (2, 0)]
    assert how[0].lora == 2 * (image.adapted() + text.adapted()) and how[1].lora == 0
    assert (how[0].passes, how[1].passes) == (2, 3) and how[0].fixed < how[1].fixed / 2
    assert "LoRA trains 0.0 M parameters" in planning.render(how[0]) and "LoRA" not in planning.render(how[1])


@pytest.mark.parametrize("tower", ["image", "text"])
def test_a_frozen_tower_goes_forward_once_and_keeps_nothing(tower):
    encoder, options = medium(), Train(batch=8, **{f"{tower}_lr": 0.0})
    encoder.model.set_attn_implementation("eager")  # the counter sees plain products only
    parameter_groups(encoder, options)
    pixels, tokens = {"pixel_values": torch.randn(1, 3, 64, 64)}, encoder.tokens(["red dress"])

    def run():
        return encoder.image_features(pixels).sum() + encoder.text_features(tokens).sum()

    plan = planning.plan(encoder.config, 100, options, tasks=1)
    with FlopCounterMode(display=False) as counter:
        run().backward()
    assert plan.flops / counter.get_total_flops() == pytest.approx(1, abs=0.15)
    assert plan.activations / kept(encoder, run) == pytest.approx(1, abs=0.3)
    counts = planning.count(encoder.config)
    whole = planning.plan(encoder.config, 100, Train(batch=8), tasks=1)
    assert whole.fixed - plan.fixed == 12 * counts[tower], "no gradient and no moments of it"
    assert f"(3 forward passes' worth, 1 of the {tower} tower)" in planning.render(plan)
    assert f"the {tower} tower frozen" in planning.render(plan) and "frozen" not in planning.render(whole)
    lora = planning.plan(encoder.config, 100, dataclasses.replace(options, lora_rank=2), tasks=1)
    other = planning.towers(encoder.config)[tower == "image"]
    assert lora.lora == 2 * other.adapted()


def test_what_holds_the_student_costs_its_own_passes():
    config = published(SIGLIP2)
    image, text, _ = planning.towers(config)
    sizes = planning.count(config)

    def costs(decoders=64, **options):
        return planning.plan(config, 1000, Train(batch=256, micro_batch=64, **options), decoders=decoders)

    plain = costs()
    assert plain.teacher == plain.reference == 0
    assert "% of it" not in planning.render(plain)
    texts, live = costs(lwf_text_weight=1.0), costs(lwf_target="live")
    assert (texts.teacher, live.teacher) == (2 * text.flops(), image.flops())
    assert texts.flops == plain.flops + texts.teacher and texts.fits[1].hours > plain.fits[1].hours
    assert texts.fixed - plain.fixed == 4 * (sizes["text"] + sizes["head"])
    assert live.fixed - plain.fixed == 4 * sum(sizes.values())
    general = costs(reference="runs/x/curate", reference_batch=64)
    assert general.reference == 64 / 256 * 3 * (image.flops() + text.flops())  # one micro-batch, so nothing is replayed
    assert costs(reference="x", reference_batch=128).reference == 128 / 256 * 4 * (image.flops() + text.flops())
    slow = [costs(1, reference=name, reference_batch=64).fits[2] for name in ("runs/x/curate", "")]
    assert slow[0].bound == slow[1].bound == "loading" and slow[0].hours / slow[1].hours == pytest.approx(1.25)
    assert f"{100 * general.reference / general.flops:.0f}% of it for reference data" in planning.render(general)
    assert costs(ema=0.9).fixed - plain.fixed == 4 * sum(sizes.values())
    told = "the base's embeddings (LwF)"  # which lie on the disk only where a term of the loss asks for them
    assert plain.cache_disk == costs(lwf_weight=0.0, hard="base").cache_disk > 0 and told in planning.render(plain)
    for none in (live, costs(lwf_weight=0.0)):
        assert none.cache_disk == 0 and told not in planning.render(none)


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_a_checkpoint_is_written_beside_the_last_one(tmp_path, ema):
    options, encoder = Train(batch=8, ema=ema), medium()
    trainer = Trainer(encoder, options, seed=0, steps=2)
    for parameter in trainer.trained:
        parameter.grad = torch.zeros_like(parameter)
    trainer.optimizer.step()  # which makes the moments
    trainer.save(tmp_path / "checkpoint")
    plan = planning.plan(encoder.config, 100, options)
    assert plan.checkpoint_disk / (tmp_path / "checkpoint").stat().st_size == pytest.approx(2, abs=0.05)
    assert f"checkpoints, last and next    {planning._bytes(plan.checkpoint_disk)}" in planning.render(plan)


def test_a_giant_does_not_fit_a_small_card():
    plan = planning.plan(published("google/siglip2-giant-opt-patch16-384"), 1000, Train(batch=64))
    assert plan.fits[0].plain == 0 and not plan.fits[0].fits
    assert plan.fits[0].checkpointing == 0
    assert "RTX 4090   no " in planning.render(plan)


def test_text_says_what_was_assumed():
    recipe = recipes.Recipe(name="x", base=SIGLIP2)
    text = planning.plan_recipe(recipe)
    for part in ("375.5 M parameters", "pairs/hour", "(assumed)", "products assumed: 200,000", "80 GB, H100"):
        assert part in text
    assert "assumed: " not in planning.plan_recipe(recipe, products=10)
    assert max(map(len, text.splitlines())) <= 100


def test_texts_are_those_that_a_step_learns_from(tmp_path):
    recipe = recipes.Recipe(name="x", base="new:siglip", out=str(tmp_path), train=Train(short_weight=0.0))
    text = planning.plan_recipe(recipe, products=10)
    assert ", 1 texts per product" in text and "(LwF)" not in text
    assert ", 2 texts per product" in planning.plan_recipe(dataclasses.replace(recipe, train=Train()), products=10)


def table(path, suffix, rows):
    path = path / f"shop{suffix}"
    if suffix == ".parquet":
        pq.write_table(pa.table({"title": [f"dress {row}" for row in range(rows)]}), path)
    elif suffix == ".csv":
        path.write_text("title,brand\n" + "".join(f"dress {row},acme\n" for row in range(rows)).rstrip("\n"))
    else:
        path.write_text("".join(f'{{"title": "dress {row}"}}\n' for row in range(rows)))
    return str(path)


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_rows_are_counted_before_anything_is_curated(tmp_path, suffix):
    source = SourceSpec(path=table(tmp_path, suffix, 5000), columns=Columns(title="title"))
    recipe = recipes.Recipe(name="x", base=SIGLIP2, out=str(tmp_path / "run"), sources=(source,))
    text = planning.plan_recipe(recipe)
    assert "4,000 products x" in text and "assumed: " not in text  # 10% each are dev and test
    assert "(products: 5,000 rows counted, 4,000 of them to train on if all can be used)" in text
    assert max(map(len, text.splitlines())) <= 100

    def counted(**changes):
        return planning._counted(dataclasses.replace(recipe, sources=(dataclasses.replace(source, **changes),)))

    assert counted(columns=Columns(brand="brand")) == (5000, 3600)  # 10% in brands that are held out
    assert counted(limit=1000) == (5000, 800) and counted(share=0.5) == (5000, 2000)
    assert counted(train_only=True) == (5000, 5000) and counted(keep_brands=(0.0, 0.25)) == (5000, 1000)
    assert counted(path="demo:studio?products=300", train_only=True) == (300, 300)
    for place in (str(tmp_path / "none.csv"), "hf:owner/name"):
        assert counted(path=place) is None
    there = dataclasses.replace(recipe, sources=(source, dataclasses.replace(source, path="hf:owner/name")))
    said = planning.plan_recipe(there)
    assert "products assumed: 200,000, because hf:owner/name lies on the hub;" in said, "it is not left out"
    lost = dataclasses.replace(recipe, sources=(dataclasses.replace(source, path=str(tmp_path / "none.csv")),))
    assert "none.csv is not here;" in planning.plan_recipe(lost)
    (tmp_path / "empty.jsonl").touch()
    empty = dataclasses.replace(recipe, sources=(dataclasses.replace(source, path=str(tmp_path / "empty.jsonl")),))
    assert "empty.jsonl has no rows;" in planning.plan_recipe(empty)


def test_new_and_local_bases(tmp_path):
    recipe = recipes.Recipe(name="x", base="new:siglip")
    assert sum(planning.count(planning.config_of("new:siglip", recipe)).values()) > 1e6
    tiny.encoder().save(tmp_path / "m")
    assert planning.config_of(str(tmp_path / "m")).vision_config.image_size == 32
    with pytest.raises(WeftError, match="nothing is known of the base"):
        planning.config_of(str(tmp_path / "none"))
