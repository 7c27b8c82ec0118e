"""The plan against what can be counted and measured: parameters, saved tensors, matrix products."""

import dataclasses

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import tiny
from weft import plan as planning
from weft import recipe as recipes
from weft.encoders import load
from weft.encoders.published import published
from weft.errors import WeftError

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
    config = published(SIGLIP2)
    plan = planning.plan(config, products=200_000, batch=4096, micro_batch=128, epochs=5, decoders=64)
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
                again = planning.plan(
                    config, 200_000, 4096, largest + extra, 5, checkpointing=checkpointing, cards=(fit.card,)
                )
                assert again.fits[0].fits is fits
                assert (again.memory <= planning.USABLE * fit.card.memory) is fits


def test_the_slower_of_computing_and_loading_sets_the_pace():
    config = published(SIGLIP2)
    slow, fast = (planning.plan(config, 72_000, 4096, 128, decoders=n).fits[1] for n in (1, 64))
    assert (slow.bound, fast.bound) == ("loading", "compute")
    assert slow.hours == pytest.approx(72_000 / planning.DECODED / 3600)
    assert fast.hours < slow.hours


def test_replay_and_checkpointing_cost_a_pass_each():
    config = published(SIGLIP2)
    whole = planning.plan(config, 1000, 256)
    assert (whole.micro_batch, whole.passes) == (256, 3)
    assert planning.plan(config, 1000, 256, 64).passes == 4
    both = planning.plan(config, 1000, 256, 64, checkpointing=True)
    assert both.flops == pytest.approx(whole.flops * 5 / 3)
    assert both.activations < whole.activations / 3


def test_a_giant_does_not_fit_a_small_card():
    plan = planning.plan(published("google/siglip2-giant-opt-patch16-384"), 1000, 64)
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


def test_new_and_local_bases(tmp_path):
    recipe = recipes.Recipe(name="x", base="new:siglip")
    assert sum(planning.count(planning.config_of("new:siglip", recipe)).values()) > 1e6
    tiny.encoder().save(tmp_path / "m")
    assert planning.config_of(str(tmp_path / "m")).vision_config.image_size == 32
    with pytest.raises(WeftError, match="nothing is known of the base"):
        planning.config_of(str(tmp_path / "none"))
