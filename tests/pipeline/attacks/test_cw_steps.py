import pytest
import torch
from torch import Tensor

from pipeline.attacks.cw_steps import by_delta, hinge, iterate, origin
from pipeline.attacks.problem import Problem, pose
from pipeline.attacks.registry import create
from tests.pipeline.attacks.models import linear_model, patterns, trained_model


def posed(*, mask: Tensor | None = None, kappa: float = 0.0) -> tuple[Problem, Tensor]:
    model, x, y = trained_model()
    model.eval()
    wrong = torch.arange(len(x)) % 2 == 0  # Half of the images have won before they begin.
    y = torch.where(wrong, (model(x).argmax(1) + 1) % 3, model(x).argmax(1))
    attack = create("cw", {"kappa": kappa})
    problem = pose(attack, model, x, y, target=None, eps=None, mask=mask, n_seeds=len(x))
    return problem, origin(problem, attack.shrink)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("kappa", [0.0, 0.5])
@pytest.mark.parametrize("guess", ["all", "none", "every second"])
def test_the_slope_is_that_of_the_loss_whoever_was_expected_to_fall_short(
    guess: str, kappa: float, masked: bool
) -> None:
    mask = torch.zeros(8, 8, dtype=torch.bool) if masked else None
    if mask is not None:
        mask[2:7, 1:6] = True
    problem, start = posed(mask=mask, kappa=kappa)
    n = len(start)
    delta = 0.1 * torch.randn(start.shape, generator=torch.Generator().manual_seed(0))
    c = torch.linspace(0.5, 2, n)
    short = {"all": torch.ones(n), "none": torch.zeros(n), "every second": torch.arange(n) % 2}[guess].bool()
    found = iterate(problem, start, delta)
    x_adv = found.x_adv.clone()
    won, slope = hinge(problem, found.x_adv, c, kappa, short)
    loss = found.l2 + c * (kappa - won).clamp_min(0)
    halves = (slice(0, n // 2), slice(n // 2, n))
    gradient = torch.cat([by_delta(problem, found, slope, piece) for piece in halves])
    moving = delta.clone().requires_grad_()
    change = (torch.tanh(start + moving) - torch.tanh(start)) / 2
    # Slopes pass straight through the box, so that a pixel at its edge can come back.
    outside = problem.x + change
    at = problem.confined(outside + (outside.clamp(0, 1) - outside).detach())
    wanted = (at - problem.x).square().sum((1, 2, 3)) + c * (kappa - problem.won_by(problem.model(at))).clamp_min(0)
    torch.testing.assert_close(loss, wanted)
    torch.testing.assert_close(gradient, torch.autograd.grad(wanted.sum(), moving)[0], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(x_adv, at)
    torch.testing.assert_close(won, problem.won_by(problem.model(at)))
    assert (won > kappa).any()
    assert (won < kappa).any()


def test_only_images_short_of_kappa_pay_for_a_gradient() -> None:
    problem, _ = posed()
    x = problem.x
    won = problem.won_by(problem.model(x)) > 0
    asked: list[int] = []
    problem.model.register_forward_hook(lambda _model, given, _out: asked.append(len(given[0])))
    c = torch.ones(len(x))
    _, slope = hinge(problem, x, c, 0.0, ~won)
    assert asked == [int(won.sum()), int((~won).sum())]
    assert (slope[won] == 0).all()
    assert (slope[~won].flatten(1).abs().amax(1) > 0).all()


def test_a_nan_margin_moves_nobody() -> None:
    model = linear_model(3)
    with torch.no_grad():
        model.network.head.bias.fill_(torch.nan)
    x, y = patterns(4, 3)
    problem = pose(create("cw"), model, x, y, target=None, eps=None, mask=None, n_seeds=4)
    won, slope = hinge(problem, problem.x, torch.ones(4), 0.0, torch.zeros(4, dtype=torch.bool))
    assert won.isnan().all()
    assert (slope == 0).all()
