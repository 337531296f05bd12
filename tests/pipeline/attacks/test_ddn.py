"""DDN against the known distance to a linear model's boundary, in floats and in whole levels."""

import pytest
import torch
from torch import Tensor

from pipeline.attacks.ddn import DDN
from pipeline.attacks.projections import l2_norm
from pipeline.errors import BadAttack
from pipeline.models.adapter import PixelModel
from tests.pipeline.attacks.models import linear_model, patterns, trained_model


def batch(n_classes: int) -> tuple[PixelModel, Tensor, Tensor, Tensor]:
    """A linear model, images on the 8-bit lattice, their classes, and their way to the nearest boundary (N,)."""
    model = linear_model(n_classes, seed=2)
    x = 50 / 255 + patterns(16, n_classes)[0]
    logits = model(x).detach()
    y = logits.argmax(1)
    weight = model.network.head.weight.detach() / 0.25  # The adapter divides pixels by std.
    lead = logits.gather(1, y[:, None]) - logits
    way = lead / (weight[y][:, None] - weight[None]).norm(dim=2)
    return model, x, y, way.masked_fill(lead == 0, torch.inf).amin(1)


@pytest.mark.parametrize("n_classes", [2, 3, 4])
def test_finds_the_distance_to_the_nearest_boundary(n_classes: int) -> None:
    model, x, y, way = batch(n_classes)
    # Cross entropy turns towards a mixture of the wrong classes, the margin towards the nearest alone.
    loss = "ce" if n_classes == 2 else "margin"
    result = DDN(steps=300, gamma=0.01, first_length=0.2, loss=loss)(model, x, y, seeds=range(16))
    ratio = l2_norm(result.x_adv - x) / way
    assert result.success.all()
    assert ratio.min() >= 1 - 1e-4
    assert ratio.median() <= 1.02
    # With the paper's numbers the length goes in steps of 5 %.
    quick = DDN(loss=loss)(model, x, y, seeds=range(16))
    assert (l2_norm(quick.x_adv - x) / way).median() <= 1.06


def test_finds_the_distance_to_a_target() -> None:
    model, x, y, way = batch(2)
    result = DDN(steps=300, gamma=0.01, first_length=0.2)(model, x, y, target=1 - y, seeds=range(16))
    assert ((l2_norm(result.x_adv - x) / way - 1).abs() <= 0.02).all()


@pytest.mark.parametrize("levels", [2, 16, 256])
def test_ends_on_whole_levels_of_the_change(levels: int) -> None:
    model, x, y, way = batch(3)
    result = DDN(levels=levels, first_length=4.0)(model, x, y, seeds=range(16))
    change = (result.x_adv - x) * (levels - 1)
    inside = (result.x_adv > 0) & (result.x_adv < 1)
    torch.testing.assert_close(change[inside], change[inside].round(), atol=1e-4, rtol=0)
    if levels == 256:
        assert result.success.all()
        assert (l2_norm(result.x_adv - x) / way).mean() <= 1.1


def test_whole_levels_stay_within_the_radius() -> None:
    model, x, y, way = batch(3)
    for share in (0.3, 0.9, 1.0):
        result = DDN(levels=256)(model, x, y, eps=share * way, seeds=range(16))
        assert (l2_norm(result.x_adv - x) <= share * way * (1 + 1e-6)).all()


@pytest.mark.parametrize("steps", [20, 21, 22, 23])
def test_keeps_a_success_that_it_leaves_again(steps: int) -> None:
    model, x, y, _ = batch(3)
    result = DDN(steps=steps, gamma=0.5)(model, x, y, seeds=range(16))
    assert result.success.all()
    assert torch.equal(result.success, model(result.x_adv).argmax(1) != y)


def test_judges_the_last_iterate_too() -> None:
    model, x, y, way = batch(2)
    result = DDN(steps=1, first_length=float(2 * way.max()))(model, x, y, seeds=range(16))
    assert result.success.all()
    assert result.steps.tolist() == [1] * 16


def test_a_longer_search_comes_nearer_on_a_bent_boundary() -> None:
    model, x, y = trained_model()
    model.eval()
    right = model(x).argmax(1) == y
    x, y = x[right], y[right]
    short, long = (DDN(steps=steps)(model, x, y, seeds=range(len(x))) for steps in (30, 300))
    assert long.success.all()
    assert l2_norm(long.x_adv - x).mean() < l2_norm(short.x_adv - x)[short.success].mean()


def test_refuses_what_is_no_number_of_levels() -> None:
    with pytest.raises(BadAttack, match=r"levels 1; give a whole number within \[2, 65536\]"):
        DDN(levels=1)
    with pytest.raises(BadAttack, match=r"levels 2.5; give a whole number"):
        DDN(levels=2.5)
    with pytest.raises(BadAttack, match="gamma 1; give a number"):
        DDN(gamma=1)
