"""What is done with weights: L2-SP and the woven gradient against autograd, averages against their formulas."""

import pytest
import torch
from torch.nn import Parameter

from weft import trajectory
from weft.options import Train


def drawn(seed: int) -> list[torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    return [torch.randn(4, 3, generator=random, dtype=torch.float64), torch.randn(3, generator=random).double()]


def loss(weights: list[torch.Tensor]) -> torch.Tensor:
    x = torch.linspace(-1, 1, 8).double().view(2, 4)
    return ((x @ weights[0]).tanh() + weights[1]).square().sum()


def test_the_pull_is_its_own_gradient():
    theta, base = [Parameter(t) for t in drawn(0)], drawn(1)
    value = sum((p - b).square().sum() for p, b in zip(theta, base, strict=True)) / 2
    expected = torch.autograd.grad(loss(theta) + 0.3 * value, theta)
    loss(theta).backward()
    assert float(trajectory.pull(theta, base, 0.3)) == pytest.approx(float(value.detach()))
    for parameter, gradient in zip(theta, expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


def test_a_held_parameter_is_not_pulled():
    theta, base = [Parameter(t) for t in drawn(0)], drawn(1)
    loss([theta[0], theta[1].detach()]).backward()
    trajectory.pull(theta, base, 0.3)
    assert theta[1].grad is None


@pytest.mark.parametrize("alpha", [0.3, 1.0])
def test_the_woven_gradient_is_that_by_theta(alpha):
    theta, base = [Parameter(t) for t in drawn(0)], drawn(1)
    before = trajectory.copied(theta)
    mixed = [b + alpha * (p - b) for p, b in zip(theta, base, strict=True)]
    expected = torch.autograd.grad(loss(mixed), theta)
    with trajectory.woven(theta, base, alpha):
        for parameter, weights in zip(theta, mixed, strict=True):
            torch.testing.assert_close(parameter.detach(), weights.detach())
        loss(theta).backward()
    for parameter, gradient, old in zip(theta, expected, before, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)
        assert torch.equal(parameter.detach(), old)  # bit by bit: nothing was computed back


def test_drawn_alphas_fill_their_range_and_depend_on_the_step_alone():
    alphas = [trajectory.drawn_alpha((0.4, 0.8), 3, step) for step in range(200)]
    assert alphas == [trajectory.drawn_alpha((0.4, 0.8), 3, step) for step in range(200)]
    assert 0.4 <= min(alphas) < 0.42 and 0.78 < max(alphas) <= 0.8
    assert trajectory.drawn_alpha((1.0, 1.0), 3, 0) == 1.0


def averaged(settings: Train, steps: int) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """The mean after so many steps, and the weights: the base's first."""
    weights = [torch.full((2,), float(i * i)) for i in range(steps + 1)]
    mean = [weights[0].clone()]
    for step in range(steps):
        trajectory.average(mean, [Parameter(weights[step + 1])], step, steps, settings)
    return mean[0], weights


def test_the_moving_average_begins_at_the_base():
    mean, weights = averaged(Train(ema=0.8), 6)
    expected = 0.8**6 * weights[0] + sum(0.2 * 0.8 ** (6 - i) * weights[i] for i in range(1, 7))
    torch.testing.assert_close(mean, expected)


@pytest.mark.parametrize(("share", "first"), [(0.0, 1), (0.5, 4), (0.99, 6)])
def test_the_plain_average_of_the_last_part(share, first):
    mean, weights = averaged(Train(average_from=share), 6)
    torch.testing.assert_close(mean, sum(weights[first:]) / len(weights[first:]))


def test_what_counts_as_averaging():
    assert not trajectory.averages(Train())
    assert trajectory.averages(Train(ema=0.9)) and trajectory.averages(Train(average_from=0.5))
