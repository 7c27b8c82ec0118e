"""The losses: closed forms, the reference implementations of transformers, blocks, weights, gradients."""

import math

import pytest
import torch
import torch.nn.functional as F

import tiny
from weft import encoders
from weft.losses import lwf_rows, positive_weights, sigmoid_rows, similarity_rows, softmax_rows, vicreg

B, D = 12, 16
ONES, ALL = torch.ones(B), torch.ones(B, B)
SCALE = torch.tensor(math.log(7.0))


def units(seed: int, count: int = B, dtype=torch.float32) -> torch.Tensor:
    return F.normalize(torch.randn(count, D, generator=torch.Generator().manual_seed(seed), dtype=dtype), dim=1)


def softplus(x: float) -> float:
    """-log sigmoid(-x)."""
    return math.log1p(math.exp(x))


def weights(seed: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    positives = torch.rand(B, generator=random)
    return torch.randint(0, 3, (B, B), generator=random) / 2, positives / positives.mean()


def test_softmax_of_zero_embeddings_is_log_b():
    zeros = torch.zeros(B, D)
    assert softmax_rows(zeros, zeros, 0, SCALE, ALL, ONES).item() == pytest.approx(math.log(B), rel=1e-6)


@pytest.mark.parametrize("bias", [0.0, -10.0, 3.0])
def test_sigmoid_of_zero_embeddings_depends_on_the_bias_alone(bias):
    zeros = torch.zeros(B, D)
    value = sigmoid_rows(zeros, zeros, 0, SCALE, torch.tensor(bias), ALL, ONES).item()
    assert value == pytest.approx(softplus(-bias) + (B - 1) * softplus(bias), rel=1e-6)


def test_two_pairs_by_hand():
    """Two pairs with cosines 0.6 off the diagonal: every term written out."""
    images = torch.tensor([[1.0, 0.0], [0.6, 0.8]])
    texts = torch.tensor([[1.0, 0.0], [0.6, 0.8]])
    scale, bias = torch.tensor(math.log(2.0)), torch.tensor(-1.0)
    negatives, positives = torch.tensor([[9.0, 0.5], [0.25, 9.0]]), torch.tensor([0.5, 1.5])
    own, other = 2 * 1 - 1, 2 * 0.6 - 1
    expected = (0.5 + 1.5) * softplus(-own) / 2 + (0.5 + 0.25) * softplus(other) / 2
    assert sigmoid_rows(images, texts, 0, scale, bias, negatives, positives).item() == pytest.approx(expected, rel=1e-6)
    share = [math.exp(2) / (math.exp(2) + w * math.exp(1.2)) for w in (0.5, 0.25)]
    expected = -(0.5 * math.log(share[0]) + 1.5 * math.log(share[1])) / 2
    assert softmax_rows(images, texts, 0, scale, negatives, positives).item() == pytest.approx(expected, rel=1e-6)


def test_sigmoid_equals_siglip(tmp_path):
    encoder = encoders.load(str(tiny.siglip2(tmp_path / "siglip2")))
    pixels, tokens = encoder.pixels(tiny.pictures(6)), encoder.tokens(tiny.TEXTS[:6])
    with torch.no_grad():
        expected = encoder.model(**pixels, **tokens, return_loss=True).loss
        images, texts = encoder.image_features(pixels), encoder.text_features(tokens)
        ones = torch.ones(6, 6)
        loss = sigmoid_rows(images, texts, 0, encoder.logit_scale, encoder.logit_bias, ones, ones[0])
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)


def test_softmax_equals_clip(tmp_path):
    encoder = encoders.load(str(tiny.clip(tmp_path / "clip")))
    pixels, tokens = encoder.pixels(tiny.pictures(6)), encoder.tokens(tiny.TEXTS[:6])
    with torch.no_grad():
        expected = encoder.model(**pixels, **tokens, return_loss=True).loss
        images, texts = encoder.image_features(pixels), encoder.text_features(tokens)
        ones, scale = torch.ones(6, 6), encoder.logit_scale
        both = (
            softmax_rows(images, texts, 0, scale, ones, ones[0]),
            softmax_rows(texts, images, 0, scale, ones, ones[0]),
        )
    assert sum(both).item() / 2 == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize("block", [1, 5, B])
def test_blocks_of_rows_add_up(block):
    images, texts, (negatives, positives) = units(1), units(2), weights()
    bias = torch.tensor(-2.0)
    rows = [slice(i, min(i + block, B)) for i in range(0, B, block)]
    whole = sigmoid_rows(images, texts, 0, SCALE, bias, negatives, positives)
    parts = [sigmoid_rows(images[r], texts, r.start, SCALE, bias, negatives[r], positives) for r in rows]
    torch.testing.assert_close(sum(parts), whole)
    whole = softmax_rows(images, texts, 0, SCALE, negatives, positives)
    parts = [softmax_rows(images[r], texts, r.start, SCALE, negatives[r], positives) for r in rows]
    torch.testing.assert_close(sum(parts), whole)
    whole = lwf_rows(images, texts, B)
    torch.testing.assert_close(sum(lwf_rows(images[r], texts[r], B) for r in rows), whole)
    base, held = units(3), units(4)
    whole = similarity_rows(images, texts, base, held, SCALE)
    torch.testing.assert_close(sum(similarity_rows(images[r], texts, base[r], held, SCALE) for r in rows), whole)


def test_negatives_of_weight_zero_are_as_if_absent():
    """Product 0 meets only queries 0..3: its row equals that of a batch without the others."""
    images, texts = units(1), units(2)
    negatives = ALL.clone()
    negatives[0, 4:] = 0
    bias = torch.tensor(-2.0)
    part = sigmoid_rows(images[:1], texts, 0, SCALE, bias, negatives[:1], ONES) * B
    alone = sigmoid_rows(images[:1], texts[:4], 0, SCALE, bias, ALL[:1, :4], ONES[:4]) * 4
    torch.testing.assert_close(part, alone)
    part = softmax_rows(images[:1], texts, 0, SCALE, negatives[:1], ONES) * B
    alone = softmax_rows(images[:1], texts[:4], 0, SCALE, ALL[:1, :4], ONES[:4]) * 4
    torch.testing.assert_close(part, alone)


def test_positive_weights_have_mean_one():
    table = torch.tensor([0.0, 0.33, 0.67, 1.0])
    made = positive_weights(torch.tensor([3.0, 3.0, 1.0, 2.0, 0.0]), table)
    assert made.mean().item() == pytest.approx(1.0)
    assert (made / made[0]).tolist() == pytest.approx([1, 1, 0.33, 0.67, 0])
    assert torch.equal(positive_weights(torch.full((4,), 3.0), table), torch.ones(4))
    assert torch.equal(positive_weights(torch.zeros(4), table), torch.zeros(4))


def test_lwf_is_zero_for_equal_and_two_for_opposite():
    images = units(1)
    assert lwf_rows(images, images, B).item() == pytest.approx(0, abs=1e-6)
    assert lwf_rows(images, -images, B).item() == pytest.approx(2, rel=1e-6)


def test_similarities_may_turn_together_but_not_apart():
    images, texts = units(1), units(2)
    turn = torch.linalg.qr(torch.randn(D, D, generator=torch.Generator().manual_seed(6)))[0]
    assert similarity_rows(images @ turn, texts @ turn, images, texts, SCALE).item() == pytest.approx(0, abs=1e-6)
    assert similarity_rows(images @ turn, texts, images, texts, SCALE).item() > 0.1


def test_similarities_by_hand():
    """Two texts; the base is sure of the first (logits 2 and 0 at t = log 2), the student sees no difference."""
    one, texts = torch.tensor([[1.0, 0.0]]), torch.eye(2)
    undecided = torch.full((1, 2), 0.5**0.5)
    p = math.exp(2) / (math.exp(2) + 1)
    expected = (p * math.log(p / 0.5) + (1 - p) * math.log((1 - p) / 0.5)) / 2  # one anchor's share in two
    value = similarity_rows(undecided, texts, one, texts, torch.tensor(math.log(2.0)))
    assert value.item() == pytest.approx(expected, rel=1e-5)


def test_vicreg_closed_forms():
    flat = F.normalize(torch.ones(B, D), dim=1)  # no variance: each dimension lacks 1 - sqrt(1e-4)
    assert vicreg(flat).item() == pytest.approx(0.99, rel=1e-4)
    axes = torch.cat([torch.eye(D), -torch.eye(D)])  # variance 2D / (2D - 1) everywhere, no covariance
    assert vicreg(axes).item() == pytest.approx(0, abs=1e-7)
    line = torch.tensor([[1.0, 1.0], [-1.0, -1.0]]).repeat(3, 1) / 2**0.5  # two dimensions that say the same
    assert vicreg(line).item() == pytest.approx(2 * (6 / 5) ** 2 / 2 / 25, rel=1e-5)


def test_gradients_stay_finite_where_weights_are_zero_and_logits_large():
    for scale in (0.0, 8.0):  # exp(8) = 2981: sigmoids saturate and softmax shares vanish
        images, texts = units(1).requires_grad_(), units(2).requires_grad_()
        t, b = torch.tensor(scale, requires_grad=True), torch.tensor(-10.0, requires_grad=True)
        none, zero = torch.zeros(B, B), torch.zeros(B)
        for positives in (zero, ONES):
            loss = sigmoid_rows(images, texts, 0, t, b, none, positives)
            loss = loss + softmax_rows(images, texts, 0, t, none, positives)
            loss.backward()
            assert all(x.grad.isfinite().all() for x in (images, texts, t, b))
            loss = similarity_rows(images, texts, texts.detach(), images.detach(), torch.tensor(scale))
            (loss + vicreg(images) + vicreg(texts * 0 + 1)).backward()
            assert all(x.grad.isfinite().all() for x in (images, texts))
    images.grad = None  # without negatives the softmax has nothing to say
    softmax_rows(images, texts, 0, t, none, ONES).backward()
    assert images.grad.abs().max() == 0


def test_gradcheck():
    images, texts = units(1, dtype=torch.float64), units(2, dtype=torch.float64)
    negatives, positives = weights()
    negatives[0, 1:] = 0
    t = torch.tensor([1.5], dtype=torch.float64, requires_grad=True)
    b = torch.tensor([-2.0], dtype=torch.float64, requires_grad=True)
    some = images[4:9].clone().requires_grad_(), texts.clone().requires_grad_()

    def sigmoid(images, texts, t, b):
        return sigmoid_rows(images, texts, 4, t, b, negatives[4:9], positives)

    def softmax(images, texts, t):
        return softmax_rows(images, texts, 4, t, negatives[4:9], positives)

    def lwf(images):
        return lwf_rows(images, texts[4:9].detach(), B)

    base = units(3, dtype=torch.float64)

    def similarity(images, texts):
        return similarity_rows(images, texts, base[4:9], base.roll(1, 0), t.detach())

    assert torch.autograd.gradcheck(similarity, some, raise_exception=True)
    assert torch.autograd.gradcheck(vicreg, some[1:], raise_exception=True)
    assert torch.autograd.gradcheck(sigmoid, (*some, t, b), raise_exception=True)
    assert torch.autograd.gradcheck(softmax, (*some, t), raise_exception=True)
    assert torch.autograd.gradcheck(lwf, some[:1], raise_exception=True)
