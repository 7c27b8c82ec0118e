"""The terms of the loss that hold on to the base: against whole matrices, in any micro-batches, on any processes."""

import dataclasses

import pytest
import torch
import torch.nn.functional as F

import tiny_catalogue
from test_gradient import Largest, batch_of, distance, embed, gradients, reference_loss
from training import SETTINGS, fresh, train_with
from training import made as made  # the fixture
from weft import gradient, objective, processes
from weft.batch import Batch
from weft.losses import vicreg

TERMS = {"lwf_text_weight": 0.3, "lwf_similarity_weight": 0.6, "vicreg_weight": 0.2}
SCALE = torch.tensor(1.7)
B = SETTINGS.batch


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    return tiny_catalogue.collection(tmp_path_factory.mktemp("catalogue"))


def units(count: int, dim: int, seed: int) -> torch.Tensor:
    return F.normalize(torch.randn(count, dim, generator=torch.Generator().manual_seed(seed)), dim=1)


def held(batch: Batch, dim: int) -> Batch:
    """The batch with an invented base's view of its queries."""
    batch.text_targets = {task: units(batch.size, dim, seed) for seed, task in enumerate(batch.texts)}
    batch.base_scale = SCALE
    return batch


def divergence(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    """Mean over rows of KL(p || q), by its definition."""
    return (p * (p / q).log()).sum(1).mean()


def similarity(images, texts, base_images, base_texts) -> torch.Tensor:
    """Both directions, whole."""
    scale = SCALE.exp()
    ours, base = scale * images @ texts.T, scale * base_images @ base_texts.T
    return sum(divergence(b.softmax(1), o.softmax(1)) for o, b in ((ours, base), (ours.T, base.T))) / 2


def whole_loss(encoder, loader, batch, out, settings) -> torch.Tensor:
    loss = reference_loss(encoder, loader, batch, out, settings)
    for task, target in batch.text_targets.items():
        loss = loss + settings.lwf_text_weight / 2 * (1 - (out[task] * target).sum(1)).mean()
        pairs = similarity(out["image"], out[task], batch.targets, target)
        loss = loss + settings.lwf_similarity_weight / 2 * pairs
    sides = {"both": ["image", "short", "long"], "image": ["image"], "text": ["short", "long"]}[settings.vicreg_on]
    return loss + settings.vicreg_weight * sum(vicreg(out[side]) for side in sides) / len(sides)


@pytest.mark.parametrize(("family", "on"), [("siglip", "both"), ("siglip", "image"), ("clip", "text")])
def test_any_micro_batch_gives_the_full_batchs_gradient(made, catalogue, family, on):
    encoder, settings = fresh(made, family), train_with(**TERMS, vicreg_on=on)
    loader, batch = batch_of(encoder, catalogue)
    held(batch, encoder.dim)
    loss = whole_loss(encoder, loader, batch, embed(encoder, batch), settings)
    loss.backward()
    expected = gradients(encoder)
    for micro in (1, 3, B):
        parts = gradient.batch_gradient(encoder, batch, dataclasses.replace(settings, micro_batch=micro), seed=1)
        assert float(parts["loss"]) == pytest.approx(loss.item(), rel=1e-5)
        assert parts.keys() == {"loss", "short", "long", "lwf", "lwf_text", "lwf_similarity", "vicreg"}
        assert distance(gradients(encoder), expected) < 1e-5


def shown(encoder, catalogue) -> Batch:
    """A batch as `Reference` makes it."""
    batch = batch_of(encoder, catalogue)[1]
    batch.texts, batch.relevance, batch.positive_grades = {"reference": batch.texts["long"]}, {}, {}
    return held(batch, encoder.dim)


def is_the_term(encoder, batch, settings, name: str, value: torch.Tensor, gradients_of) -> None:
    """The reference's loss is 0.7 times `value`, called `name`, and so is its gradient, whatever the micro-batch."""
    (0.7 * value).backward()
    expected = gradients_of(encoder)
    for micro in (2, B):
        settings = dataclasses.replace(settings, micro_batch=micro)
        parts = gradient.batch_gradient(encoder, batch, settings, 1, loss=objective.reference_loss)
        assert float(parts[name]) == pytest.approx(value.item(), rel=1e-4)
        assert float(parts["loss"]) == pytest.approx(0.7 * value.item(), rel=1e-4)
        assert distance(gradients_of(encoder), expected) < 1e-5


@pytest.mark.parametrize("family", ["siglip", "clip"])
@pytest.mark.parametrize("form", ["similarity", "vectors"])
def test_reference_data_are_held_exactly(made, catalogue, family, form):
    encoder, settings = fresh(made, family), train_with(reference_weight=0.7, reference_loss=form)
    batch = shown(encoder, catalogue)
    out, target = embed(encoder, batch), batch.text_targets["reference"]
    if form == "similarity":
        value = similarity(out["image"], out["reference"], batch.targets, target)
    else:
        pairs = ((out["image"], batch.targets), (out["reference"], target))
        value = sum((1 - (a * b).sum(1)).mean() for a, b in pairs) / 2
    is_the_term(encoder, batch, settings, "reference", value, tower_gradients)


@pytest.mark.parametrize("family", ["siglip", "clip"])
def test_replay_is_the_plain_loss_but_for_equal_titles(made, catalogue, family):
    encoder, settings = fresh(made, family), train_with(reference_weight=0.0, replay_weight=0.7)
    batch = shown(encoder, catalogue)
    batch.text_targets["reference"][2] = batch.text_targets["reference"][4]  # one title, two products
    apart, eye = torch.ones(B, B), torch.eye(B)
    apart[2, 4] = apart[4, 2] = 0
    out = embed(encoder, batch)
    cosines, scale = out["image"] @ out["reference"].T, encoder.logit_scale.exp()
    if family == "siglip":
        value = -(apart * F.logsigmoid((2 * eye - 1) * (scale * cosines + encoder.logit_bias))).sum() / B
    else:
        logits = (scale * cosines).masked_fill(apart == 0, -torch.inf)
        value = sum(F.cross_entropy(z, torch.arange(B)) for z in (logits, logits.T)) / 2
    is_the_term(encoder, batch, settings, "replay", value, gradients)


def tower_gradients(encoder) -> torch.Tensor:
    """As one vector; the head, whose temperature the base sets, takes no part."""
    named = dict(encoder.model.named_parameters())
    names = encoder.towers()
    assert all(named[name].grad is None for name in names["head"])
    grads = [named[name].grad for tower in ("image", "text") for name in names[tower]]
    assert all(grad is not None and grad.isfinite().all() for grad in grads)
    encoder.model.zero_grad()
    return torch.cat([grad.flatten() for grad in grads])


@pytest.mark.parametrize("family", ["siglip", "clip"])
@pytest.mark.parametrize("loss", [objective.embedding_loss, objective.reference_loss])
def test_two_processes_shares_add_up(made, catalogue, family, loss, monkeypatch):
    """What each of two processes makes of the gathered embeddings, without starting them."""
    encoder, settings = fresh(made, family), train_with(**TERMS, replay_weight=0.4, batch=12)
    _, batch = batch_of(encoder, catalogue, settings)
    if loss is objective.reference_loss:
        batch.texts = {"reference": batch.texts["long"]}
    held(batch, encoder.dim)
    leaves = {name: units(12, encoder.dim, seed) for seed, name in enumerate(("image", *batch.texts), start=9)}
    everything = {id(t): t for t in (batch.targets, *batch.text_targets.values())}

    def gradient(first: int, count: int) -> tuple[dict, dict]:
        part = dataclasses.replace(batch, first=first, targets=batch.targets[first : first + count])
        part.text_targets = {task: t[first : first + count] for task, t in batch.text_targets.items()}
        wholes = {t.data_ptr(): w for w in everything.values() for t in (w[first:],)}
        monkeypatch.setattr(processes, "gather", lambda tensor: wholes[tensor.data_ptr()])
        own = {name: leaf.clone().requires_grad_() for name, leaf in leaves.items()}
        parts = loss(encoder, own, part, settings, count)
        return parts, {name: leaf.grad for name, leaf in own.items()}

    (parts, whole), halves = gradient(0, 12), [gradient(0, 6), gradient(6, 6)]
    for name, value in parts.items():
        torch.testing.assert_close(sum(half[0][name] for half in halves), value)
    for name, value in whole.items():
        assert distance(sum(half[1][name] for half in halves), value) < 1e-5


@pytest.mark.parametrize("family", ["siglip", "clip"])
def test_no_matrix_of_the_whole_batch_is_ever_held(made, tmp_path, monkeypatch, family):
    encoder, size, settings = fresh(made, family), 64, train_with(**TERMS, batch=64)
    _, batch = batch_of(encoder, tiny_catalogue.collection(tmp_path, count=size + 1), settings)
    held(batch, 16)
    batch.targets = batch.targets[:, :16]
    leaves = {name: units(size, 16, 1).requires_grad_() for name in ("image", *batch.texts)}
    monkeypatch.setattr(objective, "BLOCK", 4)
    with Largest() as largest:
        objective.embedding_loss(encoder, leaves, batch, settings, size)
    assert largest.calls > 1000
    assert 4 * size <= largest.numbers < size * size
