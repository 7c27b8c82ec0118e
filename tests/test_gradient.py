"""The gradient of a step, for any micro-batch, against an independent full-batch reference."""

import shutil

import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

import tiny_catalogue
from training import PAIRS, SETTINGS, fresh, train_with
from training import catalogue as catalogue  # the fixture
from training import made as made  # the fixture
from weft import gradient, objective, trainer
from weft.batch import Loader
from weft.recipe import Pairs
from weft.views import model_pixels


def batch_of(encoder, catalogue, settings=SETTINGS, pairs=PAIRS, step: int = 0):
    """A batch with cropped views for every family, invented targets, and what the reference needs to know."""
    loader = Loader(catalogue, encoder, pairs, settings, seed=3)
    batch = loader.prepare(step)
    if batch.views is None:  # CLIP's own processor makes no views
        batch.pixels = {"pixel_values": torch.randint(0, 256, (batch.size, 3, 32, 32), dtype=torch.uint8)}
        batch.views = torch.tensor([[[0.7, 0, 0.2], [0, 0.8, -0.1]]]).expand(batch.size, 2, 3)
    random = torch.Generator().manual_seed(8)
    batch.targets = F.normalize(torch.randn(batch.size, encoder.dim, generator=random), dim=1)
    return loader, batch


def judged(loader, step: int, task: str) -> tuple[torch.Tensor, torch.Tensor]:
    """(B, B) weights by the rule of `weft.pairs.relevance`, from the products themselves, in a double loop."""
    epoch, places = loader._plan[step]
    asked = [loader._query(task, epoch, int(place)) for place in places]
    group = [loader.collection.group[loader.rows[place]] for place in places]
    titles = [loader.titles[place] for place in places]
    weights = torch.ones(len(places), len(places))
    for i, place in enumerate(places):
        for j, (query, _) in enumerate(asked):
            missing = len(set(query.stated) - loader.facts[place])
            same = group[i] == group[j] or titles[i] == titles[j] or asked[i][0].text == query.text
            grade = 3 if same or missing == 0 else 1 if missing == 1 and len(query.stated) >= 3 else 0
            weights[i, j] = SETTINGS.negative_weights[grade]
    own = torch.tensor([SETTINGS.positive_weights[int(grade)] for _, grade in asked])
    return weights, own / own.mean()


def reference_loss(encoder, loader, batch, out: dict, settings=SETTINGS, step: int = 0) -> torch.Tensor:
    """The formulas of ZooClaw-FashionSigLIP2 (arXiv 2606.27708) on whole (B, B) matrices."""
    whole, eye = 0.0, torch.eye(batch.size)
    for task, share in (("short", settings.short_weight), ("long", settings.long_weight)):
        weights, own = judged(loader, step, task)
        cosines = out["image"] @ out[task].T
        if encoder.head == "sigmoid":
            z = encoder.logit_scale.exp() * cosines + encoder.logit_bias
            weights = weights * (1 - eye) + torch.diag(own)
            loss = -(weights * F.logsigmoid((2 * eye - 1) * z)).sum() / batch.size
        else:
            e = (encoder.logit_scale.exp() * cosines).exp()
            pushed = e * weights * (1 - eye)
            rows = -(own * (e.diag() / (e.diag() + pushed.sum(1))).log()).mean()
            columns = -(own * (e.diag() / (e.diag() + pushed.sum(0))).log()).mean()
            loss = (rows + columns) / 2
        whole = whole + share * loss
    return whole + settings.lwf_weight * (1 - (out["image"] * batch.targets).sum(1)).mean()


def embed(encoder, batch, rows: slice = slice(None)) -> dict[str, torch.Tensor]:
    pixels = model_pixels(encoder, {n: t[rows] for n, t in batch.pixels.items()}, batch.views[rows])
    out = {"image": encoder.image_features(pixels)}
    return out | {
        task: encoder.text_features({n: t[rows] for n, t in tokens.items()}) for task, tokens in batch.texts.items()
    }


def gradients(encoder) -> torch.Tensor:
    """Every parameter's gradient as one vector; each tower and the head must have taken part."""
    named = dict(encoder.model.named_parameters())
    for names in encoder.towers().values():
        assert any(named[name].grad is not None and named[name].grad.abs().max() > 0 for name in names)
    grads = [p.grad if p.grad is not None else torch.zeros_like(p) for p in named.values()]
    encoder.model.zero_grad()
    return torch.cat([g.flatten() for g in grads])


def distance(one: torch.Tensor, other: torch.Tensor) -> float:
    """Relative L2 difference, in double precision."""
    return float((one.double() - other.double()).norm() / other.double().norm())


@pytest.mark.parametrize("family", ["siglip", "clip"])
def test_any_micro_batch_gives_the_full_batchs_gradient(made, catalogue, family):
    encoder = fresh(made, family)
    loader, batch = batch_of(encoder, catalogue)
    weights, own = judged(loader, 0, "short")
    assert {0.0, 0.7, 1.0} <= {round(w, 3) for w in weights.flatten().tolist()}
    assert len(set(own.tolist())) > 1  # graded positives
    loss = reference_loss(encoder, loader, batch, embed(encoder, batch))
    loss.backward()
    expected = gradients(encoder)
    for micro in (1, 2, 3, SETTINGS.batch):
        parts = gradient.batch_gradient(encoder, batch, train_with(micro_batch=micro), seed=1)
        assert float(parts["loss"]) == pytest.approx(loss.item(), rel=1e-5)
        assert distance(gradients(encoder), expected) < 1e-5


@pytest.mark.parametrize("family", ["siglip", "clip"])
@pytest.mark.parametrize("micro", [2, 4])
def test_dropout_is_replayed(made, catalogue, family, micro):
    encoder = fresh(made, family, dropout=0.3)
    loader, batch = batch_of(encoder, catalogue)
    kept = []
    for start in range(0, SETTINGS.batch, micro):  # the graphs of all micro-batches at once: what replay saves
        torch.manual_seed(40 + start)
        kept.append(embed(encoder, batch, slice(start, start + micro)))
    out = {name: torch.cat([part[name] for part in kept]) for name in kept[0]}
    reference_loss(encoder, loader, batch, out).backward()
    expected = gradients(encoder)
    gradient.batch_gradient(encoder, batch, train_with(micro_batch=micro), seed=40)
    assert distance(gradients(encoder), expected) < 1e-5
    gradient.batch_gradient(encoder, batch, train_with(micro_batch=micro), seed=41)
    assert distance(gradients(encoder), expected) > 1e-3  # dropout was on


@pytest.mark.parametrize("family", ["siglip", "clip"])
def test_blocks_smaller_than_the_batch_change_nothing(made, catalogue, family, monkeypatch):
    encoder = fresh(made, family)
    _, batch = batch_of(encoder, catalogue)
    gradient.batch_gradient(encoder, batch, SETTINGS)
    expected = gradients(encoder)
    monkeypatch.setattr(objective, "BLOCK", 4)
    gradient.batch_gradient(encoder, batch, SETTINGS)
    assert distance(gradients(encoder), expected) < 1e-5


class Largest(TorchDispatchMode):
    """Remembers the size of the largest tensor that any operation, forwards or backwards, has made."""

    numbers, calls = 0, 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, tuple | list) else (made,):
            if isinstance(tensor, torch.Tensor):
                sparse = tensor.layout == torch.sparse_coo
                self.numbers = max(self.numbers, tensor._nnz() if sparse else tensor.numel())
                self.calls += 1
        return made


@pytest.mark.parametrize("family", ["siglip", "clip"])
@pytest.mark.parametrize("pairs", [Pairs(), Pairs(short="title", long="title")])
def test_no_matrix_of_the_whole_batch_is_ever_held(made, tmp_path, monkeypatch, family, pairs):
    """With titles as queries every query states something of its own."""
    encoder, size = fresh(made, family), 64
    large = tiny_catalogue.collection(tmp_path, count=size + 1)
    _, batch = batch_of(encoder, large, train_with(batch=size), pairs)
    leaves = {name: F.normalize(torch.randn(size, 16), dim=1).requires_grad_() for name in ("image", *batch.texts)}
    batch.targets = batch.targets[:, :16]
    monkeypatch.setattr(objective, "BLOCK", 4)
    with Largest() as largest:
        objective.embedding_loss(encoder, leaves, batch, SETTINGS, size)
    assert all(leaf.grad is not None for leaf in leaves.values())
    assert largest.calls > 1000
    assert 4 * size <= largest.numbers < size * size


def test_recomputed_activations_give_the_same_gradient(made, catalogue):
    for family in ("siglip", "clip"):
        encoder = fresh(made, family, dropout=0.3)
        _, batch = batch_of(encoder, catalogue)
        settings = train_with(micro_batch=4)
        gradient.batch_gradient(encoder, batch, settings, seed=5)
        expected = gradients(encoder)
        trainer.recompute_activations(encoder.model)
        gradient.batch_gradient(encoder, batch, settings, seed=5)
        assert distance(gradients(encoder), expected) < 1e-6


@pytest.mark.slow  # g++ takes a minute or two
@pytest.mark.skipif(not shutil.which("g++"), reason="kernels are compiled by g++")
def test_compiled_towers_give_the_same_gradient(made, catalogue):
    encoder = fresh(made, "siglip")
    _, batch = batch_of(encoder, catalogue)
    gradient.batch_gradient(encoder, batch, SETTINGS)
    expected = gradients(encoder)
    names = list(encoder.model.state_dict())
    encoder.compile()
    gradient.batch_gradient(encoder, batch, SETTINGS)
    torch.compiler.reset()
    assert distance(gradients(encoder), expected) < 1e-5 and list(encoder.model.state_dict()) == names


def test_bf16_keeps_views_exact_and_gradients_close(made, catalogue, monkeypatch):
    encoder = fresh(made, "siglip")
    _, batch = batch_of(encoder, catalogue)
    gradient.batch_gradient(encoder, batch, SETTINGS)
    expected = gradients(encoder)
    seen, features = [], encoder.image_features

    def watched(inputs):
        seen.append(inputs["pixel_values"])
        assert torch.is_autocast_enabled("cpu")
        return features(inputs)

    monkeypatch.setattr(encoder, "image_features", watched)
    gradient.batch_gradient(encoder, batch, train_with(precision="bf16", micro_batch=4))
    found = gradients(encoder)
    assert 1e-5 < distance(found, expected) < 0.1
    shown = torch.cat(seen[:3])
    assert torch.equal(shown, model_pixels(encoder, batch.pixels, batch.views)["pixel_values"])
