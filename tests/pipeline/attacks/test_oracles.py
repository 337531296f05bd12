"""Attacks on a linear model, where the best perturbation is known in closed form."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from pipeline.attacks.carlini_wagner import CarliniWagner
from pipeline.attacks.fgsm import FGSM
from pipeline.attacks.losses import margin
from pipeline.attacks.mim import MIM
from pipeline.attacks.pgd import PGD, PGDL2
from pipeline.attacks.registry import ATTACKS, create
from pipeline.models.adapter import PixelModel
from tests.pipeline.attacks.models import linear_model, patterns, trained_model

LINF = ["fgsm", "bim", "pgd", "mim"]


@pytest.fixture(scope="module")
def two_classes() -> tuple[PixelModel, Tensor, Tensor, Tensor]:
    """A linear model, images, classes, and the direction (N, 1, 8, 8) that leaves each class fastest."""
    model = linear_model(2)
    x = patterns(12, 2)[0]
    y = model(x).argmax(1)
    weight = model.network.head.weight.detach()
    away = torch.where(y[:, None] == 0, weight[1] - weight[0], weight[0] - weight[1])
    return model, x, y, away.view(-1, 1, 8, 8)


@pytest.fixture(scope="module")
def trained() -> tuple[PixelModel, Tensor, Tensor]:
    model, x, y = trained_model()
    model.eval()
    right = model(x).argmax(1) == y
    return model, x[right], y[right]


@pytest.mark.parametrize("name", LINF)
def test_reaches_the_far_corner_of_the_ball(name: str, two_classes: tuple[PixelModel, Tensor, Tensor, Tensor]) -> None:
    model, x, y, away = two_classes
    result = create(name, {"eps": 0.1})(model, x, y, seeds=range(12))
    torch.testing.assert_close(result.x_adv, (x + 0.1 * away.sign()).clamp(0, 1), atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", LINF)
def test_reaches_the_corner_on_the_targets_side(name: str) -> None:
    model = linear_model(2)
    x = patterns(12, 2)[0]
    target = 1 - model(x).argmax(1)
    weight = model.network.head.weight.detach()
    towards = torch.where(target[:, None] == 1, weight[1] - weight[0], weight[0] - weight[1]).view(-1, 1, 8, 8)
    result = create(name, {"eps": 0.05})(model, x, 1 - target, target=target, seeds=range(12))
    torch.testing.assert_close(result.x_adv, (x + 0.05 * towards.sign()).clamp(0, 1), atol=1e-6, rtol=0)


def test_pgd_under_l2_ends_where_the_gradient_leaves_the_ball(
    two_classes: tuple[PixelModel, Tensor, Tensor, Tensor],
) -> None:
    model, _, _, _ = two_classes
    x = torch.full((4, 1, 8, 8), 0.5)
    y = model(x).argmax(1)
    weight = model.network.head.weight.detach()
    step = (weight[1] - weight[0]) * torch.where(y == 0, 1, -1)[:, None]
    result = PGDL2(eps=1.0, steps=60)(model, x, y, seeds=range(4))
    wanted = x + (step / step.norm(dim=1, keepdim=True)).view(-1, 1, 8, 8)
    torch.testing.assert_close(result.x_adv, wanted, atol=2e-3, rtol=0)


def test_cw_finds_the_distance_to_the_nearest_boundary() -> None:
    model = linear_model(4, seed=2)
    x = 0.15 + patterns(16, 4)[0]  # Off black and white, where the box would lengthen the way.
    logits = model(x).detach()
    y = logits.argmax(1)
    weight = model.network.head.weight.detach() / 0.25  # The adapter divides pixels by std.
    lead = logits.gather(1, y[:, None]) - logits
    distance = (lead / (weight[y][:, None] - weight[None]).norm(dim=2)).masked_fill(lead == 0, torch.inf).amin(1)
    result = CarliniWagner(search_steps=9, steps=300, lr=0.01)(model, x, y, seeds=range(16))
    found = (result.x_adv - x).flatten(1).norm(dim=1)
    assert result.success.all()
    assert (found / distance).min() >= 1 - 1e-3
    assert (found / distance).mean() <= 1.005
    quick = CarliniWagner()(model, x, y, seeds=range(16))
    assert ((quick.x_adv - x).flatten(1).norm(dim=1) / distance).mean() <= 1.01


def test_cw_raises_c_until_it_fools() -> None:
    model = linear_model(3)
    x = 0.15 + patterns(6, 3)[0]
    y = model(x).argmax(1)
    assert not CarliniWagner(c_first=1e-4, search_steps=1, lr=0.01)(model, x, y, seeds=range(6)).success.any()
    assert CarliniWagner(c_first=1e-4, search_steps=7, lr=0.01)(model, x, y, seeds=range(6)).success.all()


def test_cw_keeps_the_margin_that_kappa_asks_for() -> None:
    model = linear_model(3)
    x = 0.5 + 0.05 * patterns(6, 3)[0]
    y = model(x).argmax(1)
    result = CarliniWagner(kappa=2.0)(model, x, y, seeds=range(6))
    assert result.success.all()
    assert (margin(model(result.x_adv), y, None) >= 2.0 - 1e-4).all()


def test_cw_moves_pixels_that_are_black() -> None:
    model = linear_model(2)
    x = torch.zeros(1, 1, 8, 8)
    y = model(x).argmax(1)
    result = CarliniWagner()(model, x, y, seeds=[0])
    assert result.success.all()
    assert (result.x_adv > 0).any()


def test_cw_stays_within_a_given_radius() -> None:
    model = linear_model(3)
    x = 0.5 + 0.05 * patterns(6, 3)[0]
    y = model(x).argmax(1)
    free = CarliniWagner()(model, x, y, seeds=range(6))
    needed = (free.x_adv - x).flatten(1).norm(dim=1)
    bound = CarliniWagner()(model, x, y, eps=needed * 0.5, seeds=range(6))
    assert not bound.success.any()
    assert ((bound.x_adv - x).flatten(1).norm(dim=1) <= needed * 0.5 + 1e-6).all()


def test_fgsm_takes_one_step_and_the_others_all_of_theirs() -> None:
    model = linear_model(3)
    x = patterns(6, 3)[0]
    y = model(x).argmax(1)
    assert FGSM()(model, x, y, seeds=range(6)).steps.tolist() == [1] * 6
    assert PGD(steps=7)(model, x, y, seeds=range(6)).steps.tolist() == [7] * 6


def test_stopping_on_success_rests_at_the_first_one() -> None:
    model = linear_model(3)
    x = 0.5 + 0.05 * patterns(12, 3)[0]
    y = model(x).argmax(1)
    whole = MIM(eps=0.3, steps=30)(model, x, y, seeds=range(12))
    early = MIM(eps=0.3, steps=30, stop_on_success=True)(model, x, y, seeds=range(12))
    assert early.success.all()
    assert (early.steps < whole.steps).all()
    for i in range(12):
        again = MIM(eps=0.3, alpha=0.01, steps=int(early.steps[i]))(model, x[i : i + 1], y[i : i + 1], seeds=[i])
        torch.testing.assert_close(early.x_adv[i : i + 1], again.x_adv, atol=1e-6, rtol=0)


# A universal perturbation is fitted for one radius, and cut by a smaller one.
@pytest.mark.parametrize("name", [name for name in ATTACKS if ATTACKS[name].BOUNDED and name != "universal"])
def test_a_larger_radius_fools_no_fewer(name: str, trained: tuple[PixelModel, Tensor, Tensor]) -> None:
    model, x, y = trained
    unit = 1.0 if ATTACKS[name].NORM == "linf" else 16.0
    fewer = {"n_queries": 500} if ATTACKS[name].GRADIENT_FREE else {}
    rates = [
        int(create(name, {"eps": unit * k / 255, **fewer})(model, x, y, seeds=range(len(x))).success.sum())
        for k in (0, 0.25, 0.5, 1, 2, 4, 8, 16, 64)
    ]
    # One image may be lost to another random start, none to a larger ball otherwise.
    assert all(later >= earlier - 1 for earlier, later in pairwise(rates)), rates
    assert rates[0] == 0
    assert rates[-1] >= 0.9 * len(x), rates
