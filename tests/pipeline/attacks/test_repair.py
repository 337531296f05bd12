"""Results on the lattice: won back where rounding lost them, and as near as whole levels allow."""

import copy
import itertools

import pytest
import torch
from torch import Tensor

from pipeline.attacks.carlini_wagner import CarliniWagner
from pipeline.attacks.ddn import DDN
from pipeline.attacks.deepfool import DeepFool
from pipeline.attacks.lattice_moves import Ground, cheapest
from pipeline.attacks.pgd import PGDL2
from pipeline.attacks.problem import Problem, pose
from pipeline.attacks.projections import l2_norm
from pipeline.attacks.repair import N_ROUNDS, SURE_SHARE, on_lattice
from pipeline.models.adapter import PixelModel
from tests.pipeline.attacks.models import linear_model, trained_model

QUICK = {"search_steps": 3, "steps": 30}


@pytest.fixture(scope="module")
def trained() -> tuple[PixelModel, Tensor, Tensor]:
    model, x, y = trained_model(4)
    model.eval()
    right = model(x).argmax(1) == y
    return model, x[right], y[right]


def posed(model: PixelModel, x: Tensor, y: Tensor, **given: Tensor) -> Problem:
    optional = {"target": None, "eps": None, "mask": None} | given
    return pose(DeepFool(), model, x, y, n_seeds=len(x), **optional)


def to_boundary(model: PixelModel, x: Tensor, y: Tensor) -> Tensor:
    """Just over the boundary, where rounding loses about every second image."""
    result = DeepFool(overshoot=1e-3)(model, x, y, seeds=range(len(x)))
    assert result.success.all()
    return result.x_adv


@pytest.mark.parametrize("attack", [CarliniWagner(**QUICK), DDN(steps=40), DeepFool()], ids=lambda attack: attack.NAME)
def test_every_float_success_survives_8_bits(attack: CarliniWagner, trained: tuple[PixelModel, Tensor, Tensor]) -> None:
    model, x, y = trained
    result = attack(model, x, y, seeds=range(len(x)))
    assert result.success.all()
    levels = on_lattice(posed(model, x, y), attack, result.x_adv, result.success, 255)
    assert (model(levels / 255).argmax(1) != y).all()


@pytest.mark.parametrize("scale", [1e-6, 1e4])
def test_neither_small_nor_large_logits_cost_a_success(
    scale: float, trained: tuple[PixelModel, Tensor, Tensor]
) -> None:
    model, x, y = trained
    scaled = copy.deepcopy(model)
    with torch.no_grad():
        scaled.network.head.weight *= scale
        scaled.network.head.bias *= scale
    near = to_boundary(model, x, y)
    won = torch.ones(len(x), dtype=torch.bool)
    plain, other = (on_lattice(posed(each, x, y), DeepFool(), near, won, 255) for each in (model, scaled))
    assert (scaled(other / 255).argmax(1) != y).all()
    torch.testing.assert_close(l2_norm(other / 255 - x), l2_norm(plain / 255 - x), rtol=0.02, atol=0)


@pytest.mark.parametrize("kappa", [0.0, 0.5, 1.0])
def test_a_success_keeps_its_margin_on_the_file(kappa: float, trained: tuple[PixelModel, Tensor, Tensor]) -> None:
    model, x, y = trained
    attack = CarliniWagner(kappa=kappa, **QUICK)
    result = attack(model, x, y, seeds=range(len(x)))
    assert result.success.any()
    problem = posed(model, x, y)
    levels = on_lattice(problem, attack, result.x_adv, result.success, 255)
    margins = problem.won_by(model(levels / 255))[result.success]
    assert (margins >= kappa).all()
    assert margins.mean() < kappa + 0.2, "shortened no further than the margin asks"


def test_wins_back_what_rounding_lost(trained: tuple[PixelModel, Tensor, Tensor]) -> None:
    model, x, y = trained
    x_adv = to_boundary(model, x, y)
    rounded = (x_adv * 255).round() / 255
    lost = model(rounded).argmax(1) == y
    assert lost.sum() >= 5
    problem = posed(model, x, y)
    levels = on_lattice(problem, DeepFool(), x_adv, torch.ones_like(lost), 255)
    logits = model(levels / 255)
    assert (problem.won_by(logits) > 0.99 * SURE_SHARE * logits.abs().amax(1)).all()
    assert l2_norm(levels / 255 - x).mean() <= 1.1 * l2_norm(x_adv - x).mean()


def test_is_no_further_than_the_shortest_whole_change_of_a_linear_model() -> None:
    """Against every change of up to two levels, in an image of which seven pixels may change."""
    model = linear_model(2, scale=20.0, seed=3)
    x = torch.full((1, 1, 8, 8), 128 / 255)
    free = torch.zeros(8, 8, dtype=torch.bool)
    free[3, :7] = True
    weight = model.network.head.weight.detach() / 0.25
    with torch.no_grad():
        # The image lies just so far from the boundary that some of the changes cross it.
        steps = torch.tensor(list(itertools.product(range(-2, 3), repeat=7)), dtype=torch.float32)
        gains = steps @ (weight[1] - weight[0]).view(8, 8)[3, :7] / 255
        lead = model(x)
        model.network.head.bias[1] = lead[0, 0] - lead[0, 1] + 0.4 * gains.max()
    y = model(x).argmax(1)
    logits = model(x).detach()[0]
    gap = logits[y] - logits[1 - y]
    # The logits of every change, for what a success must have.
    moved = x.repeat(len(steps), 1, 1, 1)
    moved[..., free] += steps[:, None] / 255
    found = model(moved)
    won = gains * (1 if y == 0 else -1) - gap > SURE_SHARE * found.detach().abs().amax(1)
    assert 0 < won.sum() < len(won)
    shortest = steps[won].square().sum(1).min()
    problem = posed(model, x, y, mask=free)
    far = x + torch.where(free, 2.4 / 255 * (1 if y == 0 else -1) * (weight[1] - weight[0]).sign().view(8, 8), 0)
    assert problem.fooled(far).all()
    levels = on_lattice(problem, DeepFool(), far, torch.ones(1, dtype=torch.bool), 255)
    change = levels - (x * 255).round()
    assert problem.fooled(levels / 255).all()
    assert shortest <= change.square().sum() <= shortest + 1


def test_takes_back_levels_that_are_not_needed(trained: tuple[PixelModel, Tensor, Tensor]) -> None:
    model, x, y = trained
    near = to_boundary(model, x, y)
    far = (x + 3 * (near - x)).clamp(0, 1)
    problem = posed(model, x, y)
    won = problem.fooled((far * 255).round() / 255)
    levels = on_lattice(problem, DeepFool(), far, won, 255)
    assert won.float().mean() > 0.8
    assert problem.fooled(levels / 255)[won].all()
    ratio = l2_norm(levels / 255 - x)[won] / l2_norm(near - x)[won]
    assert ratio.mean() <= 1.1


def test_is_never_further_than_a_rounding_that_fools(trained: tuple[PixelModel, Tensor, Tensor]) -> None:
    model, x, y = trained
    result = CarliniWagner(**QUICK, kappa=0.5)(model, x, y, seeds=range(len(x)))
    rounded = (result.x_adv * 255).round() / 255
    problem = posed(model, x, y)
    fools = problem.fooled(rounded)
    assert fools.float().mean() > 0.5
    levels = on_lattice(problem, CarliniWagner(), result.x_adv, result.success, 255)
    assert (l2_norm(levels / 255 - x) <= l2_norm(rounded - x) + 1e-6)[fools].all()


def test_leaves_a_radius_and_a_mask_as_they_are(trained: tuple[PixelModel, Tensor, Tensor]) -> None:
    model, x, y = trained
    mask = torch.zeros(8, 8, dtype=torch.bool)
    mask[1:6, 2:7] = True
    free = DeepFool()(model, x, y, mask=mask, seeds=range(len(x)))
    eps = l2_norm(free.x_adv - x) * torch.linspace(0.9, 1.3, len(x))
    result = DeepFool()(model, x, y, mask=mask, eps=eps, seeds=range(len(x)))
    assert result.success.any()
    problem = posed(model, x, y, eps=eps, mask=mask)
    levels = on_lattice(problem, DeepFool(), result.x_adv, result.success, 255)
    assert (l2_norm(levels.double() / 255 - (x.double() * 255).round() / 255) <= eps * (1 + 2e-6)).all()
    assert torch.equal(levels[:, :, ~mask], (x * 255).round().int()[:, :, ~mask])
    assert levels.min() >= 0
    assert levels.max() <= 255


def test_an_image_that_was_not_fooled_is_only_rounded(trained: tuple[PixelModel, Tensor, Tensor]) -> None:
    model, x, y = trained
    x_adv = to_boundary(model, x, y)
    levels = on_lattice(posed(model, x, y), DeepFool(), x_adv, torch.zeros(len(x), dtype=torch.bool), 255)
    assert torch.equal(levels, (x_adv * 255).round().int())


def test_an_attack_with_a_radius_is_only_rounded(trained: tuple[PixelModel, Tensor, Tensor]) -> None:
    model, x, y = trained
    attack = PGDL2(eps=3.0)
    result = attack(model, x, y, seeds=range(len(x)))
    problem = pose(attack, model, x, y, target=None, eps=None, mask=None, n_seeds=len(x))
    before = l2_norm(on_lattice(problem, attack, result.x_adv, result.success, 255) / 255 - x)
    torch.testing.assert_close(before, l2_norm(result.x_adv - x), rtol=0.05, atol=0)


def test_calls_the_model_a_bounded_number_of_times(trained: tuple[PixelModel, Tensor, Tensor]) -> None:
    model, x, y = trained
    x_adv = to_boundary(model, x, y)
    calls: list[int] = []
    model.network.flat.register_forward_hook(lambda _m, given, _o: calls.append(len(given[0])))
    on_lattice(posed(model, x, y), DeepFool(), x_adv, torch.ones(len(x), dtype=torch.bool), 255)
    assert len(calls) <= N_ROUNDS + 1
    assert sum(calls) <= 12 * len(x)


def test_holds_on_16_bits_too(trained: tuple[PixelModel, Tensor, Tensor]) -> None:
    model, x, y = trained
    x_adv = DeepFool()(model, x, y, seeds=range(len(x))).x_adv
    levels = on_lattice(posed(model, x, y), DeepFool(), x_adv, torch.ones(len(x), dtype=torch.bool), 65535)
    assert (model(levels / 65535).argmax(1) != y).all()
    assert (levels / 65535 - x_adv).abs().max() <= (N_ROUNDS + 1) / 65535


def test_the_price_buys_what_is_needed_and_no_more() -> None:
    source = torch.Generator().manual_seed(1)
    slope = torch.randn(5, 1, 6, 6, generator=source)
    change = (1.5 * slope).round()
    ground = Ground(torch.full_like(slope, -100), torch.full_like(slope, 100))
    need = torch.tensor([-1.0, -0.5, 0.0, 2.0, 9.0])
    moved, _ = cheapest(ground, change, slope, need, torch.full((5,), 0.5))
    gain = ((moved - change) * slope).flatten(1).sum(1)
    assert (gain >= need - 1e-4).all()
    assert (gain <= need + 2 * slope.flatten(1).abs().amax(1)).all()
    assert ((moved - change).abs() <= 1).all()
    # More margin is never shorter, and a longer reach moves fewer pixels.
    assert (
        cheapest(ground, change, slope, need + 2, torch.full((5,), 0.5))[0].square().flatten(1).sum(1)
        >= moved.square().flatten(1).sum(1)
    ).all()
    change = torch.randint(-2, 3, (5, 1, 6, 6), generator=source).float()
    still, _ = cheapest(ground, change, slope, need, torch.full((5,), 1.2))
    free, _ = cheapest(ground, change, slope, need, torch.full((5,), 0.5))
    assert ((still != change).flatten(1).sum(1) < (free != change).flatten(1).sum(1)).all()
