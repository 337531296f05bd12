"""DeepFool on a linear model, whose nearest boundary it must meet in one step."""

import pytest
import torch
from torch import Tensor

from pipeline.attacks.deepfool import DeepFool
from pipeline.attacks.projections import l2_norm
from pipeline.attacks.result import MASKED
from pipeline.errors import BadAttack
from pipeline.models.adapter import PixelModel
from tests.pipeline.attacks.models import linear_model, patterns, trained_model


def batch(n_classes: int, seed: int = 2) -> tuple[PixelModel, Tensor, Tensor]:
    """A linear model and images off black and white, where the box would lengthen the way."""
    model = linear_model(n_classes, seed=seed)
    x = 0.5 + 0.1 * patterns(16, n_classes)[0]
    return model, x, model(x).argmax(1)


def distances(model: PixelModel, x: Tensor, y: Tensor, free: Tensor | None = None) -> Tensor:
    """From each image to the boundary of each other class, (N, K); infinite for its own."""
    logits = model(x).detach()
    weight = model.network.head.weight.detach() / 0.25  # The adapter divides pixels by std.
    if free is not None:
        weight = weight * free.flatten()
    lead = logits.gather(1, y[:, None]) - logits
    return (lead / (weight[y][:, None] - weight[None]).norm(dim=2)).masked_fill(lead == 0, torch.inf)


@pytest.mark.parametrize("n_classes", [2, 3, 4])
def test_steps_over_the_nearest_boundary_at_once(n_classes: int) -> None:
    model, x, y = batch(n_classes)
    result = DeepFool()(model, x, y, seeds=range(16))
    assert result.success.all()
    assert result.steps.tolist() == [1] * 16
    way = distances(model, x, y)
    torch.testing.assert_close(l2_norm(result.x_adv - x), 1.02 * way.amin(1), rtol=1e-4, atol=1e-6)
    assert torch.equal(model(result.x_adv).argmax(1), way.argmin(1))


def test_goes_to_the_boundary_of_the_target_alone() -> None:
    model, x, y = batch(2)
    result = DeepFool(overshoot=0.5)(model, x, y, target=1 - y, seeds=range(16))
    way = distances(model, x, y).amin(1)
    torch.testing.assert_close(l2_norm(result.x_adv - x), 1.5 * way, rtol=1e-4, atol=1e-6)
    model, x, y = batch(4)
    target = distances(model, x, y).masked_fill(torch.eye(4, dtype=torch.bool)[y], -1).argmax(1)
    far = DeepFool()(model, x, y, target=target, seeds=range(16))
    assert torch.equal(model(far.x_adv).argmax(1), target)
    assert (l2_norm(far.x_adv - x) > distances(model, x, y).amin(1)).all()


def test_looks_at_the_strongest_candidates_only() -> None:
    model, x, y = batch(4)
    logits = model(x).detach().scatter(1, y[:, None], -torch.inf)
    runner_up = logits.argmax(1)
    way = distances(model, x, y)
    assert (way.argmin(1) != runner_up).any()  # Else the test could not fail.
    result = DeepFool(candidates=1)(model, x, y, seeds=range(16))
    wanted = 1.02 * way.gather(1, runner_up[:, None]).squeeze(1)
    first = torch.isclose(l2_norm(result.x_adv - x), wanted, rtol=1e-4)
    assert first.all()


def test_measures_the_way_in_the_pixels_that_may_change() -> None:
    model, x, y = batch(3)
    free = torch.zeros(8, 8, dtype=torch.bool)
    free[2:7, 1:6] = True
    result = DeepFool()(model, x, y, mask=free, seeds=range(16))
    way = distances(model, x, y, free).amin(1)
    torch.testing.assert_close(l2_norm(result.x_adv - x), 1.02 * way, rtol=1e-4, atol=1e-6)


def test_counts_no_pixel_that_the_box_holds() -> None:
    model = linear_model(2)
    x = torch.zeros(1, 1, 8, 8)
    model.network.head.bias.data = torch.tensor([0.0, 1.0])
    y = model(x).argmax(1)
    weight = model.network.head.weight.detach() / 0.25
    away = (weight[1 - y] - weight[y]).view(1, 1, 8, 8)
    logits = model(x).detach()[0]
    gap = logits[y] - logits[1 - y]
    assert (away < 0).any()
    result = DeepFool()(model, x, y, seeds=[0])
    up = away.clamp_min(0)
    torch.testing.assert_close(result.x_adv, 1.02 * gap * up / up.square().sum(), rtol=1e-4, atol=1e-6)


def test_puts_the_overshoot_on_the_sum_of_all_steps() -> None:
    """Against the two steps written out for two classes; on a bent model, off black and white."""
    model, x, y = trained_model(2)
    model.eval()
    x = 0.2 + 0.5 * x
    y = model(x).argmax(1)
    result = DeepFool(overshoot=0.02, steps=2)(model, x, y, seeds=range(len(x)))
    first = newton(model, x, y)
    second = newton(model, x + 1.02 * first, y)
    wanted = x + 1.02 * (first + second)
    twice = (result.steps == 2) & (wanted.flatten(1).amin(1) > 0) & (wanted.flatten(1).amax(1) < 1)
    assert twice.sum() > 10
    torch.testing.assert_close(result.x_adv[twice], wanted[twice], rtol=1e-3, atol=1e-5)


def newton(model: PixelModel, x: Tensor, y: Tensor) -> Tensor:
    """The step to the linearised boundary between two classes."""
    here = x.clone().requires_grad_()
    logits = model(here)
    gap = (logits.gather(1, y[:, None]) - logits.gather(1, 1 - y[:, None])).squeeze(1)
    slope = torch.autograd.grad(gap.sum(), here)[0]
    return -(gap / slope.flatten(1).square().sum(1)).detach().view(-1, 1, 1, 1) * slope


def test_stops_at_the_edge_of_a_given_radius() -> None:
    model, x, y = batch(3)
    way = distances(model, x, y).amin(1)
    short = DeepFool()(model, x, y, eps=0.5 * way, seeds=range(16))
    assert not short.success.any()
    torch.testing.assert_close(l2_norm(short.x_adv - x), 0.5 * way, rtol=1e-4, atol=1e-6)
    assert DeepFool()(model, x, y, eps=1.1 * way, seeds=range(16)).success.all()


def test_one_image_without_a_slope_does_not_hold_up_the_others() -> None:
    model, x, y = batch(3)
    model.network.flat.register_forward_hook(lambda _m, _i, out: out * (out.mean(1, keepdim=True) > -1.9))
    x[3] = 0  # The hook cuts dark images off.
    y[3] = 0
    model.network.head.bias.data = torch.tensor([0.1, 0.0, 0.0])
    y = model(x).argmax(1)
    result = DeepFool()(model, x, y, seeds=range(16))
    assert result.reason[3] == MASKED
    assert torch.equal(result.x_adv[3], x[3])
    assert result.success.sum() == 15


def test_refuses_what_is_no_number_of_candidates() -> None:
    with pytest.raises(BadAttack, match=r"candidates 0; give a whole number within \[1, 1000\]"):
        DeepFool(candidates=0)
    with pytest.raises(BadAttack, match=r"overshoot -1; give a number within \[0, 10\]"):
        DeepFool(overshoot=-1)
